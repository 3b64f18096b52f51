"""What the protocol writes to a row, as the clauses of SQL that PostgreSQL and SQLite share.

Each statement joins its table, as `t`, with rows of parameters, as `v` with columns `column1` and
so on: the key, then what is written, then the tx_id that was read. The first two parameters are
the writer's tx_id and a time. Images before are taken from the row itself, which the condition on
its tx_id proves to be the one that was read.
"""

from collections.abc import Sequence

from infra.engine.table import BEFORE, COMMITTED, DELETED, PREPARED, TX_COLUMNS, Table


def quoted(name: str) -> str:
    """An identifier; nothing in it can end it."""
    return '"' + name.replace('"', '""') + '"'


class Shapes:
    """Clauses for one table; `first` and `second` stand for the parameters, `same` compares so
    that NULL equals NULL."""

    def __init__(self, table: Table, first: str, second: str, same: str) -> None:
        self._table = table
        self._first, self._second, self._same = first, second, same
        self.match = " AND ".join(f"t.{quoted(c)}=v.column{i}" for i, c in enumerate(table.keys, 1))
        self._images = [quoted(BEFORE + c) for c in (*TX_COLUMNS, *table.rest)]

    # inserts: the columns beside the user's, and their values

    def inserted(self, state: int) -> dict[str, str]:
        """A new row: committed at once, prepared, or the tombstone of one that stays absent."""
        values = {
            "tx_id": self._first,
            "tx_state": str(state),
            "tx_version": "1",
            "tx_prepared_at": self._second,
        }
        return values | ({"tx_committed_at": self._second} if state == COMMITTED else {})

    # what an update sets

    def replaced(self) -> str:
        """One-phase update: the new row, committed."""
        return self._set(
            self._mine(COMMITTED) + self._given() + [f'"tx_committed_at"={self._second}'],
            self._no_images(),
        )

    def prepared(self, *, delete: bool) -> str:
        """A row being written or deleted, with what it was before."""
        taken = [
            f"{quoted(BEFORE + c)}=t.{quoted(c)}"
            for c in (*TX_COLUMNS, *self._table.rest)
            if c != "tx_version"
        ]
        # The version 0 says that there was a row, even if one without metadata.
        taken.append(f'{quoted(BEFORE + "tx_version")}=coalesce(t."tx_version",0)')
        given = [] if delete else self._given()
        return self._set(self._mine(DELETED if delete else PREPARED), given, taken)

    def committed(self) -> str:
        """A prepared row, committed at the second parameter."""
        return self._set(
            [f'"tx_state"={COMMITTED}', f'"tx_committed_at"={self._second}'], self._no_images()
        )

    def restored(self) -> str:
        """A prepared row as it was before."""
        old = [
            f"{quoted(c)}=t.{quoted(BEFORE + c)}"
            for c in (*TX_COLUMNS, *self._table.rest)
            if c != "tx_version"
        ]
        old.append(f'"tx_version"=nullif(t.{quoted(BEFORE + "tx_version")},0)')
        return self._set(old, self._no_images())

    # conditions

    def unchanged(self, at: int) -> str:
        """The row is as it was read; its tx_id is the parameter row's column `at`."""
        return f'{self.match} AND t."tx_id" {self._same} v.column{at}'

    def settled(self) -> str:
        """Nobody is writing the row; its image before would not be its own otherwise."""
        return f'coalesce(t."tx_state",{COMMITTED})={COMMITTED}'

    def ours(self, states: Sequence[int], *, image: bool | None = None) -> str:
        """The row is the work of this transaction, in one of these states, with an image before or
        without one."""
        listed = ",".join(map(str, states))
        clause = f'{self.match} AND t."tx_id"={self._first} AND t."tx_state" IN ({listed})'
        if image is None:
            return clause
        kept, joined = ("IS NOT NULL", " OR ") if image else ("IS NULL", " AND ")
        images = joined.join(f't."{BEFORE}{c}" {kept}' for c in ("tx_id", "tx_version"))
        return f"{clause} AND ({images})"

    def _mine(self, state: int) -> list[str]:
        return [
            f'"tx_id"={self._first}',
            f'"tx_state"={state}',
            '"tx_version"=coalesce(t."tx_version",0)+1',
            f'"tx_prepared_at"={self._second}',
        ]

    def _given(self) -> list[str]:
        width = self._table.key_width
        return [f"{quoted(c)}=v.column{width + i}" for i, c in enumerate(self._table.rest, 1)]

    def _no_images(self) -> list[str]:
        return [f"{image}=NULL" for image in self._images]

    @staticmethod
    def _set(*parts: list[str]) -> str:
        return ",".join(one for part in parts for one in part)
