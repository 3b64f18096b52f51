"""Fetch sessions: what a fetch names, and that nothing is lost when a broker forgets them."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from aiokafka.errors import RequestTimedOutError
from aiokafka.protocol.fetch import (
    FetchRequest,
    FetchRequest_v4,
    FetchRequest_v11,
    FetchResponse_v11,
)

from infra.bus.kafka.receiver import Receiver
from infra.bus.kafka.sessions import EPOCH_MAX, Session, SessionFetch, Sessions
from tests.kafka.records import hear, new_topic, receiving, send
from tests.services import need
from tests.services.kafka import lacking, running

#: Enough for a difference between all and some.
PARTITIONS = 12


def asked(**at: int) -> FetchRequest:
    """A whole fetch; a0=5 is partition 0 of topic a from offset 5 on."""
    topics: dict[str, list[tuple[int, int, int]]] = {}
    for place, offset in at.items():
        topics.setdefault(place[0], []).append((int(place[1:]), offset, 1_000))
    return FetchRequest(200, 1, 2_000, 1, list(topics.items()))


def said(session: Session, whole: FetchRequest) -> tuple[Any, ...]:
    """What goes to the broker: session, epoch, places with offsets, places forgotten."""
    built = SessionFetch(whole, session).build(FetchRequest_v11)
    places = {(t, p[0]): p[2] for t, some in built.topics for p in some}
    gone = {(t, p) for t, some in built.forgotten_topics_data for p in some}
    return built.session_id, built.session_epoch, places, gone


def test_after_the_first_a_fetch_names_what_moved_what_is_new_and_what_is_gone() -> None:
    session = Session()
    assert said(session, asked(a0=5, a1=7)) == (0, 0, {("a", 0): 5, ("a", 1): 7}, set())
    session.heard(42)
    assert said(session, asked(a0=6, a1=7, b0=1)) == (42, 1, {("a", 0): 6, ("b", 0): 1}, set())
    session.heard(42)
    assert said(session, asked(a1=7)) == (42, 2, {}, {("a", 0), ("b", 0)})
    session.heard(42)
    assert said(session, asked(a0=6, a1=7)) == (42, 3, {("a", 0): 6}, set())


def test_who_cannot_be_sure_names_all_and_closes_the_session_before() -> None:
    session = Session()
    said(session, asked(a0=5))
    session.heard(42)
    session.anew()
    assert said(session, asked(a0=5)) == (42, 0, {("a", 0): 5}, set())


def test_a_broker_that_keeps_no_session_is_told_all_each_time() -> None:
    session = Session()
    for _ in range(2):
        assert said(session, asked(a0=5)) == (0, 0, {("a", 0): 5}, set())
        session.heard(0)


def test_epochs_begin_again_at_one() -> None:
    session = Session()
    session.epoch = EPOCH_MAX
    session.heard(42)
    assert session.epoch == 1


def test_before_sessions_a_fetch_is_as_it_was() -> None:
    whole = asked(a0=5)
    fetch = SessionFetch(whole, Session())
    assert fetch.build(FetchRequest_v4) == whole.build(FetchRequest_v4)
    assert not fetch.in_session


class Broker:
    """A client whose broker answers as it is told."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.said: list[tuple[int, int, int]] = []

    async def send(self, node_id: int, request: SessionFetch) -> Any:
        built = request.build(FetchRequest_v11)
        self.said.append((built.session_id, built.session_epoch, len(built.topics)))
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return FetchResponse_v11(0, *answer, [])


@pytest.mark.parametrize(
    "trouble", [(70, 0), (71, 42), RequestTimedOutError(), asyncio.CancelledError()]
)
async def test_after_trouble_the_session_is_opened_anew(trouble: Any) -> None:
    broker = Broker((0, 42), (0, 42), trouble, (0, 43), (0, 43))
    sessions = Sessions(broker)
    for _ in range(5):
        with suppress(RequestTimedOutError, asyncio.CancelledError):
            await sessions.send(1, asked(a0=5))
    assert broker.said == [(0, 0, 1), (42, 1, 0), (42, 2, 0), (42, 0, 1), (43, 1, 0)]


def session_of(receiver: Receiver) -> Session:
    """That of a cluster's only broker."""
    [session] = receiver._consumer._client.send.__self__._of_node.values()
    assert isinstance(session, Session)
    return session


@pytest.mark.service
async def test_a_real_broker_answers_within_one_session_and_nothing_is_missed(kafka: str) -> None:
    topic = await new_topic(kafka, PARTITIONS)
    async with receiving(kafka, f"{topic}.reader", topic) as receiver:
        for last in range(20, 401, 20):
            await send(kafka, topic, last - 19, last)
        assert sorted(await hear(receiver, 400)) == list(range(1, 401))
        session = session_of(receiver)
        opened = session.id
        assert opened
        for last in range(410, 501, 10):
            await send(kafka, topic, last - 9, last)
            assert len(await hear(receiver, last, first=last - 9)) == 10
        assert session.id == opened
        assert session.epoch > 5


@pytest.mark.service
async def test_a_broker_that_was_started_anew_has_forgotten_and_nothing_is_missed() -> None:
    need(lacking())
    with running() as server:
        topic = await new_topic(server.address, PARTITIONS)
        async with receiving(server.address, f"{topic}.reader", topic) as receiver:
            await send(server.address, topic, 1, 100)
            await hear(receiver, 100)
            before = session_of(receiver).id
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            await send(server.address, topic, 101, 200)
            await hear(receiver, 200, first=101)
            assert session_of(receiver).id not in (0, before)
