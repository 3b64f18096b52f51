"""What PostgreSQL and the way to it raise, in the engine's own words."""

from collections.abc import Mapping
from ssl import SSLCertVerificationError
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from asyncpg import exceptions as pg

from infra.engine.errors import (
    ConfigError,
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
#: No such account, no such database, a server that we do not trust, settings that go not together:
#: asking again changes nothing.
_UNKNOWN = (
    pg.InvalidAuthorizationSpecificationError,
    pg.InvalidCatalogNameError,
    asyncpg.ClientConfigurationError,
    SSLCertVerificationError,
)
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


def unconnected(error: BaseException, connect: Mapping[str, Any]) -> EngineError:
    """The engine's error where no connection is made with these arguments; it says to where."""
    why = f"{type(error).__name__}: {error}".partition("\n")[0]
    if isinstance(error, (SSLCertVerificationError, asyncpg.ClientConfigurationError)):
        mend = "name its authority's file in sslrootcert, and the host as its certificate does"
    elif isinstance(error, _UNKNOWN):
        mend = "mend user, password, database or sslmode"
    else:
        return Unavailable(f"{_place(connect)}: {why}")
    return ConfigError(f"{_place(connect)}: {why}; {mend}")


def _place(connect: Mapping[str, Any]) -> str:
    """Host and database, never the password: nothing of a URL where it may be anywhere."""
    if dsn := connect.get("dsn"):
        url = urlsplit(dsn)
        if "@" in url.path + url.query + url.fragment:
            return "PostgreSQL"
        asked = parse_qs(url.query)
        hosts = url.netloc.rpartition("@")[2] or ",".join(asked.get("host", ()))
        database = unquote(url.path[1:]) or ",".join(asked.get("dbname", ()))
    else:
        pairs = zip(connect.get("host", ()), connect.get("port", ()), strict=False)
        hosts = ",".join(f"{host}:{port}" for host, port in pairs)
        database = connect.get("database", "")
    return f"PostgreSQL at {hosts}, database {database}"
