"""Fetch sessions (KIP-227): a fetch names the partitions that changed since the last one, not all.

aiokafka names all of them each time, and a broker answers for all of them; with some dozens of
partitions that costs both more than the records do.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from aiokafka.protocol.fetch import FetchRequest

#: The first version of the protocol's Fetch that has sessions.
SESSIONS_SINCE = 7
#: Opens a session anew; its id, if there is one, is that of the session to close.
OPENING = 0
#: After this epoch comes 1 again.
EPOCH_MAX = 2**31 - 1

Place = tuple[str, int]


class Session:
    """What one broker knows of one consumer's partitions."""

    def __init__(self) -> None:
        self.id = 0
        self.epoch = OPENING
        #: By partition what was asked for last: where to begin, and bytes at most.
        self.known: dict[Place, tuple[int, int]] = {}

    def anew(self) -> None:
        """Nobody is sure what the broker knows."""
        self.epoch = OPENING
        self.known = {}

    def heard(self, session_id: int) -> None:
        """The broker has answered; with no id it keeps no session."""
        self.id = session_id
        if session_id:
            self.epoch = self.epoch % EPOCH_MAX + 1
        else:
            self.anew()


class SessionFetch(FetchRequest):  # type: ignore[misc]
    """A fetch as a session needs it."""

    def __init__(self, whole: FetchRequest, session: Session) -> None:
        self._whole, self._session = whole, session
        self.in_session = False

    @property
    def topics(self) -> Any:
        return self._whole.topics

    def build(self, request_struct_class: Any) -> Any:
        """Raises what the whole fetch raises."""
        if request_struct_class.API_VERSION < SESSIONS_SINCE:
            return self._whole.build(request_struct_class)
        session, whole = self._session, self._whole
        asked = {
            (topic, partition): (offset, max_bytes)
            for topic, partitions in whole.topics
            for partition, offset, max_bytes in partitions
        }
        changed = [(p, at) for p, at in asked.items() if session.known.get(p) != at]
        forgotten = session.known.keys() - asked.keys()
        session.known = asked
        self.in_session = True
        fetch = FetchRequest(
            whole._max_wait_ms, whole._min_bytes, whole._max_bytes, whole._isolation_level,
            by_topic((topic, (partition, *at)) for (topic, partition), at in changed),
            whole._rack_id,
        )  # fmt: skip
        built = fetch.build(request_struct_class)
        built.session_id, built.session_epoch = session.id, session.epoch
        built.forgotten_topics_data = by_topic(forgotten)
        return built


def by_topic(places: Iterable[tuple[str, Any]]) -> list[tuple[str, list[Any]]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for topic, place in places:
        found[topic].append(place)
    return list(found.items())


class Sessions:
    """Stands before a consumer's client: its fetches go within sessions, one for each broker."""

    def __init__(self, client: Any) -> None:
        self._send = client.send
        self._of_node: dict[int, Session] = defaultdict(Session)
        client.send = self.send

    async def send(self, node_id: int, request: Any, **how: Any) -> Any:
        if not isinstance(request, FetchRequest):
            return await self._send(node_id, request, **how)
        session = self._of_node[node_id]
        fetch = SessionFetch(request, session)
        try:
            response = await self._send(node_id, fetch, **how)
        except BaseException:  # also when it is not waited for any more: it may have arrived
            session.anew()
            raise
        if fetch.in_session:
            if response.error_code:  # the broker was started anew, or it forgot
                session.anew()
            else:
                session.heard(response.session_id)
        return response
