"""What Cassandra and its driver raise, in the engine's own words."""

import cassandra
from cassandra import ConsistencyLevel
from cassandra.cluster import NoHostAvailable
from cassandra.protocol import IsBootstrappingErrorMessage, OverloadedErrorMessage, SyntaxException

from infra.engine.errors import (
    ConfigError,
    EngineError,
    InvalidRequest,
    SchemaMismatch,
    Unavailable,
    UnknownOutcome,
    WriteRefused,
)

#: What a read meets where many write the same rows; asking again helps.
CONTENTION = (cassandra.ReadTimeout, cassandra.WriteTimeout)

_REFUSED = (cassandra.RequestValidationException, SyntaxException)
#: These say that the request was not begun.
_NOT_BEGUN = (
    NoHostAvailable,
    OverloadedErrorMessage,
    IsBootstrappingErrorMessage,
    cassandra.AuthenticationFailed,
)
#: Parts of the sentences by which Cassandra says that a table is not as the statement has it.
_SHAPES = ("does not exist", "ndefined column", "unconfigured", "nknown identifier", "FILTERING")


def translate(error: Exception) -> EngineError:
    """The engine's error for one of a read, or of a change of the schema."""
    if isinstance(error, EngineError):
        return error
    said = _said(error)
    if isinstance(error, _REFUSED):
        if "FILTERING" in said:
            said += "; the table lacks an index: create_table() of the admin repairs it"
        other_shape = any(part in said for part in _SHAPES)
        return SchemaMismatch(said) if other_shape else InvalidRequest(said)
    return Unavailable(said)


def unconnected(error: Exception) -> EngineError:
    """The same for one of connecting; it names the nodes that were asked."""
    refusals = getattr(error, "errors", {}).values()
    if refusals and all(isinstance(one, cassandra.AuthenticationFailed) for one in refusals):
        return ConfigError(_said(error))
    return translate(error)


def translate_write(error: Exception, tx_id: str) -> EngineError:
    """The same for a conditional write. After most errors it may still have been applied: it is
    proposed, accepted and committed one after the other, and each of these may go unanswered."""
    begun = not isinstance(error, _NOT_BEGUN)
    if isinstance(error, cassandra.Unavailable):
        # Too few replicas for Paxos itself; at the commit's own consistency it is accepted already.
        begun = error.consistency != ConsistencyLevel.SERIAL
    if begun and not isinstance(error, (EngineError, *_REFUSED)):
        return UnknownOutcome(_said(error), tx_id)
    answer = translate(error)
    return WriteRefused(str(answer)) if isinstance(answer, InvalidRequest) else answer


def _said(error: Exception) -> str:
    return f"Cassandra: {str(error) or type(error).__name__}"
