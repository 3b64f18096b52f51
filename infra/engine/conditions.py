"""Conditions in words: `col("left") >= 3`, put together with `&` and `|`."""

from typing import Any

from infra.engine.errors import InvalidRequest
from infra.engine.rows import raw
from infra.engine.storage import Comparison
from infra.engine.table import Table


class Condition:
    """Alternatives, each of which is a list of comparisons that hold together."""

    def __init__(self, alternatives: tuple[tuple[Comparison, ...], ...]) -> None:
        self.alternatives = alternatives

    def __and__(self, other: "Condition") -> "Condition":
        _together(self, other)
        return Condition(tuple(a + b for a in self.alternatives for b in other.alternatives))

    def __or__(self, other: "Condition") -> "Condition":
        _together(self, other)
        return Condition(self.alternatives + other.alternatives)

    def __bool__(self) -> bool:
        raise InvalidRequest(
            "a condition is neither true nor false: put conditions together with & and |, not with"
            " `and`, `or` or 1 < col('a') < 3, and each comparison in brackets"
        )

    def of(self, table: Table) -> tuple[tuple[Comparison, ...], ...]:
        """The alternatives with values as the engine keeps them; bad ones are named."""
        return tuple(
            tuple(one._replace(value=raw(table, one.column, one.value)) for one in alternative)
            for alternative in self.alternatives
        )


class Exists(Condition):
    """The condition that there is a row, or that there is none."""

    def __init__(self, exists: bool) -> None:
        super().__init__(((),))
        self.exists = exists

    def of(self, table: Table) -> tuple[tuple[Comparison, ...], ...]:
        raise InvalidRequest(f"{table.full_name}: {_ALONE}")


EXISTS, NOT_EXISTS = Exists(True), Exists(False)
_ALONE = "EXISTS and NOT_EXISTS stand alone, and only in put, update and delete"


def _together(one: Condition, other: object) -> None:
    if isinstance(one, Exists) or isinstance(other, Exists):
        raise InvalidRequest(_ALONE)
    asked(other)


def asked(where: object) -> Condition:
    """What is given as a condition, if it is one; else InvalidRequest."""
    if not isinstance(where, Condition):
        raise InvalidRequest(f"{where!r} is no condition; one is col('left') >= 3, for example")
    return where


class col:  # noqa: N801  it reads as a word
    """A column in a condition. Comparisons with None are spelled `is_null` and `is_not_null`."""

    def __init__(self, name: str) -> None:
        self._name = name

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, value: Any) -> Condition:  # type: ignore[override]
        return self._compared("=", value)

    def __ne__(self, value: Any) -> Condition:  # type: ignore[override]
        return self._compared("<>", value)

    def __lt__(self, value: Any) -> Condition:
        return self._compared("<", value)

    def __le__(self, value: Any) -> Condition:
        return self._compared("<=", value)

    def __gt__(self, value: Any) -> Condition:
        return self._compared(">", value)

    def __ge__(self, value: Any) -> Condition:
        return self._compared(">=", value)

    def is_null(self) -> Condition:
        return Condition(((Comparison(self._name, "is null"),),))

    def is_not_null(self) -> Condition:
        return Condition(((Comparison(self._name, "is not null"),),))

    def _compared(self, operator: Any, value: Any) -> Condition:
        if value is None:
            raise InvalidRequest(f"{self._name} {operator} None is never true; say is_null()")
        return Condition(((Comparison(self._name, operator, value),),))
