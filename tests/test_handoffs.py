"""Hand-offs: a span of their own, and a session that goes on for the same customer or another."""

import asyncio

import pytest
from exported import taken
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import partywall
from partywall import attributes, conventions


def work(name: str = "work") -> None:
    trace.get_tracer("a framework").start_span(name).end()


def test_a_handoff_is_a_span_and_a_session_that_goes_on(memory: InMemorySpanExporter) -> None:
    """Its own identity acts now, for the same customer, request and person, in the same run."""
    with (
        partywall.session(
            tenant="acme",
            request="REQ-7",
            identity="triage",
            on_behalf_of="p.h",
            approval="CHG-1",
            credential="cred-1",
        ) as outer,
        partywall.handoff("billing", identity="billing") as inner,
    ):
        work()
    spans = {said["name"]: said for said in taken(memory)}
    handed, worked = spans["handoff to billing"], spans["work"]
    assert conventions.step(handed["name"], handed) == "handoff"
    assert handed[attributes.SESSION_ID] == outer.id
    assert worked[attributes.SESSION_ID] == inner.id != outer.id
    assert worked[attributes.AGENT_NAME] == "billing"
    assert worked[attributes.ACTOR_CHAIN] == ("billing", "triage")
    assert (inner.request, inner.on_behalf_of, inner.approval) == ("REQ-7", "p.h", "CHG-1")
    assert (inner.credential, inner.run) == ("", outer.run)


def test_a_handoff_to_another_tenant_takes_nothing_but_the_run_and_the_chain(
    memory: InMemorySpanExporter,
) -> None:
    """The customer who is entered has approved nothing, and knows no such request."""
    with (
        partywall.session(
            tenant="acme", request="REQ-7", identity="triage", on_behalf_of="p.h", approval="CHG-1"
        ) as outer,
        partywall.handoff("billing", tenant="fjord", identity="billing") as inner,
    ):
        pass
    assert inner.tenant == "fjord"
    assert (inner.request, inner.on_behalf_of, inner.approval) == ("", "", "")
    assert inner.actors == ("billing", "triage")
    assert inner.run == outer.run
    memory.clear()


def test_the_work_hangs_below_the_handoff(memory: InMemorySpanExporter) -> None:
    """The chain from the one customer to the other is in the trace itself."""
    with partywall.session(tenant="acme"), partywall.handoff("billing", tenant="fjord"):
        work()
    spans = {span.name: span for span in memory.get_finished_spans()}
    parent = spans["work"].parent
    handed = spans["handoff to billing"].context
    assert parent is not None
    assert handed is not None
    assert parent.span_id == handed.span_id
    memory.clear()


def test_a_decorated_sub_agent_is_handed_to_at_each_call(memory: InMemorySpanExporter) -> None:
    @partywall.handoff("billing")
    async def billing() -> str:
        work()
        session = partywall.current_session()
        return session.agent if session else ""

    with partywall.session(tenant="acme"):
        assert asyncio.run(billing()) == "billing"
    assert [said["name"] for said in taken(memory)].count("handoff to billing") == 1


def test_a_handoff_outside_a_session_is_refused() -> None:
    with (
        pytest.raises(partywall.BindingError, match=r"handoff\('billing'\) outside a session"),
        partywall.handoff("billing"),
    ):
        pass
    with pytest.raises(partywall.BindingError, match="agent is empty"):
        partywall.handoff(" ")
