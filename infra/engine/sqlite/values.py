"""Values as SQLite keeps them, and back; its own form of times is ScalarDB's."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

from infra.engine.table import Table, Type, Value

#: ScalarDB keeps a TIME in nanoseconds; it and we know whole microseconds only.
NANOS_OF_MICRO = 1_000
#: A function of SQLite takes 127 arguments, and three more columns come with each row.
PACKED_MAX_COLUMNS = 124
#: A number with a fraction does not survive SQLite's JSON to the last digit.
_FRACTIONS = {Type.FLOAT, Type.DOUBLE}
_float = struct.Struct("<f")


class Values:
    """The two ways for the rows of one table."""

    def __init__(self, table: Table) -> None:
        types = tuple(table.columns.values())
        self.fractions = not _FRACTIONS.isdisjoint(types)
        #: Whether rows may come packed in JSON.
        self.packed = not self.fractions and len(types) <= PACKED_MAX_COLUMNS
        self._times = tuple(i for i, kind in enumerate(types) if kind in _MOMENTS)
        self._encoders = tuple(
            (i, _ENCODERS[kind]) for i, kind in enumerate(types) if kind in _ENCODERS
        )
        self._decoders = tuple(
            (i, decode) for i, kind in enumerate(types) if (decode := self._decoder(kind))
        )

    def _decoder(self, kind: Type) -> Callable[[Any], Value] | None:
        if kind is Type.BLOB:
            return bytes.fromhex if self.packed else None
        return _DECODERS.get(kind)

    def encode(self, rows: list[tuple[Value, ...]]) -> list[tuple[Value, ...]]:
        """Rows, or the leading part of rows, as ScalarDB stores them."""
        if self._times:
            rows = [self._with_times(row) for row in rows]
        return [self._with_others(row) for row in rows] if self._encoders else rows

    def decode(self, rows: list[Any]) -> list[Any]:
        """Rows as the engine knows them; what follows the table's columns stays as it is."""
        return [self._decoded(row) for row in rows] if self._decoders else rows

    def _decoded(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for i, decode in self._decoders:
            if values[i] is not None:
                values[i] = decode(values[i])
        return values

    def _with_times(self, row: tuple[Value, ...]) -> tuple[Value, ...]:
        for i in self._times:  # only those before 1970 look different
            if i < len(row) and isinstance(time := row[i], int) and time < 0:
                row = (*row[:i], encoded_time(time), *row[i + 1 :])
        return row

    def _with_others(self, row: tuple[Value, ...]) -> tuple[Value, ...]:
        for i, encode in self._encoders:
            if i < len(row) and isinstance(value := row[i], int | float):
                row = (*row[:i], encode(value), *row[i + 1 :])
        return row


def encoded(kind: Type, value: Value) -> Value:
    """One value of a column of this type, as it is stored."""
    if kind in _MOMENTS and isinstance(value, int):
        return encoded_time(value)
    if kind in _ENCODERS and isinstance(value, int | float):
        return _ENCODERS[kind](value)
    return value


def decoded(kind: Type, value: Value) -> Value:
    """One stored value of a column of this type, as the engine knows it."""
    decode = _DECODERS.get(kind)
    return decode(value) if decode and value is not None else value


def encoded_time(ms: int) -> int:
    """Epoch milliseconds as ScalarDB writes them to SQLite: seconds and milliseconds apart."""
    seconds, rest = divmod(ms, 1000)
    return ms if ms >= 0 else seconds * 1000 - (999 - rest)


def decoded_time(stored: int) -> int:
    if stored >= 0:
        return stored
    seconds, rest = divmod(-stored, 1000)
    return -seconds * 1000 + 999 - rest


def single_precision(value: float) -> float:
    """The nearest number of 32 bits, widened; OverflowError if there is none."""
    return float(_float.unpack(_float.pack(value))[0])


_MOMENTS = {Type.TIMESTAMP, Type.TIMESTAMPTZ}
_ENCODERS: dict[Type, Callable[[Any], Value]] = {
    Type.TIME: lambda micros: micros * NANOS_OF_MICRO,
    Type.FLOAT: single_precision,
}
_DECODERS: dict[Type, Callable[[Any], Value]] = {
    Type.BOOLEAN: bool,
    Type.TIME: lambda nanos: nanos // NANOS_OF_MICRO,
    Type.TIMESTAMP: decoded_time,
    Type.TIMESTAMPTZ: decoded_time,
}
