"""A run: steady load, one fault after the other, rest, and the question whether all is well."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from time import monotonic

from infra.chaos.plan import Fault, plan
from infra.chaos.target import NotStarted
from infra.clock import now_ms
from streams.chaos.bank import CASSANDRA, Bank
from streams.chaos.checks import SHOWN_MAX_COUNT, lost
from streams.chaos.faults import break_and_mend
from streams.chaos.recovery import Blow, carry_on, flow_again
from streams.chaos.stage import OpenServers, Stage, staged
from streams.chaos.street import Street
from streams.chaos.watch import Watch
from streams.folder import operator_key
from streams.topology import discover

#: A kill counts only with orders in flight; it waits for the next one that is accepted.
ACCEPT_LIMIT_S = 30.0
#: Past this, what does not flow is not waited for: the run has failed.
FLOW_LIMIT_S = 120.0
#: Between the return of everything and the next fault.
CALM_S = 0.5
#: What a look into the store may take before the blow is counted by what was known before it.
FRESH_LIMIT_S = 1.0
#: Transfers for each order.
TRANSFERS_RATIO = 0.2
#: How long `odori check` waits for rest.
REST_LIMIT_S = 60


@dataclass
class Outcome:
    """What happened, and what was wrong with it."""

    seed: int
    seconds: float
    rate: float
    ran_on: str
    blows: list[Blow] = field(default_factory=list)
    #: Faults that hit nothing under way, and do not count.
    idle: int = 0
    asked: int = 0
    accepted: int = 0
    transfers: int = 0
    unanswered: int = 0
    lost: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """In a line."""
        kills = sum(blow.fault.kind == "kill" for blow in self.blows)
        return (
            f"{len(self.blows)} faults, {kills} of them kills, with orders in flight, seed"
            f" {self.seed}, {self.accepted} orders accepted, on {self.ran_on}"
        )


async def run(
    open_servers: OpenServers,
    data: Path,
    *,
    seed: int,
    seconds: float,
    rate: float,
    say: Callable[[str], None],
) -> Outcome:
    """A whole run on servers of its own; `say` is told what happens."""
    began = monotonic()
    async with staged(data, open_servers) as stage:
        servers = stage.servers.values()
        names = ", ".join(str(getattr(server, "image", server.name)) for server in servers)
        outcome = Outcome(seed, seconds, rate, names, left_out=stage.left_out)
        say(f"seed {seed}: {names}, everything answers after {monotonic() - began:.0f} s")
        await _Run(stage, outcome, say).whole()
    return outcome


class _Run:
    def __init__(self, stage: Stage, outcome: Outcome, say: Callable[[str], None]) -> None:
        self.stage, self.outcome, self.say = stage, outcome, say
        chance, proxies = Random(outcome.seed), stage.proxies
        self.street = Street(chance, stage.parts.urls)
        self.bank = Bank(chance, stage.environ["ODORI_STORE"], proxies["cassandra"].address)
        self.watch = Watch(stage.home.several, lambda: list(self.street.open), self.street.ended)

    async def whole(self) -> None:
        await self.street.open_shop(operator_key(self.stage.data))
        await self.bank.found()
        rate = self.outcome.rate
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(self.watch.look())
            trading = [
                group.create_task(self.street.trade(rate)),
                group.create_task(self.bank.trade(rate * TRANSFERS_RATIO)),
            ]
            await self._faults()
            for trade in trading:
                trade.cancel()
            await self._settle()
            looking.cancel()
        await self._ask()

    async def _faults(self) -> None:
        end = monotonic() + self.outcome.seconds
        for fault in plan(self.outcome.seed, self.stage.kinds):
            try:
                blow = await self._strike(fault)
                self.outcome.lost += await asyncio.to_thread(self._ended_by_themselves)
            except NotStarted as error:
                self.outcome.lost.append(f"{fault}: {error}")
                return
            if blow.in_flight:
                self.outcome.blows.append(blow)
            else:
                self.outcome.idle += 1
            if blow.flowed is None or monotonic() > end:
                return
            await asyncio.sleep(CALM_S)

    async def _strike(self, fault: Fault) -> Blow:
        """One fault, from an order that was just accepted until everything flows again."""
        begun = self.bank.beginning if fault.component == CASSANDRA else self.street.accepting
        begun.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(begun.wait(), ACCEPT_LIMIT_S)
        began, in_flight = monotonic(), self._under_way(fault, monotonic())

        async def fallen() -> None:
            nonlocal in_flight
            if fault.kind != "kill":
                return
            hit = monotonic()
            with suppress(TimeoutError):  # who was killed may be the one who is asked
                await asyncio.wait_for(self.watch.fresh(), FRESH_LIMIT_S)
            in_flight = self._under_way(fault, hit)

        await break_and_mend(self.stage, fault, fallen)
        blow = Blow(fault, began, monotonic(), in_flight)
        blow = replace(blow, flowed=await self._flow(blow))
        after = f"{blow.flowed - blow.over:.1f} s" if blow.flowed else "never"
        self.say(f"{fault}; {in_flight} in flight, flows again {after} after it was over")
        return blow

    def _under_way(self, fault: Fault, before: float) -> int:
        """What was accepted before this moment, needs what is broken, and is not known to have
        ended: orders, or transfers."""
        some = self.bank.open if fault.component == CASSANDRA else self.street.open
        found = (one.accepted for one in some.values())
        return sum(1 for accepted in found if accepted is not None and accepted <= before)

    async def _flow(self, blow: Blow) -> float | None:
        everything = [self.street.orders, self.bank.transfers]
        with suppress(TimeoutError):
            async with asyncio.timeout(FLOW_LIMIT_S):
                while True:
                    found = [flow_again(x.values(), blow.began, blow.over) for x in everything]
                    if None not in found:
                        return max(at for at in found if at is not None)
                    await self.watch.fresh()
        return None

    def _ended_by_themselves(self) -> list[str]:
        """Parts that nobody killed and that are gone; they are started again."""
        found = []
        for part in self.stage.parts.every:
            if not part.alive():
                found.append(f"{part.name} ended by itself: {part.last_words()}")
                part.kill()
                part.start()
        return found

    async def _settle(self) -> None:
        """Nobody orders any more: everything that was asked for is answered, and ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FLOW_LIMIT_S):
                while self.street.open or self.bank.open:
                    await self.watch.fresh()
        await self.street.close()

    async def _ask(self) -> None:
        """The books, by the command that people ask, and what only we know."""
        outcome, street, bank = self.outcome, self.street, self.bank
        accepted = [order.id for order in street.orders.values() if order.accepted is not None]
        outcome.asked, outcome.accepted = len(street.orders), len(accepted)
        outcome.transfers = len(bank.transfers)
        # only now it is known what became of those that came in the meantime
        outcome.blows = [
            replace(blow, carried=carry_on(street.orders.values(), blow.began))
            for blow in outcome.blows
        ]
        outcome.unanswered = street.unanswered
        open_ = [*street.open, *bank.open]
        outcome.lost += [*street.strange, *(f"{one} has no end" for one in open_[:SHOWN_MAX_COUNT])]
        outcome.lost += await books(self.stage)
        outcome.lost += await asyncio.to_thread(self._lost, accepted)
        outcome.lost += await bank.lost(now_ms())
        await bank.close()

    def _lost(self, accepted: list[str]) -> list[str]:
        with self.stage.home.several() as several:
            return lost(several, discover(), accepted, now_ms())


async def books(stage: Stage) -> list[str]:
    """What `odori check` complains of."""
    words = ["check", "--wait", str(REST_LIMIT_S), "--json", "--data", str(stage.data)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "streams.cli", *words,
        env={**os.environ, **stage.environ},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await process.communicate()
    if process.returncode == 0:
        return []
    try:
        told = json.loads(out)
    except ValueError:
        return [f"odori check: {errors.decode()}"]
    some = [str(told[name]) for name in ("differences", "moving", "dead") if told[name]]
    return [f"odori check: {told['verdict']}: {'; '.join(some)}"]
