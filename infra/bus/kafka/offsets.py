"""Which offsets of one partition are done: the position never passes one that is not."""

from collections import deque
from collections.abc import Sequence
from typing import Any


class Track:
    """One partition's records from arrival to done. Everything before `position` is done."""

    __slots__ = ("committed", "early", "position", "waiting")

    def __init__(self, first: int) -> None:
        self.position = first
        self.committed = first
        self.waiting: deque[Any] = deque()
        self.early: set[int] = set()

    def arrived(self, records: Sequence[Any]) -> None:
        """Records that were fetched, in order."""
        self.waiting.extend(records)

    def done(self, offset: int) -> None:
        """One record is handled; in any order. Unknown offsets are somebody else's."""
        waiting = self.waiting
        if not waiting or not waiting[0].offset <= offset <= waiting[-1].offset:
            return
        if offset != waiting[0].offset:
            self.early.add(offset)
            return
        waiting.popleft()
        self.position = offset + 1
        while self.early and waiting and waiting[0].offset in self.early:
            self.position = waiting.popleft().offset + 1
            self.early.remove(self.position - 1)

    def forget(self) -> None:
        """What is not done will arrive again."""
        self.waiting.clear()
        self.early.clear()
