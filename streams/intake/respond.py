"""Answers that are not problems."""

from pydantic_core import to_json
from starlette.responses import Response

_FRESH = {"cache-control": "no-store"}


def as_json(body: object, status: int = 200) -> Response:
    """A JSON answer that no cache keeps."""
    return Response(to_json(body), status, _FRESH, media_type="application/json")


def as_page(html: str) -> Response:
    """A page that no cache keeps."""
    return Response(html, 200, _FRESH | {"vary": "accept"}, media_type="text/html")
