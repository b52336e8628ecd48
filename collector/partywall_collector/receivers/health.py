"""The health_check extension: 200 while the collector takes spans, 503 while it does not."""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from partywall_collector.extensions import HealthCheck


def health_app(settings: HealthCheck, ready: Callable[[], bool]) -> Starlette:
    """The application of one health check."""

    async def answer(_: Request) -> JSONResponse:
        if ready():
            return JSONResponse({"status": "Server available"})
        return JSONResponse({"status": "Server not available"}, 503)

    return Starlette(routes=[Route(settings.path, answer)])
