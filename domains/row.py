"""Rows: frozen models that declare their partition key, clustering key and indexes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Annotated, Any, ClassVar, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from schemas.money import to_amount

_new, _set = object.__new__, object.__setattr__

#: Values of a row's key, partition key first.
RowKey = tuple[str | int, ...]


@dataclass(frozen=True)
class MinorUnits:
    """Marks an integer column as minor units of the currency in the column `currency`."""


Minor = Annotated[int, MinorUnits()]


@dataclass(frozen=True)
class RowSpec:
    """What one row class declares about itself, read from its class line."""

    table: str
    partition: tuple[str, ...]
    clustering: tuple[str, ...]
    indexes: tuple[str, ...]
    reference: bool
    money: tuple[str, ...]


class Row(BaseModel):
    """One row of a domain's table. Class arguments:

    - `partition`, `clustering`: the fields of its primary key; they come first in the class;
    - `indexes`: other fields by which a row may be found;
    - `reference`: a copy that steps may act on stale and never guard (catalogue, carriers);
    - `table`: its name on disk (default: the class name in snake_case).
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    spec: ClassVar[RowSpec]
    key: ClassVar[Any]
    names: ClassVar[set[str]]
    #: What a row of version n is as one of version n + 1, by n; the class is as the last one.
    upgrades: ClassVar[Mapping[int, Callable[[Any], Any]]] = {}

    def __init_subclass__(cls, **declared: Any) -> None:
        super().__init_subclass__()  # the class arguments are read below, when fields are known

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        partition: tuple[str, ...] = (),
        clustering: tuple[str, ...] = (),
        indexes: tuple[str, ...] = (),
        reference: bool = False,
        table: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        keys, fields = partition + clustering, tuple(cls.model_fields)
        if not partition or fields[: len(keys)] != keys:
            raise TypeError(f"{cls.__name__}: its fields must begin with its keys {keys}")
        name = table or re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        money = tuple(n for n, f in cls.model_fields.items() if MinorUnits() in f.metadata)
        cls.spec = RowSpec(name, partition, clustering, indexes, reference, money)
        cls.names = set(fields)
        pick = itemgetter(*keys)
        single = len(keys) == 1
        cls.key = property(
            (lambda row: (pick(row.__dict__),)) if single else (lambda row: pick(row.__dict__))
        )

    @classmethod
    def address(cls, *key: str | int) -> tuple[type[Self], RowKey]:
        """The address of a row, as `reads=` and `get_many` take it."""
        return cls, key

    @classmethod
    def trusted(cls, fields: dict[str, Any]) -> Self:
        """A row of all its fields, not validated: a store or typed code vouches for them.

        Validation would cost as much as the rest of a step, and a busy row is read and changed
        thousands of times a second.
        """
        row = _new(cls)
        _set(row, "__dict__", fields)
        _set(row, "__pydantic_fields_set__", cls.names)
        _set(row, "__pydantic_extra__", None)
        _set(row, "__pydantic_private__", None)
        return row

    def but(self, **changes: Any) -> Self:
        """This row with some fields changed; TypeError if one of them is not its own."""
        fields = self.__dict__ | changes
        if len(fields) != len(self.__dict__):
            raise TypeError(f"{type(self).__name__} has no {sorted(fields.keys() - self.__dict__)}")
        return self.trusted(fields)

    def public(self) -> dict[str, Any]:
        """The row as HTTP shows it: camelCase, times in ISO 8601, money as decimal strings."""
        shown = self.model_dump(mode="json", by_alias=True)
        for name in self.spec.money:
            minor = getattr(self, name)
            if minor is not None:
                shown[to_camel(name)] = to_amount(minor, getattr(self, "currency"))  # noqa: B009
        return shown


def holds_json(annotation: Any) -> bool:
    """Whether a field of this type is kept as JSON text in its column."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return get_origin(annotation) is not None or (
        isinstance(annotation, type) and issubclass(annotation, BaseModel | dict | tuple | list)
    )
