"""Shapes that could make an analysis slow or wrong: hot datasets, sprayed values, long sessions."""

from collections import Counter
from typing import Any

import pytest

from partywall_analyzer import Finding, analyze
from partywall_analyzer.model import Ref
from partywall_analyzer.testing import Log
from partywall_collector.registry import DatasetOwner, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store, open_store

CROWD = [f"t{number}" for number in range(500)]
SPRAYED = 7_000_001


def hot(log: Log) -> None:
    """500 tenants write to one shared dataset and read it; one takes on what another put there."""
    for number, tenant in enumerate(CROWD):
        for turn in range(4):
            each: dict[str, Any] = {"session": f"s-{tenant}", "request": f"R-{tenant}"}
            values = [10_000 * (number + 1) + turn]
            at = 10 * number + turn
            log.call(tenant, at=at, writes=["shared/hot"], values_in=values, **each)
            log.call(tenant, at=at + 0.5, reads=["shared/hot"], values_out=values, **each)
    own: dict[str, Any] = {"session": "s-from", "request": "R-from"}
    log.call("t1", at=1, reads=["crm/t1/1"], values_out=[91, 92], **own)
    log.call("t1", at=3, writes=["shared/hot"], values_in=[91, 92], **own)
    own = {"session": "s-into", "request": "R-into"}
    log.call("t2", at=5_100, reads=["shared/hot"], values_out=[91, 92], **own)
    log.call("t2", at=5_105, writes=["crm/t2/1"], values_in=[91, 92], **own)


def sprayed(log: Log) -> None:
    """A value of t3 is sent on to fifty tenants."""
    log.call("t3", at=1, session="s-spray", reads=["crm/t3/1"], values_out=[SPRAYED])
    for number in range(10, 60):
        into = [f"crm/t{number}/1"]
        log.call("t3", at=number, session="s-spray", writes=into, values_in=[SPRAYED])
        own: dict[str, Any] = {"session": f"s-get-{number}", "request": "R"}
        log.call(f"t{number}", at=number + 100, reads=["shared/board"], values_out=[SPRAYED], **own)


def endless(log: Log) -> None:
    """A session of five thousand calls, one a minute, in one trace whose root never came."""
    lost = Ref("99" * 16, "99" * 8)
    own: dict[str, Any] = {"session": "s-endless", "request": "R-endless", "parent": lost}
    for number in range(5_000):
        owner = "t5" if number % 10 == 0 else "t4"
        log.call("t4", at=60 * number, reads=[f"crm/{owner}/1"], **own)


def backwards(log: Log) -> None:
    """Calls that end before they start."""
    own: dict[str, Any] = {"session": "s-back", "request": "R-back", "trace": 77}
    read = log.call("t6", at=9, lasts=-8, reads=["crm/t6/1"], values_out=[501, 502], **own)
    log.call("t6", at=20, lasts=-5, parent=read, writes=["crm/t7/1"], values_in=[501, 502], **own)


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    """All shapes lie in one store, which is analyzed once."""
    with open_store(f"chdb://{tmp_path_factory.mktemp('shapes') / 'home'}", role="owner") as store:
        records = [DatasetOwner(pattern=f"crm/{name}/*", owner=name) for name in CROWD]
        write([*(Tenant(id=name) for name in CROWD), *records], store)
        write([DatasetOwner(pattern="shared/*", ownership="shared")], store)
        log = Log(store)
        for shape in (hot, sprayed, endless, backwards):
            shape(log)
        _store(store, log)
        return analyze(store).findings


def _store(store: Store, log: Log) -> None:
    for table, rows in zip(("spans", "calls"), log.take(), strict=True):
        for row in rows:
            row["placement"] = "one"  # a part of its own for each tenant would only cost time
        store.insert(table, rows)


def test_a_hot_dataset_gives_the_one_relay_over_it(findings: list[Finding]) -> None:
    """500 tenants touched it; their own values cross nothing."""
    relays = [found for found in findings if found.rule == "relay"]
    assert [(found.from_tenant, found.to_tenant) for found in relays] == [("t1", "t2")]


def test_a_sprayed_value_gives_one_finding_a_dataset(findings: list[Finding]) -> None:
    """Each write to another tenant is told once, however many pairs there are."""
    told = Counter(found.rule for found in findings if found.session_id == "s-spray")
    assert told["foreign-dataset"] == 50
    assert sum(found.rule == "widespread-value" for found in findings) == 1
    assert all(count <= 50 for count in told.values())


def test_an_endless_session_is_one_finding(findings: list[Finding]) -> None:
    """Its calls are counted, and listed up to a limit; a root that never came is none."""
    (found,) = [f for f in findings if f.session_id == "s-endless" and f.rule == "foreign-dataset"]
    assert "500 times" in found.sentence
    assert len(found.calls) == 500


def test_time_that_runs_backwards_ends_when_it_starts(findings: list[Finding]) -> None:
    """The crossing is told; a flow is told only if the order allows it."""
    rules = {found.rule for found in findings if found.session_id == "s-back"}
    assert "foreign-dataset" in rules
