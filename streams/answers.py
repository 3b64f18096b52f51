"""What a client is answered, from the outcome of its command."""

from collections.abc import Mapping
from urllib.parse import quote

from pydantic.alias_generators import to_camel
from pydantic_core import to_json

from compensations.ledger import State
from streams.delivery import Delivery, Outcome, Result

ACCEPTED, CONFLICT, UNPROCESSABLE, FAILED = 202, 409, 422, 500


def answer(delivery: Delivery, outcome: Outcome) -> tuple[int, str]:
    """(status, JSON body) of a handled command; problems are RFC 9457 objects."""
    if outcome.stored is not None and outcome.result is Result.REPEAT:
        return outcome.stored.status, outcome.stored.answer
    if outcome.stored is not None:
        detail = "this Idempotency-Key was used with another body"
        return _problem(UNPROCESSABLE, "idempotency-key-reused", detail)
    if outcome.earlier is not None and outcome.earlier.state == State.REFUSED:
        return _problem(CONFLICT, "refused-before", _refused_before(delivery))
    if outcome.result is Result.CLASH:
        detail = f"{_key_of(delivery)} exists already, with another body"
        return _problem(CONFLICT, "already-exists", detail)
    if outcome.result in (Result.FAILED, Result.DEAD, Result.PARKED):
        return _problem(FAILED, "failed", "the step failed and nothing was done; the log says why")
    if outcome.result is Result.REFUSED:
        said = outcome.announced[0]
        facts = said.model_dump(mode="json", by_alias=True, exclude_none=True)
        detail = str(facts.get("detail") or facts.get("reason") or type(said).__name__)
        return _problem(CONFLICT, said.spec.wire, detail, facts)
    body = {
        "saga": delivery.saga,
        "announced": [m.spec.wire for m in outcome.announced],
        "repeated": outcome.result is Result.REPEAT,
    }
    return ACCEPTED, to_json(body).decode()


def _key_of(delivery: Delivery) -> str:
    """What makes a command the same one: its request id, or its saga where it has none."""
    body = delivery.body
    minted = body.spec.minted if body is not None else None
    own = getattr(body, minted) if minted else ""
    return f"request {own} of {delivery.saga}" if own and own != delivery.saga else delivery.saga


def _refused_before(delivery: Delivery) -> str:
    """What is refused stays so, whatever has changed since; another id asks anew."""
    minted = delivery.body.spec.minted if delivery.body is not None else None
    another = f"; use another {to_camel(minted)}" if minted else ""
    why = f"/api/sagas/{quote(delivery.saga, safe='')} tells why"
    return f"{_key_of(delivery)} was refused before and stays so ({why}){another}"


def _problem(
    status: int, kind: str, detail: str, facts: Mapping[str, object] | None = None
) -> tuple[int, str]:
    title = kind.rpartition(".v")[0] or kind.replace("-", " ")
    body = {"type": f"/problems/{kind}", "title": title, "status": status, "detail": detail}
    return status, to_json({**(facts or {}), **body}).decode()
