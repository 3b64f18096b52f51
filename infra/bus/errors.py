"""What can go wrong with a bus.

BusError
├── BusUnreachable
├── ClientRefused
├── TopicRefused
└── PositionLost
"""


class BusError(Exception):
    """The bus cannot go on; the sentence says what to do."""


class BusUnreachable(BusError):
    """No broker answered within the limit."""


class ClientRefused(BusError):
    """A setting that Kafka's client does not know, or a value that it cannot take."""


class TopicRefused(BusError):
    """The broker does not create the topic as it was asked for."""


class PositionLost(BusError):
    """The broker no longer has the messages that were not handled yet."""
