"""One saga's story, read from all ledgers, outboxes and parked rows, none of them scanned."""

from collections.abc import Mapping

from streams.story.reading import Gathered, Shelf
from streams.story.telling import Teller
from streams.story.told import Story
from streams.topology import Topology


async def story(stores: Mapping[str, Shelf], topology: Topology, saga: str) -> Story | None:
    """Tell one saga; None if nobody has heard of it."""
    gathered = Gathered(stores, topology, saga)
    for name, store in stores.items():
        async with store.reader.begin() as snapshot:
            await gathered.read(name, store, snapshot)
    if not gathered.entries and not gathered.parked:
        return None
    await gathered.follow_causes()
    return Teller(gathered).tell()
