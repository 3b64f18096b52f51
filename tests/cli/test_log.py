"""What the log says, and how often."""

import logging

from infra.seldom import KINDS_MAX_COUNT, REPEAT_SECONDS, Seldom


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def record(text: str, *args: object, logger: str = "aiokafka") -> logging.LogRecord:
    return logging.LogRecord(logger, logging.ERROR, "", 0, text, args, None)


def test_a_library_says_the_same_thing_once_in_a_while_and_how_often_it_would_have() -> None:
    clock = Clock()
    seldom = Seldom(clock)
    assert seldom.filter(record("no node %s", 1))
    assert not any(seldom.filter(record("no node %s", number)) for number in range(9))
    clock.now += REPEAT_SECONDS
    again = record("no node %s", 7)
    assert seldom.filter(again)
    assert again.getMessage() == "no node 7 (9 times more)"


def test_other_texts_and_other_loggers_are_said_at_once() -> None:
    seldom = Seldom(Clock())
    assert seldom.filter(record("no node"))
    assert seldom.filter(record("no coordinator"))
    assert seldom.filter(record("no node", logger="aiokafka.consumer"))


def test_what_is_remembered_is_bounded() -> None:
    seldom = Seldom(Clock())
    assert all(seldom.filter(record(f"text {n}")) for n in range(KINDS_MAX_COUNT + 5))
    assert len(seldom._kinds) <= KINDS_MAX_COUNT
