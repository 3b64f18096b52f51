"""Stores that are not there although others remember them: a file that was lost, not a new one."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from infra.engine.sqlite.several import open_several, snapshot
from streams.books.inside import has
from streams.books.moving import domains_of


def lost(data: Path, domains: Iterable[str]) -> list[str]:
    """Those of these domains that stores of this folder have heard, and which have none there."""
    files = {path.stem: path for path in sorted(data.glob("*.db")) if path.stat().st_size}
    gone = set(domains) - files.keys()
    if not gone or not files:
        return []
    with open_several(files) as connection, snapshot(connection):
        return sorted(gone & _heard(connection, domains_of(connection, list(files))))


def _heard(connection: sqlite3.Connection, stores: Sequence[str]) -> set[str]:
    """Whose messages these stores have heard. (With a broker they note no positions, but their
    ledgers tell.)"""
    found: set[str] = set()
    for store in stores:
        if has(connection, store, "positions"):
            sql = f'SELECT DISTINCT publisher FROM "{store}$positions" WHERE sequence > 0'
            found |= {row[0] for row in connection.execute(sql)}
        if has(connection, store, "ledger"):
            sql = f'SELECT DISTINCT heard_type FROM "{store}$ledger"'
            found |= {row[0].split(".")[1] for row in connection.execute(sql)}
    return found
