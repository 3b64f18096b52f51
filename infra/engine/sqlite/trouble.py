"""What SQLite raises, in the engine's own words."""

import sqlite3
from collections.abc import Sequence

from infra.engine.errors import (
    Conflict,
    EngineError,
    LockedOut,
    SchemaMismatch,
    Unavailable,
    UnknownOutcome,
    WriteRefused,
)
from infra.engine.table import Table, Value

#: What binding a value may raise before SQLite sees it.
UNBINDABLE = (OverflowError, UnicodeEncodeError, sqlite3.ProgrammingError, sqlite3.InterfaceError)

_DUPLICATE = {sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_REFUSED = {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH}
_PRIMARY_CODE_BITS = 0xFF


def translate(error: sqlite3.Error) -> EngineError:
    """The engine's error for one of SQLite's, when nothing was committed."""
    code = getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_ERROR
    primary = code & _PRIMARY_CODE_BITS
    if code in _DUPLICATE:
        return Conflict(str(error))
    if primary in _LOCKED:
        return LockedOut(str(error))
    if primary in _REFUSED:
        return WriteRefused(str(error))
    if primary == sqlite3.SQLITE_ERROR:
        return SchemaMismatch(str(error))
    return Unavailable(str(error))


def translate_commit(error: sqlite3.Error) -> EngineError:
    """The same for an error of COMMIT itself: only a lock or a full disk say that nothing is
    there; after an I/O error the frames may be in the WAL, and be found after a crash."""
    code = getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_ERROR
    if code & _PRIMARY_CODE_BITS in _LOCKED | {sqlite3.SQLITE_FULL}:
        return translate(error)
    return UnknownOutcome(str(error))


def no_number(table: Table, rows: Sequence[Sequence[Value]]) -> WriteRefused:
    """The refusal of the first NaN of these rows, which SQLite would store as NULL."""
    column, key = next(
        (column, row[: table.key_width])
        for row in rows
        for column, value in zip(table.columns, row, strict=False)
        if value != value
    )
    return WriteRefused(f"{table.full_name}.{column} of {key!r}: SQLite stores no NaN")


def is_duplicate(error: sqlite3.IntegrityError) -> bool:
    return error.sqlite_errorcode in _DUPLICATE
