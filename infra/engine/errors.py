"""Everything the engine may raise.

EngineError
 ├─ Conflict         somebody else changed a row first; run the transaction again
 │   └─ Uncommitted  a row is being written by a transaction that is not decided yet
 ├─ Unsatisfied      the condition of a put, update or delete does not hold
 ├─ LockedOut        the storage stayed locked; nothing was written; try again later
 ├─ Unavailable      the storage cannot be reached, or is full; nothing was written
 ├─ UnknownOutcome   the commit was sent and never answered; ask the coordinator, or a row
 ├─ WriteRefused     one value can never be stored here; names table, key and column
 ├─ Unreadable       what is stored is damaged
 ├─ SchemaMismatch   a table is missing or has another shape than the one declared
 ├─ ConfigError      settings that cannot be used; a line for each thing that is wrong
 └─ InvalidRequest   no such table or column, a wrong type, a scan over own writes
"""

from typing import Any


class EngineError(Exception):
    """The root of what the engine raises."""


class Conflict(EngineError):
    """Somebody else changed a row first; run the transaction again."""

    #: The table and the key of the row, where they are known.
    place: Any = None


class Uncommitted(Conflict):
    """A row is being written by a transaction that is neither committed nor aborted yet."""


class Unsatisfied(EngineError):
    """The condition of a put, update or delete does not hold; the transaction goes on."""


class LockedOut(EngineError):
    """The storage stayed locked by another writer; nothing was written."""


class Unavailable(EngineError):
    """The storage cannot be reached or is full; nothing was written."""


class UnknownOutcome(EngineError):
    """The commit was sent and no answer came; the coordinator can tell, or a row it wrote."""

    def __init__(self, message: str, tx_id: str = "") -> None:
        super().__init__(message)
        self.tx_id = tx_id


class WriteRefused(EngineError):
    """A value that this storage can never hold; writing it again fails again."""


class Unreadable(EngineError):
    """What is stored is damaged; it says where, as far as that is known."""


class SchemaMismatch(EngineError):
    """A table is missing, or has another shape than the one declared."""


class ConfigError(EngineError):
    """Settings that cannot be used; each line says where, what, and what is allowed."""


class InvalidRequest(EngineError):
    """A request that can never be carried out as it is; nothing was done."""
