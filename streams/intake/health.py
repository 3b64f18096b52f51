"""What machines ask of the process: is it up, is it ready, what are its numbers."""

import asyncio
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST as METRICS_TYPE
from prometheus_client import generate_latest

from infra.bus.errors import BusError
from infra.engine.errors import EngineError
from infra.engine.metrics import METRICS
from infra.observe import gauge, observe, registry
from streams.bus import Lag
from streams.parked import DEAD, WAITING
from streams.system import System

__all__ = ["BUS_SILENT", "METRICS_TYPE", "lags", "metrics", "readiness"]

#: Seconds after which a store or the bus counts as not answering.
ANSWER_WITHIN_S = 2.0
#: What hinders a domain then; how far it is behind is not known either.
BUS_SILENT = "its bus does not answer"

#: Timers, then parked deliveries by state, of one domain.
_COUNTS = (
    """SELECT 'timers', count(*) FROM "{0}$timers" """
    """UNION ALL SELECT "state", count(*) FROM "{0}$parked" GROUP BY "state" """
)


async def readiness(system: System) -> tuple[bool, dict[str, Any]]:
    """Whether every domain can work, and what hinders those that cannot."""
    names = [name for name in system.stores if name in system.watches]
    checks = await asyncio.gather(*(_hindrance(system, name) for name in names))
    domains = dict(zip(names, checks, strict=True))
    ready = bool(domains) and not any(domains.values())
    return ready, {name: hindrance or "ready" for name, hindrance in domains.items()}


async def _hindrance(system: System, name: str) -> str:
    worker = system.workers.get(name)
    if name in system.role.works_for and (worker is None or not worker.alive):
        return "its worker does not run"
    if worker and worker.inbox.trouble:
        return f"its store takes nothing: {worker.inbox.trouble}"
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await system.stores[name].reader.query("SELECT 1")
    except (EngineError, TimeoutError) as error:
        return f"its store does not answer: {error}"
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await (worker.subscription if worker else system.subscription(name)).ask()
    except BusError as error:
        return str(error)
    except Exception as error:  # whatever the bus's client raises: it does not answer
        observe("bus.silent", domain=name, error=repr(error))
        return BUS_SILENT
    return ""


async def lags(system: System, name: str) -> list[Lag] | None:
    """How far a domain is behind on its topics; None if the bus does not say in time."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return await system.subscription(name).lag()
    except Exception as error:  # whatever the bus's client raises: it does not answer
        observe("bus.silent", domain=name, error=repr(error))
        return None


async def metrics(system: System) -> bytes:
    """The counters so far, and the levels of this moment, as Prometheus reads them."""
    for name, worker in system.workers.items():
        gauge("odori_commands_waiting", "Commands not yet handled", worker.waiting, domain=name)
        unpublished = worker.relay.last - worker.relay.lane.acknowledged
        gauge("odori_outbox_unpublished", "Messages not yet published", unpublished, domain=name)
        for lag in await lags(system, name) or ():
            place = {"subscriber": name, "topic": lag.topic}
            gauge("odori_lag_messages", "Messages not yet heard", lag.messages, **place)
            gauge("odori_lag_seconds", "Age of the oldest of them", lag.seconds, **place)
        rows = await system.stores[name].reader.query(_COUNTS.format(name))
        counts = {str(what): int(count) for what, count in rows}
        gauge("odori_timers", "Timers set", counts["timers"], domain=name)
        for state in (WAITING, DEAD):
            count = counts.get(state, 0)
            gauge("odori_parked", "Parked deliveries", count, domain=name, state=state)
    return generate_latest(registry) + generate_latest(METRICS)
