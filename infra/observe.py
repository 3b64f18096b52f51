"""One call per change of state; this file alone makes logs and metrics of them."""

import logging
import sys
from collections.abc import Mapping
from typing import TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from infra.seldom import Seldom

registry = CollectorRegistry()
_counters: dict[str, Counter] = {}
_children: dict[tuple[object, ...], Counter] = {}
_gauges: dict[str, Gauge] = {}

#: What is counted, by event: metric name, help, the facts that are its labels.
_COUNTED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "deliveries": ("odori_deliveries", "Deliveries handled", ("domain", "result")),
    "commands": ("odori_commands", "Commands handled, over HTTP or bus", ("domain", "type")),
    "announced": ("odori_announced", "Messages announced", ("domain", "type")),
    "batch": ("odori_batches", "Transactions of a batch", ("domain",)),
    "store.trouble": ("odori_store_trouble", "Batches that the store refused", ("domain",)),
    "delivery.failed": ("odori_failed_deliveries", "Deliveries that failed", ("domain", "result")),
    "bus.trouble": ("odori_bus_trouble", "Sends that the bus refused", ("domain",)),
    "http": ("odori_http_requests", "Requests answered", ("method", "route", "status")),
}
#: Events that are only counted; at thousands a second a log line each would be noise.
_SILENT = frozenset({"deliveries", "commands", "announced", "batch", "http"})
#: Events that somebody should look at, if they go on.
_WARNINGS = frozenset(
    {
        "bus.few_partitions", "bus.offsets_not_committed", "bus.silent", "bus.trouble",
        "bus.waiting", "connector.trouble", "connector.unreadable", "dashboard.failed",
        "delivery.failed", "http.failed", "provider.rule_ignored", "store.locked",
        "store.setting_ignored", "store.trouble", "worker.died",
    }
)  # fmt: skip
_log = structlog.get_logger("odori")


def observe(event: str, count: int = 1, **facts: object) -> None:
    """Say that something happened. `facts` become log fields; some become metric labels."""
    counted = _COUNTED.get(event)
    if counted is not None:
        _counter(counted, facts).inc(count)
    if event not in _SILENT:
        (_log.warning if event in _WARNINGS else _log.info)(event, **facts)


def _counter(counted: tuple[str, str, tuple[str, ...]], facts: Mapping[str, object]) -> Counter:
    """The counter with these labels; kept by hand, since prometheus_client locks for each look."""
    name, text, labels = counted
    values = (name, *(facts.get(label, "") for label in labels))
    child = _children.get(values)
    if child is None:
        counter = _counters.get(name)
        if counter is None:
            counter = _counters[name] = Counter(name, text, labels, registry=registry)
        child = _children[values] = counter.labels(*map(str, values[1:]))
    return child


def gauge(name: str, text: str, value: float, **labels: str) -> None:
    """Set a level, such as lag or waiting commands, when somebody asks for the metrics."""
    found = _gauges.get(name)
    if found is None:
        found = _gauges[name] = Gauge(name, text, tuple(labels), registry=registry)
    (found.labels(*labels.values()) if labels else found).set(value)


def log_to(stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Write one JSON object per line; without this call structlog's defaults hold.

    The warnings of libraries become such lines, too, each kind of them now and then.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.ExceptionRenderer(  # without locals: they hold bodies and secrets
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
    ]
    others = logging.StreamHandler(stream)
    others.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    others.addFilter(Seldom())
    logging.basicConfig(handlers=[others], level=logging.WARNING, force=True)
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
