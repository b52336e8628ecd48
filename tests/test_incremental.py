"""Batch and watch are one function: any split of a stream gives what one analysis of it gives."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from streams import empty, merged

from partywall_analyzer import Analysis, analyze, dirty, tables, values
from partywall_analyzer.assemble import WAY
from partywall_analyzer.testing import Log
from partywall_collector.registry import DatasetOwner, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store, open_store, statement

SEEDS = range(50)
"""The worlds share a store and each of its ticks: an analysis costs much the same for any."""


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What closed is looked at straight away, and what did not, at the next tick."""
    monkeypatch.setenv("PARTYWALL_SETTLE", "0")
    monkeypatch.setenv("PARTYWALL_SESSION_LIFE", "1")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all streams; each begins by emptying it."""
    home = tmp_path_factory.mktemp("streams") / "home"
    with open_store(f"chdb://{home}", role="owner") as store:
        yield store


def watched(store: Store, seeds: Sequence[int]) -> Analysis:
    """Watch worlds tick by tick, then analyze all of it: what that still changes was missed."""
    empty(store)
    for number, tick in enumerate(merged(seeds)):
        tick.arrive(store)
        assert analyze(store).whole is (number == 0)
    return analyze(store, whole=True)


def missed(whole: Analysis) -> list[str]:
    """What the ticks had wrong."""
    kinds = {"missing": whole.new, "differs": whole.changed, "extra": whole.withdrawn}
    return [f"{kind} {found.rule} {found.subject}" for kind in kinds for found in kinds[kind]]


def test_any_split_of_a_stream_leaves_the_findings_of_the_whole(store: Store) -> None:
    """In any order, twice, late, and with a registry that changes between two ticks."""
    whole = watched(store, SEEDS)
    assert {found.rule for found in whole.findings} >= {
        *("flow", "relay", "handoff", "foreign-party", "canary", "unclosed-session"),
    }
    assert missed(whole) == []


def test_traces_that_are_woven_in_part_give_any_split_the_same_and_hide_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a limit below nearly all: what only the rest of a trace refutes stands."""
    monkeypatch.setenv("PARTYWALL_WEAVE_SPANS", "2")
    parts = watched(store, SEEDS)
    assert missed(parts) == []
    assert any(WAY in found.evidence.missing for found in parts.findings)
    monkeypatch.delenv("PARTYWALL_WEAVE_SPANS")
    whole = analyze(store, whole=True)
    assert [found.id for found in whole.new] == []
    assert all(WAY not in found.evidence.missing for found in whole.findings)


NEW = "loaded_at IN (SELECT fromUnixTimestamp64Micro(arrayJoin({new_calls:Array(Int64)}), 'UTC'))"
NOTHING = ("", "\nLIMIT 0")
MUTANTS = {
    "only the new calls of a session are opened": ("open_calls", "WHERE ", f"WHERE {NEW} AND "),
    "a value is judged by the new calls": ("valued_calls", "FROM calls", f"FROM calls WHERE {NEW}"),
    "a foreign dataset is looked for among the new calls": (
        "values_of_datasets",
        "WHERE arrayExists",
        f"WHERE ({{everything:Bool}} OR {NEW}) AND arrayExists",
    ),
    "a late span without a call re-opens nothing": ("dirty_traces", "FROM spans\n", "FROM calls\n"),
    "a late span that others link to re-opens none of them": (
        "dirty_traces",
        "notEmpty(links) AND",
        "false AND",
    ),
    "a value that is new to others re-opens nobody": ("dirty_sessions_of_values", *NOTHING),
    "a value that comes to prove nothing re-opens nobody": (
        "changed_values",
        "HAVING (",
        "HAVING false AND (",
    ),
    "a canary that others hold re-opens nobody": (
        "dirty_values",
        "AND trace_id IN {dirty_traces:Identifier}\n    AND value",
        "AND false\n    AND value",
    ),
    "a session that fell silent is not looked for": ("dirty_overdue_sessions", *NOTHING),
    "a changed record re-opens no call": ("dirty_traces_of_records", *NOTHING),
    "a new call re-opens no identity": ("dirty_identities", *NOTHING),
    "a grant re-opens no finding": ("dirty_keys_of_tenants", "!= 'withdrawn'", "= 'nothing'"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_an_analysis_that_opens_less_goes_wrong(
    store: Store, monkeypatch: pytest.MonkeyPatch, mutant: str
) -> None:
    """The property above can fail: each part of what makes keys dirty is needed."""
    name, old, new = MUTANTS[mutant]

    def mutated(package: str, wanted: str) -> str:
        text = statement(package, wanted)
        if wanted != name:
            return text
        assert old in text
        return text.replace(old, new) if old else text + new

    for module in (dirty, tables, values):
        monkeypatch.setattr(module, "statement", mutated)
    assert missed(watched(store, SEEDS[:10]))


@pytest.mark.parametrize("reads", ["every call", "the new calls"])
def test_a_session_that_goes_on_keeps_what_came_to_it_from_others(
    store: Store, monkeypatch: pytest.MonkeyPatch, reads: str
) -> None:
    """A relay is woven of sessions that are not open; without these it would be withdrawn."""

    def mutated(package: str, wanted: str) -> str:
        text, place = statement(package, wanted), "WHERE NOT {everything:Bool}\n"
        if wanted != "met" or reads == "every call":
            return text
        assert place in text
        return text.replace(place, f"{place} AND {NEW} ")

    monkeypatch.setattr(tables, "statement", mutated)
    empty(store)
    owners = [DatasetOwner(pattern=f"crm/{name}/*", owner=name) for name in ("acme", "fjord")]
    board = DatasetOwner(pattern="board", ownership="shared")
    write([Tenant(id="acme"), Tenant(id="fjord"), *owners, board], store)
    log, moved = Log(store), [71, 72]
    log.call("fjord", session="home", trace=1, reads=["crm/fjord/1"], values_out=moved)
    log.call("fjord", session="home", trace=1, at=3, writes=["board"], values_in=moved)
    own: dict[str, Any] = {"session": "later", "request": "R-1"}
    log.call("acme", trace=2, at=50, reads=["board"], values_out=moved, **own)
    log.call("acme", trace=2, at=60, writes=["crm/acme/2"], values_in=moved, **own)
    log.write()
    assert [found.rule for found in analyze(store).findings if found.rule == "relay"]
    log.call("acme", trace=3, at=90, **own)
    log.write()
    again = analyze(store)
    assert not again.whole
    assert ["relay" in {found.rule for found in again.withdrawn}] == [reads == "the new calls"]
