"""Approvals: on every span of a block, in the session that it is in, and nowhere else."""

import asyncio
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import pytest
from exported import event, event_names, fact, named
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import partywall
from partywall import attributes

WORK = "execute_tool work"


@partywall.tool
def work() -> str:
    return "done"


def approvals(memory: InMemorySpanExporter) -> list[object]:
    """What the work was approved by."""
    return [fact(span, attributes.APPROVAL_ID) for span in named(memory, WORK)]


def bound() -> partywall.Session:
    session = partywall.current_session()
    assert session is not None
    return session


def test_every_span_inside_carries_the_approval_and_the_session(
    memory: InMemorySpanExporter,
) -> None:
    """Before and after the block the session's own approval holds."""
    with partywall.session(tenant="acme", request="REQ-7", approval="STANDING"):
        work()
        with partywall.approval("CHG-1", approver="p.h@acme"):
            work()
            assert bound().approval == "CHG-1"
        work()
    assert approvals(memory) == ["STANDING", "CHG-1", "STANDING"]
    assert {fact(span, attributes.REQUEST_ID) for span in named(memory, WORK)} == {"REQ-7"}
    assert len({fact(span, attributes.SESSION_PART) for span in named(memory, WORK)}) == 1
    assert event(memory, attributes.APPROVAL_USED) == {
        attributes.APPROVAL_ID: "CHG-1",
        attributes.APPROVAL_APPROVER: "p.h@acme",
    }


def test_the_event_goes_on_the_sessions_own_span_where_one_is_open(
    memory: InMemorySpanExporter,
) -> None:
    tracer = trace.get_tracer("t")
    with (
        partywall.session(tenant="acme"),
        tracer.start_as_current_span("agent"),
        partywall.approval("CHG-1"),
    ):
        pass
    (span,) = named(memory, "agent")
    assert [event.name for event in span.events] == [attributes.APPROVAL_USED]


def test_an_approval_decorates_functions_of_any_kind(memory: InMemorySpanExporter) -> None:
    @partywall.approval("CHG-1")
    async def asynchronous() -> str:
        return work()

    @partywall.approval("CHG-1")
    def generating() -> Generator[str]:
        yield work()

    with partywall.session(tenant="acme"):
        asyncio.run(asynchronous())
        assert [*generating()] == ["done"]
    assert approvals(memory) == ["CHG-1", "CHG-1"]
    assert event_names(memory) == [attributes.APPROVAL_USED] * 2


def test_an_approval_never_counts_for_an_inner_session_of_another_tenant(
    memory: InMemorySpanExporter,
) -> None:
    with partywall.session(tenant="acme"), partywall.approval("CHG-1"):
        with partywall.session(tenant="fjord"):
            work()
        with partywall.handoff("billing", tenant="fjord"):
            work()
        with partywall.handoff("billing"):
            work()
    assert approvals(memory) == [None, None, "CHG-1"]


def test_a_thread_and_a_context_made_from_a_parent_span_keep_the_approval(
    memory: InMemorySpanExporter,
) -> None:
    """Frameworks start spans from the parent alone; what it relies on is read from it."""
    with partywall.session(tenant="acme"), partywall.approval("CHG-1"):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(work).result()
        with trace.get_tracer("t").start_as_current_span("agent") as parent:
            alone = trace.set_span_in_context(parent, Context())
            trace.get_tracer("t").start_span("child", alone).end()
    (child,) = named(memory, "child")
    assert fact(child, attributes.APPROVAL_ID) == "CHG-1"
    assert fact(child, attributes.TENANT_SOURCE) == "parent"
    assert fact(named(memory, WORK)[0], attributes.APPROVAL_ID) == "CHG-1"


@pytest.mark.parametrize("id", ["", "  "])
def test_an_approval_without_a_number_is_refused(id: str) -> None:
    with pytest.raises(partywall.BindingError, match="empty"):
        partywall.approval(id)
