"""Everything that a program needs which uses the engine for itself: one import."""

from infra.engine.conditions import EXISTS, NOT_EXISTS, Condition, col
from infra.engine.config import Settings, load, odori_store
from infra.engine.consensus import ConsensusCommit
from infra.engine.engine import Isolation
from infra.engine.errors import (
    ConfigError,
    Conflict,
    EngineError,
    InvalidRequest,
    LockedOut,
    SchemaMismatch,
    Unavailable,
    Uncommitted,
    UnknownOutcome,
    Unsatisfied,
    WriteRefused,
)
from infra.engine.metrics import METRICS
from infra.engine.opening import open_engine
from infra.engine.table import Table, Type
from infra.engine.transaction import Transaction
from infra.engine.two_phase import Participant

__all__ = [
    "EXISTS",
    "METRICS",
    "NOT_EXISTS",
    "Condition",
    "ConfigError",
    "Conflict",
    "ConsensusCommit",
    "EngineError",
    "InvalidRequest",
    "Isolation",
    "LockedOut",
    "Participant",
    "SchemaMismatch",
    "Settings",
    "Table",
    "Transaction",
    "Type",
    "Unavailable",
    "Uncommitted",
    "UnknownOutcome",
    "Unsatisfied",
    "WriteRefused",
    "col",
    "load",
    "odori_store",
    "open_engine",
]
