"""What a person does with the dead: put them back, to be tried again in order."""

from datetime import datetime

from streams import putback
from streams.parked import DEAD
from streams.rows import Parked
from streams.store import Store
from tests.simulation.failing import Hiccup


async def put_back(store: Store, now: datetime) -> None:
    """Every delivery that died of this world's own trouble waits again."""
    codec = store.codec(Parked)
    async with store.reader.begin() as snapshot:
        rows = [codec.decode(record) for record in await snapshot.scan_all(codec.table)]
    dead = [row for row in rows if row.state == DEAD and row.exception == Hiccup.__name__]
    if dead:
        chunk = [(row.key, now) for row in sorted(dead, key=lambda row: row.offset)]
        await putback._write(store.engine, store.part, chunk, "by the world")
