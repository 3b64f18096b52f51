"""A lock by which processes of one database know of each other, held as long as a connection."""

from contextlib import suppress
from typing import Any

import asyncpg

from infra.engine.postgres.storage import PostgresStorage
from infra.engine.postgres.trouble import TROUBLE, translate, unconnected

#: A number of our own for PostgreSQL's advisory locks.
PROCESS_LOCK = 0x0D0122
#: How long it is waited for: a process that was just killed has it until the server sees that its
#: connections are gone.
GONE_AFTER_MS = 500


class ProcessLock:
    """Shared by any number of processes, or had by one alone; it ends with its process."""

    def __init__(self, storage: PostgresStorage) -> None:
        self._connect = storage.pool.connect
        self._connection: Any = None

    async def take(self, *, alone: bool) -> bool:
        """Whether it is ours now; False where somebody has it otherwise."""
        shared = "" if alone else "_shared"
        await self.release()
        try:
            self._connection = await asyncpg.connect(**self._connect)
        except TROUBLE as error:
            raise unconnected(error, self._connect) from error
        try:
            await self._connection.execute(f"SET lock_timeout = {GONE_AFTER_MS}")
            await self._connection.execute(f"SELECT pg_advisory_lock{shared}({PROCESS_LOCK})")
            return True
        except asyncpg.exceptions.LockNotAvailableError:
            return False
        except TROUBLE as error:
            raise translate(error) from error

    @property
    def version(self) -> int:
        """The server's major version; the lock must have been taken, or tried."""
        return int(self._connection.get_server_version().major)

    async def release(self) -> None:
        """Harmless where it was never taken."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*TROUBLE):
                await connection.close()
