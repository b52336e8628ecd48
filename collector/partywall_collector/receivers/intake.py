"""What both protocols do with a request: who sends it, is it OTLP, is it on disk; or why not."""

import hashlib
import logging
import zlib
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Timeout
from enum import Enum

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from partywall_collector.canonical import Canonical, NotOtlp, from_json, from_protobuf
from partywall_collector.grants import Grants
from partywall_collector.metrics import Counters
from partywall_collector.principals import Principal, Principals, of_token
from partywall_collector.repeats import NOTICE, Repeats
from partywall_collector.spool import Spool, SpoolError, SpoolFull

log = logging.getLogger("partywall.receiver")
ATTESTATION = "A1"
"""The sender is authenticated by the transport; a session's grant may raise it to A2."""
RETRY_AFTER = 2
"""Seconds; real exporters drop a batch when the pause exceeds their timeout, often 10 s."""
DISK_PATIENCE = 30.0
GZIP_MEMBERS = 16


class Reason(Enum):
    """Why a request is refused: the word that is counted, the gRPC code and the HTTP status."""

    INVALID = ("invalid", 3, 400)
    UNAUTHENTICATED = ("unauthenticated", 16, 401)
    FORBIDDEN = ("forbidden", 7, 403)
    NOT_FOUND = ("not found", 12, 404)
    METHOD = ("method", 12, 405)
    TOO_LARGE = ("too large", 8, 413)
    MEDIA_TYPE = ("media type", 3, 415)
    FULL = ("full", 8, 429)
    UNAVAILABLE = ("unavailable", 14, 503)

    def __init__(self, word: str, code: int, http: int) -> None:
        self.word, self.code, self.http = word, code, http

    @property
    def retryable(self) -> bool:
        return self in (Reason.FULL, Reason.UNAVAILABLE)


class Refused(Exception):
    """A request that is not taken, with the text for its sender."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason

    def status(self) -> Status:
        """The refusal as OTLP wants it, with the pause where a retry helps."""
        status = Status(code=self.reason.code, message=str(self))
        if self.reason.retryable:
            detail = AnyMessage()
            detail.Pack(retry_info())
            status.details.append(detail)
        return status


def retry_info() -> RetryInfo:
    """When to try again."""
    return RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER))


class Intake:
    """The way of a request from a protocol to the spool. Thread-safe."""

    def __init__(
        self,
        spool: Spool,
        repeats: Repeats,
        principals: Principals,
        grants: Grants,
        counters: Counters,
    ) -> None:
        self._spool = spool
        self._repeats = repeats
        self._principals = principals
        self._grants = grants
        self.counters = counters

    @property
    def memory_bytes(self) -> int:
        """How much all requests that are being received may hold."""
        return self._spool.limits.memory_bytes

    def authenticate(self, authorization: str | None) -> Principal:
        """The principal of an `Authorization: Bearer TOKEN` header."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Refused(
                Reason.UNAUTHENTICATED, "send `Authorization: Bearer TOKEN` with every request"
            )
        principal = self._principals.find(of_token(token.strip()))
        if principal is None:
            raise Refused(
                Reason.UNAUTHENTICATED,
                "the token is not known or no longer good; `partywall registry token` makes one",
            )
        if not principal.tenants:
            raise Refused(
                Reason.FORBIDDEN, f"the principal {principal.id} may not write for any tenant"
            )
        return principal

    def take(
        self, principal: Principal, body: bytes, *, json: bool = False
    ) -> ExportTraceServiceResponse:
        """Return the answer when the request is on disk; raise `Refused` when it is not."""
        try:
            request = from_json(body) if json else from_protobuf(body)
        except NotOtlp as error:
            raise Refused(Reason.INVALID, str(error)) from None
        answer = ExportTraceServiceResponse()
        if request.spans and self._spool_it(principal, request):
            self.counters.add(repeated_requests=1, repeated_spans=request.spans)
            answer.partial_success.error_message = NOTICE
        else:
            self.counters.add(accepted_requests=1, accepted_spans=request.spans)
        return answer

    def _spool_it(self, principal: Principal, request: Canonical) -> bool:
        """Return when the request is on disk; whether it was there before."""
        sha256 = hashlib.sha256(request.body).digest()

        def append() -> Future[None]:
            grants = self._grants.judge(principal.id, request.grants, request.body)
            return self._spool.append(
                principal.id,
                principal.tenants,
                ATTESTATION,
                request.body,
                request.spans,
                grants,
                sha256=sha256,
            )

        try:
            done, repeated = self._repeats.once(principal.id, sha256, append)
            done.result(DISK_PATIENCE)
            return repeated
        except SpoolFull as error:
            raise Refused(Reason.FULL, str(error)) from None
        except SpoolError as error:
            raise Refused(Reason.UNAVAILABLE, str(error)) from None
        except Timeout:
            raise Refused(Reason.UNAVAILABLE, "the disk did not answer in time") from None


def gunzip(data: bytes | bytearray, limit: int) -> bytes:
    """The content of a gzip body, never more than the limit."""
    content = bytearray()
    for _ in range(GZIP_MEMBERS):
        member = zlib.decompressobj(wbits=31)
        try:
            content += member.decompress(data, limit + 1 - len(content))
        except zlib.error as error:
            raise Refused(Reason.INVALID, f"the body is not gzip: {error}") from None
        if len(content) > limit:
            raise Refused(Reason.TOO_LARGE, too_large(limit))
        if not member.eof:
            raise Refused(Reason.INVALID, "the gzip body is cut off")
        data = member.unused_data
        if not data:
            return bytes(content)
    raise Refused(Reason.INVALID, f"the gzip body has more than {GZIP_MEMBERS} members")


def too_large(limit: int) -> str:
    """The text for a body above the limit."""
    return f"the request has more than {limit} bytes after decompression; send smaller batches"
