"""What an erasure leaves of findings with two sides: the other tenant's evidence, and no more."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from streams import TENANTS, World

from partywall_analyzer import Finding, analyze
from partywall_collector.store import Store, open_store, statement
from partywall_collector.store.blinding import ERASED
from partywall_collector.store.erasure import erase

SEED = 3
"""A world with findings of both forms: with another tenant in them, and without."""

GONE, *OTHERS = (f"{name}-{SEED}" for name in TENANTS)


@pytest.fixture(scope="module")
def analyzed_home(empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the findings of one world, in which each name of a thing has its tenant's."""
    home = shutil.copytree(empty_home, tmp_path_factory.mktemp("blinding") / "home", symlinks=True)
    with open_store(f"chdb://{home}", role="owner") as store:
        for tick in World(SEED).ticks():
            # A dataset that went to another owner bears the name of the first one.
            tick.records = [r for r in tick.records if not getattr(r, "pattern", "").endswith("/2")]
            tick.arrive(store)
        analyze(store)
    return home


@pytest.fixture
def analyzed(analyzed_home: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of it."""
    home = shutil.copytree(analyzed_home, tmp_path / "home", symlinks=True)
    with open_store(f"chdb://{home}", role="owner") as store:
        yield store


def findings(store: Store) -> dict[str, Finding]:
    """The newest revision of each finding by its id."""
    ids = [row["finding_id"] for row in store.rows("SELECT DISTINCT finding_id FROM ledger")]
    rows = store.rows(statement("partywall_analyzer.sql", "stored_findings"), {"ids": ids})
    return {row["finding_id"]: Finding.from_row(row) for row in rows}


def sides(finding: Finding) -> set[str]:
    """Who takes part in it."""
    return {finding.from_tenant, finding.to_tenant, finding.session_tenant}


def test_the_other_tenants_evidence_stands_after_an_erasure(analyzed: Store) -> None:
    """Its calls, datasets and hops, the verdict, the digests; of the erased side not a word."""
    before, digests = findings(analyzed), "SELECT finding_id, revision FROM ledger ORDER BY ALL"
    had = {tuple(row.values()) for row in analyzed.rows(digests)}
    counted = erase(analyzed, GONE, dry_run=True)
    assert erase(analyzed, GONE, dry_run=False) == counted
    (ledger,) = [each for each in counted if each.table == "ledger"]
    assert ledger.rows
    assert ledger.blinded
    assert {tuple(row.values()) for row in analyzed.rows(digests)} < had
    after = findings(analyzed)
    told = [json.dumps(finding.to_dict()) for finding in after.values()]
    assert not [text for text in told if GONE in text]
    changed = [name for name in after if after[name] != before[name]]
    assert changed
    for name in changed:
        whole, left = before[name], after[name]
        assert (ERASED in sides(left)) is (GONE in sides(whole))
        assert (left.verdict, left.proof, left.severity, left.first_seen) == (
            whole.verdict,
            whole.proof,
            whole.severity,
            whole.first_seen,
        )
        for tenant in sides(whole) & {*OTHERS}:
            half = whole.for_tenant(tenant)
            assert {*half.calls} <= {*left.calls}
            assert {node for node in half.chain.nodes if node.tenant == tenant} <= {
                *left.chain.nodes
            }
            assert half.dataset in ("", left.dataset)
            assert half.session_id in ("", left.session_id)
    assert not any(each.rows or each.blinded for each in erase(analyzed, GONE, dry_run=False))
    analyze(analyzed, whole=True)
    again = findings(analyzed)
    assert all(again[name] == left for name, left in after.items() if ERASED in sides(left))


def test_an_erasure_that_was_killed_is_run_again(
    analyzed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had added is not added twice."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Store, "command", killed)
        with pytest.raises(KeyboardInterrupt):
            erase(analyzed, GONE, dry_run=False)
    rows = analyzed.rows("SELECT count() AS n FROM ledger")[0]["n"]
    (ledger,) = [e for e in erase(analyzed, GONE, dry_run=False) if e.table == "ledger"]
    left = analyzed.rows("SELECT count() AS n, uniqExact(finding_id, recorded_at) AS u FROM ledger")
    assert left == [{"n": rows - ledger.rows - ledger.blinded, "u": left[0]["n"]}]


def test_what_all_tenants_erased_is_gone(analyzed: Store) -> None:
    """A finding stays for a registered tenant only."""
    for row in analyzed.rows("SELECT DISTINCT tenant_id FROM tenants"):
        erase(analyzed, row["tenant_id"], dry_run=False)
    assert not any(
        name in json.dumps(finding.to_dict())
        for finding in findings(analyzed).values()
        for name in (GONE, *OTHERS, ERASED)
    )
