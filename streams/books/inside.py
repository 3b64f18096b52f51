"""The books inside one store, which hold at every commit: rows, laws, and what messages say."""

from dataclasses import dataclass

from infra.engine.several import Several
from streams.books.accounts import KEPT, LAWS, NOTHING, SAID, said

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


def inside(several: Several, domain: str) -> list[Difference]:
    """What does not balance in this domain's store; read it in one snapshot."""
    found: list[Difference] = []
    if domain in LAWS:
        sql = f"WITH {said(domain)} {LAWS[domain]} LIMIT {DIFFERENCES_MAX_COUNT}"
        found += [Difference(*row) for row in several.rows(sql)]
    if domain in SAID:
        sql = f"""WITH {said(domain)}
            SELECT book, key, name, CAST(sum(said) AS BIGINT), CAST(sum(kept) AS BIGINT) FROM (
              SELECT book, key, name, amount AS said, 0 AS kept FROM (
                {NOTHING} UNION ALL {SAID[domain]}) messages
              UNION ALL SELECT book, key, name, amount, 0 FROM ({carried(several, domain)}) pruned
              UNION ALL SELECT book, key, name, 0, amount FROM (
                {NOTHING} UNION ALL {KEPT[domain]}) kept) accounts
            GROUP BY 1, 2, 3 HAVING NOT coalesce(sum(said) = sum(kept), 1 = 0)
            LIMIT {DIFFERENCES_MAX_COUNT}"""
        for book, key, name, told, kept in several.rows(sql):
            found.append(Difference(book, key, f"{name}, as the messages say", told, kept))
    return found


def totals(several: Several, domain: str) -> dict[str, int]:
    """The sums of this store's accounts over all keys, as its rows say; a domain that keeps
    neither stock nor money has none."""
    if domain not in KEPT:
        return {}
    sql = f"""SELECT book || ' ' || name, CAST(sum(amount) AS BIGINT) FROM (
        {NOTHING} UNION ALL {KEPT[domain]}) kept GROUP BY 1"""
    return dict(several.rows(sql))


def carried(several: Several, domain: str) -> str:
    """What pruned messages said; a store that was never pruned may lack the table."""
    rows = f'SELECT book, key_ AS key, name, amount FROM "{domain}$carried"'
    return rows if several.has(domain, "carried") else NOTHING
