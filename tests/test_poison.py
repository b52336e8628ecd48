"""What a sender may get wrong or make up never fails a load, nor a neighbour's request."""

import random
from collections.abc import Iterator

import poison
import pytest

from partywall_collector.canonical import NotOtlp, from_protobuf
from partywall_collector.store import Store, open_store

MUTATED = 150
REFUSED = {
    "a name that is no UTF-8",
    "a key that is no UTF-8",
    "a torn body",
    "a value that is no UTF-8",
    "an open group",
    "arrays 90 deep",
    "bytes that are no message",
    "field number 0",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store into which every case is loaded."""
    home = tmp_path_factory.mktemp("poison")
    with open_store(f"chdb://{home}", role="owner") as store:
        pick = random.Random(20261125)
        bodies = [*poison.CASES.values(), *(poison.mutated(pick) for _ in range(MUTATED))]
        result = poison.run(store, iter(bodies))
        assert (result["failed_loads"], result["lost_neighbours"]) == (0, 0)
        yield store


def test_what_protobuf_does_not_read_is_refused_at_the_door() -> None:
    """Everything else is written again as protobuf understood it."""
    refused: set[str] = set()
    for name, body in poison.CASES.items():
        try:
            from_protobuf(body)
        except NotOtlp:
            refused.add(name)
    assert len(poison.CASES) == 39
    assert refused == REFUSED


def test_no_body_fails_a_load_or_a_neighbour(store: Store) -> None:
    """Spans with bad ids and double keys of ours lie in quarantine with the reason."""
    reasons = {row["reason"] for row in store.rows("SELECT DISTINCT reason FROM quarantine")}
    assert {"bad id", "duplicate attribute", "no tenant"} <= reasons
    assert "poison" not in reasons


def test_the_ends_of_the_clock_and_very_wide_spans_are_stored_as_sent(store: Store) -> None:
    """1970 and 2262 to the nanosecond; ten thousand attributes; a value of a megabyte."""
    (row,) = store.rows(
        "SELECT min(toUnixTimestamp64Nano(start_time)) AS first,"
        " max(toUnixTimestamp64Nano(start_time)) AS last, max(length(attributes)) AS most,"
        " max(length(attributes['k'])) AS longest FROM spans WHERE name = 'work'"
    )
    assert row["last"] == 2**63 - 1
    assert row["first"] <= 0
    assert row["most"] == 10_001
    assert row["longest"] == 1 << 20


def test_a_value_is_read_as_protobuf_reads_it(store: Store) -> None:
    """Of two values the last one counts, not the first one and not both together."""
    rows = store.rows(
        "SELECT attributes['k'] AS value, attribute_types['k'] AS type FROM spans"
        " WHERE has(['b', '5'], attributes['k'])"
    )
    assert {(row["value"], row["type"]) for row in rows} == {("b", ""), ("5", "int")}
