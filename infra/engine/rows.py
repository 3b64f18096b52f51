"""Rows as people write them: mappings of columns to Python values, checked before anything else."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from infra.engine.errors import InvalidRequest, WriteRefused
from infra.engine.fitting import misfit
from infra.engine.table import Key, Table, Type, Value

#: What a column of each type is in Python: no type of its own is what the engine knows already.
Given = str | int | float | bool | bytes | date | time | datetime | None
Row = dict[str, Any]

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  a TIMESTAMP has no zone
_MILLISECOND = timedelta(milliseconds=1)


def raw(table: Table, column: str, value: Any) -> Value:
    """A column's value as the engine keeps it; raises InvalidRequest or WriteRefused by name."""
    kind = table.columns.get(column)
    if kind is None:
        known = ", ".join(table.columns)
        raise InvalidRequest(f"{table.full_name} has no column {column!r}; it has {known}")
    reason = None
    if kind in _TIMES and value is not None:
        python, convert, _ = _TIMES[kind]
        if type(value) is python:
            value, reason = convert(value)
        else:
            reason = f"{type(value).__name__} is no {kind}, which takes a {python.__name__}"
    if reason := reason or misfit(kind, value):
        raise WriteRefused(f"{table.full_name}.{column}: {reason}")
    return value  # type: ignore[no-any-return]


def shown(table: Table, values: tuple[Value, ...]) -> Row:
    """A record's values by column, times as Python knows them."""
    row: Row = dict(zip(table.columns, values, strict=True))
    for column, kind in table.columns.items():
        if kind in _TIMES and row[column] is not None:
            row[column] = _TIMES[kind][2](row[column])
    return row


def table_of(table: Any) -> Table:
    """What is given as a table, if it is one; else InvalidRequest."""
    if not isinstance(table, Table):
        raise InvalidRequest(f"{table!r} is no Table")
    return table


def key_of(table: Table, key: Any) -> Key:
    """A primary key from its values in order, or from a row that has them."""
    table_of(table)
    if isinstance(key, Mapping):
        missing = [column for column in table.keys if column not in key]
        if missing:
            raise InvalidRequest(f"{table.full_name}: the key lacks {', '.join(missing)}")
        key = tuple(key[column] for column in table.keys)
    elif not isinstance(key, tuple):
        key = (key,)
    return leading(table, table.keys, key, whole=True)


def leading(table: Table, columns: tuple[str, ...], given: Any, *, whole: bool = False) -> Key:
    """Values of the first of these columns, or of all of them; none may be NULL or empty text."""
    values = given if isinstance(given, tuple) else (given,)
    if len(values) > len(columns) or (whole and len(values) < len(columns)):
        wanted = ", ".join(columns)
        raise InvalidRequest(f"{table.full_name}: {values!r} is no key of ({wanted})")
    for column, value in zip(columns, values, strict=False):
        if value is None or (column in table.partition and value in ("", b"")):
            raise InvalidRequest(f"{table.full_name}.{column}: a key may not be {value!r}")
    return tuple(raw(table, c, v) for c, v in zip(columns, values, strict=False))


def _day(value: date) -> tuple[Value, str | None]:
    return value.toordinal() - _EPOCH_DAY, None


def _micros(value: time) -> tuple[Value, str | None]:
    if value.tzinfo is not None:
        return None, "a TIME has no time zone"
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return seconds * 1_000_000 + value.microsecond, None


def _millis(value: datetime) -> tuple[Value, str | None]:
    if value.tzinfo is not None:
        return None, "a TIMESTAMP has no time zone; a TIMESTAMPTZ has"
    return _exact(value)


def _millis_tz(value: datetime) -> tuple[Value, str | None]:
    if value.tzinfo is None:
        return None, "a TIMESTAMPTZ needs a time zone"
    return _exact(value.astimezone(UTC).replace(tzinfo=None))


def _exact(value: datetime) -> tuple[Value, str | None]:
    if value.microsecond % 1_000:
        return None, f"{value.isoformat()} is finer than a millisecond, which is what is stored"
    return (value - _EPOCH) // _MILLISECOND, None


_TIMES: dict[Type, tuple[type, Any, Any]] = {
    Type.DATE: (date, _day, lambda days: date.fromordinal(days + _EPOCH_DAY)),
    Type.TIME: (
        time,
        _micros,
        lambda micros: (_EPOCH + timedelta(microseconds=micros)).time(),
    ),
    Type.TIMESTAMP: (datetime, _millis, lambda ms: _EPOCH + ms * _MILLISECOND),
    Type.TIMESTAMPTZ: (
        datetime,
        _millis_tz,
        lambda ms: (_EPOCH + ms * _MILLISECOND).replace(tzinfo=UTC),
    ),
}
