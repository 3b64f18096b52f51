"""What only the SQLite binding promises: ScalarDB's shape on disk, snapshots, a bounded WAL."""

import asyncio
import sqlite3
from collections.abc import Coroutine, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pytest

from infra.engine.errors import Conflict, LockedOut, Unavailable, UnknownOutcome
from infra.engine.metadata import index_name
from infra.engine.sqlite import SqliteEngine
from infra.engine.sqlite.connection import WAL_BYTES, WAL_MAX_BYTES
from infra.engine.sqlite.file import File, NotNow
from infra.engine.table import Record, Table, Type
from tests.conformance.engine.bindings import SqliteBinding
from tests.conformance.engine.cases import APPLE, PEAR, STOCK, TABLES, Use, read, stored, values

pytestmark = pytest.mark.needs("sqlite")

PATIENCE_SECONDS = 30

#: As ScalarDB Core 3.19.0 creates it, without the types that Odori does not use.
SCALARDB_TYPES = (
    'CREATE TABLE "app$types"("pk" TEXT,"ck" INT,"ix" TEXT,"c_bool" BOOLEAN,"c_int" INT,'
    '"c_bigint" BIGINT,"c_double" DOUBLE,"c_text" TEXT,"c_blob" BLOB,"c_tstz" BIGINT,"tx_id" TEXT,'
    '"tx_state" INT,"tx_version" INT,"tx_prepared_at" BIGINT,"tx_committed_at" BIGINT,'
    '"before_tx_id" TEXT,"before_tx_state" INT,"before_tx_version" INT,'
    '"before_tx_prepared_at" BIGINT,"before_tx_committed_at" BIGINT,"before_ix" TEXT,'
    '"before_c_bool" BOOLEAN,"before_c_int" INT,"before_c_bigint" BIGINT,"before_c_double" DOUBLE,'
    '"before_c_text" TEXT,"before_c_blob" BLOB,"before_c_tstz" BIGINT,PRIMARY KEY ("pk","ck"))'
)
SCALARDB_METADATA = (
    'CREATE TABLE "scalardb$metadata"("full_table_name" TEXT,"column_name" TEXT,'
    '"data_type" TEXT NOT NULL,"key_type" TEXT,"clustering_order" TEXT,"indexed" BOOLEAN NOT NULL,'
    '"ordinal_position" INTEGER NOT NULL,PRIMARY KEY ("full_table_name", "column_name"))'
)
ALL_TYPES = Table(
    "app",
    "types",
    {
        "pk": Type.TEXT,
        "ck": Type.INT,
        "ix": Type.TEXT,
        "c_bool": Type.BOOLEAN,
        "c_int": Type.INT,
        "c_bigint": Type.BIGINT,
        "c_double": Type.DOUBLE,
        "c_text": Type.TEXT,
        "c_blob": Type.BLOB,
        "c_tstz": Type.TIMESTAMPTZ,
    },
    ("pk",),
    ("ck",),
    ("ix",),
    frozenset({"ck"}),
)
SCALARDB_ROWS = 'SELECT * FROM "shop$stock"'


@pytest.fixture
def binding(tmp_path: Path) -> SqliteBinding:
    return SqliteBinding(tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """The same file by another hand."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def metadata(row: sqlite3.Row) -> dict[str, Any]:
    """The transaction's columns of a row, those that are not NULL."""
    return {k: row[k] for k in row.keys() if "tx_" in k and row[k] is not None}  # noqa: SIM118


def without_suspending(coroutine: Coroutine[Any, Any, Any]) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it suspended")


class TestShape:
    async def test_a_table_is_created_as_scalardb_creates_it(
        self, use: Use, raw: sqlite3.Connection
    ) -> None:
        async with use() as engine:
            await engine.apply([ALL_TYPES])
            sql = {r["name"]: r["sql"] for r in raw.execute("SELECT name, sql FROM sqlite_master")}
        assert sql["app$types"] == SCALARDB_TYPES
        assert sql["scalardb$metadata"] == SCALARDB_METADATA
        assert sql["index_app_types_ix"] == (
            'CREATE INDEX "index_app_types_ix" ON "app$types" ("ix")'
        )
        assert "index_app_types_before_ix" in sql

    async def test_scalardb_finds_every_column_described(
        self, use: Use, raw: sqlite3.Connection
    ) -> None:
        async with use() as engine:
            await engine.apply([ALL_TYPES])
            found = raw.execute(
                'SELECT * FROM "scalardb$metadata" WHERE full_table_name = ? ORDER BY 7',
                ("app.types",),
            ).fetchall()
            columns = [r["name"] for r in raw.execute('PRAGMA table_info("app$types")')]
        assert [row["column_name"] for row in found] == columns
        assert [row["ordinal_position"] for row in found] == list(range(1, len(columns) + 1))
        described = {row["column_name"]: tuple(row)[2:6] for row in found}
        assert described["pk"] == ("TEXT", "PARTITION", None, 0)
        assert described["ck"] == ("INT", "CLUSTERING", "DESC", 0)
        assert described["ix"] == described["before_ix"] == ("TEXT", None, None, 1)
        assert described["c_tstz"] == ("TIMESTAMPTZ", None, None, 0)
        assert described["tx_committed_at"] == ("BIGINT", None, None, 0)

    async def test_an_added_column_is_described_too(
        self, use: Use, raw: sqlite3.Connection
    ) -> None:
        columns = {"id": Type.TEXT, "state": Type.TEXT, "n": Type.INT}
        async with use() as engine:
            await engine.apply([Table("shop", "orders", columns, ("id",))])
            names = {
                row["column_name"]
                for row in raw.execute(
                    "SELECT * FROM \"scalardb$metadata\" WHERE full_table_name = 'shop.orders'"
                )
            }
        assert {"n", "before_n", "state"} < names

    def test_long_index_names_are_hashed_as_in_java(self) -> None:
        name = "a_rather_long_table_name_for_index_hashing"
        table = Table("app", name, {"id": Type.TEXT}, ("id",))
        column = "a_rather_long_column_name"
        assert index_name(table, column) == "index_add2e5b91006b6a32def2d2eb1c1e361"
        assert index_name(table, f"before_{column}") == "index_8ca965d058b7aae778def9ffe3d1af0c"

    async def test_rows_look_as_after_scalardbs_one_phase_commit(
        self, use: Use, raw: sqlite3.Connection
    ) -> None:
        times = count(1111, 1111)
        async with use(clock=times.__next__) as engine:
            first = engine.begin(tx_id="U1")
            first.insert(STOCK, (*APPLE, 3, "a"))
            await first.commit()
            assert metadata(raw.execute(SCALARDB_ROWS).fetchone()) == {
                "tx_id": "U1",
                "tx_state": 3,
                "tx_version": 1,
                "tx_prepared_at": 1111,
                "tx_committed_at": 1111,
            }
            # An older Java leaves the image before in a committed row.
            raw.execute('UPDATE "shop$stock" SET before_tx_id = \'U0\', "before_left" = 2')
            second = engine.begin(tx_id="U2")
            await second.fetch({STOCK: [APPLE]})
            second.put(STOCK, (*APPLE, 4, "a"))
            await second.commit()
            row = raw.execute(SCALARDB_ROWS).fetchone()
            assert (row["left"], row["before_left"]) == (4, None)
            assert metadata(row) == {
                "tx_id": "U2",
                "tx_state": 3,
                "tx_version": 2,
                "tx_prepared_at": 2222,
                "tx_committed_at": 2222,
            }

    async def test_times_before_1970_are_encoded_as_in_java(
        self, use: Use, raw: sqlite3.Connection
    ) -> None:
        encoded = {-1: -1000, -30610224000000: -30610224000999, 1772282096789: 1772282096789}
        async with use() as engine:
            await engine.apply([ALL_TYPES])
            rows = [("a", i, *[None] * 7, ms) for i, ms in enumerate(encoded)]
            await stored(engine, *rows, table=ALL_TYPES)
            stored_times = raw.execute('SELECT c_tstz FROM "app$types" ORDER BY ck').fetchall()
            assert [row[0] for row in stored_times] == list(encoded.values())

    async def test_a_row_without_metadata_counts_as_committed(
        self, use: Use, raw: sqlite3.Connection
    ) -> None:
        async with use() as engine:
            raw.execute("INSERT INTO \"shop$stock\"(category,product) VALUES ('fruit','apple')")
            assert await read(engine, APPLE) == Record((*APPLE, None, None), None, 0)
            transaction = engine.begin()
            await transaction.fetch({STOCK: [APPLE]})
            transaction.put(STOCK, (*APPLE, 1, None))
            await transaction.commit()
            assert (await read(engine, APPLE)).tx_version == 1

    @pytest.mark.parametrize("state", [1, 2])
    async def test_a_row_being_written_is_a_conflict_that_names_its_writer(
        self, use: Use, raw: sqlite3.Connection, state: int
    ) -> None:
        async with use() as engine:
            await engine.admin.create_coordinator_tables()
            await stored(engine, (*APPLE, 3, None))
            raw.execute("UPDATE \"shop$stock\" SET tx_id = 'java', tx_state = ?", (state,))
            with pytest.raises(Conflict, match=r"apple.*java"):
                await read(engine, APPLE)
            with pytest.raises(Conflict, match=r"apple.*java"):
                await engine.begin().scan(STOCK, ("fruit",))


class TestSnapshots:
    async def test_a_snapshot_is_of_one_moment_and_neither_waits(
        self, use: Use, path: Path
    ) -> None:
        async with use() as engine:
            await stored(engine, (*APPLE, 3, None))
            reader = SqliteEngine.open_reader(path)
            async with reader.begin() as snapshot:
                await snapshot.fetch({STOCK: [APPLE]})
                locked = engine.begin(locked=True)
                await locked.fetch({STOCK: [APPLE]})
                locked.insert(STOCK, (*PEAR, 1, None))
                assert len(await snapshot.scan_all(STOCK)) == 1
                await locked.commit()
                assert len(await snapshot.scan_all(STOCK)) == 1
                assert await snapshot.query('SELECT count(*) FROM "shop$stock"') == [(1,)]
            assert await reader.query('SELECT count(*) FROM "shop$stock"') == [(2,)]
            await reader.close()

    async def test_a_reader_never_writes_and_needs_a_file(self, use: Use, path: Path) -> None:
        with pytest.raises(Unavailable):
            SqliteEngine.open_reader(path)
        async with use():
            reader = SqliteEngine.open_reader(path)
            with pytest.raises(Unavailable):
                await reader.query('DELETE FROM "shop$stock"')
            await reader.close()


class TestInline:
    def test_nothing_ever_suspends(self, path: Path) -> None:
        engine = SqliteEngine.open(path, inline=True)
        without_suspending(engine.apply(TABLES))
        without_suspending(stored(engine, (*APPLE, 3, None)))
        locked = engine.begin(locked=True)
        without_suspending(locked.fetch({STOCK: [APPLE]}))
        with pytest.raises(LockedOut):
            without_suspending(stored(engine, (*PEAR, 3, None)))
        without_suspending(locked.rollback())
        assert without_suspending(values(engine, APPLE)) == (*APPLE, 3, None)
        without_suspending(engine.close())


class TestTrouble:
    def test_a_file_that_cannot_be_opened_is_unavailable(self, tmp_path: Path) -> None:
        with pytest.raises(Unavailable):
            SqliteEngine.open(tmp_path / "no such folder" / "shop.db")

    def test_a_file_that_is_no_database_is_unavailable(self, path: Path) -> None:
        path.write_bytes(b"no database" * 1000)
        with pytest.raises(Unavailable):
            SqliteEngine.open(path)

    @pytest.mark.parametrize(
        ("point", "code", "expected"),
        [
            ("before-commit", sqlite3.SQLITE_FULL, Unavailable),
            ("before-commit", sqlite3.SQLITE_IOERR_FSYNC, Unavailable),
            ("before-commit", sqlite3.SQLITE_BUSY_SNAPSHOT, LockedOut),
            ("after-commit", sqlite3.SQLITE_FULL, Unavailable),
            ("after-commit", sqlite3.SQLITE_BUSY, LockedOut),
            ("after-commit", sqlite3.SQLITE_IOERR_FSYNC, UnknownOutcome),
        ],
    )
    async def test_only_an_io_error_of_commit_itself_leaves_the_outcome_open(
        self, use: Use, point: str, code: int, expected: type[Exception]
    ) -> None:
        def fault(at: str) -> None:
            if at == point:
                error = sqlite3.OperationalError("as SQLite raises it")
                error.sqlite_errorcode = code
                raise error

        async with use(fault=fault) as engine:
            with pytest.raises(expected):
                await stored(engine, (*APPLE, 3, None))

    async def test_a_full_disk_is_unavailable_and_passes(self, use: Use, path: Path) -> None:
        async with use() as engine:
            engine.storage._file.set("max_page_count=60")
            with pytest.raises(Unavailable):
                await stored(engine, (*APPLE, 3, "x" * 500_000))
            engine.storage._file.set("max_page_count=100000")
            await stored(engine, (*APPLE, 3, "x" * 500_000))


class TestWal:
    def test_it_stays_bounded_under_constant_load(self, path: Path) -> None:
        wal, lengths = Path(f"{path}-wal"), []

        def measure() -> None:
            lengths.append(wal.stat().st_size)

        async def load() -> None:
            engine = SqliteEngine.open(path)
            await engine.apply(TABLES)
            for i in range(3 * WAL_MAX_BYTES // 2_000_000):
                await stored(engine, ("fruit", f"p{i}", 1, "x" * 2_000_000))
                measure()
            await engine.close()

        asyncio.run(load())
        assert WAL_BYTES < max(lengths) < WAL_MAX_BYTES + WAL_BYTES // 2
        assert not wal.exists()

    def test_a_writer_waits_for_a_disk_that_copies_slower_than_it_is_written_to(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, go_on = Event(), Event()
        copy = File.checkpoint

        def slow(file: File, mode: str) -> tuple[bool, int, int]:
            begun.set()
            assert go_on.wait(PATIENCE_SECONDS)
            return copy(file, mode)

        async def load() -> None:
            engine = SqliteEngine.open(path)
            await engine.apply(TABLES)
            checkpointer = engine.storage._checkpointer
            assert checkpointer
            while not checkpointer._reaches(WAL_MAX_BYTES):
                await stored(engine, ("fruit", str(uuid4()), 1, "x" * 8_000_000))
            assert begun.wait(PATIENCE_SECONDS)
            with pytest.raises(NotNow):
                checkpointer.watch(patient=False)
            go_on.set()
            await stored(engine, ("fruit", "last", 1, None))
            assert not checkpointer._reaches(WAL_BYTES)
            await engine.close()

        monkeypatch.setattr(File, "checkpoint", slow)
        asyncio.run(load())
