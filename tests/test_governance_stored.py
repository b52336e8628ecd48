"""What approvals, credentials and policies leave in the store, through export and collector."""

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import partywall
from partywall import attributes
from partywall.cedar import CedarPolicy
from partywall.credentials import Issued
from partywall.exporting import outgoing
from partywall.policy import Request
from partywall_collector.envelope import Envelope, frame
from partywall_collector.store import Store, open_store

SECRET = "s3cr3t-4kQ7vZx9-canary"
RULES = '@id("own-data") permit(principal, action, resource) when { resource in context.tenant };'
CEDAR = CedarPolicy(RULES, owners={"crm/acme/*": "acme"})


class Vault:
    """An issuer whose token endpoint names its leases."""

    def issue(self) -> Issued:
        return Issued(secret=SECRET, id="lease-7", expires_at=time.time() + 60)

    def revoke(self, issued: Issued, /) -> None:
        raise ConnectionError(f"could not revoke {issued.secret}")


@partywall.tool(dataset="crm/{customer}/invoices", policy=CEDAR)
def look_up(customer: str, token: str) -> str:
    return f"{customer} owes 12 EUR, said {token}"


@pytest.fixture(scope="module")
def sent() -> bytes:
    """One agent's run as it leaves the process."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())
    memory = InMemorySpanExporter()
    partywall.instrument().add_span_processor(SimpleSpanProcessor(outgoing(memory)))
    with (
        partywall.session(tenant="acme", request="REQ-7", identity="spiffe://msp/billing"),
        partywall.approval("CHG-1", approver="p.h@acme"),
        partywall.credential(Vault()) as credential,
    ):
        look_up("acme", token=credential.secret)
        with pytest.raises(partywall.PolicyDenied):
            look_up("fjord", token=credential.secret)
    return encode_spans(memory.get_finished_spans()).SerializeToString()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, sent: bytes) -> Iterator[Store]:
    home: Path = tmp_path_factory.mktemp("governance")
    with open_store(f"chdb://{home}", role="owner") as store:
        row = {"tenant_id": "acme", "name": "acme", "placement": "acme", "store_content": False}
        store.insert("tenants", [row | {"recorded_at": datetime.now(UTC)}])
        envelope = Envelope("agents", ("*",), "A1", time.time_ns(), sent)
        store.load(b"".join(frame(envelope)), token=os.urandom(8).hex())
        yield store


def test_a_call_is_stored_with_what_it_relied_on(store: Store) -> None:
    """The columns that the analysis reads."""
    rows = store.rows(
        "SELECT approval_id, credential_id, policy_id, policy_decision, datasets, failed "
        "FROM calls ORDER BY start_time"
    )
    assert [row["approval_id"] for row in rows] == ["CHG-1", "CHG-1"]
    assert [row["credential_id"] for row in rows] == ["lease-7", "lease-7"]
    assert [row["policy_decision"] for row in rows] == ["allow", "deny"]
    assert [row["policy_id"] for row in rows] == ["own-data", ""]
    assert [bool(row["failed"]) for row in rows] == [False, True]


def test_the_life_of_a_credential_is_stored_as_events(store: Store) -> None:
    rows = store.rows(
        "SELECT e.name AS name, e.attributes AS said FROM spans ARRAY JOIN events AS e "
        f"WHERE startsWith(e.name, '{attributes.NAMESPACE}') ORDER BY e.time"
    )
    assert [row["name"] for row in rows] == [
        attributes.APPROVAL_USED,
        attributes.CREDENTIAL_ISSUED,
        attributes.POLICY_DECIDED,
        attributes.POLICY_DECIDED,
        attributes.CREDENTIAL_REVOKE_FAILED,
    ]
    assert rows[-1]["said"]["error.type"] == "ConnectionError"
    assert rows[-1]["said"][attributes.CREDENTIAL_ID] == "lease-7"
    assert int(rows[1]["said"][attributes.CREDENTIAL_EXPIRES]) > time.time() * 1000


def test_a_stored_decision_can_be_made_again(store: Store) -> None:
    """From the store alone, with the policies that its digests name."""
    rows = store.rows(
        "SELECT e.attributes AS said FROM spans ARRAY JOIN events AS e "
        f"WHERE e.name = '{attributes.POLICY_DECIDED}' ORDER BY e.time"
    )
    again = CedarPolicy(RULES, owners={"crm/acme/*": "acme"})
    for row in rows:
        said = row["said"]
        assert (said[attributes.POLICY_DIGEST], said[attributes.POLICY_DATA]) == (
            again.digest,
            again.data,
        )
        found = again.decide(Request.from_json(said[attributes.POLICY_REQUEST]))
        assert found.effect == said[attributes.POLICY_DECISION]
    assert len(rows) == 2


def test_the_secret_never_left_the_process(sent: bytes, store: Store) -> None:
    assert SECRET.encode() not in sent
    for table in ("spans", "calls", "quarantine"):
        assert SECRET not in json.dumps(store.rows(f"SELECT * FROM {table}"), default=str)
