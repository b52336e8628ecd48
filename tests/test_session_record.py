"""What a session records about itself: numbers, its end, and who acts for whom."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from exported import facts, taken
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import partywall
from partywall import attributes, parts, processor, settings
from partywall.sessions import LONGEST_CHAIN, Session

GUIDE = Path(__file__).parent.parent / "docs" / "instrumentation.md"


def work(name: str = "work") -> None:
    trace.get_tracer("a framework").start_span(name).end()


def child(code: str, **environment: str) -> list[dict[str, Any]]:
    """What the spans of a process of its own said; it prints them as it ends them."""
    setup = """
import json, os, sys, time, partywall
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
class Print(SpanExporter):
    def export(self, spans):
        for span in spans:
            print(json.dumps({**span.attributes, "name": span.name}), flush=True)
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(Print()))
trace.set_tracer_provider(provider)
partywall.instrument()
def work(name="work"):
    trace.get_tracer("a framework").start_span(name).end()
"""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "PARTYWALL_"))}
    done = subprocess.run(
        [sys.executable, "-c", setup + code],
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


# --- numbers and the close record --------------------------------------------------------------


def test_every_span_is_numbered_and_the_close_record_counts_them(
    memory: InMemorySpanExporter,
) -> None:
    """A reader sees from the record how many there must be, and from the numbers which miss."""
    with partywall.session(tenant="acme"):
        work("a")
        work("b")
    a, b, record = taken(memory)
    assert [said[attributes.SESSION_SEQUENCE] for said in (a, b, record)] == [1, 2, 3]
    assert record["name"] == attributes.SESSION_CLOSE
    assert record[attributes.SESSION_SPANS] == 3
    assert record[attributes.SESSION_CLOSED] == "completed"
    assert record[attributes.TENANT_ID] == "acme"
    assert len({said[attributes.SESSION_PART] for said in (a, b, record)}) == 1


def test_a_session_without_a_span_leaves_no_record(memory: InMemorySpanExporter) -> None:
    with partywall.session(tenant="acme"):
        pass
    assert not taken(memory)


def test_the_record_says_that_the_work_failed(memory: InMemorySpanExporter) -> None:
    @partywall.session(tenant="acme")
    def fail() -> None:
        work()
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert taken(memory)[-1][attributes.SESSION_CLOSED] == "error"


def test_the_record_says_that_the_work_was_cancelled(memory: InMemorySpanExporter) -> None:
    async def run() -> None:
        async with partywall.session(tenant="acme"):
            work()
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(run())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert taken(memory)[-1][attributes.SESSION_CLOSED] == "cancelled"


def test_a_consumer_that_has_had_enough_completes_a_generators_session(
    memory: InMemorySpanExporter,
) -> None:
    @partywall.session(tenant="acme")
    def rows() -> Iterator[int]:
        work()
        yield 1
        yield 2

    for _ in rows():
        break
    assert taken(memory)[-1][attributes.SESSION_CLOSED] == "completed"


def test_a_session_left_open_is_closed_when_the_process_exits() -> None:
    said = child('partywall.session(tenant="acme").__enter__(); work()')
    assert [span["name"] for span in said] == ["work", attributes.SESSION_CLOSE]
    assert said[-1][attributes.SESSION_CLOSED] == "process exit"
    assert said[-1][attributes.SESSION_SPANS] == 2


def test_a_fork_gives_no_number_twice() -> None:
    """The child begins a part of its own, in the same session, and ends it with its own record."""
    said = child("""
with partywall.session(tenant="acme", session="s-1"):
    work("before")
    pid = os.fork()
    work("child" if pid == 0 else "parent")
if pid == 0:
    sys.exit()
os.waitpid(pid, 0)
""")
    keys = [(s[attributes.SESSION_PART], s[attributes.SESSION_SEQUENCE]) for s in said]
    assert len(said) == 5
    assert len(set(keys)) == 5
    assert {s[attributes.SESSION_ID] for s in said} == {"s-1"}
    records = [s for s in said if s["name"] == attributes.SESSION_CLOSE]
    assert sorted(s[attributes.SESSION_SPANS] for s in records) == [2, 3]


def test_numbers_are_given_once_under_threads(memory: InMemorySpanExporter) -> None:
    with partywall.session(tenant="acme"), ThreadPoolExecutor(8) as pool:
        for _ in range(400):
            pool.submit(work)
    numbers = [said[attributes.SESSION_SEQUENCE] for said in taken(memory)]
    assert numbers == list(range(1, 402))


@given(st.lists(st.integers(0, 3), max_size=40))
def test_any_interleaving_of_sessions_numbers_each_without_a_gap(steps: list[int]) -> None:
    """Whatever spans start in which order in which session, each counts its own."""
    sessions = [Session(tenant=f"t-{n}", id=str(n), run="r") for n in range(4)]
    for step in steps:
        sessions[step].stamp()
    stamps = [session.stamp() for session in sessions]
    for n, stamp in enumerate(stamps):
        assert stamp[attributes.SESSION_SEQUENCE] == steps.count(n) + 1


def test_a_child_of_a_span_is_numbered_where_the_session_was_lost(
    memory: InMemorySpanExporter,
) -> None:
    with partywall.session(tenant="acme"):
        parent = trace.get_tracer("x").start_span("parent")
    trace.get_tracer("x").start_span("late", context=trace.set_span_in_context(parent)).end()
    late = taken(memory)[-1]
    assert late["name"] == "late"
    assert late[attributes.SESSION_SEQUENCE] == 3
    assert late[attributes.TENANT_SOURCE] == "parent"
    parent.end()
    memory.clear()


# --- one tenant for one session ----------------------------------------------------------------


def test_an_open_session_keeps_its_tenant(memory: InMemorySpanExporter) -> None:
    """The same id for another tenant would mix two customers in one session."""
    with partywall.session(tenant="acme", session="s-1"):
        with (
            pytest.raises(partywall.BindingError, match="'s-1' is open for tenant 'acme'"),
            partywall.session(tenant="fjord", session="s-1"),
        ):
            pass
        with partywall.session(tenant="acme", session="s-1"):
            pass
    with partywall.session(tenant="fjord", session="s-1"):
        pass


def test_a_session_object_cannot_be_changed() -> None:
    with (
        partywall.session(tenant="acme") as session,
        pytest.raises(AttributeError, match="tenant"),
    ):
        session.tenant = "fjord"  # pyright: ignore[reportAttributeAccessIssue]: what is tested


def test_a_tenant_written_over_on_a_span_is_refused(
    memory: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither at the start of a span nor later; it is counted and said; nothing else is lost."""
    own = processor.SessionProcessor()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(own)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("x")
    with partywall.session(tenant="acme"):
        span = tracer.start_span("early", attributes={attributes.TENANT_ID: "fjord"})
        assert isinstance(span, ReadableSpan)
        assert facts(span)[attributes.TENANT_ID] == "acme"
        span.set_attributes({attributes.TENANT_ID: "fjord", "color": "blue"})
        span.end()
    assert own.changed == 1
    said = taken(memory)[0]
    assert (said[attributes.TENANT_ID], said["color"]) == ("acme", "blue")
    assert "which is refused" in caplog.text


def test_a_fault_of_ours_marks_the_span_and_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong in a hook, the agent's span goes on and says that it is unbound."""

    def fail(*_: object) -> Any:
        raise RuntimeError

    own = processor.SessionProcessor()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(own)
    monkeypatch.setattr(processor, "session_in", fail)
    monkeypatch.setattr(parts, "known", fail)
    span = provider.get_tracer("x").start_span("work")
    assert isinstance(span, ReadableSpan)
    span.end()
    assert facts(span) == {attributes.TENANT_SOURCE: "unbound"}
    assert [record.getMessage() for record in caplog.records] == [
        "the binding of span 'work' failed (said once)"
    ]


# --- unbound and strict ------------------------------------------------------------------------


def test_an_unbound_span_says_so(memory: InMemorySpanExporter) -> None:
    work()
    (said,) = taken(memory)
    assert said == {"name": "work", attributes.TENANT_SOURCE: "unbound"}


def test_strict_refuses_a_tool_outside_a_session_and_no_foreign_span(
    memory: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A framework is never broken: its spans are marked; our own decorator refuses."""
    monkeypatch.setenv(settings.STRICT.name, "1")

    @partywall.tool
    def look_up() -> str:
        return "done"

    work()
    with pytest.raises(partywall.BindingError, match="'look_up' was called outside a session"):
        look_up()
    with partywall.session(tenant="acme"):
        assert look_up() == "done"


def test_strict_refuses_another_tenant_inside_a_session_but_by_a_handoff(
    memory: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.STRICT.name, "1")
    with partywall.session(tenant="acme"):
        with (
            pytest.raises(partywall.BindingError, match=r"only partywall\.handoff"),
            partywall.session(tenant="fjord"),
        ):
            pass
        with partywall.handoff("billing", tenant="fjord") as inner:
            assert inner.tenant == "fjord"


def test_a_switch_that_is_neither_on_nor_off_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.STRICT.name, "perhaps")
    with pytest.raises(partywall.BindingError, match="PARTYWALL_STRICT='perhaps'"):
        partywall.instrument()


# --- who acts for whom -------------------------------------------------------------------------


def test_the_act_claim_of_a_token_becomes_a_flat_chain(memory: InMemorySpanExporter) -> None:
    """RFC 8693: the current actor is the outermost, those before it are nested in it."""
    act = {"iss": "https://idp.example", "sub": "agent", "act": {"sub": "gateway"}}
    with partywall.session(tenant="acme", on_behalf_of="c.f@acme.example", actors=act) as session:
        work()
    said = taken(memory)[0]
    assert said[attributes.ACTOR_CHAIN] == ("https://idp.example#agent", "gateway")
    assert said[attributes.SUBJECT_ID] == "c.f@acme.example"
    assert session.identity == "https://idp.example#agent"


def test_an_identity_of_its_own_heads_the_chain() -> None:
    with partywall.session(tenant="acme", identity="me", actors=["gateway"]) as session:
        assert session.actors == ("me", "gateway")


@given(st.integers(1, 200))
def test_a_chain_that_nests_without_end_is_cut(depth: int) -> None:
    act: dict[str, object] = {"sub": "first"}
    for n in range(depth):
        act = {"sub": str(n), "act": act}
    cyclic: dict[str, object] = {"sub": "x"}
    cyclic["act"] = cyclic
    for claim, length in ((act, min(depth + 1, LONGEST_CHAIN)), (cyclic, LONGEST_CHAIN)):
        with partywall.session(tenant="acme", actors=claim) as session:
            assert len(session.actors) == length


@pytest.mark.parametrize("actors", ["agent", 7, [7], {"act": {}}, {"sub": 7}])
def test_a_chain_that_names_nobody_is_refused(actors: Any) -> None:
    with pytest.raises(partywall.BindingError, match="actors"):
        partywall.session(tenant="acme", actors=actors)


# --- a process that is bound as a whole --------------------------------------------------------


def test_the_environment_binds_a_whole_process() -> None:
    said = child(
        "work(); print(json.dumps({'name': partywall.current_session().tenant}))",
        PARTYWALL_TENANT="acme",
        PARTYWALL_REQUEST="REQ-7",
        PARTYWALL_SUBJECT="p.h",
        PARTYWALL_SESSION="s-1",
    )
    assert [span["name"] for span in said] == ["work", "acme", attributes.SESSION_CLOSE]
    assert said[0][attributes.TENANT_ID] == "acme"
    assert said[0][attributes.TENANT_SOURCE] == "env"
    assert said[0][attributes.REQUEST_ID] == "REQ-7"
    assert said[0][attributes.SUBJECT_ID] == "p.h"
    assert said[0][attributes.SESSION_ID] == "s-1"


def test_an_open_session_wins_over_the_environment() -> None:
    said = child('with partywall.session(tenant="fjord"): work()', PARTYWALL_TENANT="acme")
    assert said[0][attributes.TENANT_ID] == "fjord"


def test_a_subprocess_is_one_more_part_of_the_same_session(memory: InMemorySpanExporter) -> None:
    """Same session, run and chain; numbers and a record of its own."""
    with (
        partywall.session(tenant="acme", request="REQ 7 ü,=", identity="triage") as outer,
        partywall.handoff("billing", identity="a b") as session,
    ):
        work()
        environment = partywall.environment()
    said = child("work()", **{k: v for k, v in environment.items() if k.startswith("PARTYWALL_")})
    assert said[0][attributes.SESSION_ID] == session.id
    assert said[0][attributes.RUN_ID] == outer.run
    assert said[0][attributes.REQUEST_ID] == "REQ 7 ü,="
    assert said[0][attributes.ACTOR_CHAIN] == ["a b", "triage"]
    assert said[0][attributes.SESSION_PART] != session.part.id
    assert said[0][attributes.SESSION_SEQUENCE] == 1
    memory.clear()


def test_a_subprocess_of_no_session_inherits_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor what an outer process had been bound to, in part."""
    monkeypatch.setenv("PARTYWALL_REQUEST", "REQ-old")
    assert "PARTYWALL_REQUEST" not in partywall.environment()
    assert "TRACEPARENT" not in partywall.environment({})


def test_a_nul_costs_its_variable_and_not_the_subprocess(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with partywall.session(tenant="acme", request="a\0b"):
        environment = partywall.environment()
    assert environment["PARTYWALL_TENANT"] == "acme"
    assert "PARTYWALL_REQUEST" not in environment
    assert "holds a NUL" in caplog.text


# --- the guide ---------------------------------------------------------------------------------


def test_every_setting_stands_in_the_guide_with_its_default() -> None:
    page = GUIDE.read_text(encoding="utf-8")
    for setting in settings.SETTINGS:
        row = f"| `{setting.name}` | {setting.meaning} | {setting.default or setting.without} |"
        assert row in page, f"missing in {GUIDE.name}: {row}"
