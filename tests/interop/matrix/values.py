"""Values of every type between Python and the driver's JSON, and those at the ends."""

from datetime import UTC, date, datetime, time
from math import isfinite, isnan
from typing import Any

from infra.engine.table import Table, Type

Row = dict[str, Any]

LARGEST = 2**63 - 1
FLOAT_TENTH = 0.10000000149011612
#: The first, the last and the odd of each type; what two rows of a test hold.
EDGES: dict[str, tuple[Any, ...]] = {
    "BOOLEAN": (True, False),
    "INT": (2**31 - 1, -(2**31), 0),
    "BIGINT": (LARGEST, -LARGEST - 1, 0),
    "FLOAT": (FLOAT_TENTH, -3.4028234663852886e38, 1.401298464324817e-45),
    "DOUBLE": (0.1, -1.7976931348623157e308, 5e-324),
    "TEXT": ("", "'; DROP TABLE x; -- é 漢 😀", "x" * 5_000),
    "BLOB": (b"", b"\x00\xff'", bytes(range(256))),
    "DATE": (date(1000, 1, 1), date(9999, 12, 31), date(1582, 10, 10)),
    "TIME": (time(0), time(23, 59, 59, 123456), time(12, 0, 0, 1)),
    "TIMESTAMP": (
        datetime(1000, 1, 1),  # noqa: DTZ001  it has no zone
        datetime(9999, 12, 31, 23, 59, 59, 999_000),  # noqa: DTZ001
        datetime(1969, 12, 31, 23, 59, 59, 999_000),  # noqa: DTZ001
    ),
    "TIMESTAMPTZ": (
        datetime(1000, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    ),
}


def spoken(value: Any) -> Any:
    """A value as the driver takes it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    return value.isoformat() if isinstance(value, date | time) else value


def heard(table: Table, row: Row) -> Row:
    """A row that the driver answered, with Python's values."""
    return {column: _heard(table.columns[column], value) for column, value in row.items()}


def _heard(kind: Type, value: Any) -> Any:
    if value is None:
        return None
    match kind:
        case Type.BLOB:
            return bytes.fromhex(value)
        case Type.DATE:
            return date.fromisoformat(value)
        case Type.TIME:
            return time.fromisoformat(value)
        case Type.TIMESTAMP | Type.TIMESTAMPTZ:
            return datetime.fromisoformat(value)
        case Type.FLOAT | Type.DOUBLE:
            return float(value)
    return value
