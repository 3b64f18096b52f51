"""Everything the engine may raise.

EngineError
 ├─ Conflict         somebody else changed a row first; run the transaction again
 ├─ LockedOut        the storage stayed locked; nothing was written; try again later
 ├─ Unavailable      the storage cannot be reached, or is full; nothing was written
 ├─ UnknownOutcome   COMMIT was sent and never answered; ask a row that the transaction wrote
 ├─ WriteRefused     one value can never be stored here; names table, key and column
 ├─ SchemaMismatch   a table is missing or has another shape than the one declared
 └─ ConfigError      settings that cannot be used; a line for each thing that is wrong
"""


class EngineError(Exception):
    """The root of what the engine raises."""


class Conflict(EngineError):
    """Somebody else changed a row first; run the transaction again."""


class LockedOut(EngineError):
    """The storage stayed locked by another writer; nothing was written."""


class Unavailable(EngineError):
    """The storage cannot be reached or is full; nothing was written."""


class UnknownOutcome(EngineError):
    """COMMIT was sent and no answer came; only a row that it wrote can tell."""


class WriteRefused(EngineError):
    """A value that this storage can never hold; writing it again fails again."""


class SchemaMismatch(EngineError):
    """A table is missing, or has another shape than the one declared."""


class ConfigError(EngineError):
    """Settings that cannot be used; each line says where, what, and what is allowed."""
