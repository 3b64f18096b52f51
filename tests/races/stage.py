"""A domain on the stage whose rows lie in a real store: each batch is handled and committed."""

from pathlib import Path
from typing import TypeVar

from domains.row import Row
from schemas.message import Message
from streams.delivery import Delivery, Outcome, Result
from tests.given import CATALOGUE, NOW, Stage, StepFailed
from tests.races.desk import Desk

R = TypeVar("R", bound=Row)


class StoredStage(Stage):
    """A desk that is played like any other stage."""

    def __init__(self, folder: Path, domain: str, *rows: Row) -> None:
        self.desk = Desk(domain, folder)
        self.part = self.desk.part
        self.now = NOW
        self.passes = 0
        self.outcomes: list[Outcome] = []
        if rows:
            self.desk.write(*rows)

    def row(self, row: type[R], *key: str | int) -> R | None:
        return next((found for found in self.desk.rows(row) if found.key == key), None)

    def rows(self, row: type[R]) -> list[R]:
        return sorted(self.desk.rows(row), key=lambda found: found.key)

    def _handle(self, batch: list[Delivery]) -> list[Message]:
        self.desk.now = self.now
        handled = self.desk.hear(*batch)
        self.passes, self.outcomes = self.desk.handler.passes, handled.outcomes
        for outcome in self.outcomes:
            if outcome.result in (Result.FAILED, Result.PARKED):
                raise StepFailed(outcome.error)
        return [envelope.decoded(CATALOGUE) for envelope in handled.envelopes]
