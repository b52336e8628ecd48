"""OTLP/HTTP: `POST /v1/traces` and `/v1/logs`: protobuf or JSON, plain, gzip or zstd."""

import logging
from collections.abc import Awaitable, Callable

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
from partywall_collector.receivers.cors import with_cors
from partywall_collector.receivers.encodings import ENCODINGS
from partywall_collector.receivers.http_server import PEER
from partywall_collector.receivers.intake import Intake, Intakes
from partywall_collector.receivers.refusals import RETRY_AFTER, Reason, Refused, too_large
from partywall_collector.receivers.room import Lease

log = logging.getLogger("partywall.receiver")
PROTOBUF = "application/x-protobuf"
JSON = "application/json"
THREADS = 16


def otlp_app(intakes: Intakes, auth: Chain, settings: Http) -> ASGIApp:
    """The application of one receiver."""
    receiver = _Receiver(intakes, auth, settings.max_request_body_size)
    paths = {"traces": settings.traces_url_path, "logs": settings.logs_url_path}
    app = Starlette(
        routes=[
            Route(paths[signal], receiver.export(intake), methods=["POST"])
            for signal, intake in intakes.by_signal.items()
        ],
        exception_handlers={HTTPException: receiver.no_route, Exception: receiver.broken},
    )
    return with_cors(app, settings.cors) if settings.cors else app


class _Receiver:
    def __init__(self, intakes: Intakes, auth: Chain, limit: int) -> None:
        self._intakes = intakes
        self._auth = auth
        self._limit = limit
        self._threads = CapacityLimiter(THREADS)

    def export(self, intake: Intake) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of one signal."""

        async def answer(request: Request) -> Response:
            try:
                return await self._export(intake, request)
            except Refused as refused:
                return self._refusal(request, refused)

        return answer

    async def _export(self, intake: Intake, request: Request) -> Response:
        # The sender is checked before its body is read.
        principal = await to_thread.run_sync(self._auth.admit, _sender(request))
        intake.admit(principal)
        media_type = _media_type(request)
        if media_type not in (PROTOBUF, JSON):
            raise Refused(
                Reason.MEDIA_TYPE, f"Content-Type must be {PROTOBUF} or {JSON}, not `{media_type}`"
            )
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
                answer = intake.take(principal, body, json=media_type == JSON)
                return _written(answer, media_type)

            await self._read(request, raw, lease)
            answer = await to_thread.run_sync(take, limiter=self._threads)
        return Response(answer, media_type=media_type)

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

    def _refusal(self, request: Request, refused: Refused) -> Response:
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
        media_type = JSON if _media_type(request) == JSON else PROTOBUF
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
