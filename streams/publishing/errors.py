"""Why publishing stopped.

PublishingError
 ├─ NotOpened    the orders need a catalogue that is not there
 ├─ NotAllowed   the server takes this from the operator only
 └─ BrokerGone   the broker did not take what was sent
"""


class PublishingError(Exception):
    """The root of what stops publishing; the message says how to mend it."""


class NotOpened(PublishingError):
    """The orders need a catalogue that is not there."""


class NotAllowed(PublishingError):
    """The server takes this from the operator only."""


class BrokerGone(PublishingError):
    """The broker did not take what was sent."""
