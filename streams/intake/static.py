"""The files that browsers need: our own, and Swagger UI, vendored; nothing comes from a CDN."""

from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from streams.dashboard.frame import links
from streams.intake.respond import as_page

FOLDER = Path(__file__).parent / "static"

# Our own style would change Swagger UI's tables: the line of links borrows Swagger's.
_TESTER = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Odori: API tester</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/static/odori.svg">
<link rel="stylesheet" href="/static/vendor/swagger-ui/swagger-ui.css"></head>
<body><nav aria-label="Pages" class="swagger-ui"><p class="wrapper">
{links("API tester", between=" · ")}</p></nav>
<div id="swagger-ui"></div>
<script src="/static/vendor/swagger-ui/swagger-ui-bundle.js"></script>
<script src="/static/tester.js"></script></body></html>
"""


def add_static(app: FastAPI) -> None:
    """The assets under /static, and the API tester at /docs."""

    async def docs(_: Request) -> Response:
        return as_page(_TESTER)

    app.get("/docs", include_in_schema=False, response_model=None)(docs)
    app.mount("/static", StaticFiles(directory=FOLDER))
