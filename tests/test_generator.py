"""Seeded stores: what is planted is found, and nothing else is held against anybody."""

from partywall_analyzer import Verdict, analyze
from partywall_analyzer.generator.bulk import Size, add, fill
from partywall_collector.store import Store


def test_all_that_is_planted_in_a_seeded_store_is_found(store: Store) -> None:
    """Each kind, twice, among thousands of calls that cross nothing; a tick more adds nothing."""
    size = Size(spans=12_800, tenants=20, each=2)
    planted = fill(store, size)
    found = {(f.rule, f.from_tenant, f.to_tenant, f.subject): f for f in analyze(store).findings}
    for plant in planted:
        finding = found.pop((plant.rule, plant.from_tenant, plant.to_tenant, plant.subject))
        assert (finding.verdict is Verdict.AUTHORISED) is plant.authorised, finding.sentence
    # A flow writes to a dataset of the other tenant, which is a crossing of its own. Sessions that
    # work for several tenants, credentials without an end and values that all hold stay open.
    open_ones = {f.rule for f in found.values() if f.verdict is Verdict.INDETERMINATE}
    assert open_ones <= {"mixed-session", "long-lived-credential", "widespread-value"}
    assert {f.rule for f in found.values()} - open_ones <= {"foreign-dataset"}
    add(store, size, first=64_000, spread=100)
    tick = analyze(store)
    assert not tick.whole
    assert not tick.new + tick.withdrawn
    again = analyze(store, whole=True)
    assert not again.new + again.changed + again.withdrawn
