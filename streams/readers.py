"""The stores of a process for reading only, beside whoever writes them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from domains.row import Row
from infra.engine.snapshot import Reader
from streams.codec import Codec
from streams.home import Home, NoData
from streams.topology import Part, Topology

R = TypeVar("R", bound=Row)


@dataclass
class ReadStore:
    """One domain's store, as stories and summaries read it."""

    part: Part
    reader: Reader

    def codec(self, row: type[R]) -> Codec[R]:
        return self.part.codecs[row]


@asynccontextmanager
async def readers(home: Home, topology: Topology) -> AsyncIterator[Mapping[str, ReadStore]]:
    """The stores that are there, by domain; raises NoData when none is."""
    found = home.there(topology.parts)
    if not found:
        raise NoData(home)
    opened: dict[str, ReadStore] = {}
    try:
        for name in found:
            opened[name] = ReadStore(topology.parts[name], home.reader(name))
        yield opened
    finally:
        for store in opened.values():
            await store.reader.close()
