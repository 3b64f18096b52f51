"""What the engines of this process count and time; whoever hosts them registers `METRICS`."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING
from weakref import WeakSet

from prometheus_client import Counter, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from infra.engine.errors import Conflict, EngineError, UnknownOutcome

if TYPE_CHECKING:
    from infra.engine.storage import Storage

#: Seconds; a local commit takes a fraction of a millisecond, and alerts look at 0.5 and 1.
LATENCY_BUCKETS_S = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 15.0
)  # fmt: skip
#: Members of a group; ScalarDB's capacity is 20.
GROUP_BUCKETS = (1, 2, 3, 5, 10, 15, 20, 50, 100)


class Metrics(Collector):
    """A collector of prometheus_client, to be registered where metrics are exported."""

    def __init__(self) -> None:
        self._latency = Histogram(
            "transaction_latency",
            "Seconds that reads and commits take",
            ("namespace", "operation"),
            registry=None,
            buckets=LATENCY_BUCKETS_S,
        )
        self._throughput = Counter(
            "transaction_throughput",
            "Transactions that wrote, by how they ended",
            ("namespace", "status"),
            registry=None,
        )
        self._groups = Histogram(
            "coordinator_group_commit_size",
            "Transactions in one row of the coordinator",
            registry=None,
            buckets=GROUP_BUCKETS,
        )
        self._storages: WeakSet[Storage] = WeakSet()
        self._timers: dict[tuple[str, str], Histogram] = {}
        self._counters: dict[tuple[str, str], Counter] = {}

    def watch(self, storage: "Storage") -> None:
        """Show how many connections of this storage are in use, as long as it lives."""
        self._storages.add(storage)

    def took(self, namespace: str, operation: str, begun: float) -> None:
        """An operation on a namespace that began at this time of `perf_counter` is over."""
        timer = self._timers.get((namespace, operation))
        if timer is None:  # kept by hand, since prometheus_client locks for each look
            timer = self._latency.labels(namespace, operation)
            self._timers[namespace, operation] = timer
        timer.observe(perf_counter() - begun)

    def ended(self, namespaces: Iterable[str], error: BaseException | None) -> None:
        """A transaction that wrote in these namespaces has ended."""
        status = _status(error)
        for namespace in namespaces:
            counter = self._counters.get((namespace, status))
            if counter is None:
                counter = self._throughput.labels(namespace, status)
                self._counters[namespace, status] = counter
            counter.inc()

    @contextmanager
    def commit(self, namespaces: Collection[str]) -> Iterator[None]:
        """Inside, a transaction that wrote in these namespaces commits."""
        begun = perf_counter()
        try:
            yield
        except BaseException as error:
            self.ended(namespaces, error)
            raise
        self.ended(namespaces, None)
        for namespace in namespaces:
            self.took(namespace, "commit", begun)

    def grouped(self, count: int) -> None:
        """So many transactions were committed by one row."""
        self._groups.observe(count)

    def collect(self) -> Iterator[Metric]:
        for metric in (self._latency, self._throughput, self._groups):
            yield from metric.collect()
        active = GaugeMetricFamily(
            "connection_pool_active", "Connections in use", labels=["storage"]
        )
        counts: dict[str, int] = {}
        for storage in self._storages:
            counts[storage.name] = counts.get(storage.name, 0) + storage.active
        for name, count in sorted(counts.items()):
            active.add_metric([name], count)
        yield active


def _status(error: BaseException | None) -> str:
    if error is None:
        return "committed"
    if isinstance(error, Conflict):
        return "conflict"
    if isinstance(error, UnknownOutcome):
        return "unknown"
    return "failed" if isinstance(error, EngineError) else "error"


#: Those of this process.
METRICS = Metrics()
