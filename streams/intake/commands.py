"""A command over HTTP: read, checked, handed to its domain, answered after the commit."""

import hmac

from pydantic import ValidationError
from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.responses import Response

from infra.ids import random_uuid
from infra.observe import observe
from schemas.catalogue import explain
from schemas.message import Command
from streams.answers import answer
from streams.delivery import Delivery, Outcome, Via
from streams.envelope import Envelope
from streams.inbox import Overloaded, StoreTrouble
from streams.intake.body import Intake, busy
from streams.intake.idempotency import InFlight, client_of, digest_of, key_of, minted
from streams.intake.problem import MEDIA_TYPE, Problem
from streams.intake.routes import OPERATOR_HEADER, location
from streams.system import System
from streams.trace import taken_over, trace_id

#: Fields named in one answer; a body full of mistakes must not make a larger answer.
ERRORS_MAX_COUNT = 100


class Counter:
    """Where commands are handed in; knows what is under way in this process."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.bodies = Intake()
        self.in_flight = InFlight()

    async def take(self, command: type[Command], request: Request) -> Response:
        """Everything that happens to one request; its trace is in every answer."""
        trace = taken_over(request.headers.get("traceparent"))
        try:
            return await self._take(command, request, trace)
        except Problem as problem:
            say_failed(problem.status, command.spec.wire, problem.saga, trace, str(problem))
            problem.headers["traceparent"] = trace
            raise

    async def _take(self, command: type[Command], request: Request, trace: str) -> Response:
        if command.spec.operator:
            self._admit(request.headers.get(OPERATOR_HEADER, ""))
        client, key = client_of(request), key_of(request)
        body = await self.bodies.read(request)
        try:
            message = read(command, body, client, key)
            try:
                with self.in_flight.claim(command.spec.domain, client, key):
                    return await self._hand_in(message, client, key, trace, request.url.path)
            except Problem as problem:
                problem.saga = message.spec.saga(message)
                raise
        finally:
            self.bodies.release(body)

    def _admit(self, given: str) -> None:
        expected = self.system.operator_key.encode()
        if not expected or not hmac.compare_digest(given.encode(), expected):
            detail = f"only the operator's tools may send this; they know {OPERATOR_HEADER}"
            raise Problem(403, "operator-only", detail)

    async def _hand_in(
        self, message: Command, client: str, key: str | None, trace: str, path: str
    ) -> Response:
        spec, payload = message.spec, message.payload()
        envelope = Envelope(
            id=random_uuid(), source=f"/odori/http/{client}", type=spec.wire, topic=spec.topic,
            key=spec.key(message), payload=payload, saga=spec.saga(message),
            subject=spec.subject(message), traceparent=trace, origin=trace, body=message,
        )  # fmt: skip
        held = None if key is None else (client, key, digest_of(message, payload))
        delivery = Delivery(
            envelope, Via.HTTP, idempotency=held, operator=spec.operator, body=message,
            saga=envelope.saga,
        )  # fmt: skip
        try:
            outcome = await self.system.submit(spec.domain, delivery)
        except (Overloaded, StoreTrouble) as error:
            raise busy(f"{spec.domain} is busy, nothing was done: {error}") from None
        return self._answer(delivery, envelope, outcome, path)

    @staticmethod
    def _answer(delivery: Delivery, envelope: Envelope, outcome: Outcome, path: str) -> Response:
        status, text = answer(delivery, outcome)
        headers = {"traceparent": envelope.traceparent}
        if status < 300:
            assert envelope.body is not None
            headers["location"] = location(envelope.body)
            return Response(text, status, headers, media_type="application/json")
        why = outcome.error or outcome.result.value
        say_failed(status, envelope.type, envelope.saga, envelope.traceparent, why)
        problem = to_json(from_json(text) | {"instance": path})  # what is kept knows no path
        return Response(problem, status, headers, media_type=MEDIA_TYPE)


def read(command: type[Command], body: bytes, client: str, key: str | None) -> Command:
    """The command of a body; raises Problem 400 or 422. A missing id is made from the key."""
    try:
        return command.parse(body)
    except ValidationError as error:
        if _not_json(error):
            raise Problem(400, "malformed-json", error.errors()[0]["msg"]) from None
        alias = _alias(command)
        if alias is None or not _lacks(error, alias) or (key is None and error.error_count() > 1):
            raise _invalid(error) from None
    if key is None:
        detail = f"send {alias}, or an Idempotency-Key to make one from"
        raise Problem(400, "idempotency-key-needed", detail)
    fields = from_json(body) | {alias: str(minted(client, key))}
    try:
        return command.parse(to_json(fields))
    except ValidationError as error:
        raise _invalid(error) from None


def say_failed(status: int, type_: str, saga: str, trace: str, why: str) -> None:
    """One log line for a command that did not do what was asked."""
    event = "http.refused" if status < 500 else "http.failed"
    observe(event, status=status, type=type_, saga=saga, trace=trace_id(trace), why=why)


def _not_json(error: ValidationError) -> bool:
    return error.errors(include_url=False)[0]["type"] == "json_invalid"


def _alias(command: type[Command]) -> str | None:
    """The wire name of the id that may be left out."""
    field = command.spec.minted
    return field and (command.model_fields[field].alias or field)


def _lacks(error: ValidationError, alias: str) -> bool:
    return any(e["type"] == "missing" and e["loc"] == (alias,) for e in error.errors())


def _invalid(error: ValidationError) -> Problem:
    errors = explain(error)
    detail = f"{len(errors)} field{'s do' if len(errors) > 1 else ' does'} not fit"
    return Problem(422, "invalid-body", detail, errors=errors[:ERRORS_MAX_COUNT])
