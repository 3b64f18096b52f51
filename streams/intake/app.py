"""The web application over a running system; its routes are made from the schemas."""

from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from traceback import format_exception
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response

from infra.engine.errors import EngineError
from infra.observe import observe
from schemas.message import Command
from streams.dashboard.page import add_dashboard
from streams.intake import health, openapi
from streams.intake.asyncapi import add_asyncapi
from streams.intake.body import busy
from streams.intake.commands import Counter
from streams.intake.headers import SecurityHeaders
from streams.intake.problem import Problem, not_found
from streams.intake.reads import Reads, find_resource, limit_of
from streams.intake.respond import as_json
from streams.intake.routes import ALIASES, OPERATOR_HEADER, RESOURCES, command_path, table_path
from streams.intake.static import add_static
from streams.story import story
from streams.system import System

#: A bug of ours; what it was is said in the log only.
FAILED = Problem(500, "failed", "something failed here; the log says what")
UNKNOWN_ROUTE = "there is no such route; /docs lists them all"
Handle = Callable[[Request], Coroutine[Any, Any, Response]]


class Lean(APIRoute):
    """A route whose handler takes the request as it is; FastAPI only describes it."""

    def get_route_handler(self) -> Handle:
        handle, route = self.endpoint, self.path_format

        async def answered(request: Request) -> Response:
            try:
                response: Response = await handle(request)
            except Problem as problem:
                response = problem.response(request.url.path)
            except EngineError as error:
                observe("http.failed", route=route, status=503, why=str(error))
                response = busy("the store does not answer").response(request.url.path)
            except Exception as error:
                trace = "".join(format_exception(error))
                observe("http.failed", route=route, status=500, why=repr(error), traceback=trace)
                response = FAILED.response(request.url.path)
            observe("http", method=request.method, route=route, status=response.status_code)
            return response

        return answered


#: What this machine is called by itself.
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def create_app(system: System) -> FastAPI:
    """The application; `system` may be started after this."""
    app = FastAPI(
        title="Odori", version=_version(), docs_url=None, redoc_url=None,
        redirect_slashes=False,
        description="Commands are accepted with 202 once they are committed; what became of them"
        " is at their Location.",
    )  # fmt: skip
    app.router.route_class = Lean
    _add_commands(app, system)
    _add_reads(app, system)
    _add_health(app, system)
    add_asyncapi(app, system.topology, system.settings.kafka)
    openapi.describe(app, list(_commands(system)))
    app.state.live = add_dashboard(app, system)
    add_static(app)
    app.add_exception_handler(HTTPException, _problem_of)
    app.add_middleware(SecurityHeaders)
    if system.settings.host in LOOPBACK:
        # Who is not meant to be reached from outside is not reached by a rebound name, either.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, "[::1]"])
    if system.settings.cors:
        app.add_middleware(
            CORSMiddleware, allow_origins=system.settings.cors, allow_methods=["GET", "POST"],
            allow_headers=["content-type", "idempotency-key", "traceparent", "x-client-id"],
            expose_headers=["location", "retry-after", "traceparent"],
        )  # fmt: skip
    return app


def _version() -> str:
    try:
        return version("odori-choreography")
    except PackageNotFoundError:
        return "0+checkout"  # run from its sources, not installed


def _add_commands(app: FastAPI, system: System) -> None:
    counter = Counter(system)
    for path, command in _command_paths(system):
        app.post(
            path, status_code=202, response_model=None, name=path,
            **openapi.of_command(command, OPERATOR_HEADER),
        )(partial(counter.take, command))  # fmt: skip


def _command_paths(system: System) -> Iterator[tuple[str, type[Command]]]:
    """The names given by hand first: they are the busiest, and routes are tried in order."""
    heard = {command.spec.wire.rpartition(".v")[0]: command for command in _commands(system)}
    yield from ((a.path, heard[a.command]) for a in ALIASES if a.command in heard)
    yield from ((command_path(command), command) for command in heard.values())


def _commands(system: System) -> Iterator[type[Command]]:
    """The commands that are taken here."""
    for name, part in system.topology.parts.items():
        if system.takes(name):
            yield from (m for m in part.routes if issubclass(m, Command))


def _add_reads(app: FastAPI, system: System) -> None:
    for name, resource in RESOURCES.items():
        if name in system.topology.parts:
            path = f"{resource.path}/{{id:path}}"
            get = partial(_one_resource, system, name)
            app.get(path, response_model=None, name=path, **openapi.of_resource(name))(get)
    saga = partial(_saga, system)
    app.get("/api/sagas/{saga:path}", response_model=None, **openapi.of_saga())(saga)
    for domain, part in system.topology.parts.items():
        for row in part.rows:
            path, described = table_path(domain, row), openapi.of_rows(domain, row)
            page = partial(_page, system, domain, row)
            app.get(path, response_model=None, name=path, **described)(page)
            under = partial(_under, system, domain, row)
            path = f"{path}/{{key:path}}"
            app.get(path, response_model=None, name=path, include_in_schema=False)(under)


async def _one_resource(system: System, domain: str, request: Request) -> Response:
    found = await find_resource(system, domain, request.path_params["id"])
    if found is None:
        raise not_found(f"no {domain} {request.path_params['id']}")
    return as_json(found)


async def _saga(system: System, request: Request) -> Response:
    saga = request.path_params["saga"]
    told = await story(system.stores, system.topology, saga)
    if told is None:
        raise not_found(f"no saga {saga}")
    return as_json(told.public())


async def _page(system: System, domain: str, row: type[Any], request: Request) -> Response:
    query = dict(request.query_params)
    limit = limit_of(query.pop("limit", None))
    return as_json(await Reads(system.stores[domain], row).page(query, limit))


async def _under(system: System, domain: str, row: type[Any], request: Request) -> Response:
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    rest = raw.decode("ascii").partition("?")[0].removeprefix(table_path(domain, row) + "/")
    limit = limit_of(request.query_params.get("limit"))
    return as_json(await Reads(system.stores[domain], row).under(rest, limit))


def _add_health(app: FastAPI, system: System) -> None:
    async def healthz(_: Request) -> Response:
        """The process is up."""
        return as_json({"status": "up"})

    async def readyz(_: Request) -> Response:
        """Stores answer, the bus is connected, workers run."""
        ready, domains = await health.readiness(system)
        return as_json({"ready": ready, "domains": domains}, 200 if ready else 503)

    async def metrics(_: Request) -> Response:
        """Counters and levels for Prometheus."""
        return Response(await health.metrics(system), media_type=health.METRICS_TYPE)

    for handle in (healthz, readyz, metrics):
        app.get(f"/{handle.__name__}", response_model=None, tags=["service"])(handle)


async def _problem_of(request: Request, error: Exception) -> Response:
    """Unknown paths and methods are problems too."""
    assert isinstance(error, HTTPException)
    kind = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http")
    detail = UNKNOWN_ROUTE if error.status_code == 404 else error.detail
    return Problem(error.status_code, kind, detail, headers=error.headers).response(
        request.url.path
    )
