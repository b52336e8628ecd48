"""Sessions: which tenant ends up on a span, on every way that code can run."""

import asyncio
import logging
import threading

import pytest
from exported import Spans, facts
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanLimits, TracerProvider

import partywall
from partywall import attributes
from partywall.processor import SessionProcessor
from partywall.sessions import KEY

SECRET = "DE89370400440532013000"


@partywall.tool
def look_up(customer: str) -> str:
    return f"{customer}: {SECRET}"


# --- the session -------------------------------------------------------------------------------


def test_every_span_of_a_session_carries_its_facts(spans: Spans, tracer: trace.Tracer) -> None:
    """Not only our own spans: those of any framework, which cannot be told apart at their start."""
    with partywall.session(
        tenant="acme",
        request="REQ-7",
        identity="spiffe://msp/agent",
        on_behalf_of="p.h@acme",
        credential="cred-1",
        approval="CHG-1",
        session="s-1",
    ) as session:
        tracer.start_span("anything").end()
    assert facts(spans.one()) == {
        attributes.SESSION_PART: session.part.id,
        attributes.SESSION_SEQUENCE: 1,
        attributes.TENANT_ID: "acme",
        attributes.TENANT_SOURCE: "session",
        attributes.SESSION_ID: "s-1",
        attributes.RUN_ID: session.run,
        attributes.REQUEST_ID: "REQ-7",
        attributes.IDENTITY_ID: "spiffe://msp/agent",
        attributes.SUBJECT_ID: "p.h@acme",
        attributes.CREDENTIAL_ID: "cred-1",
        attributes.APPROVAL_ID: "CHG-1",
    }


def test_an_inner_session_replaces_the_outer_as_a_whole_and_gives_it_back(
    spans: Spans, tracer: trace.Tracer
) -> None:
    """The outer request or identity is never carried over to another tenant; the run is one."""
    with partywall.session(tenant="acme", request="REQ-7") as outer:
        with partywall.session(tenant="fjord") as inner:
            tracer.start_span("inner").end()
        tracer.start_span("outer").end()
    inside, after = spans.take()
    assert facts(inside)[attributes.TENANT_ID] == "fjord"
    assert attributes.REQUEST_ID not in facts(inside)
    assert facts(after)[attributes.TENANT_ID] == "acme"
    assert inner.run == outer.run
    assert inner.id != outer.id


@pytest.mark.parametrize("tenant", ["", "  ", None, 7])
def test_a_session_without_a_tenant_is_refused_by_name(tenant: object) -> None:
    with pytest.raises(partywall.BindingError, match=r"^tenant is "):
        partywall.session(tenant=tenant)  # pyright: ignore[reportArgumentType]: what is tested


def test_an_argument_that_is_no_string_is_refused_by_name() -> None:
    with pytest.raises(partywall.BindingError, match="request is int, not a string"):
        partywall.session(tenant="acme", request=7)  # pyright: ignore[reportArgumentType]: tested


def test_a_session_is_closed_when_its_block_raises(spans: Spans) -> None:
    with pytest.raises(KeyError), partywall.session(tenant="acme"):
        raise KeyError
    assert partywall.current_session() is None


def test_one_session_object_cannot_be_open_twice(spans: Spans) -> None:
    """Two blocks would take each other's context off."""
    binding = partywall.session(tenant="acme")
    with binding, pytest.raises(partywall.BindingError, match="open already"):
        binding.__enter__()
    with binding:
        pass


def test_a_decorated_function_opens_a_new_session_each_time(spans: Spans) -> None:
    @partywall.session(tenant="acme")
    def run() -> str:
        session = partywall.current_session()
        assert session is not None
        return session.id

    assert run() != run()


def test_a_decorated_coroutine_runs_in_its_session(spans: Spans) -> None:
    @partywall.session(tenant="acme")
    async def run() -> None:
        await asyncio.sleep(0)
        look_up("x")

    asyncio.run(run())
    assert spans.tenants() == ["acme"]


def test_concurrent_sessions_never_see_each_other(spans: Spans) -> None:
    """The bug class that users report most: one customer's spans under another's name."""

    async def run(tenant: str) -> None:
        async with partywall.session(tenant=tenant):
            for _ in range(20):
                await asyncio.sleep(0)
                await asyncio.to_thread(look_up, tenant)
                with trace.get_tracer("x").start_as_current_span(tenant):
                    await asyncio.create_task(asyncio.sleep(0))

    async def main() -> None:
        await asyncio.gather(*(run(f"tenant-{n}") for n in range(8)))

    asyncio.run(main())
    found = spans.take()
    assert len(found) == 8 * 20 * 2
    by_session: dict[object, set[object]] = {}
    for span in found:
        bound = facts(span)
        by_session.setdefault(bound[attributes.SESSION_ID], set()).add(bound[attributes.TENANT_ID])
        if span.name.startswith("tenant-"):
            assert span.name == bound[attributes.TENANT_ID]
    assert len(by_session) == 8
    assert all(len(tenants) == 1 for tenants in by_session.values())


def test_a_cancelled_task_leaves_no_session_behind(
    spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        started = asyncio.Event()

        async def run() -> None:
            async with partywall.session(tenant="acme"):
                started.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(run())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert partywall.current_session() is None

    asyncio.run(main())
    assert not caplog.records


# --- where the session is found ----------------------------------------------------------------


def test_a_span_started_in_a_passed_context_is_bound_by_that_context(
    spans: Spans, tracer: trace.Tracer
) -> None:
    """A worker thread that serves many tenants gets the binding with the context of the job."""
    with partywall.session(tenant="acme"):
        context = context_api.get_current()
    with partywall.session(tenant="fjord"):
        tracer.start_span("job", context=context).end()
    assert spans.tenants() == ["acme"]


def test_a_child_is_bound_by_its_parent_where_the_session_was_lost(
    spans: Spans, tracer: trace.Tracer
) -> None:
    """A thread that was handed the parent span alone: the parent's own attributes bind it."""
    with partywall.session(tenant="acme", request="REQ-7"):
        parent = tracer.start_span("parent")

    def work() -> None:
        tracer.start_span("child", context=trace.set_span_in_context(parent, Context())).end()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    parent.end()
    child = facts(spans.take()[0])
    assert child[attributes.TENANT_ID] == "acme"
    assert child[attributes.REQUEST_ID] == "REQ-7"
    assert child[attributes.TENANT_SOURCE] == "parent"


def test_the_parent_handed_over_outranks_the_session_of_the_thread(
    spans: Spans, tracer: trace.Tracer
) -> None:
    """A pool thread may still stand in the context that it was made in."""
    with partywall.session(tenant="acme"):
        parent = tracer.start_span("parent")
    with partywall.session(tenant="fjord"):
        tracer.start_span("child", context=trace.set_span_in_context(parent, Context())).end()
    assert spans.tenants() == ["acme"]


def test_a_remote_parent_does_not_take_the_session_away(spans: Spans, tracer: trace.Tracer) -> None:
    """Servers start spans in a context made from the caller's headers alone."""
    remote = trace.SpanContext(1, 2, is_remote=True, trace_flags=trace.TraceFlags(1))
    context = trace.set_span_in_context(trace.NonRecordingSpan(remote), Context())
    with partywall.session(tenant="acme"):
        tracer.start_span("served", context=context).end()
    assert spans.tenants() == ["acme"]


# --- spans without a session -------------------------------------------------------------------


def small_provider(limits: SpanLimits | None = None) -> tuple[SessionProcessor, trace.Tracer]:
    provider = TracerProvider(span_limits=limits, shutdown_on_exit=False)
    processor = SessionProcessor()
    provider.add_span_processor(processor)
    return processor, provider.get_tracer("a framework")


def test_unbound_spans_are_counted_and_warned_about_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    processor, tracer = small_provider()
    with caplog.at_level(logging.WARNING, "partywall"):
        for _ in range(3):
            tracer.start_span("lonely").end()
        assert [record.getMessage()[:20] for record in caplog.records] == ["span 'lonely' starte"]
        processor.shutdown()
    assert processor.unbound == 3
    assert caplog.records[-1].getMessage().startswith("3 spans carry no tenant")


def test_a_span_that_names_its_own_tenant_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    processor, tracer = small_provider()
    tracer.start_span("own", attributes={attributes.TENANT_ID: "acme"}).end()
    assert processor.unbound == 0
    assert not caplog.records


def test_a_tenant_that_is_crowded_out_by_other_attributes_is_not_lost_silently(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The SDK makes room by dropping the oldest attributes, and the session's are the oldest."""
    processor, tracer = small_provider(SpanLimits(max_span_attributes=10))
    with partywall.session(tenant="acme"):
        span = tracer.start_span("model call")
        span.set_attributes({f"llm.input_messages.{n}": n for n in range(10)})
        span.end()
    assert processor.unbound == 1
    assert "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" in caplog.text


# --- any order of sessions ---------------------------------------------------------------------


@given(st.recursive(st.just([]), lambda inner: st.lists(inner, max_size=3), max_leaves=12))
def test_any_nesting_of_sessions_restores_what_was_before(tree: list[object]) -> None:
    """Whatever opens and closes inside, what follows sees exactly what went before."""

    def visit(node: object, depth: int) -> None:
        before = context_api.get_current().get(KEY)
        if isinstance(node, list):
            with partywall.session(tenant=f"tenant-{depth}") as session:
                for child in node:  # pyright: ignore[reportUnknownVariableType]: a tree of lists
                    visit(child, depth + 1)  # pyright: ignore[reportUnknownArgumentType]: same
                    assert partywall.current_session() is session
        assert context_api.get_current().get(KEY) is before

    visit(tree, 0)
