"""One transaction over several processes: each prepares its own rows, then each commits."""

from typing import TYPE_CHECKING

from infra.engine import validation
from infra.engine.buffered import BufferedTransaction
from infra.engine.engine import Isolation
from infra.engine.errors import InvalidRequest
from infra.engine.metrics import METRICS
from infra.engine.transaction import Transaction

if TYPE_CHECKING:
    from infra.engine.committing import Parts
    from infra.engine.consensus import ConsensusCommit


class Participant:
    """This process's share of a transaction whose id another one may have begun.

    All participants prepare, then all validate, then any of them commits first; that is the commit
    point, and the others' commits follow it. One that rolls back what it had prepared takes the
    others along, as long as none of them has committed; one that wrote nothing leaves no trace, so
    tell the others not to commit.
    """

    def __init__(self, engine: "ConsensusCommit", batch: BufferedTransaction) -> None:
        #: What this participant reads and writes, until it prepares: many rows at a time, and `tx`
        #: the same row by row.
        self.batch = batch
        self.tx = Transaction(batch)
        self._steps = engine.committing
        self._parts: Parts | None = None
        self._validated = False

    @property
    def id(self) -> str:
        """What the other participants join."""
        return self.batch.id

    async def prepare(self) -> None:
        """Write this participant's rows as PREPARED; raises Conflict, and then nothing is left."""
        self.batch.check_open()
        await self.batch.check_tables(self.batch.work.tables)
        await self.batch.read_discards()
        self._parts = self._steps.parts(self.batch)
        self.batch.close()
        await self._steps.prepare(self.batch, self._parts)

    async def validate(self) -> None:
        """At SERIALIZABLE: whether what was only read is still so, after everybody prepared."""
        parts = self._prepared()
        if self._must_validate():
            await self._steps.validate(self.batch, parts)
        self._validated = True

    async def commit(self) -> int:
        """Decide, or learn what was decided; the commit time in epoch milliseconds.

        Raises Conflict if it was aborted, UnknownOutcome if nobody could tell.
        """
        parts = self._prepared()
        if not self._validated and self._must_validate():
            raise InvalidRequest(f"transaction {self.id} must be validated before its commit")
        await self.batch.release()
        with METRICS.commit(self.batch.work.written()):
            return await self._steps.decide(self.batch, parts)

    async def rollback(self) -> None:
        """Take back what was prepared; before that, just forget."""
        if self._parts is None:
            await self.batch.rollback()
        else:
            await self._steps.abort(self.batch, self._parts)

    def _must_validate(self) -> bool:
        serializable = self.batch.isolation is Isolation.SERIALIZABLE
        return serializable and validation.is_needed(self.batch.work)

    def _prepared(self) -> "Parts":
        if self._parts is None:
            raise InvalidRequest(f"transaction {self.id} was not prepared")
        return self._parts
