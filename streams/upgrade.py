"""Brings the rows of an older version to that of the code, in small steps, before anything runs.

Each step commits the rows that it changed together with how far it has got, so that a process that
dies goes on from there. Messages need none of this: they are upcast whenever they are read.
"""

import json
from typing import Any

from domains.row import Row
from infra.engine.errors import Conflict, LockedOut
from infra.observe import observe
from streams.lane import lanes
from streams.rows import LaneRow, TableVersion
from streams.store import Store

#: Rows of one step, which is one transaction.
STEP_MAX_ROWS = 500
#: Steps in a row that other processes did first: more than processes start together.
CONFLICTS_MAX_COUNT = 100


class NewerData(Exception):
    """The stores were written by a newer Odori; nothing was changed."""


async def upgrade(store: Store) -> None:
    """Upgrade what is old in this store; raises NewerData.

    Of several processes that start together, who loses a step finds it done and goes on from there.
    """
    lost = 0
    while True:
        try:
            await _upgrade(store)
            break
        except Conflict:
            lost += 1
            if lost == CONFLICTS_MAX_COUNT:
                raise


async def _upgrade(store: Store) -> None:
    used = bool(await lanes(store.reader, store.codec(LaneRow)))
    for row in store.part.rows:
        current = len(row.upgrades) + 1
        noted = await _noted(store, row)
        if noted is None:  # a store that was never used has no old rows
            version, reached = (1, None) if used else (current, None)
        else:
            version, reached = noted.version, noted.reached
        if version > current:
            raise NewerData(
                f"{store.home.name}, {store.place}: {row.spec.table} is of version {version}, this"
                f" Odori knows {current}; start the newer one"
            )
        while version < current:
            noted = await _to_next(store, row, version, noted, reached)
            version, reached = version + 1, None
            observe("store.upgraded", domain=store.part.name, table=row.spec.table, to=version)
        if noted is None and row.upgrades and not used:
            await _step(store, row, [], None, TableVersion(table=row.spec.table, version=current))


async def _noted(store: Store, row: type[Row]) -> TableVersion | None:
    codec, key = store.codec(TableVersion), (row.spec.table,)
    async with store.reader.begin() as snapshot:
        await snapshot.fetch({codec.table: [key]})
        record = snapshot.seen(codec.table, key)
    return codec.decode(record) if record is not None else None


async def _to_next(
    store: Store,
    row: type[Row],
    version: int,
    noted: TableVersion | None,
    reached: str | None,
) -> TableVersion:
    codec = store.codec(row)
    names = ", ".join(f'"{name}"' for name in row.spec.partition + row.spec.clustering)
    holes = ", ".join("?" * codec.key_width)
    table = f'"{store.part.name}${row.spec.table}"'
    after: list[Any] | None = json.loads(reached) if reached else None
    while True:
        where = f"WHERE ({names}) > ({holes})" if after is not None else ""
        sql = f"SELECT {names} FROM {table} {where} ORDER BY {names} LIMIT {STEP_MAX_ROWS}"
        keys = await store.reader.query(sql, after or ())
        if not keys:
            break
        after = list(keys[-1])
        mark = TableVersion(table=row.spec.table, version=version, reached=json.dumps(after))
        await _step(store, row, keys, noted, mark)
        noted = mark
    done = TableVersion(table=row.spec.table, version=version + 1)
    await _step(store, row, [], noted, done)
    return done


async def _step(
    store: Store,
    row: type[Row],
    keys: list[tuple[Any, ...]],
    noted: TableVersion | None,
    mark: TableVersion,
) -> None:
    """Upgrade these rows and note it; raises LockedOut where another process got further."""
    codec, marks = store.codec(row), store.codec(TableVersion)
    change = row.upgrades.get(mark.version)
    tx = store.engine.begin(locked=True)
    try:
        await tx.fetch({codec.table: keys, marks.table: [mark.key]})
        found = tx.seen(marks.table, mark.key)
        if (marks.decode(found) if found else None) != noted:
            raise LockedOut("another process upgrades it")
        for key in keys:
            record = tx.seen(codec.table, key)
            assert record is not None, "nobody else writes while a store is upgraded"
            assert change is not None, "only rows of an older version are changed"
            old = codec.decode(record)
            new = change(old)
            if new is not old:
                tx.put(codec.table, codec.encode(new))
        tx.put(marks.table, marks.encode(mark))
        await tx.commit()
    finally:
        await tx.rollback()
