"""Processes of either side under one load, each killed at a random time and followed by another."""

import json
import random
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from tests.interop.java import Java

Fields = dict[str, Any]
#: What is under way when a process is told to end may wait for a busy database.
STOP_LIMIT_SECONDS = 60
#: What of its log is in the error when a process ended by itself.
LAST_WORDS_CHARACTERS = 3_000


class Player(ABC):
    """One process under load."""

    log: Path

    @abstractmethod
    def ended(self, within_seconds: float) -> bool:
        """Whether it ends by itself within this time, which it should not."""

    @abstractmethod
    def kill(self) -> None:
        """kill -9."""

    @abstractmethod
    def stop(self) -> Fields:
        """Have it finish what is under way; what it counted."""


class PythonPlayer(Player):
    """A process with the Python engine."""

    def __init__(self, do: str, properties: dict[str, str], fields: Fields, log: Path) -> None:
        self.log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.mixed.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=Path(__file__).parents[2],
            )
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": do, "properties": properties, **fields}) + "\n")
        self._process.stdin.flush()

    def ended(self, within_seconds: float) -> bool:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(within_seconds)
        return self._process.returncode is not None

    def kill(self) -> None:
        self._process.kill()
        with self._process:  # waits, and closes its pipes
            pass

    def stop(self) -> Fields:
        said, _ = self._process.communicate(timeout=STOP_LIMIT_SECONDS)
        counted: Fields = json.loads(said)
        return counted


class JavaPlayer(Player):
    """A process with ScalarDB."""

    def __init__(self, do: str, properties: dict[str, str], fields: Fields, log: Path) -> None:
        self.log, self._java = log, Java(log)
        self._java.ask("open", properties=properties)
        self._under_way = self._java.send(do, **fields)

    def ended(self, within_seconds: float) -> bool:
        with suppress(TimeoutError):
            self._under_way.exception(within_seconds)
        return self._under_way.done()

    def kill(self) -> None:
        self._java.kill()
        self._java.stop()  # closes its input

    def stop(self) -> Fields:
        while not self._java.ask("stop", run="load"):
            assert not self._under_way.done()
        said: Fields = self._under_way.result(STOP_LIMIT_SECONDS)
        return said


@dataclass
class Seat:
    """A place for one process after the other. `begin` starts the one of this number."""

    begin: Callable[[int], Player]
    #: The shortest and the longest life, from the start of the process.
    lives_seconds: tuple[float, float]


def play(seats: Sequence[Seat], seconds: float) -> int:
    """Keep all seats taken for so long, then have all end in peace; how many were killed."""
    end, failed = time.monotonic() + seconds, threading.Event()

    def keep(seat: Seat) -> int:
        for life in count():
            player = seat.begin(life)
            try:
                lasts = min(random.uniform(*seat.lives_seconds), max(end - time.monotonic(), 0))
                assert not player.ended(lasts), player.log.read_text()[-LAST_WORDS_CHARACTERS:]
                if time.monotonic() >= end or failed.is_set():
                    player.stop()
                    return life
            except BaseException:
                failed.set()
                raise
            finally:
                player.kill()
        raise AssertionError

    with ThreadPoolExecutor(len(seats)) as threads:
        kept = [threads.submit(keep, seat) for seat in seats]
        return sum(future.result() for future in kept)
