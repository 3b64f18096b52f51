"""The AsyncAPI 3.1 document of all topics, messages and operations, read from the topology."""

from collections.abc import Iterator, Sequence
from functools import cache, partial
from html import escape
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response

from schemas.catalogue import on_the_wire
from schemas.message import Message
from streams.dashboard.frame import frame
from streams.intake.respond import as_json, as_page
from streams.topology import Part, Topology

_REF = "#/components/schemas/{model}"
_HEADERS = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {"type": "string"},
        "ce_source": {"type": "string", "description": "/odori/<domain>/<lane>"},
        "ce_type": {"type": "string", "description": "odori.<domain>.<Message>.v<N>"},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_subject": {"type": "string", "description": "the business id"},
        "ce_correlationid": {"type": "string", "description": "the saga"},
        "ce_causationid": {"type": "string", "description": "id of the direct cause"},
        "ce_partitionkey": {"type": "string"},
        "ce_sequence": {"type": "string", "description": "without gaps per source"},
        "ce_dataschema": {"type": "string"},
        "ce_traceparent": {"type": "string", "description": "where the trace began"},
        "traceparent": {"type": "string", "description": "this hop"},
    },
}


def document(topology: Topology, version: str, kafka: str = "") -> dict[str, Any]:
    """The whole document."""
    messages = [m for m in topology.catalogue.by_name.values() if on_the_wire(m)]
    messages = [m for m in messages if m.spec.domain in topology.parts]
    _, schemas = models_json_schema(
        [(message, "validation") for message in messages], by_alias=True, ref_template=_REF
    )
    server = {"host": kafka.partition(",")[0] or "localhost:9092", "protocol": "kafka"}
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Odori",
            "version": version,
            "description": "CloudEvents 1.0 in Kafka binary mode; structured mode is read, too.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": server},
        "channels": {topic: _channel(topic, messages) for topic in topology.topics},
        "operations": _operations(topology),
        "components": {
            "messages": {m.spec.wire: _message(m) for m in messages} | _letters(topology),
            "schemas": schemas.get("$defs", {}) | {"CloudEventHeaders": _HEADERS},
        },
    }


def _channel(topic: str, messages: list[type[Message]]) -> dict[str, Any]:
    wires = [m.spec.wire for m in messages if m.spec.topic == topic]
    if topic.endswith(".dlq"):
        wires = [_letter(topic.partition(".")[0])]
    return {
        "address": topic,
        "messages": {wire: {"$ref": f"#/components/messages/{wire}"} for wire in wires},
        "bindings": {"kafka": {"topic": topic, "bindingVersion": "0.5.0"}},
    }


def _message(message: type[Message]) -> dict[str, Any]:
    return {
        "name": message.spec.wire,
        "title": message.__name__,
        "summary": (message.__doc__ or "").strip(),
        "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
        "payload": {"$ref": _REF.format(model=message.__name__)},
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": "0.5.0"}},
    }


def _letter(domain: str) -> str:
    return f"odori.{domain}.DeadLetter.v1"


def _letters(topology: Topology) -> dict[str, Any]:
    text = "A delivery that will not be tried again; kafka_dlt-* headers say where it came from."
    return {
        _letter(domain): {"name": _letter(domain), "title": "DeadLetter", "summary": text}
        for domain in topology.parts
    }


def _operations(topology: Topology) -> dict[str, Any]:
    """By step or undo, what it hears and what it says, topic by topic."""
    operations: dict[str, Any] = {}
    for part in topology.parts.values():
        for name, action, messages in _deeds(part):
            for topic in sorted({m.spec.topic for m in messages if on_the_wire(m)}):
                chosen = [m for m in messages if m.spec.topic == topic]
                operation = _operation(part, name, action, topic, chosen)
                operations[f"{part.name}.{name}.{action}.{topic}"] = operation
    return operations


def _deeds(part: Part) -> Iterator[tuple[str, str, Sequence[type[Message]]]]:
    for step in part.domain.steps.values():
        yield step.name, "receive", step.triggers
        yield step.name, "send", step.announces
        if step.undo is not None:
            failures = [m for m, route in part.routes.items() if step in route.undone]
            yield step.undo.name, "receive", failures
            yield step.undo.name, "send", step.undo.announces


def _operation(
    part: Part, name: str, action: str, topic: str, messages: Sequence[type[Message]]
) -> dict[str, Any]:
    channel = f"#/channels/{topic}"
    operation: dict[str, Any] = {
        "action": action,
        "title": f"{part.name}.{name}",
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{m.spec.wire}"} for m in messages],
    }
    if action == "receive":
        group = {"type": "string", "const": part.name}
        operation["bindings"] = {"kafka": {"groupId": group, "bindingVersion": "0.5.0"}}
    return operation


def add_asyncapi(app: FastAPI, topology: Topology, kafka: str) -> None:
    """The document at /asyncapi.json, and a page for people at /asyncapi."""
    made = cache(partial(document, topology, app.version, kafka))

    async def asyncapi_json(_: Request) -> Response:
        """The AsyncAPI 3.1 document."""
        return as_json(made())

    async def asyncapi(_: Request) -> Response:
        """Topics and messages, as a page."""
        return as_page(page(made()))

    app.get("/asyncapi.json", response_model=None, tags=["service"])(asyncapi_json)
    app.get("/asyncapi", response_model=None, tags=["service"])(asyncapi)


def page(made: dict[str, Any]) -> str:
    """The document for people: every topic with its messages, who sends and who hears them."""
    return frame("Messages", "\n".join(_topic(made, topic) for topic in made["channels"]))


def _topic(made: dict[str, Any], topic: str) -> str:
    rows = "".join(_row(made, topic, wire) for wire in made["channels"][topic]["messages"])
    heads = "".join(
        f'<th scope="col">{head}</th>' for head in ("message", "says", "sent by", "heard by")
    )
    return (
        f'<section><h2 id="{topic}">{topic}</h2><div class="wide" tabindex="0" role="region"'
        f' aria-labelledby="{topic}"><table class="prose">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _row(made: dict[str, Any], topic: str, wire: str) -> str:
    ref = {"$ref": f"#/channels/{topic}/messages/{wire}"}
    message = made["components"]["messages"][wire]
    steps: dict[str, list[str]] = {"send": [], "receive": []}
    for operation in made["operations"].values():
        if ref in operation["messages"]:
            steps[operation["action"]].append(operation["title"])
    return (
        f"<tr><td><code>{escape(wire)}</code></td><td>{escape(message['summary'])}</td>"
        f"<td>{', '.join(steps['send'])}</td><td>{', '.join(steps['receive'])}</td></tr>"
    )
