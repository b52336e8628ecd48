"""OTLP/HTTP: `POST /v1/traces` and `/v1/logs`, and entries for the registry beside them.

Protobuf or JSON, plain, gzip or zstd.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from partywall_collector.authenticators import Chain, Sender
from partywall_collector.endpoints import Http
from partywall_collector.principals import Principal
from partywall_collector.receivers.cors import with_cors
from partywall_collector.receivers.encodings import ENCODINGS
from partywall_collector.receivers.http_server import PEER
from partywall_collector.receivers.intake import Intake, Intakes
from partywall_collector.receivers.refusals import RETRY_AFTER, Reason, Refused, too_large
from partywall_collector.receivers.registry_intake import JSON, JSON_LINES, RegistryIntake
from partywall_collector.receivers.room import Lease

log = logging.getLogger("partywall.receiver")
PROTOBUF = "application/x-protobuf"
THREADS = 16


def otlp_app(intakes: Intakes, auth: Chain, settings: Http) -> ASGIApp:
    """The application of one receiver."""
    receiver = _Receiver(intakes, auth, settings.max_request_body_size)
    paths = {"traces": settings.traces_url_path, "logs": settings.logs_url_path}
    taking = {paths[signal]: _otlp(intake) for signal, intake in intakes.by_signal.items()}
    if intakes.registry:
        taking[settings.registry_url_path] = _entries(intakes.registry)
    app = Starlette(
        routes=[
            Route(path, receiver.endpoint(each), methods=["POST"]) for path, each in taking.items()
        ],
        exception_handlers={HTTPException: receiver.no_route, Exception: receiver.broken},
    )
    app.router.redirect_slashes = False  # to OTLP another path is 404, and not elsewhere
    return with_cors(app, settings.cors) if settings.cors else app


@dataclass(frozen=True, slots=True)
class _Taking:
    """What is taken at one path: from whom, in which forms, and what becomes of it."""

    admit: Callable[[Principal], None]
    media_types: Sequence[str]
    take: Callable[[Principal, bytes, str], bytes]
    """The answer to a body of a media type, which is sent in that type, or `Refused`."""
    answers_json: bool = False
    """Whether answers are JSON whatever was sent."""


def _otlp(intake: Intake) -> _Taking:
    def take(principal: Principal, body: bytes, media_type: str) -> bytes:
        return _written(intake.take(principal, body, json=media_type == JSON), media_type)

    return _Taking(intake.admit, (PROTOBUF, JSON), take)


def _entries(intake: RegistryIntake) -> _Taking:
    return _Taking(intake.admit, (JSON, JSON_LINES), intake.take, answers_json=True)


class _Receiver:
    def __init__(self, intakes: Intakes, auth: Chain, limit: int) -> None:
        self._intakes = intakes
        self._auth = auth
        self._limit = limit
        self._threads = CapacityLimiter(THREADS)

    def endpoint(self, taking: _Taking) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of one path."""

        async def answer(request: Request) -> Response:
            try:
                return await self._export(taking, request)
            except Refused as refused:
                return self._refusal(request, refused, as_json=taking.answers_json)

        return answer

    async def _export(self, taking: _Taking, request: Request) -> Response:
        # The sender is checked before its body is read.
        principal = await to_thread.run_sync(self._auth.admit, _sender(request))
        taking.admit(principal)
        media_type = _media_type(request)
        if media_type not in taking.media_types:
            wanted = " or ".join(taking.media_types)
            raise Refused(Reason.MEDIA_TYPE, f"Content-Type must be {wanted}, not `{media_type}`")
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ENCODINGS:
            raise Refused(
                Reason.MEDIA_TYPE,
                f"Content-Encoding must be gzip, zstd or identity, not `{encoding}`",
            )
        raw = bytearray()
        with self._intakes.room.lease() as lease:

            def take() -> bytes:
                body = ENCODINGS[encoding](raw, self._limit)
                lease.grow(max(0, len(body) - len(raw)))
                return taking.take(principal, body, media_type)

            await self._read(request, raw, lease)
            answer = await to_thread.run_sync(take, limiter=self._threads)
        return Response(answer, media_type=JSON if taking.answers_json else media_type)

    async def _read(self, request: Request, raw: bytearray, lease: Lease) -> None:
        """The body as it was sent, within the limits of one request and of all together."""
        try:
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > self._limit:
                    raise too_large(self._limit)
                lease.grow(len(chunk))
        except ClientDisconnect:
            raise Refused(Reason.INVALID, "the sender went away") from None

    def _refusal(self, request: Request, refused: Refused, *, as_json: bool = False) -> Response:
        self._intakes.counters.refuse(refused.reason.word)
        headers: dict[str, str] = {}
        if refused.reason.retryable:
            headers["Retry-After"] = str(RETRY_AFTER)
        if refused.reason is Reason.METHOD:
            headers["Allow"] = "POST"
        if refused.reason is Reason.UNAUTHENTICATED:
            headers["WWW-Authenticate"] = "Bearer"
        if refused.reason in (Reason.TOO_LARGE, Reason.FULL, Reason.MEMORY):
            headers["Connection"] = "close"  # the rest of the body is not read
        media_type = JSON if as_json or _media_type(request) == JSON else PROTOBUF
        content = _written(refused.status(), media_type)
        return Response(content, refused.reason.http, headers, media_type)

    async def no_route(self, request: Request, error: Exception) -> Response:
        """404 and 405 with the body that OTLP asks for."""
        assert isinstance(error, HTTPException)
        if error.status_code == Reason.METHOD.http:
            refused = Refused(Reason.METHOD, "send OTLP with POST")
        else:
            refused = Refused(Reason.NOT_FOUND, f"nothing is taken at {request.url.path}")
        return self._refusal(request, refused)

    async def broken(self, request: Request, error: Exception) -> Response:
        """A mistake of the collector is not the sender's: it may try again."""
        log.error("a request failed", exc_info=error)
        return self._refusal(request, Refused(Reason.UNAVAILABLE, "the collector failed"))


def _written(message: Message, media_type: str) -> bytes:
    if media_type == JSON:
        return MessageToJson(message, indent=None).encode()
    return message.SerializeToString()


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _sender(request: Request) -> Sender:
    """What the request shows of its sender."""
    for name in ("authorization", "x-scope-orgid"):
        if len(set(request.headers.getlist(name))) > 1:
            raise Refused(Reason.INVALID, f"the header {name} stands there twice")
    return Sender(
        request.headers.get("authorization", ""),
        request.scope["state"].get(PEER, ""),
        request.headers.get("x-scope-orgid", ""),
    )
