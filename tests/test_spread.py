"""Who holds widespread values is kept, and is always what reading it all anew would give."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from streams import empty

from partywall_analyzer import OPERATOR, Finding, analyze, kept, list_findings, spread
from partywall_analyzer.spread import Spread
from partywall_analyzer.testing import Log
from partywall_collector.registry import DatasetOwner, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store, open_store

TENANTS = [f"t{number}" for number in range(11)]
VALUES = (71, 72)
RULE = "widespread-value"


class Held(NamedTuple):
    """A call of a tenant that holds values at a dataset of someone, or at none."""

    tenant: int
    place: str
    at: int
    came_out: bool
    values: Sequence[int]
    failed: bool


held = st.builds(
    Held,
    st.integers(0, 10),
    st.sampled_from(["", "crm/0", "crm/1", "hub", "nobody"]),
    st.integers(1, 400),
    st.booleans(),
    st.lists(st.sampled_from(VALUES), min_size=1, max_size=2, unique=True),
    st.sampled_from([False, False, False, True]),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all examples; each begins by emptying it."""
    with open_store(f"chdb://{tmp_path_factory.mktemp('spread') / 'home'}", role="owner") as store:
        yield store


def begin(store: Store) -> Log:
    """The tenants, whose data is whose, and one value that all of them hold since long."""
    empty(store)
    owners = [DatasetOwner(pattern=f"crm/{number}", owner=f"t{number}") for number in (0, 1)]
    commons = DatasetOwner(pattern="hub", ownership="commons")
    write([*(Tenant(id=tenant) for tenant in TENANTS), *owners, commons], store)
    log = Log(store)
    log.call("t0", session="home", reads=["crm/0"], at=100, values_out=VALUES)
    for number in range(1, 10):
        log.call(f"t{number}", session=f"s{number}", at=100 + number, values_in=VALUES)
    log.write()
    return log


def call(log: Log, each: Held) -> None:
    """Write down a call."""
    values: dict[str, Any] = {"values_out" if each.came_out else "values_in": each.values}
    places = [each.place] if each.place else []
    log.call(
        f"t{each.tenant}",
        session=f"s{each.tenant}",
        reads=places,
        at=each.at,
        failed=each.failed,
        **values,
    )


def owners(findings: Iterable[Finding]) -> set[str]:
    """Of whom widespread values are said to be."""
    return {each.from_tenant for each in findings if each.rule == RULE}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(
    # Nobody's data gave it out earlier, and another came to hold it; then somebody's, yet earlier.
    [
        [Held(3, "nobody", 50, True, [71], False), Held(10, "", 300, False, [71], False)],
        [Held(0, "crm/0", 20, True, [71], False)],
    ]
)
@given(st.lists(st.lists(held, min_size=1, max_size=4), min_size=1, max_size=4))
def test_any_calls_in_any_parts_leave_what_all_of_them_leave(
    store: Store, parts: list[list[Held]]
) -> None:
    """Late ones, earlier origins, own copies and failed calls included."""
    log = begin(store)
    assert analyze(store).findings
    for part in parts:
        for each in part:
            call(log, each)
        log.write()
        assert not analyze(store).whole
    again = analyze(store, whole=True)
    assert [again.new, again.changed, again.withdrawn] == [[], [], []]


def test_more_than_is_kept_is_read_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What holds does not depend on what is kept."""
    monkeypatch.setattr(spread, "MOST", 0)
    log = begin(store)
    analyze(store)
    log.call("t10", session="s10", at=300, values_in=VALUES)
    log.write()
    made = analyze(store)
    assert not made.whole
    assert [len(each.calls) for each in made.changed if each.rule == RULE] == [10, 10]


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_dataset_that_changes_hands_changes_whose_the_value_is(
    store: Store, monkeypatch: pytest.MonkeyPatch, is_kept: bool
) -> None:
    """And would not, if what is known of values outlived the registry."""
    if is_kept:
        one = Spread()
        monkeypatch.setattr(kept, "Spread", lambda: one)
    begin(store)
    assert owners(analyze(store).findings) == {"t0"}
    write([DatasetOwner(pattern="crm/0", owner="t10")], store)
    assert not analyze(store).whole
    assert owners(list_findings(store, OPERATOR).rows) == ({"t0"} if is_kept else {"t10"})
