"""Quotas: a tenant that is over its spans a minute is told so, and takes nothing from others."""

import http.client
import itertools
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, cast

import grpc
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from partywall_collector.canonical import from_protobuf
from partywall_collector.claims import count_claims
from partywall_collector.collector import Collector
from partywall_collector.config import Config
from partywall_collector.quotas import Quotas, spans_by_tenant
from partywall_collector.receivers.refusals import Refused
from partywall_collector.registry.load import write
from partywall_collector.registry.model import Principal, Tenant
from partywall_collector.store import Store, open_store

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
KEY = "partywall.tenant.id"
QUOTAS = {"acme": 10, "fjord": 0, "bank": 60, "wide": 3, "late": 5}
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(f"chdb://{tmp_path_factory.mktemp('quotas')}/home", role="owner") as store:
        tenants = [Tenant(id=name, spans_per_minute=most) for name, most in QUOTAS.items()]
        senders = {"agents": ["acme", "fjord"], "bank": ["bank"], "late": ["late"], "fleet": ["*"]}
        principals = [
            Principal(id=name, tenants=tuple(may), token_sha256=sha256(name.encode()).hexdigest())
            for name, may in senders.items()
        ]
        write([*tenants, *principals], store)
        yield store


@pytest.fixture(scope="module")
def collector(store: Store) -> Iterator[Collector]:
    with Collector(store, Config.default(store.url)) as collector:
        yield collector


@pytest.fixture
def quotas(store: Store) -> Iterator[Quotas]:
    quotas = Quotas(store, 3600)
    yield quotas
    quotas.stop()


def body(**spans: int) -> bytes:
    """So many spans for each tenant."""
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for tenant, count in spans.items():
        for _ in range(count):
            number = next(NUMBERS)
            span = scope.spans.add(name="s", trace_id=number.to_bytes(16))
            span.span_id = number.to_bytes(8)
            span.attributes.add(key=KEY).value.string_value = tenant
    return message.SerializeToString()


def post(collector: Collector, data: bytes, token: str = "agents") -> tuple[int, Status, str]:
    host = collector.http_endpoint.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    headers = {"Content-Type": "application/x-protobuf", "Authorization": f"Bearer {token}"}
    try:
        connection.request("POST", "/v1/traces", data, headers)
        answer = connection.getresponse()
        content = answer.read()
        status = Status.FromString(content) if answer.status >= 400 else Status()
        return answer.status, status, answer.headers.get("Retry-After", "")
    finally:
        connection.close()


def test_a_sender_over_the_quota_is_asked_to_come_back(collector: Collector) -> None:
    """429 and RESOURCE_EXHAUSTED with RetryInfo and the tenant's name; other tenants go on."""
    assert post(collector, body(acme=25))[0] == 200  # the first may overdraw
    status, said, pause = post(collector, body(acme=1))
    assert (status, pause) == (429, "2")
    assert said.message == (
        "the tenant acme is over its quota of 10 spans a minute; nothing of this request is taken,"
        " send it again later"
    )
    assert said.details[0].TypeName() == "google.rpc.RetryInfo"
    with grpc.insecure_channel(collector.grpc_endpoint) as channel:
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
        with pytest.raises(grpc.RpcError) as caught:
            export(body(acme=1), timeout=10, metadata=(("authorization", "Bearer agents"),))
    call = cast("grpc.Call", caught.value)
    assert call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    trailers: Any = call.trailing_metadata() or ()
    assert {"google.rpc.retryinfo-bin", "grpc-status-details-bin"} <= {key for key, _ in trailers}
    assert post(collector, body(fjord=500))[0] == 200
    assert collector.stats().refused["quota"] == 2


def test_a_request_is_taken_whole_or_not_at_all(store: Store, collector: Collector) -> None:
    """The neighbour in the same request waits too, and is not counted."""
    assert post(collector, body(wide=30), "fleet")[0] == 200
    both = body(wide=1, bank=59)
    assert post(collector, both, "fleet")[0] == 429
    assert post(collector, body(bank=59), "fleet")[0] == 200
    assert post(collector, body(bank=900), "bank")[0] == 200
    assert post(collector, body(bank=1), "bank")[0] == 429
    assert collector.drain(30)
    stored = store.rows("SELECT tenant_id, count() AS n FROM spans GROUP BY tenant_id")
    assert {row["tenant_id"]: row["n"] for row in stored}["wide"] == 30


def test_a_repeat_is_not_counted_again(collector: Collector) -> None:
    """Its sender has lost an acknowledgement, and is over the quota by now."""
    once = body(late=50)
    assert [post(collector, once, "late")[0] for _ in range(3)] == [200] * 3
    assert post(collector, body(late=1), "late")[0] == 429


def test_a_bucket_fills_evenly_and_the_average_holds(store: Store) -> None:
    """What was taken too much is waited for; more than a minute's worth is never kept."""
    now = [0.0]
    quotas = Quotas(store, 3600, clock=lambda: now[0])
    taken = 0
    try:
        for second in range(600):
            now[0] = float(second)
            try:
                quotas.check({"bank": 100, "fjord": 10**9})
            except Refused:
                continue
            quotas.charge({"bank": 100, "fjord": 10**9})
            taken += 100
        assert 10 * 60 <= taken <= 11 * 60 + 100
        now[0] = 1e6
        quotas.charge({"bank": 59})
        quotas.check({"bank": 1})
        quotas.charge({"bank": 1})
        with pytest.raises(Refused, match="bank is over its quota"):
            quotas.check({"bank": 1})
    finally:
        quotas.stop()


def test_nobody_spends_the_quota_of_a_tenant_that_is_not_his(quotas: Quotas) -> None:
    """What a sender may not write for goes to quarantine, and counts for no tenant."""
    request = from_protobuf(body(acme=2, bank=3), count=True)
    assert spans_by_tenant(("acme", "fjord"), request) == {"acme": 2}
    assert spans_by_tenant(("bank",), request) == {"bank": 5}
    assert spans_by_tenant(("*",), request) == {"acme": 2, "bank": 3}
    assert [quotas.concern(who) for who in (("acme", "x"), ("*",), ("fjord",), ())] == [
        True,
        True,
        False,
        False,
    ]


def test_claims_are_counted_as_they_are_found_at_load(store: Store, collector: Collector) -> None:
    """Our key first, then the names of others; on the span, then on the resource; of any type."""
    message = ExportTraceServiceRequest()
    for resource in ({}, {KEY: "fjord"}, {"tenant": "fjord"}, {KEY: "<not specified>"}):
        sent = message.resource_spans.add()
        for key, value in resource.items():
            sent.resource.attributes.add(key=key).value.string_value = value
        scope = sent.scope_spans.add()
        for key, value in (
            ("", ""),
            (KEY, "acme"),
            (KEY, ""),
            ("tenant.id", "bank"),
            ("metadata", '{"tenant_id": "bank"}'),
            ("metadata", '{"tenant_id": 7}'),
            ("metadata", "no json"),
        ):
            number = next(NUMBERS)
            span = scope.spans.add(name="claims", trace_id=number.to_bytes(16))
            span.span_id = number.to_bytes(8)
            if key:
                span.attributes.add(key="other").value.int_value = 7
                span.attributes.add(key=key).value.string_value = value
        number = next(NUMBERS)
        span = scope.spans.add(name="claims", trace_id=number.to_bytes(16))
        span.span_id = number.to_bytes(8)
        span.attributes.add(key="tenant_id").value.int_value = 7
    counted = count_claims(message)
    write([Tenant(id="acme"), Tenant(id="bank")], store)  # no quota any more
    collector.refresh()
    assert post(collector, message.SerializeToString(), "fleet")[0] == 200
    assert collector.drain(30)
    found: Counter[str] = Counter()
    for row in store.rows(
        "SELECT tenant_id AS claim FROM spans WHERE name = 'claims' UNION ALL "
        "SELECT claimed_tenants[1] FROM quarantine WHERE name = 'claims'"
    ):
        found[row["claim"]] += 1
    del found[""]
    assert counted == found
