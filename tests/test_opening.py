"""Very large traces are woven in part: nothing is missed, nothing refuted, and the finding says."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from partywall_analyzer import Analysis, Finding, analyze, assemble
from partywall_analyzer.assemble import WAY
from partywall_analyzer.model import Proof, Ref
from partywall_analyzer.opening import ABOVE
from partywall_analyzer.spans import Span, fetch_some
from partywall_analyzer.testing import Log
from partywall_analyzer.ways import Search
from partywall_analyzer.weave import Weave
from partywall_collector.registry import DatasetOwner, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store, open_store

SMALL = 4
"""Every trace below has more spans."""


def flow(log: Log, name: str, *, from_: float, into: float, values: tuple[int, ...] = ()) -> None:
    """A read of one tenant's data and a write to another's, below agents of one run, and more."""
    own: dict[str, Any] = {"session": name, "request": f"R-{name}"}
    run = log.agent("t1", at=0, agent="planner", **own)
    below = log.agent("t1", at=0, lasts=500, parent=run, agent="worker", **own) if values else run
    log.call("t1", at=from_, parent=below, reads=["crm/t2/1"], values_out=values, **own)
    log.call("t1", at=into, parent=run, writes=["crm/t3/1"], values_in=values, **own)
    for number in range(SMALL):
        log.call("t1", at=40 + 2 * number, parent=run, reads=["crm/t1/1"], **own)


def nest(log: Log, name: str) -> None:
    """A foreign dataset is read below more agents than are opened."""
    own: dict[str, Any] = {"session": name, "request": f"R-{name}"}
    above = log.agent("t1", agent="planner", **own)
    for _ in range(ABOVE + 20):
        above = log.agent("t1", parent=above, agent="worker", **own)
    log.call("t1", parent=above, reads=["crm/t2/1"], **own)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """All traces lie in one store."""
    with open_store(f"chdb://{tmp_path_factory.mktemp('large') / 'home'}", role="owner") as store:
        names = ("t1", "t2", "t3")
        owners = [DatasetOwner(pattern=f"crm/{name}/*", owner=name) for name in names]
        write([*(Tenant(id=name) for name in names), *owners], store)
        log = Log(store)
        flow(log, "sequential", from_=10, into=20)
        flow(log, "open", from_=10, into=11)
        flow(log, "carried", from_=10, into=20, values=(71, 72))
        nest(log, "nest")
        log.write()
        yield store


@pytest.fixture(scope="module")
def parts(store: Store) -> Analysis:
    """What is found if traces of more than a few spans are woven in part."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARTYWALL_WEAVE_SPANS", str(SMALL))
        return analyze(store, whole=True)


def told(analysis: Analysis, name: str, rule: str = "flow") -> Finding:
    """What was found in a session."""
    (found,) = [f for f in analysis.findings if (f.session_id, f.rule) == (name, rule)]
    return found


def test_what_values_and_agents_prove_is_proved_in_part_of_a_trace(parts: Analysis) -> None:
    """The calls and what stands above them are enough; that the rest is missing is said."""
    assert told(parts, "sequential").proof is Proof.P1
    assert told(parts, "carried").proof is Proof.P3
    for name in ("sequential", "carried"):
        found = told(parts, name)
        assert WAY in found.evidence.missing
        agents = {node.label for node in found.chain.nodes if node.kind == "agent"}
        assert agents == {"planner"} | ({"worker"} if name == "carried" else set())
        assert WAY in found.for_tenant("t2").evidence.missing


def test_what_is_whole_says_the_same_without_a_mark(store: Store) -> None:
    """The limit changes nothing for a trace below it."""
    made = analyze(store, whole=True)
    assert {f.rule for f in made.findings} == {"flow", "foreign-dataset"}
    assert not any(WAY in found.evidence.missing for found in made.findings)
    assert (told(made, "sequential").proof, told(made, "carried").proof) == (Proof.P1, Proof.P3)


def test_a_nest_that_is_deeper_than_what_is_opened_is_drawn_as_far_as_it_is(
    parts: Analysis,
) -> None:
    """The crossing is told; a run far above it is not."""
    found = told(parts, "nest", "foreign-dataset")
    agents = {node.label for node in found.chain.nodes if node.kind == "agent"}
    assert agents == {"worker"}
    assert WAY not in found.evidence.missing  # nothing had to be looked for


def test_crossings_that_are_no_longer_searched_for_stand(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work for one finding is bounded; what values prove needs no search."""
    monkeypatch.setattr(assemble, "Search", partial(Search, 0))
    made = analyze(store, whole=True)
    assert told(made, "carried").proof is Proof.P3
    found = told(made, "sequential")
    assert WAY in found.evidence.missing
    assert found.proof is Proof.P1  # of the one that is told, the way is looked for


def test_a_search_ends_when_it_has_visited_enough() -> None:
    """What was found until then stays, and what is refuted by time alone needs no search."""
    spans = [Span(trace_id="t", span_id="p", start=0, end=100, session_id="s")]
    spans += [
        Span(trace_id="t", span_id=name, parent_span_id="p", start=at, end=at + 5, session_id="s")
        for name, at in (("a", 10), ("b", 20), ("c", 30))
    ]
    weave, search = Weave(spans), Search(1)
    a, b, c = (Ref("t", name) for name in "abc")
    assert search.grade(weave, a, b) is Proof.P1
    assert search.spent
    assert search.grade(weave, b, c) is None
    assert Search().grade(weave, b, c) is Proof.P1
    assert Search(0).grade(weave, c, a) is None
    assert Search(0).witness(weave, a, c) == Search().witness(weave, a, c)


def test_more_spans_than_fit_a_statement_are_fetched(store: Store, parts: Analysis) -> None:
    """Names that are not there are no error."""
    refs = [Ref("ab" * 16, f"{number:016x}") for number in range(4_100)]
    known = told(parts, "carried").calls
    assert tuple(span.ref for span in fetch_some(store, [*refs, *known])) == known
