"""What a process keeps between two analyses: never more than holds, whoever changed the store."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from streams import Tick, empty, merged

from partywall_analyzer import analyze, datasets, kept
from partywall_analyzer.datasets import Datasets
from partywall_analyzer.dirty import News
from partywall_analyzer.judged import Judged, by_finding
from partywall_analyzer.model import Candidate, Crossing, Ref
from partywall_analyzer.tables import Tables
from partywall_analyzer.testing import START, Log
from partywall_collector.registry import DatasetOwner, Registry, Tenant
from partywall_collector.registry.load import write
from partywall_collector.registry.model import KINDS
from partywall_collector.store import Store, open_store
from partywall_collector.store.erasure import erase

SEEDS = range(4)


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What closed is looked at straight away."""
    monkeypatch.setenv("PARTYWALL_SETTLE", "0")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all streams; each begins by emptying it."""
    with open_store(f"chdb://{tmp_path_factory.mktemp('kept') / 'home'}", role="owner") as store:
        yield store


def calm(seeds: Sequence[int]) -> list[Tick]:
    """Streams whose registry is there from the beginning; each tick comes in two halves."""
    ticks = merged(seeds)
    made = [Tick(records=ticks[0].records)]
    made += [Tick(records=tick.records) for tick in ticks[1:]]
    for tick in ticks:
        spans, calls = len(tick.spans) // 2, len(tick.calls) // 2
        made.append(Tick(tick.spans[:spans], tick.calls[:calls]))
        made.append(Tick(tick.spans[spans:], tick.calls[calls:]))
    return made


Mutant = Callable[[pytest.MonkeyPatch], None]


def missed(store: Store, ticks: Sequence[Tick], mutant: Mutant | None = None) -> list[str]:
    """What is wrong in the ledger after the ticks of a stream."""
    empty(store)
    with pytest.MonkeyPatch.context() as patch:
        if mutant:
            mutant(patch)
        for tick in ticks:
            tick.arrive(store)
            analyze(store)
    whole = analyze(store, whole=True)
    kinds = {"missing": whole.new, "differs": whole.changed, "extra": whole.withdrawn}
    return [f"{kind} {found.rule} {found.subject}" for kind in kinds for found in kinds[kind]]


def test_what_is_kept_changes_no_finding(store: Store) -> None:
    """Where only spans come, most findings are not derived again, and the ledger is right."""
    assert missed(store, calm(SEEDS)) == []


def test_a_finding_of_which_nothing_changed_is_not_derived_again(store: Store) -> None:
    """A session that goes on opens all that was found in it, and that stands as it is."""
    empty(store)
    write(
        [Tenant(id="acme"), Tenant(id="fjord"), DatasetOwner(pattern="crm/*", owner="fjord")], store
    )
    log = Log(store)
    own: dict[str, Any] = {"session": "s", "request": "r"}
    log.call("acme", reads=["crm/1"], trace=1, **own)
    log.write()
    assert [f.rule for f in analyze(store).findings] == ["foreign-dataset"]
    log.call("acme", trace=2, at=9, **own)
    log.write()
    again = analyze(store)
    assert (again.whole, again.findings, again.withdrawn) == (False, [], [])
    log.call("acme", reads=["crm/1"], trace=2, at=10, **own)
    log.write()
    assert [len(f.calls) for f in analyze(store).findings] == [2]


def registry_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry is read in the first analysis of a process only."""
    made: list[Registry] = []
    read = Registry.read

    def once(store: Store, **more: Any) -> Registry:
        made[:] = made or [read(store, **more)]
        return made[0]

    monkeypatch.setattr(Registry, "read", once)


def names_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Datasets of new calls are not looked up."""
    update = Datasets.update

    def first(self: Datasets, store: Store, registry: Registry, news: News | None) -> None:
        if news is None:
            update(self, store, registry, news)

    monkeypatch.setattr(Datasets, "update", first)


def owners_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dataset that changes hands is not looked up again."""
    monkeypatch.setattr(datasets, "DatasetOwner", SimpleNamespace(kind="nothing"))


def no_dirty_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding stands though a span came to its trace."""

    def none(_: Tables) -> set[str]:
        return set()

    monkeypatch.setattr(Tables, "dirty_traces", none)


def any_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding stands though a grant came."""
    monkeypatch.setattr(kept, "_OF_CALLS", frozenset(KINDS))


def holders_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who holds a value that is known is not read from new calls."""
    read = Tables.of_values

    def first(self: Tables, name: str, values: Collection[int], every_load: bool) -> Any:
        return read(self, name, values if every_load else (), every_load)

    monkeypatch.setattr(Tables, "of_values", first)


@pytest.mark.parametrize(
    ("mutant", "stream"),
    [
        (holders_once, calm),
        (registry_once, merged),
        (names_once, calm),
        (owners_once, merged),
        (no_dirty_traces, calm),
        (any_registry, merged),
    ],
)
def test_keeping_too_much_goes_wrong(
    store: Store,
    mutant: Mutant,
    stream: Callable[[Sequence[int]], list[Tick]],
) -> None:
    """The properties can fail: each reason to read anew is needed."""
    assert missed(store, stream(SEEDS), mutant)


def candidate(**more: Any) -> Candidate:
    """A candidate with one crossing at the trace `t`."""
    told: dict[str, Any] = {"crossings": (Crossing(START, Ref("t", "1")),), "count": 1}
    told |= dict.fromkeys(("subject", "from_tenant", "to_tenant", "session_tenant"), "x")
    told |= {"rule": "foreign-dataset", "first_seen": START, "last_seen": START}
    return Candidate(**(told | more))


def test_a_finding_stands_only_as_the_ledger_says_it() -> None:
    """Not if its candidates, its traces or the ledger differ, and never with a party."""
    ours = by_finding([candidate()])
    (name,) = ours
    said: dict[str, dict[str, Any]] = {name: {"state": "open", "revision": ""}}
    made = Judged()
    assert made.standing(ours, said, ()) == set()
    made.note(ours, [])
    assert made.standing(ours, said, ()) == {name}
    assert made.standing(ours, {}, ()) == {name}
    assert made.standing(ours, said, ("t",)) == set()
    assert made.standing(by_finding([candidate(tool="another")]), said, ()) == set()
    assert made.standing(ours, {name: {"state": "open", "revision": "other"}}, ()) == set()
    party = by_finding([candidate(party_kind="email", party="bo@x.example")])
    made.note(party, [])
    assert made.standing(party, said, ()) == set()


def test_an_analysis_of_another_process_ends_what_is_kept(store: Store) -> None:
    """What changed before it is no news any more, and is read anew."""
    empty(store)
    first, second = Tenant(id="acme"), Tenant(id="fjord")
    write([first, second, DatasetOwner(pattern="crm/1", owner="acme")], store)
    log = Log(store)
    log.call("acme", reads=["crm/1"], trace=1)
    log.write()
    assert not analyze(store).findings
    other = Store(store.url, store.home, store._pool, store.engine, ExitStack())  # pyright: ignore[reportPrivateUsage]  # the same engine, as another process has it
    write([DatasetOwner(pattern="crm/*", owner="fjord")], store)
    log.call("acme", reads=["crm/2"], trace=2)
    log.write()
    assert [f.to_tenant for f in analyze(other).findings] == ["fjord"]
    log.call("acme", reads=["crm/3"], trace=3)
    log.write()
    assert {f.subject.rpartition("|")[2] for f in analyze(store).new} == {"crm/3"}


def test_nothing_of_an_erased_tenant_is_kept(store: Store) -> None:
    """The analysis after the erasure begins anew."""
    empty(store)
    write(
        [Tenant(id="acme"), Tenant(id="fjord"), DatasetOwner(pattern="crm/*", owner="fjord")], store
    )
    log = Log(store)
    log.call("acme", reads=["crm/1"], trace=1)
    log.call("fjord", reads=["crm/1"], trace=2)
    log.write()
    assert analyze(store).new
    erase(store, "fjord", dry_run=False)
    assert analyze(store).whole
    held = kept._KEPT[store]  # pyright: ignore[reportPrivateUsage]  # what stays in memory is what this is about
    assert "fjord" not in held.registry.tenants
    assert not held.datasets.owners
    assert not held.datasets.strangers
