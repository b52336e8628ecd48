"""Where a tenant's spans go, and that a move loses and doubles none."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import moving
import pytest
from moving import load
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from partywall import attributes
from partywall_collector.collector import Collector
from partywall_collector.commands import registry
from partywall_collector.components import TenantRouter
from partywall_collector.config import Config
from partywall_collector.envelope import Envelope, frame
from partywall_collector.registry.load import write
from partywall_collector.registry.model import Tenant
from partywall_collector.registry.placement import UnknownTenant, move, own, pool
from partywall_collector.store import Store, open_store

MOVING = moving.__file__


def segment(tenant: str, received_at: int) -> bytes:
    """One span of a tenant, received then."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    span = scope.spans.add(name="work", trace_id=os.urandom(16), span_id=os.urandom(8))
    span.attributes.add(key=attributes.TENANT_ID).value.string_value = tenant
    span.attributes.add(key="gen_ai.operation.name").value.string_value = "execute_tool"
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


def placements(store: Store) -> dict[str, str]:
    """Where each tenant's spans go."""
    rows = store.rows("SELECT tenant_id, placement FROM current_tenants")
    return {row["tenant_id"]: row["placement"] for row in rows}


def test_the_limits_of_the_collector_that_was_started_last_count(home: Path) -> None:
    """For tenants that are registered from then on; who is placed stays, whatever changes."""
    url = f"chdb://{home}"
    config = Config.default(url)
    some = replace(config, tenant_router=TenantRouter(own_partitions=2, pools=1))
    fewer = replace(config, tenant_router=TenantRouter(own_partitions=1, pools=200))
    names = [f"t{number}" for number in range(12)]
    with open_store(url, role="owner") as store:
        with Collector(store, some):
            write([Tenant(id=name) for name in names[:4]], store)
        first = placements(store)
        assert first == {"t0": own("t0"), "t1": own("t1"), "t2": "pool-00", "t3": "pool-00"}
        with Collector(store, fewer):
            pass
        with Collector(store, config):  # it says nothing of them
            write([Tenant(id=name, name="new") for name in names], store)
        found = placements(store)
        assert {name: found[name] for name in first} == first
        assert found == first | {name: pool(name, 200) for name in names[4:]}
        assert len(set(found.values())) > 8
    assert registry.main(["place", "t2", "--pool", "--store", url]) == 0
    assert registry.main(["place", "t3", "--own", "--store", url]) == 0, "whatever the limit is"
    with open_store(url, role="owner") as store:
        moved = store.rows(
            "SELECT tenant_id, argMax(placement, recorded_at) AS placement FROM tenants"
            " WHERE tenant_id IN ('t2', 't3') GROUP BY tenant_id ORDER BY tenant_id"
        )
        assert [row["placement"] for row in moved] == [pool("t2", 200), own("t3")]


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.3])
def test_a_move_that_is_killed_loses_and_doubles_nothing(
    home: Path, tmp_path: Path, delay: float
) -> None:
    """kill -9 at some moment of a move, under load: the move happened or not, and is run again."""
    url = f"chdb://{home}"
    with open_store(url, role="owner") as store:
        now = datetime.now(UTC)
        tenant = {"tenant_id": "acme", "placement": own("acme"), "store_content": True}
        store.insert("tenants", [{**tenant, "recorded_at": now}])
    folder = tmp_path / "segments"
    folder.mkdir()
    began = time.time_ns()
    for number in range(4):
        (folder / str(number)).write_bytes(segment("acme", began + number))
    command = [sys.executable, MOVING, url, "acme", pool("acme"), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"moving\n"
        time.sleep(delay)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    with open_store(url, role="owner") as store:
        load(store, folder)  # as the next start of a collector does
        again = move(store, "acme", pool("acme"))
        (row,) = store.rows("SELECT placement, store_content FROM current_tenants")
        assert row == {"placement": pool("acme"), "store_content": True}
        load(store, folder)
        late = segment("acme", time.time_ns() + 60 * 10**9)
        for _ in range(2):
            store.load(late, token="late")
        for table in ("spans", "calls"):
            rows = store.rows(f"SELECT placement FROM {table} ORDER BY received_at")
            places = [row["placement"] for row in rows]
            assert places == [own("acme")] * 4 + [pool("acme")], "each once, and in its place"
        (moves,) = store.rows(
            "SELECT count() AS n FROM tenants WHERE startsWith(placement, 'pool')"
        )
        assert moves["n"] == 1, f"moved {'again' if again else 'before the kill'}"


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
