"""Which values fit into a column: one rule for every storage, in words."""

import struct
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from infra.engine.errors import WriteRefused
from infra.engine.storage import Change
from infra.engine.table import Table, Type, Value

#: The first and the last day that ScalarDB reads: 1000-01-01 and 9999-12-31, in days since 1970.
DATE_MIN_DAYS, DATE_MAX_DAYS = -354_285, 2_932_896
DAY_MS = 86_400_000
#: A TIME is below one day, in microseconds.
TIME_MAX_MICROS = 86_400_000_000 - 1

#: Combinations of tables and Python types that are remembered: a table has few, one for each set
#: of columns that are NULL.
SIGNATURES_MAX_COUNT = 4_096

_RANGES = {
    Type.INT: (-(2**31), 2**31 - 1),
    Type.BIGINT: (-(2**63), 2**63 - 1),
    Type.DATE: (DATE_MIN_DAYS, DATE_MAX_DAYS),
    Type.TIME: (0, TIME_MAX_MICROS),
    Type.TIMESTAMP: (DATE_MIN_DAYS * DAY_MS, (DATE_MAX_DAYS + 1) * DAY_MS - 1),
    Type.TIMESTAMPTZ: (DATE_MIN_DAYS * DAY_MS, (DATE_MAX_DAYS + 1) * DAY_MS - 1),
}
_PYTHON: dict[Type, tuple[type, ...]] = {
    Type.BOOLEAN: (bool,),
    Type.TEXT: (str,),
    Type.BLOB: (bytes,),
    Type.FLOAT: (float, int),
    Type.DOUBLE: (float, int),
}


def misfit(kind: Type, value: Value) -> str | None:
    """Why a value cannot be stored in a column of this type, or None; NULL fits everywhere."""
    if value is None:
        return None
    if not isinstance(value, _PYTHON.get(kind, (int,))) or (
        isinstance(value, bool) and kind is not Type.BOOLEAN
    ):
        return f"{type(value).__name__} is no {kind}"
    if kind in _RANGES and not _RANGES[kind][0] <= value <= _RANGES[kind][1]:  # type: ignore[operator]
        return f"{value!r} is out of range for {kind}"
    if isinstance(value, str):
        return _bad_text(value)
    if isinstance(value, int | float) and kind in (Type.FLOAT, Type.DOUBLE):
        return _bad_number(kind, value)
    return None


def check_ranges(changes: Sequence[Change]) -> None:
    """WriteRefused for the first value that its column's type does not have, and for a key without
    a value: SQLite would keep it, and ScalarDB could not read the row again. What no storage takes
    is left to it: a BIGINT that is too large, a text that is none."""
    for change in changes:
        kinds = {tuple(map(type, row)) for row in chain(change.inserts, change.updates)}
        if not all(_are_of(change.table, types) for types in kinds):
            raise _of_another_type(change)
        for at, kind in enumerate(change.table.columns.values()):
            if kind not in _RANGES or kind is Type.BIGINT:
                continue
            low, high = _RANGES[kind]
            for row in chain(change.inserts, change.updates):
                value = row[at]
                if value is not None and not (isinstance(value, int) and low <= value <= high):
                    raise refusal(change.table, [row], f"{value!r} is out of range")


@lru_cache(maxsize=SIGNATURES_MAX_COUNT)
def _are_of(table: Table, types: tuple[type, ...]) -> bool:
    """Whether values of these Python types may be in a row; keys may not be None."""
    for at, (kind, type_) in enumerate(zip(table.columns.values(), types, strict=False)):
        if type_ is type(None):
            if at < table.key_width:
                return False
        elif not issubclass(type_, _PYTHON.get(kind, (int,))) or (
            type_ is bool and kind is not Type.BOOLEAN
        ):
            return False
    return True


def _of_another_type(change: Change) -> WriteRefused:
    table, rows = change.table, [*change.inserts, *change.updates]
    for row in rows:
        key = tuple(row[: table.key_width])
        for column, value in zip(table.keys, key, strict=True):
            if value is None:
                return WriteRefused(f"{table.full_name}.{column} of {key!r}: a key may not be NULL")
    return refusal(table, rows, "a value is of another type")


def _bad_number(kind: Type, number: float) -> str | None:
    try:
        struct.pack("<f" if kind is Type.FLOAT else "<d", float(number))
    except OverflowError:
        return f"{number!r} is out of range for {kind}"
    return None


def _bad_text(text: str) -> str | None:
    if "\0" in text:
        return "contains U+0000"
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        return "contains a lone surrogate"
    return None


def refusal(table: Table, rows: Sequence[Sequence[Value]], cause: object) -> WriteRefused:
    """Names the first value of these rows, or of keys, that cannot be stored."""
    for row in rows:
        for (column, kind), value in zip(table.columns.items(), row, strict=False):
            if reason := misfit(kind, value):
                key = tuple(row[: table.key_width])
                return WriteRefused(f"{table.full_name}.{column} of {key!r}: {reason}")
    return WriteRefused(f"{table.full_name}: {cause}")
