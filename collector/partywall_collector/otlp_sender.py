"""Sends serialised trace requests to a collector: pipelined, gzipped, and patient where asked.

A batch that the collector cannot take now (429, 503, a lost connection) is sent again after the
pause that it names. A batch that it will never take ends the sending.
"""

import gzip
import http.client
import queue
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, cast
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from partywall_collector.repeats import NOTICE

CONNECTIONS = 4
"""Requests on the way at a time; the collector commits those that wait together in one go."""

PATIENCE = 120.0
"""Seconds for which one batch is tried again."""

FIRST_PATIENCE = 10.0
"""The same for an address from which no answer ever came: it is likely mistyped."""

ANSWER_LIMIT = 1 << 20

TIMEOUT = 30.0
LONGEST_PAUSE = 30.0
PATH = "/v1/traces"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
RETRYABLE_HTTP = (429, 502, 503, 504)
RETRYABLE_GRPC = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
)
ANY_SIZE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class NotSent(Exception):
    """The collector did not take a batch and will not; the text says why. Met by who sends."""


class _TryAgain(Exception):
    """Not now; after a pause perhaps. `answered` says that there is a collector at all."""

    def __init__(self, text: str, pause: float | None = None, *, answered: bool) -> None:
        super().__init__(text)
        self.pause = pause
        self.answered = answered


@dataclass(frozen=True, slots=True)
class Batch:
    """A serialised ExportTraceServiceRequest of so many spans."""

    body: bytes
    requests: int
    spans: int


@dataclass(slots=True)
class Acknowledged:
    """What the collector said it has."""

    requests: int = 0
    spans: int = 0
    rejected: int = 0
    """Spans that a partial success gave back."""
    repeated: int = 0
    """Acknowledged spans that the collector already had."""
    retries: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, batch: Batch, answer: ExportTracePartialSuccess) -> None:
        """Count a batch that was answered with success."""
        with self.lock:
            self.requests += batch.requests
            self.spans += batch.spans - answer.rejected_spans
            self.rejected += answer.rejected_spans
            if answer.error_message == NOTICE:
                self.repeated += batch.spans


class Transport(Protocol):
    """One connection to a collector."""

    def send(self, body: bytes) -> ExportTracePartialSuccess:
        """Send one body; return what was not taken of it."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class HttpTransport:
    """OTLP/HTTP over one connection that is kept open."""

    def __init__(self, endpoint: str, token: str) -> None:
        parts = urlsplit(endpoint if "://" in endpoint else f"http://{endpoint}")
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise NotSent(f"'{endpoint}' is no endpoint; write http://HOST:4318")
        make = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = make(parts.hostname, port or 4318, timeout=TIMEOUT)
        self._path = f"{parts.path.rstrip('/').removesuffix(PATH)}{PATH}"
        self._headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def send(self, body: bytes) -> ExportTracePartialSuccess:
        """Send one body; return what was not taken of it."""
        try:
            packed = gzip.compress(body, compresslevel=1)
            self._connection.request("POST", self._path, packed, self._headers)
            response = self._connection.getresponse()
            answer = response.read(ANSWER_LIMIT)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            what = f"no answer: {error or type(error).__name__}"
            raise _TryAgain(what, answered=False) from None
        if response.status == 200:
            return _answer(answer)
        text = f"{response.status} {response.reason}: {_status(answer).message}".rstrip(": ")
        if response.status in RETRYABLE_HTTP:
            pause = response.headers.get("Retry-After", "")
            raise _TryAgain(text, float(pause) if pause.isdigit() else None, answered=True)
        raise NotSent(text)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class GrpcTransport:
    """OTLP/gRPC over one channel."""

    def __init__(self, endpoint: str, token: str) -> None:
        scheme, _, host = endpoint.rpartition("://")
        if scheme == "https":
            credentials = grpc.ssl_channel_credentials()
            self._channel = grpc.secure_channel(
                host, credentials, ANY_SIZE, compression=grpc.Compression.Gzip
            )
        else:
            self._channel = grpc.insecure_channel(host, ANY_SIZE, compression=grpc.Compression.Gzip)
        self._export: grpc.UnaryUnaryMultiCallable[bytes, bytes]
        self._export = self._channel.unary_unary(EXPORT)
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()

    def send(self, body: bytes) -> ExportTracePartialSuccess:
        """Send one body; return what was not taken of it."""
        try:
            return _answer(self._export(body, timeout=TIMEOUT, metadata=self._metadata))
        except grpc.RpcError as error:
            text = f"{error.code().name}: {error.details()}"
            pause = _retry_delay(error)
            if error.code() in RETRYABLE_GRPC or pause is not None:
                raise _TryAgain(text, pause, answered=pause is not None) from None
            raise NotSent(text) from None

    def close(self) -> None:
        """Hang up."""
        self._channel.close()


class Sender:
    """Sends batches over a few connections; `acknowledged` is right at any moment."""

    def __init__(self, connect: Callable[[], Transport]) -> None:
        self.acknowledged = Acknowledged()
        self._connect = connect
        self._batches: queue.Queue[Batch | None] = queue.Queue(maxsize=CONNECTIONS)
        self._stopped = threading.Event()
        self._error: NotSent | None = None

    def send(self, batches: Iterable[Batch]) -> None:
        """Send all batches; raise `NotSent` if the collector refused one.

        On an exception, Ctrl-C too, what is on the way is still waited for, so that nothing is
        acknowledged unseen.
        """
        transports = [self._connect() for _ in range(CONNECTIONS)]
        workers = [
            threading.Thread(target=self._work, args=(transport,), daemon=True)
            for transport in transports
        ]
        for worker in workers:
            worker.start()
        try:
            for batch in batches:
                self._put(batch)
                if self._stopped.is_set():
                    break
            for _ in workers:
                self._put(None)
            for worker in workers:
                while worker.is_alive():
                    worker.join(0.2)  # short, so that Ctrl-C is heard
        finally:
            self._stopped.set()
            for worker in workers:
                worker.join(TIMEOUT)
        if self._error:
            raise self._error

    def _put(self, batch: Batch | None) -> None:
        while not self._stopped.is_set():
            try:
                return self._batches.put(batch, timeout=0.2)
            except queue.Full:
                continue

    def _work(self, transport: Transport) -> None:
        try:
            while not self._stopped.is_set():
                try:
                    batch = self._batches.get(timeout=0.2)
                except queue.Empty:
                    continue
                if batch is None:
                    return
                answer = self._send_one(transport, batch)
                if answer is not None:
                    self.acknowledged.add(batch, answer)
        except NotSent as error:
            self._fail(error)
        except Exception as error:  # such as a token that no header can carry
            self._fail(NotSent(f"it cannot be sent: {error}"))
        finally:
            transport.close()

    def _fail(self, error: NotSent) -> None:
        self._error = self._error or error
        self._stopped.set()

    def _send_one(self, transport: Transport, batch: Batch) -> ExportTracePartialSuccess | None:
        """Return the answer; None if the sending ended before there was one."""
        begun = time.monotonic()
        attempt = 0
        while True:
            try:
                return transport.send(batch.body)
            except _TryAgain as again:
                attempt += 1
                known = again.answered or self.acknowledged.requests
                patience = PATIENCE if known else FIRST_PATIENCE
                pause = again.pause
                if pause is None:
                    pause = min(0.1 * 2**attempt, LONGEST_PAUSE) * random.uniform(0.5, 1)
                if time.monotonic() + pause > begun + patience:
                    raise NotSent(f"given up after {patience:.0f} s: {again}") from None
                with self.acknowledged.lock:
                    self.acknowledged.retries += 1
                if self._stopped.wait(min(pause, LONGEST_PAUSE)):
                    return None


def _answer(answer: bytes) -> ExportTracePartialSuccess:
    try:
        return ExportTraceServiceResponse.FromString(answer).partial_success
    except DecodeError:
        raise NotSent("the answer is not OTLP; is this a collector's endpoint?") from None


def _status(answer: bytes) -> Status:
    try:
        return Status.FromString(answer)
    except DecodeError:
        return Status(message=answer[:200].decode("utf-8", "replace"))


def _retry_delay(error: grpc.RpcError) -> float | None:
    """The pause that the collector asks for in its trailers."""
    trailers = cast("Iterable[tuple[str, str | bytes]]", error.trailing_metadata() or ())
    for key, value in trailers:
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            for detail in _status(value).details:
                info = RetryInfo()
                if detail.Unpack(info):
                    return info.retry_delay.seconds + info.retry_delay.nanos / 1e9
    return None
