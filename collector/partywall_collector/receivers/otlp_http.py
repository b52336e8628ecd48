"""OTLP/HTTP: `POST /v1/traces` with protobuf or JSON, plain or gzip."""

import logging

from anyio import CapacityLimiter, to_thread
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from partywall_collector.components import Http
from partywall_collector.receivers.intake import (
    RETRY_AFTER,
    Intake,
    Reason,
    Refused,
    gunzip,
    too_large,
)

log = logging.getLogger("partywall.receiver")
PROTOBUF = "application/x-protobuf"
JSON = "application/json"
THREADS = 16


def otlp_app(intake: Intake, settings: Http) -> Starlette:
    """The application of one receiver."""
    receiver = _Traces(intake, settings.max_request_body_size)
    return Starlette(
        routes=[Route(settings.traces_url_path, receiver.export, methods=["POST"])],
        exception_handlers={HTTPException: receiver.no_route, Exception: receiver.broken},
    )


class _Traces:
    def __init__(self, intake: Intake, limit: int) -> None:
        self._intake = intake
        self._limit = limit
        self._held = 0
        self._threads = CapacityLimiter(THREADS)

    async def export(self, request: Request) -> Response:
        try:
            return await self._export(request)
        except Refused as refused:
            return self._refusal(request, refused)

    async def _export(self, request: Request) -> Response:
        # The sender is checked before its body is read.
        header = request.headers.get("authorization")
        principal = await to_thread.run_sync(self._intake.authenticate, header)
        media_type = _media_type(request)
        if media_type not in (PROTOBUF, JSON):
            raise Refused(
                Reason.MEDIA_TYPE, f"Content-Type must be {PROTOBUF} or {JSON}, not `{media_type}`"
            )
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", ""):
            raise Refused(
                Reason.MEDIA_TYPE, f"Content-Encoding must be gzip or identity, not `{encoding}`"
            )
        raw = bytearray()

        def take() -> bytes:
            body = gunzip(raw, self._limit) if encoding == "gzip" else bytes(raw)
            answer = self._intake.take(principal, body, json=media_type == JSON)
            return _written(answer, media_type)

        try:
            await self._read(request, raw)
            answer = await to_thread.run_sync(take, limiter=self._threads)
        finally:
            self._held -= len(raw)
        return Response(answer, media_type=media_type)

    async def _read(self, request: Request, raw: bytearray) -> None:
        """The body as it was sent, within the limits of one request and of all together."""
        try:
            async for chunk in request.stream():
                raw += chunk
                self._held += len(chunk)
                if len(raw) > self._limit:
                    raise Refused(Reason.TOO_LARGE, too_large(self._limit))
                if self._held > max(self._intake.memory_bytes, len(raw)):
                    raise Refused(Reason.FULL, "too many large requests arrive at the same time")
        except ClientDisconnect:
            raise Refused(Reason.INVALID, "the sender went away") from None

    def _refusal(self, request: Request, refused: Refused) -> Response:
        self._intake.counters.refuse(refused.reason.word)
        headers: dict[str, str] = {}
        if refused.reason.retryable:
            headers["Retry-After"] = str(RETRY_AFTER)
        if refused.reason is Reason.UNAUTHENTICATED:
            headers["WWW-Authenticate"] = "Bearer"
        if refused.reason in (Reason.TOO_LARGE, Reason.FULL):
            headers["Connection"] = "close"  # the rest of the body is not read
        media_type = JSON if _media_type(request) == JSON else PROTOBUF
        content = _written(refused.status(), media_type)
        return Response(content, refused.reason.http, headers, media_type)

    async def no_route(self, request: Request, error: Exception) -> Response:
        """404 and 405 with the body that OTLP asks for."""
        assert isinstance(error, HTTPException)
        if error.status_code == Reason.METHOD.http:
            refused = Refused(Reason.METHOD, "send traces with POST")
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
