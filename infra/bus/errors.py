"""What can go wrong with a bus.

BusError
├── BusUnreachable
├── TopicRefused
└── PositionLost
"""


class BusError(Exception):
    """The bus cannot go on; the sentence says what to do."""


class BusUnreachable(BusError):
    """No broker answered within the limit."""


class TopicRefused(BusError):
    """The broker does not create the topic as it was asked for."""


class PositionLost(BusError):
    """The broker no longer has the messages that were not handled yet."""
