"""How each list grew, and what is wrong with what was read of it before any cycle is looked for."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tests.checker.anomalies import Anomaly, Finding
from tests.checker.history import ListOfValues, Outcome, Transaction, Value

Key = int | str


class Lists:
    """The lists of one history: who appended what, who read what, and in which order it stands."""

    def __init__(self, history: Sequence[Transaction]) -> None:
        self.findings: list[Finding] = []
        self.writers: dict[tuple[Key, Value], Transaction] = {}
        #: What others had appended when a transaction first read a list.
        self.bases: dict[Key, list[tuple[Transaction, ListOfValues]]] = defaultdict(list)
        #: The longest read of each list; lists that were read in several orders are left out.
        self.orders: dict[Key, ListOfValues] = {}
        #: Appends that happened and that no read shows, though none needed to.
        self.unread: dict[Key, list[Transaction]] = defaultdict(list)
        self._whole: dict[Key, list[tuple[Transaction, ListOfValues]]] = defaultdict(list)
        for transaction in history:
            self._note_appends(transaction)
        for transaction in history:
            if transaction.outcome is Outcome.OK:
                self._note_reads(transaction)
        for key, reads in self._whole.items():
            self._order(key, reads)
        for key, base in self._bases():
            self._check_base(key, *base)
        for (key, value), writer in self.writers.items():
            if writer.outcome is Outcome.OK and value not in self.orders.get(key, (value,)):
                self._note_unread(key, value, writer)

    def _found(self, anomaly: Anomaly, proof: str) -> None:
        self.findings.append(Finding(anomaly, proof))

    def _bases(self) -> Iterator[tuple[Key, tuple[Transaction, ListOfValues]]]:
        return ((key, base) for key, bases in self.bases.items() for base in bases)

    def _note_appends(self, transaction: Transaction) -> None:
        for operation in transaction.operations:
            if operation.append is not None:
                place = operation.key, operation.append
                assert place not in self.writers, f"{place} is appended twice: no good history"
                self.writers[place] = transaction

    def _note_reads(self, transaction: Transaction) -> None:
        own: dict[Key, ListOfValues] = defaultdict(tuple)
        first: dict[Key, ListOfValues] = {}
        for key, append, read in transaction.operations:
            if append is not None:
                own[key] += (append,)
            elif read is not None:
                self._whole[key].append((transaction, read))
                base = read[: len(read) - len(own[key])]
                if base + own[key] != read or first.setdefault(key, base) != base:
                    self._found(Anomaly.INTERNAL, f"{transaction} contradicts itself about {key}")
        for key, base in first.items():
            self.bases[key].append((transaction, base))

    def _order(self, key: Key, reads: list[tuple[Transaction, ListOfValues]]) -> None:
        longest_reader, longest = max(reads, key=lambda read: len(read[1]))
        twice = [value for value, count in Counter(longest).items() if count > 1]
        if twice:
            self._found(Anomaly.DUPLICATE, f"{key} has {twice} twice in {longest_reader}")
            return
        for reader, read in reads:
            if longest[: len(read)] != read:
                proof = f"{key} has two orders:\n{longest_reader}\n{reader}"
                self._found(Anomaly.INCOMPATIBLE_ORDER, proof)
                return
        self.orders[key] = longest

    def _check_base(self, key: Key, reader: Transaction, base: ListOfValues) -> None:
        for value in base:
            writer = self.writers.get((key, value))
            if writer is None:
                self._found(Anomaly.GARBAGE_READ, f"nobody appended {value} to {key}: {reader}")
            elif writer.outcome is Outcome.FAIL:
                proof = f"{reader}\nread what was rolled back: {writer}"
                self._found(Anomaly.ABORTED_READ, proof)
        writer = self.writers.get((key, base[-1])) if base else None
        if writer and writer is not reader and writer.appends(key)[-1] != base[-1]:
            proof = f"{reader}\nread {key} before the last append of\n{writer}"
            self._found(Anomaly.INTERMEDIATE_READ, proof)

    def _note_unread(self, key: Key, value: Value, writer: Transaction) -> None:
        later = [reader for reader, _ in self._whole[key] if reader.began > writer.ended]
        if later:
            proof = f"{key} lacks {value}: {writer}\nlater read: {later[-1]}"
            self._found(Anomaly.LOST_APPEND, proof)
        elif writer not in self.unread[key]:
            self.unread[key].append(writer)
