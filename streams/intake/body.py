"""The body of a request, bounded in size, alone and together with all others under way."""

from starlette.requests import Request

from streams.intake.problem import Problem

#: Bytes of one body; an order of 100 lines with the longest ids needs a sixth of it.
BODY_MAX_BYTES = 256 * 1024
#: Bytes of all bodies between their arrival and their answer; beyond that the service is busy.
BODIES_MAX_BYTES = 64 * 1024 * 1024
#: Seconds after which a refused client may try again.
RETRY_AFTER_S = 1

_JSON = "application/json"


class Intake:
    """Counts the bytes of the requests under way."""

    def __init__(self) -> None:
        self.bytes = 0

    async def read(self, request: Request) -> bytes:
        """The whole body; raises Problem 413, 415 or 503. `release` gives its bytes back."""
        headers = request.headers
        if headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
            raise Problem(415, "not-json", f"the content-type of a command is {_JSON}")
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > BODY_MAX_BYTES:
            raise too_large()
        chunks: list[bytes] = []
        size = 0
        try:
            async for chunk in request.stream():
                size += len(chunk)
                self.bytes += len(chunk)
                if size > BODY_MAX_BYTES:
                    raise too_large()
                if self.bytes > BODIES_MAX_BYTES:
                    raise busy("too many requests are under way")
                chunks.append(chunk)
        except BaseException:
            self.bytes -= size
            raise
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def release(self, body: bytes) -> None:
        """The request of this body is answered."""
        self.bytes -= len(body)


def too_large() -> Problem:
    return Problem(413, "too-large", f"a body has at most {BODY_MAX_BYTES} bytes")


def busy(detail: str) -> Problem:
    """Nothing was done; the client may come again."""
    return Problem(503, "busy", detail, headers={"retry-after": str(RETRY_AFTER_S)})
