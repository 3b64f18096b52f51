"""What PostgreSQL and the way to it raise, in the engine's own words."""

import asyncpg
from asyncpg import exceptions as pg

from infra.engine.errors import (
    Conflict,
    EngineError,
    LockedOut,
    SchemaMismatch,
    Unavailable,
    UnknownOutcome,
    WriteRefused,
)

#: What asyncpg raises where a server that ends took leave of an idle connection, and has not closed
#: it yet: such a connection is good for nothing any more.
FAREWELL = asyncpg.InternalClientError
#: Everything that a call may raise and that is no bug of ours.
TROUBLE = (asyncpg.PostgresError, asyncpg.InterfaceError, FAREWELL, OSError, TimeoutError)
#: A value that the driver cannot encode, before anything is sent.
UNBINDABLE = (asyncpg.DataError, OverflowError, UnicodeEncodeError)

_CONFLICTS = (
    pg.SerializationError,
    pg.DeadlockDetectedError,
    pg.UniqueViolationError,
)
_LOST = (FAREWELL, pg.ConnectionDoesNotExistError, ConnectionError, TimeoutError, OSError)
_REFUSED = (pg.DataError, pg.IntegrityConstraintViolationError, pg.ProgramLimitExceededError)


def translate(error: BaseException, *, committing: bool = False) -> EngineError:
    """The engine's error for one of PostgreSQL's; with `committing`, a connection lost while the
    statement was under way leaves open whether it was done."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, pg.DivisionByZeroError):  # a row too few, see statements.together
        return Conflict("a row was written by another transaction")
    if isinstance(error, _CONFLICTS):
        return Conflict(text)
    if isinstance(error, pg.LockNotAvailableError):
        return LockedOut(text)
    if isinstance(error, pg.InsufficientPrivilegeError):
        return Unavailable(text)  # until somebody grants it
    if isinstance(error, (pg.SyntaxOrAccessError, pg.InvalidSchemaNameError)):
        return SchemaMismatch(text)
    if isinstance(error, (*_REFUSED, *UNBINDABLE)):
        return WriteRefused(text)
    if committing and isinstance(error, _LOST):
        return UnknownOutcome(text)
    return Unavailable(text)
