"""Sends an answer of the engine piece by piece, compressed as the client asks.

An error in mid-stream, when the status has been sent, is written into the body between two marks
that the headers announced, as ClickHouse itself does; older clients see the text at its end.
"""

import json
import secrets
import uuid
from collections.abc import AsyncGenerator, Generator
from typing import Final

import anyio
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse

from partywall_collector.store.compression import Compressor, accepted
from partywall_collector.store.execution import Answer
from partywall_collector.store.guard import Refused

WORTH_COMPRESSING: Final = 1024
_END: Final = object()


async def streamed(http: HttpRequest, answer: Answer, limiter: anyio.CapacityLimiter) -> Response:
    """The response of an answer; what fails before its first piece is an error with a status."""
    query = http.query_params
    first = await anyio.to_thread.run_sync(next, answer.pieces, b"", limiter=limiter)
    headers = _headers(answer, query.get("query_id") or str(uuid.uuid4()))
    if query.get("send_progress_in_http_headers") == "1":
        headers["X-ClickHouse-Progress"] = headers["X-ClickHouse-Summary"]
    tag = secrets.token_hex(8)
    headers["X-ClickHouse-Exception-Tag"] = tag
    encoding = ""
    if query.get("enable_http_compression") == "1" and len(first) >= WORTH_COMPRESSING:
        encoding = accepted(http.headers.get("accept-encoding", ""))
    if encoding:
        headers["Content-Encoding"] = encoding
    body = _body(first, answer.pieces, tag, encoding, limiter)
    return StreamingResponse(body, headers=headers)


async def _body(
    first: bytes,
    pieces: Generator[bytes],
    tag: str,
    encoding: str,
    limiter: anyio.CapacityLimiter,
) -> AsyncGenerator[bytes]:
    compressor = Compressor(encoding) if encoding else None

    def step() -> tuple[bytes, bool]:
        try:
            piece = next(pieces, _END)
        except Refused as error:
            text = f"{error}\n".encode()
            mark = tag.encode()
            piece = b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n" % (
                mark, text, len(text), mark,
            )  # fmt: skip
        if not isinstance(piece, bytes):
            return compressor.end() if compressor else b"", True
        return compressor.compress(piece) if compressor else piece, False

    try:
        piece = compressor.compress(first) if compressor else first
        ended = False
        while True:
            if piece:
                yield piece
            if ended:
                return
            piece, ended = await anyio.to_thread.run_sync(step, limiter=limiter)
    finally:  # also when the client has gone: the engine stops
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(pieces.close, limiter=limiter)


def _headers(answer: Answer, query_id: str) -> dict[str, str]:
    summary = {
        "read_rows": str(answer.read_rows),
        "read_bytes": str(answer.read_bytes),
        "written_rows": str(answer.written_rows),
    }
    headers = {
        "Content-Type": "application/octet-stream",
        "X-ClickHouse-Query-Id": query_id,
        "X-ClickHouse-Timezone": "UTC",
        "X-ClickHouse-Summary": json.dumps(summary),
    }
    return headers | ({"X-ClickHouse-Format": answer.form} if answer.form else {})
