"""Every acknowledged request gets into the store once, whatever happens on the way."""

import contextlib
import hashlib
import http.client
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hostile_requests import Hostile
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from partywall import attributes
from partywall_collector.canonical import Canonical, NotOtlp, from_protobuf
from partywall_collector.collector import Collector
from partywall_collector.components import Duration, RetryOnFailure
from partywall_collector.config import Config
from partywall_collector.envelope import Envelope, frame
from partywall_collector.loader import CONTENT_ERRORS, Loader
from partywall_collector.machine import LEAST_LOAD_MIB
from partywall_collector.metrics import Counters
from partywall_collector.spool import Limits, Spool
from partywall_collector.store import QueryFailed, Store, StoreUnavailable, open_store

QUICK = RetryOnFailure(Duration(0.02), Duration(0.05))
SOON = Limits(segment_age=0.01)
SPANS = 60_000
"""In one request: more than the least memory of a load can hold."""


def request(first: int, count: int = 1, tenant: str = "acme") -> bytes:
    """Spans with the ids first, first + 1, ..."""
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number in range(first, first + count):
        span = scope.spans.add(
            name="work",
            trace_id=bytes(15) + b"\x01",
            span_id=number.to_bytes(8),
            start_time_unix_nano=time.time_ns(),
        )
        span.attributes.add(key=attributes.TENANT_ID).value.string_value = tenant
    return message.SerializeToString()


def span_ids(store: Store) -> list[int]:
    rows = store.rows("SELECT lower(hex(span_id)) AS id FROM spans ORDER BY id")
    return [int(row["id"], 16) for row in rows]


def one(store: Store, sql: str) -> Any:
    return next(iter(store.rows(sql)[0].values()))


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that knows the tenant acme and its agents."""
    folder = tmp_path_factory.mktemp("loader") / "home"
    with open_store(f"chdb://{folder}", role="owner") as store:
        now = datetime.now(UTC)
        tenant = {"tenant_id": "acme", "name": "", "placement": "acme", "store_content": False}
        store.insert("tenants", [{**tenant, "recorded_at": now}])
        digest = hashlib.sha256(b"good").hexdigest()
        principal = {"principal_id": "agents", "tenants": ["acme"], "token_sha256": digest}
        store.insert("principals", [{**principal, "recorded_at": now}])
        yield store


@pytest.fixture
def home(acme: Store) -> Store:
    """The same, with nothing loaded."""
    for table in ("spans", "quarantine", "segments"):
        acme.command(f"TRUNCATE TABLE {table}")
    return acme


class Unsteady:
    """A store whose next loads fail as told, each before or after it has been done."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.before: list[Exception] = []
        self.after: list[Exception] = []
        self.poison = b""
        self.roomy_for = 1 << 30

    def load(self, body: bytes, *, token: str, memory: int = 0) -> None:
        if self.before:
            raise self.before.pop()
        self.store.load(body, token=token, memory=memory)

    def load_file(self, path: Path, *, token: str, memory: int = 0) -> None:
        body = path.read_bytes()
        if self.before:
            raise self.before.pop()
        if len(body) > self.roomy_for:
            raise QueryFailed("Code: 241. memory limit exceeded", 241)
        if self.poison and self.poison in body:
            # The worst case: a part of the rows is there, and then the load fails.
            self.store.load_file(path, token=token, memory=memory)
            raise QueryFailed("Code: 444. cannot parse", 444)
        self.store.load_file(path, token=token, memory=memory)
        if self.after:
            raise self.after.pop()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


class Running:
    """A spool and a loader over a store."""

    def __init__(self, folder: Path, store: Any, limits: Limits = SOON, *, memory: int = 0) -> None:
        self.spool = Spool(folder, limits)
        self.counters = Counters()
        self.loader = Loader(store, self.spool, self.counters, QUICK, memory)
        self.loader.start()

    def send(self, body: bytes, spans: int = 1) -> None:
        self.spool.append("agents", ("acme",), "A1", body, spans).result(10)

    def close(self) -> None:
        self.loader.stop()
        self.spool.close()


@pytest.fixture
def unsteady(home: Store) -> Unsteady:
    return Unsteady(home)


Start = Callable[..., Running]


@pytest.fixture
def start(home: Store) -> Iterator[Start]:
    """Starts loaders; none outlives its test, also one that fails: it would load into the next."""
    with contextlib.ExitStack() as at_end:

        def started(*how: Any, **more: Any) -> Running:
            running = Running(*how, **more)
            at_end.callback(running.close)
            return running

        yield started


@pytest.fixture
def running(unsteady: Unsteady, tmp_path: Path, start: Start) -> Running:
    return start(tmp_path / "spool", unsteady)


def test_what_is_acknowledged_becomes_queryable_and_leaves_the_spool(
    home: Store, running: Running, tmp_path: Path
) -> None:
    """The rows, a line in `segments`, and an empty folder."""
    running.send(request(1, 3), 3)
    assert running.spool.wait_loaded(20)
    assert span_ids(home) == [1, 2, 3]
    segment = home.rows("SELECT requests, bytes, length(sha256) AS digest FROM segments")
    assert [(row["requests"], row["digest"]) for row in segment] == [(1, 64)]
    assert not list((tmp_path / "spool").glob("*.sealed"))
    running.close()
    assert running.counters.stats(0, 0, 0).loaded_spans == 3


def test_a_lone_span_is_queryable_within_two_seconds(
    home: Store, tmp_path: Path, start: Start
) -> None:
    """With the shipped limits and nobody else sending."""
    running = start(tmp_path / "spool", home, Limits())
    sent = time.monotonic()
    running.send(request(7))
    while not span_ids(home):
        assert time.monotonic() - sent < 10
        time.sleep(0.05)
    assert time.monotonic() - sent < 5  # 2 s on an idle machine


def test_while_the_store_is_down_nothing_is_lost_or_doubled(
    home: Store, unsteady: Unsteady, running: Running
) -> None:
    """Failures before a load, and after it was done, end in each row once."""
    unsteady.before = [StoreUnavailable("down"), StoreUnavailable("down")]
    unsteady.after = [StoreUnavailable("the answer was lost"), QueryFailed("timeout", 159)]
    for number in range(1, 6):
        running.send(request(number))
        time.sleep(0.02)
    assert running.spool.wait_loaded(20)
    assert span_ids(home) == [1, 2, 3, 4, 5]
    assert running.counters.stats(0, 0, 0).failed_loads == 4


def test_a_mistake_of_ours_does_not_end_the_loader(
    home: Store, unsteady: Unsteady, running: Running
) -> None:
    """An unforeseen error is logged and the segment tried again."""
    unsteady.before = [ValueError("unforeseen")]
    running.send(request(1))
    assert running.spool.wait_loaded(20)
    assert span_ids(home) == [1]


def test_a_store_that_reads_nothing_is_not_taken_for_poison(
    home: Store, unsteady: Unsteady, running: Running
) -> None:
    """Where even an empty request fails, the store is at fault: everything waits."""
    unsteady.before = [QueryFailed("Code: 43. a broken view", 43)] * 6
    running.send(request(1))
    assert running.spool.wait_loaded(20)
    assert span_ids(home) == [1]
    assert running.counters.stats(0, 0, 0).poison == 0


def test_a_segment_that_is_too_large_for_the_memory_is_loaded_in_halves(
    home: Store, unsteady: Unsteady, tmp_path: Path, start: Start
) -> None:
    """Nothing is quarantined, nothing waits for ever."""
    unsteady.roomy_for = 500
    spool = Spool(tmp_path / "spool", Limits(segment_age=3600))
    for number in range(1, 8):
        spool.append("agents", ("acme",), "A1", request(number), 1).result(10)
    spool.close()
    running = start(tmp_path / "spool", unsteady)
    assert running.spool.wait_loaded(30)
    running.close()
    assert span_ids(home) == [1, 2, 3, 4, 5, 6, 7]
    stats = running.counters.stats(0, 0, 0)
    assert stats.poison == 0
    assert stats.loaded_segments > 2


def test_a_request_whose_load_takes_too_much_memory_is_loaded_in_parts(
    home: Store, tmp_path: Path, start: Start
) -> None:
    """The engine stops at the bound; each span is stored once, and nothing is tried for ever."""
    spool = Spool(tmp_path / "spool", Limits(segment_age=3600))
    for body in (request(1), request(2, SPANS), request(SPANS + 2)):
        spool.append("agents", ("acme",), "A1", body, 1).result(10)
    spool.close()
    running = start(tmp_path / "spool", home, memory=LEAST_LOAD_MIB << 20)
    assert running.spool.wait_loaded(60)
    assert span_ids(home) == list(range(1, SPANS + 3))
    assert running.counters.stats(0, 0, 0).poison == 0
    assert one(home, "SELECT count() FROM segments") > 3


def test_a_span_whose_load_takes_too_much_memory_goes_to_quarantine(
    home: Store, tmp_path: Path, start: Start
) -> None:
    """Alone; its neighbours are loaded once, in the same request as in others."""
    message = ExportTraceServiceRequest.FromString(request(5, 3))
    events = b"\x5a\x00" * 4_000_000  # empty ones: half a gigabyte to load, eight megabytes to send
    message.resource_spans[0].scope_spans[0].spans[1].MergeFromString(events)
    spool = Spool(tmp_path / "spool", Limits(segment_age=3600))
    for body in [*map(request, range(1, 5)), message.SerializeToString(), *map(request, (8, 9))]:
        spool.append("agents", ("acme",), "A1", body, 1).result(10)
    spool.close()
    running = start(tmp_path / "spool", home, memory=LEAST_LOAD_MIB << 20)
    assert running.spool.wait_loaded(60)
    assert span_ids(home) == [1, 2, 3, 4, 5, 7, 8, 9]
    (row,) = home.rows("SELECT reason, principal, span FROM quarantine")
    assert (row["reason"], row["principal"]) == ("too large", "agents")
    told = json.loads(row["span"])
    assert told["error_code"] == 241
    assert told["size"] > len(events)
    assert running.counters.stats(0, 0, 0).poison == 1


def test_a_request_waits_while_the_memory_is_taken_by_others(
    home: Store, unsteady: Unsteady, running: Running
) -> None:
    """What the engine's total forbids is not the request's fault: it is tried again."""
    unsteady.before = [QueryFailed("Code: 241. (total) memory limit exceeded: would use", 241)] * 3
    running.send(request(1))
    assert running.spool.wait_loaded(20)
    assert span_ids(home) == [1]
    assert running.counters.stats(0, 0, 0).failed_loads == 3


def test_where_not_even_an_empty_request_fits_everything_waits(
    home: Store, unsteady: Unsteady, running: Running
) -> None:
    """A bound that is too low for anything is the operator's mistake, and no request's."""
    error = QueryFailed("Code: 241. Query memory limit exceeded: would use", 241)
    unsteady.before = [error] * 6
    running.send(request(1))
    assert running.spool.wait_loaded(20)
    assert span_ids(home) == [1]
    assert running.counters.stats(0, 0, 0).poison == 0


def test_bytes_that_are_no_envelope_have_a_code_that_blames_them(home: Store) -> None:
    """What ClickHouse says of broken protobuf is among the codes that lead to a split."""
    for body in (b"\xff\xff garbage", b"\x05\x0a\x64abc"):
        with pytest.raises(QueryFailed) as caught:
            home.load(body, token=body.hex())
        assert caught.value.code in CONTENT_ERRORS


def test_a_request_that_cannot_be_read_goes_to_quarantine_and_the_rest_is_loaded(
    home: Store, unsteady: Unsteady, tmp_path: Path, start: Start
) -> None:
    """Split, split, split: one envelope is at fault, its neighbours are loaded exactly once."""
    unsteady.poison = b"p" * 40
    spool = Spool(tmp_path / "spool", Limits(segment_age=3600))
    bad = request(100)
    bodies = [request(number) for number in range(1, 10)]
    message = ExportTraceServiceRequest.FromString(bad)
    message.resource_spans[0].schema_url = "p" * 40
    bad = message.SerializeToString()
    for body in [*bodies[:4], bad, *bodies[4:]]:
        spool.append("agents", ("acme",), "A1", body, 1).result(10)
    spool.close()
    running = start(tmp_path / "spool", unsteady)
    assert running.spool.wait_loaded(30)
    assert span_ids(home) == list(range(1, 10))
    [row] = home.rows(
        "SELECT principal, span, lower(hex(request_sha256)) AS digest FROM quarantine"
        " WHERE reason = 'poison'"
    )
    assert row["principal"] == "agents"
    assert row["digest"] == hashlib.sha256(bad).hexdigest()
    assert '"error_code": 444' in row["span"]
    assert running.counters.stats(0, 0, 0).poison == 1


def test_a_span_that_cannot_be_read_takes_no_other_of_its_request_with_it(
    home: Store, unsteady: Unsteady, tmp_path: Path, start: Start
) -> None:
    """The request is parted like a segment, is loaded once, and its repeat is still known."""
    unsteady.poison = b"p" * 40
    message = ExportTraceServiceRequest.FromString(request(1, 9))
    message.resource_spans.add().CopyFrom(message.resource_spans[0])
    message.resource_spans[1].scope_spans[0].spans[3].name = "p" * 40
    for number, span in enumerate(message.resource_spans[1].scope_spans[0].spans):
        span.span_id = (10 + number).to_bytes(8)
    bad = message.SerializeToString()
    spool = Spool(tmp_path / "spool", Limits(segment_age=3600))
    spool.append("agents", ("acme",), "A1", bad, 18).result(10)
    spool.close()
    running = start(tmp_path / "spool", unsteady)
    assert running.spool.wait_loaded(30)
    assert span_ids(home) == [*range(1, 13), *range(14, 19)]
    assert one(home, "SELECT groupArray(reason) FROM quarantine") == ["poison"]
    known = home.rows("SELECT lower(hex(request_sha256)) AS digest FROM requests")
    assert hashlib.sha256(bad).hexdigest() in [row["digest"] for row in known]


def test_a_segment_that_was_loaded_and_not_deleted_is_not_loaded_again(
    home: Store, tmp_path: Path, start: Start
) -> None:
    """A crash between the load and the delete: the next start adds no row anywhere."""
    folder = tmp_path / "spool"
    data = b"".join(frame(Envelope("agents", ("acme",), "A1", time.time_ns(), request(1, 5))))
    for _ in range(3):
        folder.mkdir(exist_ok=True)
        (folder / "00000000000000000001-aaaa.sealed").write_bytes(data)
        running = start(folder, home)
        assert running.spool.wait_loaded(20)
        running.close()
    assert span_ids(home) == [1, 2, 3, 4, 5]
    assert one(home, "SELECT count() FROM segments") == 1


def test_a_crash_while_a_segment_is_taken_apart_leaves_each_row_once(
    home: Store, tmp_path: Path, start: Start
) -> None:
    """Rows that a failed load left behind are taken back, and come again under other ids."""
    folder = tmp_path / "spool"
    folder.mkdir()
    data = b"".join(
        b"".join(frame(Envelope("agents", ("acme",), "A1", time.time_ns(), request(number))))
        for number in (1, 2, 3)
    )
    home.load(data, token="5")
    (folder / "5.retired").write_bytes(data)
    running = start(folder, home)
    assert running.spool.wait_loaded(20)
    assert span_ids(home) == [1, 2, 3]
    assert one(home, "SELECT count() FROM segments") == 2


def test_a_damaged_segment_gives_what_is_whole(home: Store, tmp_path: Path, start: Start) -> None:
    """Garbage behind a whole envelope is kept apart; the envelope is loaded."""
    folder = tmp_path / "spool"
    folder.mkdir()
    data = b"".join(frame(Envelope("agents", ("acme",), "A1", time.time_ns(), request(1))))
    (folder / "1.sealed").write_bytes(data + b"\xff\xfe\xfd")
    running = start(folder, home)
    assert running.spool.wait_loaded(20)
    assert span_ids(home) == [1]
    assert (folder / "1.damaged").read_bytes() == b"\xff\xfe\xfd"


@pytest.mark.parametrize("name", ["plain.sealed", "it's \\ {1..9} [a]*?.sealed"])
def test_a_file_is_loaded_whatever_its_name(home: Store, tmp_path: Path, name: str) -> None:
    """A quote ends no statement, and a pattern stands for no other files."""
    path = tmp_path / name
    path.write_bytes(
        b"".join(frame(Envelope("agents", ("acme",), "A1", time.time_ns(), request(7))))
    )
    home.load_file(path, token=name)
    assert span_ids(home) == [7]


def test_stopping_loads_what_was_taken(home: Store) -> None:
    """Leaving the `with` block is a graceful stop: nothing waits for the next start."""
    with Collector(home, Config.default(home.url)) as collector:
        host, port = collector.http_endpoint.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port))
        headers = {"Authorization": "Bearer good", "Content-Type": "application/x-protobuf"}
        connection.request("POST", "/v1/traces", request(1, 4), headers)
        assert connection.getresponse().status == 200
        connection.close()
    assert span_ids(home) == [1, 2, 3, 4]
    assert collector.stats().queue_segments == 0


def test_drain_says_when_everything_is_queryable(home: Store) -> None:
    """`drain` returns True once the acknowledged rows are there."""
    with Collector(home, Config.default(home.url)) as collector:
        assert collector.drain(5)
        assert (collector.stats().queue_segments, collector.stats().lag) == (0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_every_request_that_is_taken_is_stored_or_quarantined(home: Store, seed: int) -> None:
    """No body that passes the receiver can make a load fail; each span is in one table."""
    hostile, taken = Hostile(seed), list[Canonical]()
    for _ in range(400):
        with contextlib.suppress(NotOtlp):
            taken.append(from_protobuf(hostile.request()))
    assert len(taken) > 200
    data = b"".join(
        b"".join(frame(Envelope("agents", ("acme",), "A1", time.time_ns(), request.body)))
        for request in taken
    )
    home.load(data, token=f"hostile-{seed}")
    counts = home.rows(
        "SELECT (SELECT count() FROM spans) AS s, (SELECT count() FROM quarantine) AS q"
    )
    assert counts[0]["s"] > 20
    assert counts[0]["s"] + counts[0]["q"] == sum(request.spans for request in taken)
