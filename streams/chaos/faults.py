"""How each kind of fault is done, and taken back."""

import asyncio
from collections.abc import Awaitable, Callable

from infra.chaos.plan import CLOCK_MOVED_SECONDS, DELAYS_S, Fault
from infra.chaos.target import Filling, Target
from streams.chaos.stage import Stage

#: Called once the blow has fallen.
Fallen = Callable[[], Awaitable[None]]


async def break_and_mend(stage: Stage, fault: Fault, fallen: Fallen) -> None:
    """Break it, leave it so for as long as the fault says, and mend it."""
    some = stage.targets[fault.component]
    # the first worker is the one with the movable clock
    target = some[0 if fault.kind == "clock moved" else fault.draw % len(some)]
    match fault.kind:
        case "kill":
            await _process(target.kill, target.start, fault, fallen)
        case "pause":
            await _process(target.pause, target.resume, fault, fallen)
        case "restart":
            await _process(target.stop, target.start, fault, fallen)
        case "clock moved":
            await _clock(stage, fault, fallen)
        case "disk full":
            await _disk(target, fault, fallen)
        case _:
            await _wires(stage, fault, fallen)


async def _process(
    begin: Callable[[], None], end: Callable[[], None], fault: Fault, fallen: Fallen
) -> None:
    await asyncio.to_thread(begin)
    try:
        await fallen()
        await asyncio.sleep(fault.seconds)
    finally:
        await asyncio.to_thread(end)


async def _wires(stage: Stage, fault: Fault, fallen: Fallen) -> None:
    proxy = stage.proxies[fault.component]
    if fault.kind == "cut":
        proxy.cut()
    else:
        proxy.delay(DELAYS_S[fault.draw % len(DELAYS_S)])
    try:
        await fallen()
        await asyncio.sleep(fault.seconds)
    finally:
        proxy.mend()


async def _clock(stage: Stage, fault: Fault, fallen: Fallen) -> None:
    assert stage.clock is not None, "without one, no plan moves it"
    stage.clock.move(CLOCK_MOVED_SECONDS[fault.draw % len(CLOCK_MOVED_SECONDS)])
    try:
        await fallen()
        await asyncio.sleep(fault.seconds)
    finally:
        stage.clock.move(0)


async def _disk(target: Target, fault: Fault, fallen: Fallen) -> None:
    """A server may end by itself of a full disk; it is started again once there is room."""
    assert isinstance(target, Filling), "without a small disk, no plan fills it"
    await asyncio.to_thread(target.fill)
    try:
        await fallen()
        await asyncio.sleep(fault.seconds)
    finally:
        await asyncio.to_thread(target.empty)
        if not await asyncio.to_thread(target.alive):
            await asyncio.to_thread(target.kill)
            await asyncio.to_thread(target.start)
