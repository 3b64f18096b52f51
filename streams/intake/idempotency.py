"""Idempotency-Key: read from the header, scoped to its client, one request at a time."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from uuid import NAMESPACE_URL, UUID, uuid5

from starlette.requests import Request

from schemas.message import Message
from streams.intake.problem import Problem

#: Characters of a key; a UUID has 36.
KEY_MAX_CHARS = 255
#: Characters of a client's name.
CLIENT_MAX_CHARS = 128
#: Who sends no X-Client-Id shares its keys with all others who do not.
ANONYMOUS = "anonymous"

#: RFC 9651 string, as the Idempotency-Key draft wants it; many clients send it bare.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-\[\]-~]+")
_CLIENT = re.compile(r"[!-~]+")


def key_of(request: Request) -> str | None:
    """The key without its quotes; None if there is no such header; Problem 400 if it is unclear."""
    found = request.headers.getlist("idempotency-key")
    if not found:
        return None
    text = found[0].strip(" \t")
    if quoted := _QUOTED.fullmatch(text):
        text = re.sub(r"\\(.)", r"\1", quoted[1])
    elif not _BARE.fullmatch(text):
        text = ""
    if len(found) > 1 or not 0 < len(text) <= KEY_MAX_CHARS:
        detail = f'Idempotency-Key is one quoted string of 1 to {KEY_MAX_CHARS} characters: "..."'
        raise Problem(400, "idempotency-key-invalid", detail)
    return text


def client_of(request: Request) -> str:
    """Whose keys these are: what the client calls itself in X-Client-Id."""
    client: str = request.headers.get("x-client-id", ANONYMOUS)
    if len(client) > CLIENT_MAX_CHARS or not _CLIENT.fullmatch(client):
        detail = f"X-Client-Id has 1 to {CLIENT_MAX_CHARS} visible ASCII characters"
        raise Problem(400, "client-id-invalid", detail)
    return client


def minted(client: str, key: str) -> UUID:
    """The id that a command gets which came without one; the same for the same key."""
    return uuid5(uuid5(NAMESPACE_URL, f"odori:{client}"), key)


def digest_of(message: Message, payload: bytes) -> str:
    """A fingerprint of what was asked; spaces and the order of fields do not matter."""
    return blake2b(message.spec.wire.encode() + b"\0" + payload, digest_size=16).hexdigest()


class InFlight:
    """The keys that this process is working on."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, str, str]] = set()

    @contextmanager
    def claim(self, domain: str, client: str, key: str | None) -> Iterator[None]:
        """Hold a key until its answer is known; Problem 409 if somebody holds it."""
        if key is None:
            yield
            return
        place = (domain, client, key)
        if place in self._keys:
            detail = "a request with this Idempotency-Key is in progress"
            raise Problem(409, "idempotency-key-in-progress", detail)
        self._keys.add(place)
        try:
            yield
        finally:
            self._keys.discard(place)
