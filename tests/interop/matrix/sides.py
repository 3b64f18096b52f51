"""The two engines with one vocabulary: rows as mappings, refusals as words."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from infra.engine.buffered import BufferedTransaction
from infra.engine.conditions import EXISTS, NOT_EXISTS, Condition, col
from infra.engine.config import Isolation
from infra.engine.consensus import ConsensusCommit
from infra.engine.errors import (
    Conflict,
    EngineError,
    InvalidRequest,
    Uncommitted,
    Unsatisfied,
    WriteRefused,
)
from infra.engine.table import Table
from infra.engine.transaction import Transaction as PythonTransaction
from infra.engine.two_phase import Participant
from tests.interop.java import Java, JavaError
from tests.interop.matrix.cells import EXECUTED, Label
from tests.interop.matrix.values import Row, heard, spoken

#: A condition as both sides take it: expressions that hold together, or `exists`, `not exists`.
Test = list[tuple[str, str, Any]] | str
_WORDS = {
    "UncommittedRecordException": "uncommitted",
    "CrudConflictException": "conflict",
    "CommitConflictException": "conflict",
    "PreparationConflictException": "conflict",
    "ValidationConflictException": "conflict",
    "UnsatisfiedConditionException": "unsatisfied",
    "IllegalArgumentException": "bad request",
}
_KINDS: tuple[tuple[type[EngineError], str], ...] = (
    (Uncommitted, "uncommitted"),
    (Conflict, "conflict"),
    (Unsatisfied, "unsatisfied"),
    (InvalidRequest, "bad request"),
    (WriteRefused, "bad request"),
)


class Refused(Exception):
    """What an engine said no to, in a word that both share."""


@contextmanager
def in_words() -> Iterator[None]:
    try:
        yield
    except JavaError as error:
        raise Refused(_WORDS.get(error.kind, str(error))) from error
    except EngineError as error:
        words = (word for kind, word in _KINDS if isinstance(error, kind))
        raise Refused(next(words, repr(error))) from error


class Tx(ABC):
    """A transaction of either side."""

    id: str

    @abstractmethod
    async def get(self, table: Table, key: Row, where: Test | None = None) -> Row | None: ...

    @abstractmethod
    async def scan(self, table: Table, *, where: Test | None = None, **how: Any) -> list[Row]:
        """By `key` {name: value} of a partition with `start`, `end`, `reverse`; by `index`; all."""

    @abstractmethod
    async def write(self, what: str, table: Table, row: Row, where: Test | None = None) -> None:
        """insert, upsert, update, put, or delete (then the row is a key)."""

    @abstractmethod
    async def end(self, how: str = "commit") -> None:
        """commit, rollback, prepare or validate."""


class Side(ABC):
    """One engine on one store."""

    @abstractmethod
    async def begin(
        self,
        isolation: str | None = None,
        *,
        read_only: bool = False,
        labels: Iterable[Label] = (),
    ) -> Tx: ...

    @abstractmethod
    async def share(self, tx_id: str, labels: Iterable[Label] = ()) -> Tx:
        """A two-phase transaction of this id."""

    async def commit(self, table: Table, rows: list[Row], labels: Iterable[Label] = ()) -> str:
        """One transaction that inserts these rows; its id."""
        tx = await self.begin(labels=labels)
        for row in rows:
            await tx.write("insert", table, row)
        await tx.end()
        return tx.id


class JavaTx(Tx):
    def __init__(self, java: Java, opened: Any) -> None:
        self._java, self.handle, self.id = java, opened["handle"], opened["tx"]

    async def _do(self, what: str, table: Table, **fields: Any) -> Any:
        named: Row = {"namespace": table.namespace, "table": table.name}
        with in_words():
            return await self._java.answer(what, handle=self.handle, **named, **fields)

    async def get(self, table: Table, key: Row, where: Test | None = None) -> Row | None:
        row = await self._do("get", table, key=_spoken(key), where=_group(where))
        return heard(table, row) if row else None

    async def scan(self, table: Table, *, where: Test | None = None, **how: Any) -> list[Row]:
        if how.pop("reverse", False):
            how["order"] = {c: "ASC" if c in table.descending else "DESC" for c in table.clustering}
        elif "key" in how:
            how["order"] = {c: "DESC" if c in table.descending else "ASC" for c in table.clustering}
        for name in {"key", "index", "start", "end"} & how.keys():
            how[name] = _spoken(how[name])
        rows = await self._do("scan", table, where=_group(where), **how)
        return [heard(table, row) for row in rows]

    async def write(self, what: str, table: Table, row: Row, where: Test | None = None) -> None:
        key = _spoken({c: row[c] for c in table.keys})
        fields: dict[str, Any] = {"key": key, "if_": _if(where)}
        if what != "delete":
            fields["values"] = _spoken({c: v for c, v in row.items() if c not in table.keys})
        if what == "put":
            fields["preRead"] = True
        await self._do(what, table, **fields)

    async def end(self, how: str = "commit") -> None:
        with in_words():
            await self._java.answer(how, handle=self.handle)


class JavaSide(Side):
    def __init__(self, java: Java, store: str) -> None:
        self.java, self.store = java, store

    async def begin(
        self,
        isolation: str | None = None,
        *,
        read_only: bool = False,
        labels: Iterable[Label] = (),
    ) -> Tx:
        fields: Row = {"isolation": isolation, "readOnly": read_only, "labels": _told(labels)}
        return JavaTx(self.java, await self.java.answer("begin", store=self.store, **fields))

    async def share(self, tx_id: str, labels: Iterable[Label] = ()) -> Tx:
        fields: Row = {"twoPhase": True, "tx": tx_id, "labels": _told(labels)}
        opened = await self.java.answer("begin", store=self.store, **fields)
        return JavaTx(self.java, opened)


class PythonTx(Tx):
    def __init__(
        self, batch: BufferedTransaction, labels: Iterable[Label], share: Participant | None = None
    ) -> None:
        self._batch, self._tx, self._share = batch, PythonTransaction(batch), share
        self._labels = [one for one in labels if one.direction.startswith("python")]
        #: The matrix's names of the operations that were executed.
        self._done: set[str] = set()

    @property
    def id(self) -> str:  # type: ignore[override]
        return self._tx.id

    async def get(self, table: Table, key: Row, where: Test | None = None) -> Row | None:
        with in_words(), self._doing("get", where=where):
            return await self._tx.get(table, key, _condition(where))

    async def scan(self, table: Table, *, where: Test | None = None, **how: Any) -> list[Row]:
        what = next(w for w in ("index", "all", "key") if how.get(w)).replace("key", "scan")
        more = {"range": how.keys() & {"start", "end"}, "limit": how.get("limit"), "where": where}
        with in_words(), self._doing(what, reversed=how.get("reverse"), **more):
            if index := how.pop("index", None):
                ((column, value),) = index.items()
                return await self._tx.scan_index(
                    table, column, value, where=_condition(where), **how
                )
            if how.pop("all", False):
                return await self._tx.scan_all(table, where=_condition(where), **how)
            for name in {"key", "start", "end"} & how.keys():
                how[name] = tuple(how[name].values())
            partition = how.pop("key")
            return await self._tx.scan(table, partition, where=_condition(where), **how)

    async def write(self, what: str, table: Table, row: Row, where: Test | None = None) -> None:
        condition = _condition(where)
        given = {"where": condition} if condition is not None else {}
        conditional = {"if" if what == "put" else "where": where}
        with in_words(), self._doing(what, **conditional):
            await getattr(self._tx, what)(table, row, **given)

    async def end(self, how: str = "commit") -> None:
        level = self._batch.isolation.value
        for label in self._labels:
            EXECUTED.update(label.cells(self._done, level))
        with in_words():
            await getattr(self._share or self._tx, how)()

    @contextmanager
    def _doing(self, what: str, **parts: Any) -> Iterator[None]:
        """An operation with those of these parts that there are; refused counts, too."""
        parts["read-only"] = self._batch.read_only
        try:
            yield
        finally:
            self._done.add(" ".join([what, *(name for name, given in parts.items() if given)]))


class PythonSide(Side):
    def __init__(self, engine: ConsensusCommit) -> None:
        self.engine = engine

    async def begin(
        self,
        isolation: str | None = None,
        *,
        read_only: bool = False,
        labels: Iterable[Label] = (),
    ) -> Tx:
        level = Isolation(isolation) if isolation else None
        return PythonTx(self.engine.begin(isolation=level, read_only=read_only), labels)

    async def share(self, tx_id: str, labels: Iterable[Label] = ()) -> Tx:
        share = self.engine.participate(tx_id)
        return PythonTx(share.batch, labels, share)


def _told(labels: Iterable[Label]) -> list[Row]:
    return [label._asdict() for label in labels]


def _spoken(row: Row) -> Row:
    return {column: spoken(value) for column, value in row.items()}


def _group(where: Test | None) -> Any:
    return [_if(where)] if where else None


def _if(where: Test | None) -> Any:
    if where is None or isinstance(where, str):
        return where
    return [[column, sign, spoken(value)] for column, sign, value in where]


def _condition(where: Test | None) -> Condition | None:
    if where is None:
        return None
    if isinstance(where, str):
        return EXISTS if where == "exists" else NOT_EXISTS
    signs = {"=": "__eq__", "!=": "__ne__", "<": "__lt__", "<=": "__le__", ">": "__gt__"}
    signs |= {">=": "__ge__"}
    whole: Condition | None = None
    for column, sign, value in where:
        one = getattr(col(column), signs[sign])(value)
        whole = whole & one if whole is not None else one
    return whole
