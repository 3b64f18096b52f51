"""What goes wrong over HTTP: one exception, answered as RFC 9457 problem+json."""

from collections.abc import Mapping

from pydantic_core import to_json
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A request that is answered with a problem.

    `kind` names the problem's type; it never changes once published. `saga` is whose command it
    was, for the log, where that was read.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **facts: object,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.facts = facts
        self.saga = ""

    def response(self, instance: str) -> Response:
        """The answer; `instance` is the path that was asked for."""
        body = {
            "type": f"/problems/{self.kind}",
            "title": self.kind.replace("-", " "),
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        return Response(
            to_json(body | self.facts), self.status, self.headers, media_type=MEDIA_TYPE
        )


def not_found(what: str) -> Problem:
    """There is no such thing."""
    return Problem(404, "not-found", what)
