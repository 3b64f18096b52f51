"""Stores that are not there although others remember them: one that was lost, not a new one."""

from collections.abc import Iterable, Sequence

from infra.engine.several import Several
from streams.books.moving import domains_of
from streams.home import Home


def lost(home: Home, domains: Iterable[str]) -> list[str]:
    """Those of these domains that stores which are there have heard, and which have none."""
    domains = list(domains)
    there = home.there(domains)
    if not there or len(there) == len(domains):
        return []
    with home.several() as several, several.snapshot():
        heard = _heard(several, domains_of(several))
    return sorted(heard & set(domains) - set(there))


def _heard(several: Several, stores: Sequence[str]) -> set[str]:
    """Whose messages these stores have heard. (With a broker they note no positions, but their
    ledgers tell.)"""
    found: set[str] = set()
    for store in stores:
        if several.has(store, "positions"):
            sql = f'SELECT DISTINCT publisher FROM "{store}$positions" WHERE sequence > 0'
            found |= {row[0] for row in several.rows(sql)}
        if several.has(store, "ledger"):
            sql = f'SELECT DISTINCT heard_type FROM "{store}$ledger"'
            found |= {row[0].split(".")[1] for row in several.rows(sql)}
    return found
