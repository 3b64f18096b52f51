"""The operator's mark on commands that come over the bus: made with the data folder's secret."""

import hmac

from streams.envelope import OPERATOR_MARK, Envelope


def mark(key: str, envelope: Envelope) -> None:
    """Sign an envelope as the operator's own."""
    envelope.extra = [*(envelope.extra or []), (OPERATOR_MARK, _signature(key, envelope).encode())]


def is_operators(key: str, envelope: Envelope) -> bool:
    """Whether a holder of the secret sent this very message."""
    if not envelope.extra or not key:
        return False
    found = dict(envelope.extra).get(OPERATOR_MARK)
    return found is not None and hmac.compare_digest(found, _signature(key, envelope).encode())


def _signature(key: str, envelope: Envelope) -> str:
    said = b"\n".join((envelope.id.encode(), envelope.type.encode(), envelope.payload))
    return hmac.new(key.encode(), said, "sha256").hexdigest()
