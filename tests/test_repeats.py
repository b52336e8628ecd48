"""An export that is sent again because its ack was lost is acknowledged, and stored once."""

import contextlib
import hashlib
import http.client
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcExporter,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpExporter,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from partywall import attributes
from partywall_collector import repeats as repeats_module
from partywall_collector.collector import Collector
from partywall_collector.config import Config
from partywall_collector.registry.load import write
from partywall_collector.registry.model import Principal, Tenant
from partywall_collector.repeats import Repeats, sender
from partywall_collector.spool import Limits, Spool, SpoolError
from partywall_collector.store import Store, open_store


def key(number: int) -> bytes:
    return number.to_bytes(32)


class Disk:
    """Appends that end when, and as, the test says."""

    def __init__(self) -> None:
        self.waiting: list[Future[None]] = []

    def append(self) -> Future[None]:
        self.waiting.append(Future())
        return self.waiting[-1]


def test_a_repeat_that_overtakes_the_sync_is_acknowledged_after_it() -> None:
    """Two of one export at a time: one append, and no ack for either before it is on disk."""
    repeats, disk = Repeats(), Disk()
    first, repeated = repeats.once("agents", key(1), disk.append)
    second, again = repeats.once("agents", key(1), disk.append)
    assert (repeated, again, len(disk.waiting)) == (False, True, 1)
    assert not first.done()
    assert not second.done()
    disk.waiting[0].set_result(None)
    assert first.done()
    assert second.done()
    third, again = repeats.once("agents", key(1), disk.append)
    assert (again, third.done(), len(disk.waiting)) == (True, True, 1)


def test_after_a_failed_write_the_repeat_is_taken_as_new() -> None:
    """Both that waited are refused; the one after them is written."""
    repeats, disk = Repeats(), Disk()
    first, _ = repeats.once("agents", key(1), disk.append)
    second, _ = repeats.once("agents", key(1), disk.append)
    disk.waiting[0].set_exception(SpoolError("disk full"))
    for refused in (first, second):
        assert isinstance(refused.exception(0), SpoolError)
    _, repeated = repeats.once("agents", key(1), disk.append)
    assert (repeated, len(disk.waiting)) == (False, 2)


def test_a_refused_append_is_not_remembered() -> None:
    """A full spool refuses an export, and takes it when there is room."""

    def full() -> Future[None]:
        raise SpoolError("full")

    repeats, disk = Repeats(), Disk()
    with pytest.raises(SpoolError):
        repeats.once("agents", key(1), full)
    assert repeats.once("agents", key(1), disk.append)[1] is False


def test_only_the_same_sender_repeats_itself() -> None:
    """The same bytes of another principal are another export."""
    repeats, disk = Repeats(), Disk()
    repeats.once("agents", key(1), disk.append)
    assert repeats.once("others", key(1), disk.append)[1] is False


def test_the_memory_is_bounded_and_ends_with_the_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go first, by number and by age."""
    now = [1_000_000.0]
    monkeypatch.setattr(repeats_module.time, "time", lambda: now[0])
    repeats, disk = Repeats(kept=3), Disk()
    for number in range(5):
        repeats.once("agents", key(number), disk.append)
        disk.waiting[-1].set_result(None)
    assert len(repeats) == 3
    assert repeats.once("agents", key(4), disk.append)[1] is True
    now[0] += repeats_module.WINDOW + 1
    assert repeats.once("agents", key(4), disk.append)[1] is False


# --- Whole collectors -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that knows acme and its agents, whose token is `good`."""
    home = tmp_path_factory.mktemp("repeats") / "home"
    with open_store(f"chdb://{home}", role="owner") as store:
        digest = hashlib.sha256(b"good").hexdigest()
        write([Tenant(id="acme")], store)
        write([Principal(id="agents", tenants=("acme",), token_sha256=digest)], store)
        yield store


@pytest.fixture
def acme(opened: Store) -> Store:
    """The same, with nothing received."""
    empty(opened)
    return opened


def empty(store: Store) -> None:
    for table in ("spans", "requests"):
        store.command(f"TRUNCATE TABLE {table}")


def exports(count: int) -> list[bytes]:
    made: list[bytes] = []
    for number in range(1, count + 1):
        message = ExportTraceServiceRequest()
        spans = message.resource_spans.add().scope_spans.add().spans
        span = spans.add(name="x", trace_id=number.to_bytes(16), span_id=number.to_bytes(8))
        span.attributes.add(key=attributes.TENANT_ID).value.string_value = "acme"
        made.append(message.SerializeToString())
    return made


def stored(store: Store) -> list[int]:
    rows = store.rows("SELECT lower(hex(span_id)) AS id FROM spans ORDER BY id")
    return [int(row["id"], 16) for row in rows]


class Life:
    """One life of a collector's inside: what it takes, and whether it gets to load it."""

    def __init__(self, folder: Path, repeats: Repeats, store: Store, load: bool) -> None:
        self.spool = Spool(folder, Limits(segment_age=3600))
        self.repeats = repeats
        repeats.recall(store, self.spool)
        self.store, self.load = store, load

    def take(self, body: bytes) -> bool:
        sha256 = hashlib.sha256(body).digest()

        def append() -> Future[None]:
            return self.spool.append("agents", ("acme",), "A1", body, 1, sha256=sha256)

        done, repeated = self.repeats.once(sender("agents", ["acme"]), sha256, append)
        done.result(10)
        return repeated

    def end(self) -> None:
        self.spool.close()
        if self.load:
            for path in sorted(self.spool.folder.glob("*.sealed")):
                self.store.load(path.read_bytes(), token=path.stem)
                path.unlink()


@settings(max_examples=4, deadline=None)
@given(
    lives=st.lists(
        st.tuples(st.lists(st.integers(0, 7), max_size=12), st.booleans()), min_size=1, max_size=4
    )
)
def test_however_exports_repeat_each_is_stored_once(
    lives: list[tuple[list[int], bool]],
    opened: Store,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Any exports over any restarts, loaded before the next start or left in the spool."""
    empty(opened)
    folder, bodies = tmp_path_factory.mktemp("life") / "spool", exports(8)
    seen: set[int] = set()
    for sent, load in [*lives, ([], True)]:
        life = Life(folder, Repeats(), opened, load)
        for number in sent:
            assert life.take(bodies[number]) is (number in seen)
            seen.add(number)
        life.end()
    assert stored(opened) == sorted(number + 1 for number in seen)


class Forgetful:
    """A proxy that passes requests on and, when told so, hangs up before the answer is back."""

    def __init__(self, endpoint: str) -> None:
        host, _, port = endpoint.removeprefix("http://").rpartition(":")
        self._target = host, int(port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.lose = 0
        self.lost = 0
        self._start(self._serve)

    def close(self) -> None:
        hang_up(self._listening, *self._open)
        for thread in self._threads:
            thread.join()
        for side in (self._listening, *self._open):
            side.close()

    def _start(self, work: Callable[..., None], *args: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=args))
        self._threads[-1].start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._target)
                self._open += [client, server]
                self._start(self._ask, client, server)
                self._start(self._answer, server, client)

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self.lose and (b"200 OK" in data or b"grpc-status" in data):
                    self.lose, self.lost = self.lose - 1, self.lost + 1
                    break
                client.sendall(data)
        hang_up(client, server)


def hang_up(*sides: socket.socket) -> None:
    for side in sides:
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)


EXPORTERS: dict[str, Callable[[str], SpanExporter]] = {
    "http": lambda endpoint: HttpExporter(
        endpoint=f"http://{endpoint}/v1/traces", headers={"authorization": "Bearer good"}
    ),
    "grpc": lambda endpoint: GrpcExporter(
        endpoint=endpoint, insecure=True, headers={"authorization": "Bearer good"}
    ),
}


@pytest.mark.parametrize("protocol", EXPORTERS)
def test_a_real_exporter_whose_ack_is_lost_repeats_itself_and_nothing_is_doubled(
    protocol: str, acme: Store
) -> None:
    """opentelemetry-exporter-otlp behind a network that swallows the first answer."""
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("test")
    for _ in range(3):
        tracer.start_span("work", attributes={attributes.TENANT_ID: "acme"}).end()
    with Collector(acme, Config.default(acme.url)) as collector:
        target = collector.http_endpoint if protocol == "http" else collector.grpc_endpoint
        network = Forgetful(target)
        exporter = EXPORTERS[protocol](network.endpoint)
        network.lose = 1
        assert exporter.export(memory.get_finished_spans()) is SpanExportResult.SUCCESS
        exporter.shutdown()
        network.close()
        assert network.lost == 1
        stats = collector.stats()
        assert (stats.accepted_spans, stats.repeated_spans) == (3, 3)
    assert acme.rows("SELECT count() AS n, uniqExact(span_id) AS ids FROM spans") == [
        {"n": 3, "ids": 3}
    ]


def test_many_senders_of_the_same_export_at_once_store_it_once(acme: Store) -> None:
    """Sixteen threads, four exports, each sent many times in any order."""
    bodies = exports(4)
    statuses: list[int] = []
    with Collector(acme, Config.default(acme.url)) as collector:
        endpoint = collector.http_endpoint.removeprefix("http://")

        def send(seed: int) -> None:
            for body in random.Random(seed).sample(bodies * 3, 12):
                connection = http.client.HTTPConnection(endpoint, timeout=20)
                headers = {
                    "Authorization": "Bearer good",
                    "Content-Type": "application/x-protobuf",
                }
                connection.request("POST", "/v1/traces", body, headers)
                statuses.append(connection.getresponse().status)
                connection.close()

        threads = [threading.Thread(target=send, args=(seed,)) for seed in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stats = collector.stats()
    assert statuses == [200] * 192
    assert (stats.accepted_spans, stats.repeated_spans) == (4, 188)
    assert stored(acme) == [1, 2, 3, 4]


def test_what_is_older_than_the_hour_is_not_recalled(acme: Store, tmp_path: Path) -> None:
    """A start reads the last hour, not the history."""
    now = time.time_ns()
    hours = [now, now - 2 * 3600 * 10**9]
    rows = [
        {"received_at": stamp / 1e9, "principal": "agents", "request_sha256": key(number)}
        for number, stamp in enumerate(hours)
    ]
    acme.insert("requests", rows)
    repeats, spool = Repeats(), Spool(tmp_path / "spool")
    repeats.recall(acme, spool)
    spool.close()
    assert len(repeats) == 1
    assert repeats.once("agents", key(0), Disk().append)[1] is True
