"""The ClickHouse HTTP protocol, as far as clickhouse-connect and Grafana speak it."""

import base64
import binascii
import hmac
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from partywall_collector.store.callers import READER, WRITER, Caller
from partywall_collector.store.compression import CannotDecompress, decompressed
from partywall_collector.store.execution import Engine, Request
from partywall_collector.store.guard import Refused
from partywall_collector.store.home import Account
from partywall_collector.store.streaming import streamed

MAX_BODY: Final = 512 << 20
MAX_QUESTION: Final = 16 << 20
"""Of a reader, who sends no rows."""
MAX_AT_ONCE: Final = 8
MAX_OF_TENANTS: Final = 4
"""Statements of tenants' readers at once. They wait for each other, and nobody else for them."""
MAX_OF_ONE: Final = 2
BAD_ARGUMENTS: Final = 36
AUTHENTICATION_FAILED: Final = 516
MAX_QUERY_ID: Final = 256
TOO_LARGE: Final = 307  # TOO_MANY_BYTES
CANNOT_DECOMPRESS: Final = 271
NOT_IMPLEMENTED: Final = 48

_STATUS: Final = {
    AUTHENTICATION_FAILED: 403, 497: 403, 164: 403, 60: 404, 81: 404, 62: 400, BAD_ARGUMENTS: 400,
}  # fmt: skip
# What the protocol itself reads from the address; everything else there is a setting.
_OF_PROTOCOL: Final = frozenset(
    {
        "query", "database", "default_format", "user", "password", "session_id", "session_timeout",
        "session_check", "query_id", "compress", "decompress", "enable_http_compression",
        "wait_end_of_query", "buffer_size", "quota_key", "role", "client_protocol_version",
        "send_progress_in_http_headers", "http_headers_progress_interval_ms",
    }
)  # fmt: skip


def application(engine: Engine, writer: Account, reader: Account, port: int) -> Starlette:
    """The endpoint as an ASGI application."""
    limiter = anyio.CapacityLimiter(MAX_AT_ONCE)
    of_tenants = anyio.CapacityLimiter(MAX_OF_TENANTS)
    of_one: defaultdict[str, anyio.CapacityLimiter] = defaultdict(
        lambda: anyio.CapacityLimiter(MAX_OF_ONE)
    )
    hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost")}

    def guarded(
        answer: Callable[[HttpRequest], Awaitable[Response]],
    ) -> Callable[[HttpRequest], Awaitable[Response]]:
        async def endpoint(http: HttpRequest) -> Response:
            # A browser that was tricked into talking to loopback still names the other host.
            if http.headers.get("host", "").encode() not in hosts:
                return PlainTextResponse("unknown host\n", 403)
            try:
                return await answer(http)
            except Refused as error:
                headers = {"X-ClickHouse-Exception-Code": str(error.code)}
                return PlainTextResponse(f"{error}\n", _STATUS.get(error.code, 500), headers)

        return endpoint

    async def ping(_http: HttpRequest) -> Response:
        return PlainTextResponse("Ok.\n")

    async def caller(http: HttpRequest) -> Caller:
        user, password = _credentials(http)
        for account, who in ((writer, WRITER), (reader, READER)):
            if hmac.compare_digest(user, account.user.encode()) and hmac.compare_digest(
                password, account.password.encode()
            ):
                return who
        words = (user.decode(errors="replace"), password.decode(errors="replace"))
        tenant = await anyio.to_thread.run_sync(engine.reader, *words, limiter=limiter)
        if tenant is None:
            raise Refused(
                "Code: 516. DB::Exception: Authentication failed: endpoint.json in the store's "
                "home folder has the users and their passwords, `partywall store reader add` makes "
                "a reader of one tenant. (AUTHENTICATION_FAILED)",
                AUTHENTICATION_FAILED,
            )
        return tenant

    async def statement(http: HttpRequest) -> Response:
        request = await _request(http, await caller(http))
        if not request.caller.tenant:
            answer = await anyio.to_thread.run_sync(engine.run, request, limiter=limiter)
            return await streamed(http, answer, limiter)
        async with of_one[request.caller.tenant]:
            answer = await anyio.to_thread.run_sync(engine.run, request, limiter=of_tenants)
        return await streamed(http, answer, of_tenants)

    return Starlette(
        routes=[
            Route("/ping", guarded(ping)),
            Route("/", guarded(statement), methods=["GET", "POST"]),
        ]
    )


def _credentials(http: HttpRequest) -> tuple[bytes, bytes]:
    scheme, _, value = http.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).partition(b":")
        except binascii.Error:
            return b"", b""
        return user, password
    query = http.query_params
    user = http.headers.get("x-clickhouse-user") or query.get("user", "")
    password = http.headers.get("x-clickhouse-key") or query.get("password", "")
    return user.encode(), password.encode()


async def _request(http: HttpRequest, caller: Caller) -> Request:
    query = http.query_params
    most = MAX_BODY if caller.writes else MAX_QUESTION
    body, form = b"", FormData()
    _check_query_id(query.get("query_id", ""))
    if http.headers.get("content-type", "").startswith("multipart/form-data"):
        form = await http.form(max_part_size=most)
        if any(isinstance(value, UploadFile) for value in form.values()):
            await form.close()
            raise Refused(
                f"Code: {NOT_IMPLEMENTED}. DB::Exception: the endpoint takes no external data; "
                "bind an array, or insert the rows into a table. (NOT_IMPLEMENTED)",
                NOT_IMPLEMENTED,
            )
    else:
        body = _plain(await _body(http, most), http.headers.get("content-encoding", ""), most)
    said = form.get("query", query.get("query", ""))
    pieces = [piece for piece in (str(said).encode(), body) if piece]
    return Request(
        sql=b"\n".join(pieces),
        caller=caller,
        params={
            name.removeprefix("param_"): str(value)
            for name, value in [*query.items(), *form.items()]
            if name.startswith("param_")
        },
        settings={
            name: value
            for name, value in query.items()
            if name not in _OF_PROTOCOL and not name.startswith("param_")
        },
        database=query.get("database") or http.headers.get("x-clickhouse-database", ""),
        default_format=query.get("default_format")
        or http.headers.get("x-clickhouse-format", "TabSeparated"),
        whole=query.get("wait_end_of_query") == "1",
    )


def _check_query_id(text: str) -> None:
    """It comes back in a header of the answer."""
    if not (text.isascii() and text.isprintable() and len(text) <= MAX_QUERY_ID):
        raise Refused(
            f"Code: {BAD_ARGUMENTS}. DB::Exception: query_id must be printable ASCII, at most "
            f"{MAX_QUERY_ID} characters. (BAD_ARGUMENTS)",
            BAD_ARGUMENTS,
        )


async def _body(http: HttpRequest, most: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in http.stream():
        size += len(piece)
        if size > most:
            raise _too_large(most)
        pieces.append(piece)
    return b"".join(pieces)


def _plain(body: bytes, encoding: str, most: int) -> bytes:
    try:
        plain = decompressed(body, encoding, most + 1)
    except CannotDecompress as error:
        raise Refused(
            f"Code: {CANNOT_DECOMPRESS}. DB::Exception: {error}. (CANNOT_DECOMPRESS)",
            CANNOT_DECOMPRESS,
        ) from error
    if len(plain) > most:
        raise _too_large(most)
    return plain


def _too_large(most: int) -> Refused:
    return Refused(
        f"Code: {TOO_LARGE}. DB::Exception: the endpoint takes bodies of up to {most} bytes; "
        "send smaller pieces. (TOO_MANY_BYTES)",
        TOO_LARGE,
    )
