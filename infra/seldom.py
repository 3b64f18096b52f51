"""Lets a library say the same thing only now and then."""

import logging
from collections.abc import Callable
from time import monotonic

#: Between two records of one kind; a client whose broker is gone makes hundreds a second.
REPEAT_SECONDS = 30.0
#: Kinds that are remembered; beyond that all are forgotten, and may be said once more.
KINDS_MAX_COUNT = 1_000


class Seldom(logging.Filter):
    """Of the records that one logger makes of one text, one passes in each interval; the next one
    tells how many did not."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind, now = (record.name, str(record.msg)), self._clock()
        said, kept_back = self._kinds.get(kind, (now - REPEAT_SECONDS, 0))
        if now - said < REPEAT_SECONDS:
            self._kinds[kind] = said, kept_back + 1
            return False
        if len(self._kinds) >= KINDS_MAX_COUNT:
            self._kinds.clear()
        self._kinds[kind] = now, 0
        if kept_back:
            record.msg, record.args = f"{record.getMessage()} ({kept_back} times more)", ()
        return True
