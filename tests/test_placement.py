"""Where a tenant's spans go, and that a move loses and doubles none."""

import json
import os
import time
from datetime import UTC, datetime

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from partywall import attributes
from partywall_collector.commands import registry
from partywall_collector.envelope import Envelope, frame
from partywall_collector.registry.placement import UnknownTenant, move, own, pool
from partywall_collector.store import Store


def segment(tenant: str, received_at: int) -> bytes:
    """One span of a tenant, received then."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    span = scope.spans.add(name="work", trace_id=os.urandom(16), span_id=os.urandom(8))
    span.attributes.add(key=attributes.TENANT_ID).value.string_value = tenant
    body = request.SerializeToString()
    return b"".join(frame(Envelope("agents", ("*",), "A1", received_at, body)))


def test_a_moved_tenant_loses_and_doubles_nothing(store: Store) -> None:
    """What was received before the move goes to the old place, also when it is loaded again."""
    now = datetime.now(UTC)
    tenant = {"tenant_id": "acme", "placement": own("acme"), "store_content": True}
    store.insert("tenants", [{**tenant, "recorded_at": now}])
    before, after = (segment("acme", time.time_ns() + wait * 10**9) for wait in (1, 60))
    store.load(before, token="before")
    assert move(store, "acme", pool("acme"))
    store.load(before, token="before")
    for _ in range(2):
        store.load(after, token="after")
    assert not move(store, "acme", pool("acme"))
    rows = store.rows("SELECT placement FROM spans ORDER BY received_at")
    assert [row["placement"] for row in rows] == [own("acme"), pool("acme")]
    (kept,) = store.rows("SELECT store_content FROM current_tenants")
    assert kept["store_content"], "the rest of the tenant's record stays"
    with pytest.raises(UnknownTenant, match="fjord"):
        move(store, "fjord", own("fjord"))


def test_the_command_says_what_it_did(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON for programs; a tenant that is not there is exit code 2."""
    now = datetime.now(UTC)
    store.insert("tenants", [{"tenant_id": "acme", "placement": "pool-01", "recorded_at": now}])
    url = store.url
    store.close()
    assert registry.main(["place", "acme", "--own", "--store", url, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"tenant": "acme", "placement": "own-acme", "moved": True}
    assert registry.main(["place", "fjord", "--own", "--store", url]) == 2
    assert "not registered" in capsys.readouterr().err
