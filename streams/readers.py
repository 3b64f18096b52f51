"""The stores of a data folder for reading only, beside whoever writes them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from domains.row import Row
from infra.engine.sqlite import SqliteEngine
from infra.engine.sqlite.reader import SqliteReader
from streams.codec import Codec
from streams.topology import Part, Topology

R = TypeVar("R", bound=Row)


class NoData(Exception):
    """The folder holds no stores."""


@dataclass
class ReadStore:
    """One domain's store, as stories and summaries read it."""

    part: Part
    reader: SqliteReader

    def codec(self, row: type[R]) -> Codec[R]:
        return self.part.codecs[row]


@asynccontextmanager
async def readers(data: Path, topology: Topology) -> AsyncIterator[Mapping[str, ReadStore]]:
    """The stores that are there, by domain; raises NoData when none is."""
    found = {name: data / f"{name}.db" for name in topology.parts}
    found = {name: path for name, path in found.items() if path.exists()}
    if not found:
        raise NoData(f"{data} holds no data yet; start Odori there with: odori up --data {data}")
    opened: dict[str, ReadStore] = {}
    try:
        for name, path in found.items():
            reader = SqliteEngine.open_reader(path)
            opened[name] = ReadStore(topology.parts[name], reader)
        yield opened
    finally:
        for store in opened.values():
            await store.reader.close()
