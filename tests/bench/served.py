"""The served system in a process of its own, as `odori up` starts it, looked at from outside."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from urllib.request import urlopen

from schemas.inventory import StockCommitted, StockReleased
from schemas.order import OrderCancelled
from schemas.payment import PaymentRefunded
from streams.folder import running
from tests.bench.driver import PATIENCE_S, BenchFailed
from tests.bench.figures import rss_mb

#: How long a clean stop may take.
STOP_LIMIT_S = 30
#: How often the metrics are asked for while orders end; each asking costs the system something.
LOOK_INTERVAL_S = 0.2
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Served:
    """A running system; `url` answers."""

    def __init__(self, data: Path) -> None:
        began = time.perf_counter()
        command = [sys.executable, "-m", "streams.cli", "up", "--port=0", f"--data={data}"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        self.start_seconds = time.perf_counter() - began
        if not said:
            raise BenchFailed("the served system does not start")
        self.url = str(running(data)["url"])

    def stop(self) -> float:
        """Ask it to end; the seconds it took."""
        began = time.perf_counter()
        self._process.terminate()
        self._process.communicate(timeout=STOP_LIMIT_S)
        return time.perf_counter() - began

    @property
    def rss_mb(self) -> float:
        return rss_mb(self._process.pid)

    @property
    def cpu_seconds(self) -> float:
        """Processor time of all its threads."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / _TICKS_PER_S

    def ended(self) -> int:
        """Orders that have ended since it started."""
        with urlopen(f"{self.url}/metrics") as answer:
            text = answer.read().decode()
        undone = (OrderCancelled, StockReleased, PaymentRefunded)
        said = [_said(text, message.spec.wire) for message in undone]
        return _said(text, StockCommitted.spec.wire) + min(said)

    def until_ended(self, count: int) -> float:
        """The seconds until so many orders have ended."""
        began = changed = time.perf_counter()
        last, never = -1, Event()
        while (ended := self.ended()) < count:
            now = time.perf_counter()
            changed = changed if ended == last else now
            last = ended
            if now - changed > PATIENCE_S:
                raise BenchFailed(f"{count - ended} of {count} orders do not end")
            never.wait(LOOK_INTERVAL_S)
        return time.perf_counter() - began


def _said(metrics: str, wire: str) -> int:
    found = re.search(rf'odori_announced_total{{.*type="{re.escape(wire)}".*}} (\S+)', metrics)
    return int(float(found[1])) if found else 0


@contextmanager
def serving(data: Path) -> Iterator[Served]:
    """A served system, stopped afterwards."""
    served = Served(data)
    try:
        yield served
    finally:
        served.stop()
