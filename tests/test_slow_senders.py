"""Who opens a connection or begins a request, and then sends nothing, keeps nobody out for long."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import grpc
import pytest
from served import EXPORT, GOOD, Served, add_principal, request

from partywall_collector.receivers import otlp_grpc
from partywall_collector.spool import Limits
from partywall_collector.store import Store, open_store

PATIENCE: Final = 0.5
HEAD: Final = "".join(
    f"{line}\r\n" for line in ("POST /v1/traces HTTP/1.1", *(f"{k}: {v}" for k, v in GOOD.items()))
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(f"chdb://{tmp_path_factory.mktemp('slow')}", role="owner") as store:
        add_principal(store, "agents@acme", "good", "acme")
        yield store


@pytest.fixture
def served(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(otlp_grpc, "HURRY", PATIENCE)
    served = Served(tmp_path / "spool", store, Limits(segment_age=3600), patience=PATIENCE)
    yield served
    served.close()


def connected(served: Served, *pieces: str) -> socket.socket:
    """A connection that has sent these pieces, with a pause between them."""
    host, port = served.http.endpoint.split(":")
    connection = socket.create_connection((host, int(port)), timeout=PATIENCE * 5)
    for piece in pieces:
        connection.sendall(piece.encode())
        time.sleep(PATIENCE / 5)
    return connection


def is_closed(connection: socket.socket) -> bool:
    """Whether the server closes it, after whatever it answered before, within five patiences."""
    with connection:
        try:
            while connection.recv(4096):
                pass
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
        return True


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        ("POST /v1/tra",),
        (HEAD,),
        (f"{HEAD}Host: x\r\nContent-Length: 500\r\n\r\n",),
        (f"{HEAD}Host: x\r\nContent-Length: 500\r\n\r\n", "a", "b", "c", "d"),
        (f"{HEAD}Host: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",),
        ("GET /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n", "a", "b"),
        (f"{HEAD}Host: x\r\nContent-Length: 0\r\n\r\n", "POST /v1/tra"),
    ],
    ids=[
        "nothing", "half a line", "half a head", "no body", "drop by drop", "half a chunk",
        "a body that nobody reads", "a second request",
    ],
)  # fmt: skip
def test_a_request_that_does_not_end_is_closed(served: Served, pieces: tuple[str, ...]) -> None:
    """At whatever place it stops, also when it goes on drop by drop."""
    assert is_closed(connected(served, *pieces))


def test_a_quiet_connection_may_be_used_again(served: Served) -> None:
    """Exporters keep theirs between exports for longer than a request may take."""
    connection = http.client.HTTPConnection(served.http.endpoint, timeout=10)
    for _ in range(2):
        connection.request("POST", "/v1/traces", request(), GOOD)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
        time.sleep(PATIENCE * 1.5)
    connection.close()


def test_calls_without_a_message_keep_nobody_out(served: Served) -> None:
    """More of them than there are threads: they are told to come back, the next one is taken."""
    over = threading.Event()

    def nothing() -> Iterator[bytes]:
        over.wait(60)
        yield from ()

    begin: grpc.StreamUnaryMultiCallable[bytes, bytes] = served.channel.stream_unary(EXPORT)
    metadata = (("authorization", "Bearer good"),)
    calls = [begin.future(nothing(), metadata=metadata) for _ in range(otlp_grpc.THREADS + 4)]
    try:
        time.sleep(0.2)
        assert served.call(request())[0] is grpc.StatusCode.OK
        codes = {call.code() for call in calls[: otlp_grpc.THREADS]}
        assert codes == {grpc.StatusCode.CANCELLED}
    finally:
        over.set()


def test_a_sender_that_goes_away_is_no_fault_of_the_collector(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """It is counted as an invalid request, and no error is logged."""
    over = threading.Event()

    def nothing() -> Iterator[bytes]:
        over.wait(60)
        yield from ()

    begin: grpc.StreamUnaryMultiCallable[bytes, bytes] = served.channel.stream_unary(EXPORT)
    call = begin.future(nothing(), metadata=(("authorization", "Bearer good"),))
    time.sleep(0.3)
    call.cancel()
    over.set()
    for _ in range(100):
        if served.counters.stats(0, 0, 0).refused:
            break
        time.sleep(0.02)
    assert served.counters.stats(0, 0, 0).refused == {"invalid": 1}
    assert not caplog.records
