"""The OpenAPI document: what FastAPI cannot see, because the schemas say it."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema

from domains.row import Row
from schemas.message import Command
from streams.intake.problem import MEDIA_TYPE
from streams.intake.reads import PAGE_MAX_ROWS, PAGE_ROWS

_REF = "#/components/schemas/{model}"
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "the path that was asked for"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
_REFUSALS = {
    "400": "the body is no JSON, or an id is missing and there is no Idempotency-Key",
    "409": "refused, or known with another body, or in progress under the same key",
    "413": "the body is too large",
    "415": "the body is not application/json",
    "422": "fields do not fit, or the Idempotency-Key was used with another body",
    "503": "busy; nothing was done; come again after Retry-After seconds",
}
#: What a field is in an example, where its schema alone would be a poor one; product and customer
#: are Northwind's, so that the tester's first order is confirmed once that year is published.
_EXAMPLES = {
    "currency": "USD", "country": "JP", "prefecture": "Tokyo", "city": "Chiyoda",
    "productId": "1", "category": "Beverages", "customerId": "ALFKI",
}  # fmt: skip


def of_command(command: type[Command], operator_header: str) -> dict[str, Any]:
    """How the route of a command is described."""
    schema = command.model_json_schema(by_alias=True)
    headers = [_header("Idempotency-Key", 'a quoted string: "8e03978e-..."')]
    if command.spec.operator:
        headers.append(_header(operator_header, "in <data>/operator.key", required=True))
    content = {
        "schema": {"$ref": _REF.format(model=command.__name__)},
        "example": example(schema, schema.get("$defs", {})),
    }
    extra = {
        "parameters": headers,
        "requestBody": {"required": True, "content": {"application/json": content}},
    }
    return {
        "summary": command.__name__,
        "description": command.__doc__ or "",
        "tags": [command.spec.domain],
        "response_description": "accepted and committed; Location is where it can be followed",
        "responses": {status: _problem(text) for status, text in _REFUSALS.items()},
        "openapi_extra": extra,
    }


def of_resource(domain: str) -> dict[str, Any]:
    """How the row behind a saga is described."""
    return {
        "summary": f"One {domain}",
        "tags": [domain],
        "openapi_extra": {"parameters": [_in_path("id")]},
        "responses": {"404": _problem("there is none")},
    }


def of_saga() -> dict[str, Any]:
    """How the story of a saga is described."""
    return {
        "summary": "One saga's story, in time order",
        "tags": ["sagas"],
        "openapi_extra": {"parameters": [_in_path("saga")]},
        "responses": {"404": _problem("there is none")},
    }


def of_rows(domain: str, row: type[Row]) -> dict[str, Any]:
    """How a page of rows is described."""
    spec = row.spec
    keys = "/".join(to_camel(name) for name in spec.partition + spec.clustering)
    names = [to_camel(name) for name in (*spec.partition, *spec.indexes)]
    limit = {"type": "integer", "minimum": 1, "maximum": PAGE_MAX_ROWS, "default": PAGE_ROWS}
    return {
        "summary": f"{row.__name__} rows; one is at …/{keys}",
        "description": row.__doc__ or "",
        "tags": [domain],
        "openapi_extra": {
            "parameters": [
                *({"name": n, "in": "query", "schema": {"type": "string"}} for n in names),
                {"name": "limit", "in": "query", "schema": limit},
            ]
        },
    }


def describe(app: FastAPI, commands: list[type[Command]]) -> None:
    """Make the application's document name the schemas of all commands."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            _, definitions = models_json_schema(
                [(command, "validation") for command in commands],
                by_alias=True,
                ref_template=_REF,
            )
            known = found.setdefault("components", {}).setdefault("schemas", {})
            known.update(definitions.get("$defs", {}))
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def example(schema: dict[str, Any], defs: dict[str, Any], name: str = "") -> Any:
    """A body that fits the schema, for the tester to begin with."""
    if "$ref" in schema:
        return example(defs[schema["$ref"].rpartition("/")[2]], defs, name)
    if "anyOf" in schema:
        return example(schema["anyOf"][0], defs, name)
    if schema.get("default"):
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            return {key: example(value, defs, key) for key, value in fields.items()}
        case "array":
            return [example(schema["items"], defs, name)]
        case "integer":
            return max(int(schema.get("minimum", 0)), 1)
        case "string" if schema.get("format") == "date-time":
            return "2026-01-01T00:00:00Z"
        case "string" if r"(\.\d" in schema.get("pattern", ""):
            return "12.30"
        case "string":
            return _EXAMPLES.get(name) or f"{name.removesuffix('Id')}-1"
        case _:
            return schema.get("const")


def _header(name: str, text: str, *, required: bool = False) -> dict[str, Any]:
    schema = {"type": "string"}
    place = {"name": name, "in": "header", "description": text}
    return {**place, "required": required, "schema": schema}


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _problem(text: str) -> dict[str, Any]:
    return {"description": text, "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}
