"""The books inside one store, which hold at every commit: rows, laws, and what messages say."""

import sqlite3
from dataclasses import dataclass

from streams.books.accounts import KEPT, LAWS, SAID, said

#: Differences of one kind that are told; the first ones say what is wrong.
DIFFERENCES_MAX_COUNT = 100


@dataclass(frozen=True)
class Difference:
    """One place where the books do not balance."""

    book: str
    key: str
    what: str
    expected: int | str
    found: int | str

    def __str__(self) -> str:
        return f"{self.book} {self.key}: {self.what}: expected {self.expected}, found {self.found}"


def inside(connection: sqlite3.Connection, domain: str) -> list[Difference]:
    """What does not balance in this domain's store; read it in one snapshot."""
    found: list[Difference] = []
    if domain in LAWS:
        sql = f"WITH {said(domain)} {LAWS[domain]} LIMIT {DIFFERENCES_MAX_COUNT}"
        found += [Difference(*row) for row in connection.execute(sql)]
    if domain in SAID:
        sql = f"""WITH {said(domain)}
            SELECT book, key, name, sum(said), sum(kept) FROM (
              SELECT '' AS book, '' AS key, '' AS name, 0 AS said, 0 AS kept WHERE 0
              UNION ALL SELECT *, 0 FROM ({SAID[domain]})
              UNION ALL SELECT book, key, name, amount, 0 FROM ({carried(connection, domain)})
              UNION ALL SELECT book, key, name, 0, amount FROM (
                SELECT '' AS book, '' AS key, '' AS name, 0 AS amount WHERE 0
                UNION ALL {KEPT[domain]}))
            GROUP BY 1, 2, 3 HAVING sum(said) IS NOT sum(kept) LIMIT {DIFFERENCES_MAX_COUNT}"""
        for book, key, name, told, kept in connection.execute(sql):
            found.append(Difference(book, key, f"{name}, as the messages say", told, kept))
    return found


def totals(connection: sqlite3.Connection, domain: str) -> dict[str, int]:
    """The sums of this store's accounts over all keys, as its rows say; a domain that keeps
    neither stock nor money has none."""
    if domain not in KEPT:
        return {}
    sql = f"""SELECT book || ' ' || name, sum(amount) FROM (
        SELECT '' AS book, '' AS key, '' AS name, 0 AS amount WHERE 0 UNION ALL {KEPT[domain]})
        GROUP BY 1"""
    return dict(connection.execute(sql))


def carried(connection: sqlite3.Connection, domain: str) -> str:
    """What pruned messages said; a store that was never pruned may lack the table."""
    empty = "SELECT '' AS book, '' AS key, '' AS name, 0 AS amount WHERE 0"
    rows = f'SELECT book, key_ AS key, name, amount FROM "{domain}$carried"'
    return rows if has(connection, domain, "carried") else empty


def has(connection: sqlite3.Connection, domain: str, table: str) -> bool:
    """Whether the store has this table."""
    sql = f"SELECT 1 FROM \"{domain}\".sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(sql, (f"{domain}${table}",)).fetchone() is not None
