"""CORS: pages of browsers may send, from the origins that the configuration names."""

import re

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from partywall_collector.endpoints import Cors

OTLP_HEADERS = ("authorization", "content-encoding", "content-type")


def with_cors(app: ASGIApp, settings: Cors) -> ASGIApp:
    """The application behind the answers that a browser asks for."""
    headers = settings.allowed_headers
    return CORSMiddleware(
        app,
        allow_origin_regex="|".join(map(_expression, settings.allowed_origins)),
        allow_methods=("POST",),
        allow_headers=["*"] if "*" in headers else [*OTLP_HEADERS, *headers],
        max_age=settings.max_age,
    )


def _expression(origin: str) -> str:
    """An origin as a regular expression, in which `*` stands for any characters."""
    return f"(?:{re.escape(origin).replace(chr(92) + '*', '.*')})"
