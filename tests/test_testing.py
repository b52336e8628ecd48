"""`partywall.testing`: what a user's own tests stand on."""

import re
from pathlib import Path

import pytest
from opentelemetry import trace

import partywall
from partywall import attributes
from partywall.testing import Recording, assert_bound, assert_none_unbound, recorded, tenants


@partywall.tool
def look_up(customer: str) -> str:
    return customer


def test_a_bound_run_passes() -> None:
    """Spans, tenant and request are there, and the close record is kept apart."""
    with recorded() as run, partywall.session(tenant="acme", request="REQ-7") as session:
        look_up("x")
    assert_bound(run.spans, tenant="acme", request="REQ-7", run=session.run)
    assert_none_unbound(run.ended)
    assert [span.name for span in run.ended] == ["execute_tool look_up", attributes.SESSION_CLOSE]
    assert run.steps("tool") == run.spans
    assert tenants(run.spans) == {"acme"}


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ({"tenant": "fjord"}, "partywall.tenant.id is 'acme', not 'fjord'"),
        ({"tenant": "acme", "request": "REQ-8"}, "partywall.request.id is 'REQ-7', not 'REQ-8'"),
        ({"tenant": "acme", "identity": "spiffe://a"}, "partywall.identity.id is 'missing'"),
        ({"tenant": "acme", "run": "another"}, "no span was recorded"),
    ],
)
def test_a_wrong_binding_is_named(expected: dict[str, str], said: str) -> None:
    """The failure names the span, the fact, what it is and what it should be."""
    with recorded() as run, partywall.session(tenant="acme", request="REQ-7"):
        look_up("x")
    with pytest.raises(AssertionError, match=said):
        assert_bound(run.spans, **expected)


def test_an_unbound_span_is_named() -> None:
    """A span outside a session fails both assertions, also where a run is asked for."""
    with recorded() as run:
        with partywall.session(tenant="acme") as session:
            look_up("x")
        look_up("y")
    with pytest.raises(AssertionError, match=r"1 spans were made outside.*\n.*look_up"):
        assert_none_unbound(run.spans)
    with pytest.raises(AssertionError, match=r"tenant\.id is 'missing', not 'acme'"):
        assert_bound(run.spans, tenant="acme", run=session.run)


def test_no_span_is_no_proof() -> None:
    with recorded() as run, pytest.raises(AssertionError, match="no span was recorded"):
        assert_bound(run.spans, tenant="acme")


def test_recordings_nest_and_end() -> None:
    """An inner recording has its own spans, and none arrives after its end."""
    with recorded() as outer:
        with recorded() as inner, partywall.session(tenant="acme"):
            look_up("x")
        with partywall.session(tenant="fjord"):
            look_up("y")
    with partywall.session(tenant="late"):
        look_up("z")
    assert tenants(inner.spans) == {"acme"}
    assert tenants(outer.spans) == {"acme", "fjord"}


def rendered(run: Recording) -> list[str]:
    return [span.to_json() for span in run.ended]


def test_a_repeatable_recording_gives_the_same_spans_each_time() -> None:
    """Ids, times, and the ids of sessions: a snapshot test can hold the whole span."""

    def work() -> Recording:
        with recorded(repeatable=True) as run, partywall.session(tenant="acme"):
            look_up("x")
        return run

    first, second = work(), work()
    assert rendered(first) == rendered(second)
    context = first.spans[0].context
    assert context is not None
    assert (context.trace_id, context.span_id) == (1, 1)
    assert first.spans[0].start_time == 1_700_000_000_000_000_000
    with recorded() as run, trace.get_tracer("t").start_as_current_span("later"):
        pass
    assert run.spans[0].context is not None
    assert run.spans[0].context.trace_id > 1000, "the stand-ins are taken back"


def test_the_page_s_example_runs() -> None:
    """docs/testing.md shows a test that passes as it stands."""
    page = Path(__file__).parent.parent / "docs" / "testing.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    names: dict[str, object] = {"__name__": "example"}
    exec(compile(code, str(page), "exec"), names)
    test = names["test_the_agent_works_for_acme_alone"]
    assert callable(test)
    test()
