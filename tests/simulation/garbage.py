"""What a client may send by mistake: the bus carries it, nobody can read it."""

from random import Random

from schemas.order import CancelOrder
from streams.envelope import Headers
from tests.simulation.commands import Ids, envelope_of

TOPICS = ("order.commands", "order.events", "payment.events", "shipping.failures")


def garbage(chance: Random, ids: Ids) -> tuple[str, bytes | None, bytes | None, Headers]:
    """One record: topic, key, value, headers."""
    good = envelope_of(CancelOrder(order_id="X", customer_id="x", request_id="x"), ids)
    topic, key, headers = good.topic, b"x", good.headers()
    value: bytes | None = good.payload
    match chance.randrange(6):
        case 0:
            value = chance.randbytes(20)
        case 1:
            headers = [(name, text) for name, text in headers if name != "ce_type"]
        case 2:
            headers = [*_without(headers, "ce_type"), ("ce_type", b"odori.order.Nothing.v1")]
        case 3:
            headers = [*_without(headers, "ce_type"), ("ce_type", b"odori.order.CancelOrder.v9")]
        case 4:
            headers = [*_without(headers, "ce_correlationid"), ("ce_correlationid", b"a\0b")]
            value = b'{"orderId": "a\\u0000b", "x\\u0000": 1}'
        case _:
            value, headers = None, [("content-type", b"\xff"), ("ce_id", b"\xff\0")]
    return chance.choice(TOPICS) if chance.random() < 0.3 else topic, key, value, headers


def _without(headers: Headers, name: str) -> Headers:
    return [header for header in headers if header[0] != name]
