"""What an image on disk says: which record it is, and which one it would replace."""

from infra.engine.storage import Image
from infra.engine.table import BEFORE, COMMITTED, Record, Table

#: A transaction that has prepared for longer is taken for dead (ScalarDB's constant).
TRANSACTION_LIFETIME_MS = 15_000


def is_committed(image: Image) -> bool:
    """Whether no transaction is writing this row; one without metadata counts as committed."""
    return image["tx_id"] is None or image["tx_state"] in (None, COMMITTED)


def is_expired(image: Image, now: int) -> bool:
    """Whether whoever prepared this row has had time enough."""
    prepared_at = image["tx_prepared_at"]
    return not isinstance(prepared_at, int) or now - prepared_at > TRANSACTION_LIFETIME_MS


def after(table: Table, image: Image) -> Record:
    """The row as its last writer left it."""
    return Record(
        tuple(image[column] for column in table.columns),
        _text(image["tx_id"]),
        _number(image["tx_version"]),
    )


def has_before(image: Image) -> bool:
    """Whether the last writer found a row; of one without metadata only the version 0 is left."""
    return image[BEFORE + "tx_id"] is not None or image[BEFORE + "tx_version"] is not None


def before(table: Table, image: Image) -> Record | None:
    """The row as its last writer found it; None if there was none."""
    if not has_before(image):
        return None
    keys = tuple(image[column] for column in table.keys)
    rest = tuple(image[BEFORE + column] for column in table.rest)
    return Record(
        keys + rest, _text(image[BEFORE + "tx_id"]), _number(image[BEFORE + "tx_version"])
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
