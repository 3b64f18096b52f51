"""Between a domain's typed rows and the engine's records."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from operator import itemgetter
from typing import Any, Generic, TypeVar, Union, get_args, get_origin

from pydantic import TypeAdapter

from domains.row import Row, holds_json
from infra.engine.table import Record, Table, Type, Value

_TYPES = {
    str: Type.TEXT, int: Type.BIGINT, bool: Type.BOOLEAN, float: Type.DOUBLE, bytes: Type.BLOB,
    datetime: Type.TIMESTAMPTZ,
}  # fmt: skip

R = TypeVar("R", bound=Row)
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_millis(moment: datetime) -> int:
    """Epoch milliseconds of an aware time."""
    return (moment - _EPOCH) // _MILLISECOND


def from_millis(millis: int) -> datetime:
    """The aware UTC time of these epoch milliseconds."""
    return _EPOCH + timedelta(milliseconds=millis)


def remembered(encode: Callable[[Any], Value]) -> Callable[[Any], Value]:
    """The same, but a value that comes again and again, such as the time of a batch, is encoded
    once. What a row holds is never changed in place."""
    last: tuple[Any, Value] = (None, None)

    def encoded(value: Any) -> Value:
        nonlocal last
        known, written = last
        if value is not known:
            written = encode(value)
            last = value, written
        return written

    return encoded


class Codec(Generic[R]):
    """The table of one row class, and the two ways between its rows and records."""

    def __init__(self, namespace: str, row: type[R]) -> None:
        self.row = row
        columns: dict[str, Type] = {}
        self._encoders: list[tuple[int, Callable[[Any], Value]]] = []
        self._decoders: list[tuple[str, Callable[[Any], Any]]] = []
        for index, (name, field) in enumerate(row.model_fields.items()):
            columns[name] = self._column(index, name, field.annotation)
        spec = row.spec
        self.table = Table(
            namespace, spec.table, columns, spec.partition, spec.clustering, spec.indexes
        )
        self.key_width = self.table.key_width
        self._names = tuple(columns)
        self._pick = itemgetter(*self._names)
        self._defaults = [
            (name, field.get_default(call_default_factory=True))
            for name, field in row.model_fields.items()
            if not field.is_required() and type(None) not in get_args(field.annotation)
        ]

    def _column(self, index: int, name: str, annotation: Any) -> Type:
        parts = [a for a in get_args(annotation) if a is not type(None)]
        if type(None) in get_args(annotation) and len(parts) == 1:
            annotation = parts[0]
        if get_origin(annotation) is not Union and holds_json(annotation):
            adapter: TypeAdapter[Any] = TypeAdapter(annotation)
            self._encoders.append(
                (index, remembered(lambda v: adapter.dump_json(v, by_alias=True).decode()))
            )
            self._decoders.append((name, adapter.validate_json))
            return Type.TEXT
        if annotation is datetime:
            self._encoders.append((index, remembered(to_millis)))
            self._decoders.append((name, from_millis))
        if isinstance(annotation, type) and issubclass(annotation, Enum):
            self._decoders.append((name, annotation))
        for python, column in _TYPES.items():
            if annotation is python or (
                isinstance(annotation, type) and python in annotation.__mro__
            ):
                return Type.BOOLEAN if annotation is bool else column
        raise TypeError(f"{self.row.__name__}.{name}: no column type for {annotation}")

    def encode(
        self, row: R, old: R | None = None, record: Record | None = None
    ) -> tuple[Value, ...]:
        """The record values of a row; what it shares with `old` is taken from the old record."""
        picked: tuple[Value, ...] = self._pick(row.__dict__)
        if not self._encoders:
            return picked
        values = list(picked)
        if old is None or record is None:
            for index, encoder in self._encoders:
                if (value := picked[index]) is not None:
                    values[index] = encoder(value)
            return tuple(values)
        before, written = self._pick(old.__dict__), record.values
        for index, encoder in self._encoders:
            if (value := picked[index]) is before[index]:
                values[index] = written[index]
            elif value is not None:
                values[index] = encoder(value)
        return tuple(values)

    def decode(self, record: Record) -> R:
        """The row of a record; columns that are NULL take the field's default."""
        fields: dict[str, Any] = dict(zip(self._names, record.values, strict=True))
        for name, decoder in self._decoders:
            if fields[name] is not None:
                fields[name] = decoder(fields[name])
        for name, default in self._defaults:
            if fields[name] is None:
                fields[name] = default  # a column younger than the row
        return self.row.trusted(fields)
