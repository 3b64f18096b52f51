"""Server processes that lost their client while a commit was under way: ended before anybody asks.

A statement that was sent may begin long after its connection broke. Who then reads that nothing was
committed would be wrong a moment later, and no lock helps, for there is none yet.
"""

from typing import Any

from infra.engine.errors import Unavailable
from infra.engine.postgres.trouble import TROUBLE, translate

#: How long a server process may take to end; it rolls back, or finishes its commit.
ENDING_MAX_MS = 5_000

#: Connections remembered, the newest; more than a pool ever has at a time.
KNOWN_MAX_COUNT = 1_000

_ME = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
#: True where it has ended by now, or had before: another one may have got its number since.
_END = """SELECT pg_terminate_backend(pid, $3) FROM pg_stat_activity
WHERE pid = $1 AND backend_start = $2"""


class Ghosts:
    """Which processes serve whom, and which of them must be gone before a locked read."""

    def __init__(self) -> None:
        self._begun: dict[int, Any] = {}
        self._lost: set[tuple[int, Any]] = set()

    async def know(self, connection: Any) -> None:
        """Note who serves a new connection."""
        pid, begun = (await connection.fetch(_ME))[0]
        self._begun[pid] = begun
        if len(self._begun) > KNOWN_MAX_COUNT:
            del self._begun[next(iter(self._begun))]

    def lose(self, pid: int) -> None:
        """A commit that this process was asked for was not answered."""
        if pid in self._begun:
            self._lost.add((pid, self._begun[pid]))

    async def bury(self, connection: Any) -> None:
        """See to it that nothing of what was lost can still be committed; raises Unavailable."""
        for lost in list(self._lost):
            try:
                found = await connection.fetch(_END, *lost, ENDING_MAX_MS)
            except TROUBLE as error:
                raise translate(error) from error
            if found and not found[0][0]:
                raise Unavailable(f"server process {lost[0]} does not end; its commit is open")
            self._lost.discard(lost)
