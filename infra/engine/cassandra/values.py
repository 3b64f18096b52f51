"""Values of the engine on their way to Cassandra's types, and those it could never store."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cassandra import type_codes
from cassandra.cqltypes import DateType, SimpleDateType, TimeType
from cassandra.protocol import ProtocolHandler, ResultMessage

from infra.engine.errors import WriteRefused
from infra.engine.fitting import misfit
from infra.engine.table import Table, Type, Value

#: Cassandra's names of ScalarDB's types; a TIMESTAMP has none.
CQL_TYPES = {
    Type.BOOLEAN: "boolean",
    Type.INT: "int",
    Type.BIGINT: "bigint",
    Type.FLOAT: "float",
    Type.DOUBLE: "double",
    Type.TEXT: "text",
    Type.BLOB: "blob",
    Type.DATE: "date",
    Type.TIME: "time",
    Type.TIMESTAMPTZ: "timestamp",
}
#: Cassandra writes the length of a key, and of an indexed value, into 16 bits.
KEY_MAX_BYTES = 65_535
#: What each component of a composite partition key takes beside its value.
COMPONENT_BYTES = 3

_EPOCH_DAY = 2**31
_NANOS_PER_MICRO = 1_000


# The driver would make dates and times of its own, by way of floats. It registers every type under
# its name for all who use the driver, but for those whose names begin with an underscore.
class _Days(SimpleDateType):  # type: ignore[misc]
    @staticmethod
    def deserialize(raw: bytes, _version: int) -> int:
        days: int = struct.unpack(">I", raw)[0]
        return days - _EPOCH_DAY

    @staticmethod
    def serialize(days: int, _version: int) -> bytes:
        return struct.pack(">I", days + _EPOCH_DAY)


class _Micros(TimeType):  # type: ignore[misc]
    @staticmethod
    def deserialize(raw: bytes, _version: int) -> int:
        nanos: int = struct.unpack(">q", raw)[0]
        return nanos // _NANOS_PER_MICRO

    @staticmethod
    def serialize(micros: int, _version: int) -> bytes:
        return struct.pack(">q", micros * _NANOS_PER_MICRO)


class _Millis(DateType):  # type: ignore[misc]
    @staticmethod
    def deserialize(raw: bytes, _version: int) -> int:
        millis: int = struct.unpack(">q", raw)[0]
        return millis

    @staticmethod
    def serialize(millis: int, _version: int) -> bytes:
        return struct.pack(">q", millis)


class _Result(ProtocolHandler.message_types_by_opcode[ResultMessage.opcode]):  # type: ignore[misc]
    type_codes: Mapping[int, Any] = {
        **ResultMessage.type_codes,
        type_codes.SimpleDateType: _Days,
        type_codes.TimeType: _Micros,
        type_codes.DateType: _Millis,
    }


class WholeNumbers(ProtocolHandler):  # type: ignore[misc]
    """Has one session of the driver read and write dates and times as the engine's numbers."""

    message_types_by_opcode: Mapping[int, Any] = {
        **ProtocolHandler.message_types_by_opcode,
        ResultMessage.opcode: _Result,
    }


def check_rows(table: Table, rows: Iterable[Sequence[Value]]) -> None:
    """WriteRefused for the first value of these rows, or of keys, that can never be stored."""
    kinds = list(table.columns.items())
    limited = [at for at, (c, _) in enumerate(kinds) if c in {*table.keys, *table.indexes}]
    partition = range(len(table.partition))
    for row in rows:
        for at, value in enumerate(row):
            column, kind = kinds[at]
            if reason := _misfit(kind, value) or (
                at < table.key_width and _no_key(at, value, partition)
            ):
                raise _refusal(table, column, row, reason)
        sizes = {at: _size(row[at]) for at in limited if at < len(row)}
        for at, size in sizes.items():
            if size > KEY_MAX_BYTES:
                raise _refusal(table, kinds[at][0], row, f"has more than {KEY_MAX_BYTES} bytes")
        if len(partition) > 1 and sum(sizes[at] + COMPONENT_BYTES for at in partition) > (
            KEY_MAX_BYTES
        ):
            reason = f"the partition key has more than {KEY_MAX_BYTES} bytes"
            raise _refusal(table, kinds[0][0], row, reason)


def check_value(table: Table, column: str, value: Value) -> None:
    """The same for one value that is looked for."""
    if reason := "is NULL" if value is None else _misfit(table.columns[column], value):
        raise WriteRefused(f"{table.full_name}.{column}: {value!r} {reason}")


def _refusal(table: Table, column: str, row: Sequence[Value], reason: object) -> WriteRefused:
    key = tuple(row[: table.key_width])
    return WriteRefused(f"{table.full_name}.{column} of {key!r}: {reason}")


def _misfit(kind: Type, value: Value) -> str | None:
    if kind not in CQL_TYPES:
        return f"Cassandra has no {kind}"
    # U+0000 is a character like any other here.
    return misfit(kind, value.replace("\0", "") if isinstance(value, str) else value)


def _no_key(at: int, value: Value, partition: range) -> str | None:
    if value is None:
        return "is a key and NULL"
    return "is an empty partition key" if at in partition and value in ("", b"") else None


def _size(value: Value) -> int:
    if isinstance(value, str):
        return len(value.encode())
    return len(value) if isinstance(value, bytes) else 0
