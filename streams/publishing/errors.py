"""Why publishing stopped.

PublishingError
 ├─ NotOpened    the orders need a catalogue that is not there
 ├─ NotAllowed   the server takes this from the operator only
 ├─ NotTaken     the server takes none of these commands from anybody
 └─ BrokerGone   the broker did not take what was sent
"""


class PublishingError(Exception):
    """The root of what stops publishing; the message says how to mend it."""


class NotOpened(PublishingError):
    """The orders need a catalogue that is not there."""


class NotAllowed(PublishingError):
    """The server takes this from the operator only."""


class NotTaken(PublishingError):
    """The server takes none of these commands from anybody."""


class BrokerGone(PublishingError):
    """The broker did not take what was sent."""
