"""W3C trace context: one trace from the request to the last event, a new span for every hop."""

import re

from infra.ids import random_bits

_PARTS = r"(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
#: Of versions to come, what they have in common with 00 is taken (Trace Context, 4.3).
_FORM = re.compile(rf"(?:00-({_PARTS})|(?!00|ff)[0-9a-f]{{2}}-({_PARTS})(?:-.*)?)")


def taken_over(header: str | None) -> str:
    """The caller's traceparent if it is well-formed, else the beginning of a new trace."""
    if header and (found := _FORM.fullmatch(header.strip())):
        return f"00-{found[1] or found[2]}"
    return f"00-{random_bits(128) or 1:032x}-{random_bits(64) or 1:016x}-01"


def next_hop(traceparent: str) -> str:
    """The same trace with a span id of its own."""
    if not traceparent:
        return taken_over(None)
    return f"{traceparent[:36]}{random_bits(64) or 1:016x}{traceparent[52:]}"


def trace_id(traceparent: str) -> str:
    """The 32 hex digits of the trace."""
    return traceparent[3:35]
