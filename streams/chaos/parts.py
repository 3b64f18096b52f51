"""The parts of one Odori as processes of their own, over servers that stand behind proxies."""

import sys
from collections.abc import Mapping
from pathlib import Path

from infra.chaos.clock import Clock
from infra.chaos.process import Process
from streams.topology import discover

#: What two cores bear, and enough that one of each may be gone.
WORKERS_COUNT, INTAKES_COUNT = 2, 2
#: What every part prints once it answers, before its address.
READY = " is up at "


class Parts:
    """Workers for all domains, intakes, and a dashboard that says how far behind they are."""

    def __init__(self, data: Path, environ: Mapping[str, str], clock: Clock | None) -> None:
        self._data, self._environ, self._clock = data, environ, clock
        (data / "logs").mkdir(parents=True)
        domains = list(discover().parts)
        self.workers = [
            self._part(f"worker-{n}", "work", *domains, clock=clock if n == 1 else None)
            for n in range(1, WORKERS_COUNT + 1)
        ]
        self.intakes = [self._part(f"intake-{n + 1}", "intake") for n in range(INTAKES_COUNT)]
        self.dashboard = self._part("dashboard", "dashboard")

    @property
    def every(self) -> list[Process]:
        return [*self.workers, *self.intakes, self.dashboard]

    @property
    def broken(self) -> Mapping[str, list[Process]]:
        """Those that are broken on purpose, by component."""
        return {"worker": self.workers, "intake": self.intakes}

    def urls(self) -> list[str]:
        """Where orders are taken; one of them may be dead at the moment."""
        return [intake.said.partition(READY)[2].split()[0] for intake in self.intakes]

    def start(self) -> None:
        for part in self.every:
            part.launch()
        for part in self.every:
            part.wait()

    def stop(self) -> None:
        for part in self.every:
            part.stop()
        if self._clock:
            self._clock.clean()

    def _part(self, name: str, *words: str, clock: Clock | None = None) -> Process:
        return Process(
            name,
            [sys.executable, "-m", "streams.cli", *words, "--port", "0", "--data", str(self._data)],
            {**self._environ, **(clock.environ if clock else {})},
            self._data / "logs" / f"{name}.log",
            READY,
        )
