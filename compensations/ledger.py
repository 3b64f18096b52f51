"""The ledger: once-only and undo in one row, and the only changes that are legal in it."""

from datetime import datetime
from enum import StrEnum

from domains.row import Row
from schemas.message import Message


class State(StrEnum):
    """What became of one effect in one saga; only `done` may still change, to `undone`."""

    DONE = "done"
    REFUSED = "refused"
    UNDONE = "undone"
    FORBIDDEN = "forbidden"


class Entry(Row, partition=("saga",), clustering=("step", "subject"), table="ledger"):
    """One effect of one saga.

    `heard` is the body that the step heard, kept for its undo; `digest` is that of a command.
    """

    saga: str
    step: str
    subject: str
    state: str
    cause: str
    heard_type: str
    heard: str | None
    digest: str | None
    at: datetime
    undone_at: datetime | None = None
    undone_by: str | None = None


class Verdict(StrEnum):
    """What a delivery may do, according to the row of its effect."""

    RUN = "run"
    REPEAT = "repeat"
    CLASH = "clash"
    FORBID = "forbid"


def may_do(entry: Entry | None, heard: Message, digest: str | None) -> Verdict:
    """Whether the forward step runs; `digest` is that of a command, None for anything else."""
    if entry is None:
        return Verdict.RUN
    same_command = digest is not None and entry.heard_type == heard.spec.wire
    return Verdict.CLASH if same_command and entry.digest != digest else Verdict.REPEAT


def may_undo(entry: Entry | None) -> Verdict:
    """Whether a failure undoes the step, forbids it for ever, or finds nothing to do."""
    if entry is None:
        return Verdict.FORBID
    return Verdict.RUN if entry.state == State.DONE else Verdict.REPEAT
