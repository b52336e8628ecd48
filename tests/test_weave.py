"""The weave: data can only have moved forward, and no path is a refutation."""

from dataclasses import replace
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partywall_analyzer.model import Proof, Ref
from partywall_analyzer.spans import Access, Span
from partywall_analyzer.ways import Search
from partywall_analyzer.weave import Weave

TRACE = "0a" * 16


def span(name: str, start: int, end: int, parent: str = "", trace: str = TRACE) -> Span:
    """A span of session s; its name is its id."""
    return Span(
        trace_id=trace, span_id=name, parent_span_id=parent, start=start, end=end, session_id="s"
    )


def proof(weave: Weave, source: str, sink: str, trace: str = TRACE) -> Proof | None:
    """The grade of the witness from a call of the first trace."""
    witness = Search().witness(weave, Ref(TRACE, source), Ref(trace, sink))
    return witness.proof if witness else None


def test_sequential_siblings_are_in_causal_order_and_not_backwards() -> None:
    """What one call returned to its parent can be in the next call that the parent makes."""
    weave = Weave([span("p", 0, 100), span("a", 10, 20, "p"), span("b", 30, 40, "p")])
    assert proof(weave, "a", "b") is Proof.P1
    assert proof(weave, "b", "a") is None


def test_a_call_that_starts_when_another_ends_comes_after_it() -> None:
    """Clocks of one process are coarse: touching spans are sequential."""
    weave = Weave([span("p", 0, 100), span("a", 10, 20, "p"), span("b", 20, 40, "p")])
    assert proof(weave, "a", "b") is Proof.P1


def test_parallel_siblings_refute_each_other() -> None:
    """Neither of two overlapping calls can have used what the other returned."""
    weave = Weave([span("p", 0, 100), span("a", 10, 30, "p"), span("b", 20, 40, "p")])
    assert proof(weave, "a", "b") is None
    assert proof(weave, "b", "a") is None


def test_a_branch_still_open_when_the_write_began_is_refuted() -> None:
    """The read came back inside its branch, but the branch had not come back to the writer."""
    weave = Weave(
        [
            span("p", 0, 100),
            span("x", 5, 60, "p"),
            span("a", 10, 20, "x"),
            span("b", 30, 40, "p"),
        ]
    )
    assert proof(weave, "a", "b") is None


def test_a_later_trace_of_the_session_is_only_inferred() -> None:
    """Sessions carry memory, but nothing shows that it was used; overlapping traces carry none."""
    other = "0b" * 16
    first = [span("p", 0, 100), span("a", 10, 20, "p")]
    later = [span("q", 200, 300, trace=other), span("b", 210, 220, "q", other)]
    overlapping = [span("q", 90, 300, trace=other), span("b", 210, 220, "q", other)]
    assert proof(Weave(first + later), "a", "b", other) is Proof.P0
    assert proof(Weave(first + overlapping), "a", "b", other) is None


def test_values_that_reappear_grade_the_hop() -> None:
    """One identifier is P2, two are P3, and a commonplace one carries nothing."""
    read = replace(span("a", 10, 20, "p"), values_out=(1, 2, 3))
    one = replace(span("b", 15, 40, "p"), start=25, values_in=(1,))
    two = replace(span("c", 50, 60, "p"), values_in=(1, 2))
    spans = [span("p", 0, 100), read, one, two]
    assert proof(Weave(spans), "a", "b") is Proof.P2
    assert proof(Weave(spans), "a", "c") is Proof.P3
    assert proof(Weave(spans, commonplace={1, 2}), "a", "c") is Proof.P1


def test_values_pass_through_a_dataset_into_another_trace() -> None:
    """Written by one call, read by another one later: carried, though no span joins the two."""
    other = "0b" * 16
    write = replace(span("w", 30, 40, "p"), values_in=(7, 8), datasets=(Access("board", "write"),))
    read = replace(
        span("r", 210, 220, "q", other), values_out=(7, 8), datasets=(Access("board", "read"),)
    )
    ends = [span("p", 0, 100), replace(span("q", 200, 300, trace=other), session_id="t")]
    assert proof(Weave([*ends, write, read]), "w", "r", other) is Proof.P3


def test_a_shared_dataset_without_values_is_only_inferred() -> None:
    """That what was read is what another wrote is a guess, and it is called one."""
    other = "0b" * 16
    write = replace(span("w", 30, 40), datasets=(Access("board", "write"),))
    read = replace(
        span("r", 210, 220, trace=other), session_id="t", datasets=(Access("board", "read"),)
    )
    assert proof(Weave([write, read]), "w", "r", other) is Proof.P0
    early = replace(read, start=1, end=20)
    assert proof(Weave([write, early]), "w", "r", other) is None


def test_a_link_is_causal() -> None:
    """A span link says that the linked call led to this one."""
    other = "0b" * 16
    linked = replace(span("b", 30, 40, trace=other), session_id="t", links=(Ref(TRACE, "a"),))
    assert proof(Weave([span("a", 0, 10), linked]), "a", "b", other) is Proof.P1


def test_a_child_of_a_host_with_a_wrong_clock_is_clamped_into_its_parent() -> None:
    """Thirty seconds of skew do not make a reply earlier than its question."""
    weave = Weave([span("p", 1_000, 2_000), span("a", 50, 90, "p"), span("b", 1_500, 1_600, "p")])
    assert proof(weave, "a", "b") is Proof.P1
    clamped = weave.span(Ref(TRACE, "a"))
    assert clamped is not None
    assert (clamped.start, clamped.end) == (1_000, 1_000)


def test_cycles_missing_parents_and_backward_times_do_no_harm() -> None:
    """Hostile spans become roots; each has a place, and nothing loops."""
    weave = Weave(
        [
            span("a", 10, 5, "b"),
            span("b", 3, 1, "a"),
            span("self", 4, 9, "self"),
            span("lost", 1, 2, "nowhere"),
        ]
    )
    assert nx.is_directed_acyclic_graph(weave.graph)
    assert {name for name in ("a", "b", "self", "lost") if weave.span(Ref(TRACE, name))} == {
        "a",
        "b",
        "self",
        "lost",
    }
    assert Search().witness(weave, Ref(TRACE, "a"), Ref(TRACE, "none")) is None


def test_a_very_deep_trace_is_woven() -> None:
    """Depth is bounded by memory, not by the stack."""
    spans = [span(str(i), i, 10_000 - i, str(i - 1) if i else "") for i in range(4_000)]
    assert len(Weave(spans).ancestors(Ref(TRACE, "3999"))) == 3_999


@st.composite
def traces(draw: st.DrawFn) -> list[Span]:
    """Spans with any parent, any times, any datasets and values, in two traces and two sessions."""
    names = [f"{i:02d}" for i in range(draw(st.integers(1, 9)))]
    small = st.integers(0, 12)
    return [
        Span(
            trace_id=draw(st.sampled_from([TRACE, "0b" * 16])),
            span_id=name,
            parent_span_id=draw(st.sampled_from(["", "gone", *names])),
            start=draw(small),
            end=draw(small),
            session_id=draw(st.sampled_from(["", "s", "t"])),
            datasets=draw(st.sampled_from([(), (Access("d", "read"),), (Access("d", "write"),)])),
            values_in=tuple(draw(st.sets(st.integers(1, 3)))),
            values_out=tuple(draw(st.sets(st.integers(1, 3)))),
            links=tuple(Ref(TRACE, other) for other in draw(st.sets(st.sampled_from(names)))),
        )
        for name in names
    ]


@given(traces(), st.randoms())
def test_every_path_goes_forward_whatever_the_spans_say(spans: list[Span], random: object) -> None:
    """The graph has no cycle, a witness never leads back in time, and order of input is nothing."""
    weave = Weave(spans)
    assert nx.is_directed_acyclic_graph(weave.graph)
    shuffled = list(spans)
    getattr(random, "shuffle")(shuffled)  # noqa: B009  # hypothesis gives its Random as object
    again = Weave(shuffled)
    for source in spans:
        for sink in spans:
            witness = Search().witness(weave, source.ref, sink.ref)
            assert witness == Search().witness(again, source.ref, sink.ref)
            grade = Search().grade(weave, source.ref, sink.ref)
            assert grade == (witness.proof if witness else None)
            first, last = weave.span(source.ref), weave.span(sink.ref)
            if not witness or not first or not last:
                continue
            assert first.end <= last.end
            moments = [m for hop in witness.hops for m in (hop.sender.key, hop.receiver.key)]
            assert all(a <= b for a, b in pairwise(moments))


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 10), st.integers(1, 10))
def test_siblings_flow_exactly_when_one_ends_before_the_other_begins(
    start_a: int, start_b: int, length_a: int, length_b: int
) -> None:
    """Causal order between siblings is decided by their times alone."""
    a = span("a", start_a, start_a + length_a, "p")
    b = span("b", start_b, start_b + length_b, "p")
    found = proof(Weave([span("p", 0, 100), a, b]), "a", "b")
    assert found is (Proof.P1 if a.end <= b.start else None)


@pytest.mark.parametrize("parents", [["", "0"], ["", "", "0", "1"]])
def test_ancestors_are_given_from_the_root_down(parents: list[str]) -> None:
    """The chain begins at the request that started it."""
    spans = [span(str(i), i, 50 - i, parent) for i, parent in enumerate(parents)]
    above = Weave(spans).ancestors(Ref(TRACE, str(len(parents) - 1)))
    assert [s.span_id for s in above] == [parents[-1]]
