"""How transactions commit: ScalarDB's settings of Consensus Commit that mean something here."""

from dataclasses import dataclass

from infra.engine.engine import Isolation


@dataclass(frozen=True)
class GroupCommitOptions:
    """Several transactions in one row of the coordinator; times in milliseconds."""

    slot_capacity: int = 20
    group_size_fix_timeout_ms: int = 40
    delayed_slot_move_timeout_ms: int = 1_200
    old_group_abort_timeout_ms: int = 60_000


@dataclass(frozen=True)
class Options:
    """Defaults are ScalarDB's, but for `one_phase`, which is what makes a batch one commit."""

    isolation: Isolation = Isolation.SNAPSHOT
    coordinator_namespace: str = "coordinator"
    one_phase: bool = True
    async_commit: bool = False
    async_rollback: bool = False
    parallel_preparation: bool = True
    parallel_validation: bool = True
    parallel_commit: bool = True
    parallel_rollback: bool = True
    #: A transaction without writes leaves no row at the coordinator.
    omit_read_only: bool = True
    group_commit: GroupCommitOptions | None = None
