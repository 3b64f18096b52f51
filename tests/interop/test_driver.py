"""What the driver offers is there on each storage, and means what the library means by it."""

from typing import Any

import pytest

from tests.interop.java import Java, JavaError
from tests.interop.places import Place, PostgresPlace, Row
from tests.interop.shop import Shop, refusal

pytestmark = pytest.mark.service

LARGEST = 2**63 - 1
VALUES: dict[str, list[Any]] = {
    "BOOLEAN": [True, False],
    "INT": [2**31 - 1, -(2**31)],
    "BIGINT": [LARGEST, -LARGEST - 1],
    "FLOAT": [0.10000000149011612, -3.4028234663852886e38],
    "DOUBLE": [0.1, -1.7976931348623157e308],
    "TEXT": ["", "'; DROP TABLE x; -- é 漢 😀"],
    "BLOB": ["", "00ff27"],
    "DATE": ["1000-01-01", "9999-12-31"],
    "TIME": ["00:00:00", "23:59:59.123456"],
    "TIMESTAMP": ["1000-01-01T00:00:00", "9999-12-31T23:59:59.999"],
    "TIMESTAMPTZ": ["1969-12-31T23:59:59.999Z", "2026-02-28T12:34:56.789Z"],
}
STEPS = {"pk": "TEXT", "ck": "INT", "v": "INT", "tag": "TEXT"}


@pytest.fixture
def shop(java: Java, place: Place, namespace: str) -> Shop:
    """A table of rows in partitions, newest first, with an index."""
    shop = Shop(java, place.name, namespace, "step")
    shop.create(STEPS, ["pk"], clustering={"ck": "DESC"}, index=["tag"])
    return shop


@pytest.fixture
def five(shop: Shop) -> Shop:
    """With rows 1 to 5 in partition a, of which the even ones are tagged, and one in b."""
    with shop.committed() as tx:
        for n in range(1, 6):
            tag = "even" if n % 2 == 0 else "odd"
            tx.do("insert", key={"pk": "a", "ck": n}, values={"v": n * 10, "tag": tag})
        tx.do("insert", key={"pk": "b", "ck": 2}, values={"v": 1, "tag": "even"})
    return shop


def test_values_of_every_type_come_back_as_they_went(
    java: Java, place: Place, namespace: str
) -> None:
    shop = Shop(java, place.name, namespace, "kinds")
    kinds = [kind for kind in VALUES if place.name != "cassandra" or kind != "TIMESTAMP"]
    shop.create({"id": "INT", **{f"c_{kind.lower()}": kind for kind in kinds}}, ["id"])
    rows = [{"id": n, **{f"c_{k.lower()}": VALUES[k][n] for k in kinds}} for n in (0, 1)]
    rows.append({"id": 2, **{f"c_{kind.lower()}": None for kind in kinds}})
    with shop.committed() as tx:
        for row in rows:
            values = {name: value for name, value in row.items() if name != "id"}
            tx.do("insert", key={"id": row["id"]}, values=values)
    for row in rows:
        assert shop.get(id=row["id"]) == row
    said = shop.ask("metadata")
    assert said["columns"] == {"id": "INT", **{f"c_{k.lower()}": k for k in kinds}}


def test_scans_take_ranges_orders_limits_conditions_and_an_index(five: Shop) -> None:
    def numbers(**fields: Any) -> list[int]:
        return [row["ck"] for row in tx.do("scan", **fields)]

    with five.committed(readOnly=True) as tx:
        assert numbers(key={"pk": "a"}) == [5, 4, 3, 2, 1]
        assert numbers(key={"pk": "a"}, order={"ck": "ASC"}, limit=2) == [1, 2]
        between: Row = {"start": {"ck": 2}, "end": {"ck": 4}}
        assert numbers(key={"pk": "a"}, **between) == [4, 3, 2]
        assert numbers(key={"pk": "a"}, **between, startExclusive=True) == [4, 3]
        assert numbers(key={"pk": "a"}, where=[[["v", ">", 30]], [["v", "=", 10]]]) == [5, 4, 1]
        assert sorted(numbers(index={"tag": "even"})) == [2, 2, 4]
        assert sorted(numbers(all=True)) == [1, 2, 2, 3, 4, 5]
        assert [row["ck"] for row in tx.do("scanner", key={"pk": "a"}, take=2)] == [5, 4]
        row = tx.do("get", key={"pk": "a", "ck": 1}, projection=["v"])
        assert row == {"v": 10}
        assert tx.do("get", key={"pk": "a", "ck": 1}, where=[[["v", "<", 10]]]) is None


def test_writes_and_conditions_do_what_they_say(five: Shop) -> None:
    key = {"pk": "a", "ck": 1}
    with five.committed() as tx:
        tx.do("update", key=key, values={"v": 11}, if_=[["v", "=", 10]])
        tx.do("upsert", key={"pk": "a", "ck": 9}, values={"v": 90, "tag": None})
        tx.do("delete", key={"pk": "a", "ck": 2}, if_="exists")
        tx.do("put", key={"pk": "a", "ck": 3}, values={"v": 33}, preRead=True)
    assert five.get(pk="a", ck=1) == {**key, "v": 11, "tag": "odd"}
    assert five.get(pk="a", ck=9) == {"pk": "a", "ck": 9, "v": 90, "tag": None}
    assert five.get(pk="a", ck=2) is None
    assert (five.get(pk="a", ck=3) or {})["v"] == 33
    tx = five.begin()
    wrong = {"key": key, "if_": [["v", "=", 10]]}
    assert refusal(tx, "delete", **wrong) == "UnsatisfiedConditionException"
    assert refusal(tx, "update", values={"v": 0}, **wrong) == "UnsatisfiedConditionException"
    assert refusal(tx, "get", key=key, wehre=[]) == "IllegalArgumentException"
    tx.end("rollback")


def test_the_second_of_two_that_update_one_row_loses(five: Shop) -> None:
    first, second = five.begin(), five.begin()
    for tx in (first, second):
        assert tx.do("get", key={"pk": "a", "ck": 1})["v"] == 10
        tx.do("update", key={"pk": "a", "ck": 1}, values={"v": 0})
    first.end("commit")
    assert refusal(second, "commit") == "CommitConflictException"
    states = [five.ask_plain("state", tx=tx.id) for tx in (first, second)]
    assert states == ["COMMITTED", "ABORTED"]


def test_an_isolation_is_one_transactions_own(five: Shop) -> None:
    def skewed(isolation: str) -> list[str]:
        one, other = five.begin(isolation=isolation), five.begin(isolation=isolation)
        for tx, reads, writes in ((one, 1, 2), (other, 2, 1)):
            tx.do("get", key={"pk": "a", "ck": reads})
            tx.do("upsert", key={"pk": "a", "ck": writes}, values={"v": 0})
        one.end("commit")
        try:
            other.end("commit")
        except JavaError as error:
            return [error.kind]
        return []

    assert skewed("SNAPSHOT") == []
    assert skewed("SERIALIZABLE") == ["CommitConflictException"]


def test_an_id_of_ones_own_is_aborted_from_outside_before_it_commits(five: Shop) -> None:
    tx = five.begin(tx=f"{five.namespace}-mine")
    assert tx.id == f"{five.namespace}-mine"
    tx.do("insert", key={"pk": "z", "ck": 1}, values={"v": 1})
    assert five.ask_plain("state", tx=tx.id) == "UNKNOWN"
    assert five.ask_plain("abort", tx=tx.id) == "ABORTED"
    assert refusal(tx, "commit") == "CommitConflictException"
    assert five.get(pk="z", ck=1) is None


def test_tables_are_altered_and_repaired(five: Shop) -> None:
    five.ask("addColumn", column="note", type="TEXT")
    with five.committed() as tx:
        tx.do("update", key={"pk": "a", "ck": 1}, values={"note": "seen"})
    assert (five.get(pk="a", ck=1) or {})["note"] == "seen"
    columns = {**STEPS, "note": "TEXT"}
    shape = {"partition": ["pk"], "clustering": {"ck": "DESC"}, "index": ["tag"]}
    assert five.ask("metadata") == {"columns": columns, **shape}
    five.ask("repairTable", columns=columns, **shape)
    five.ask_plain("repairCoordinatorTables")
    five.ask("truncate")
    assert five.get(pk="a", ck=1) is None
    five.ask("dropTable")
    assert five.ask("metadata") is None
    with pytest.raises(JavaError, match="no table"):
        five.get(pk="a", ck=1)


async def test_a_table_that_postgresql_had_before_is_imported(
    java: Java, postgres_place: PostgresPlace
) -> None:
    await postgres_place.execute("CREATE SCHEMA old")
    await postgres_place.execute("CREATE TABLE old.ware (id int PRIMARY KEY, name text)")
    await postgres_place.execute("INSERT INTO old.ware VALUES (1, 'tea')")
    shop = Shop(java, postgres_place.name, "old", "ware")
    shop.ask("importTable")
    assert shop.get(id=1) == {"id": 1, "name": "tea"}
    row = await postgres_place.row("old", "ware", id=1)
    assert row
    assert {row["tx_id"], row["tx_state"], row["before_name"]} == {None}
