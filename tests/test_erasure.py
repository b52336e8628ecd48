"""Erasure and retention: whose rows go, from which tables, and what stays."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from two_tenants import CANARY, OTHER, OWN, plant, tables

from partywall_collector.commands.store import main
from partywall_collector.store import Store, open_store
from partywall_collector.store.erasure import erase, retain
from partywall_collector.store.retaining import retaining


@pytest.fixture
def planted(store: Store) -> Store:
    """Rows of two tenants in every table."""
    plant(store, 3)
    return store


def everything(store: Store) -> str:
    """All rows of all tables as one text."""
    names = [name for name in tables(store) if not name.startswith(("current_", "otel_"))]
    return json.dumps(
        {name: store.rows(f"SELECT toString(tuple(*)) AS row FROM {name}") for name in names}
    )


def count(store: Store, table: str, where: str = "1") -> int:
    return store.rows(f"SELECT count() AS n FROM {table} WHERE {where}")[0]["n"]


def test_nothing_of_an_erased_tenant_is_left(planted: Store) -> None:
    """In no table; the other tenant's rows are all there, and a second run finds nothing."""
    planted.command("DROP TABLE analysis_1_calls")  # an analysis drops its own
    findings = {"finding_id": "f", "from_tenant": OTHER, "to_tenant": OWN, "chain": CANARY}
    planted.insert("ledger", [findings])
    refused = {"claimed_tenants": [OTHER], "span": "{}", "reason": "foreign tenant"}
    planted.insert("quarantine", [refused])
    own = {each: count(planted, each, f"tenant_id = '{OWN}'") for each in ("spans", "calls")}
    counted = erase(planted, OTHER, dry_run=True)
    assert count(planted, "spans", f"tenant_id = '{OTHER}'") == 4
    assert erase(planted, OTHER, dry_run=False) == counted
    assert f'"{OTHER}"' not in everything(planted).replace("'", '"')
    assert {each: count(planted, each) for each in own} == own
    assert not any(each.rows for each in erase(planted, OTHER, dry_run=False))


def test_a_session_is_erased_alone(planted: Store) -> None:
    """By its id, or by who appears in it; another tenant's session of the same id stays."""
    for tenant in (OWN, OTHER):
        for table in ("calls", "spans", "sessions"):
            planted.insert(table, [{"tenant_id": tenant, "session_id": "s-1"}])
        planted.insert("calls", [{"tenant_id": tenant, "session_id": "s-2", "subject": "ann"}])
        planted.insert("spans", [{"tenant_id": tenant, "session_id": "s-2"}])
    gone = erase(planted, OWN, session="s-1", dry_run=False)
    assert {each.table: each.rows for each in gone if each.rows} == {
        "calls": 1, "sessions": 1, "spans": 1,
    }  # fmt: skip
    gone = erase(planted, OWN, subject="ann", dry_run=False)
    assert {each.table: each.rows for each in gone if each.rows} == {"calls": 1, "spans": 1}
    assert not any(each.rows for each in erase(planted, OWN, subject="nobody", dry_run=False))
    assert count(planted, "spans", f"tenant_id = '{OWN}'") == 2
    assert count(planted, "spans", "session_id IN ('s-1', 's-2')") == 2


def test_rows_go_when_their_tenant_has_kept_them_long_enough(store: Store) -> None:
    """By when they arrived; a tenant without a time keeps all."""
    now = datetime.now(UTC)
    store.insert(
        "tenants",
        [
            {"tenant_id": OWN, "retention_days": 30, "recorded_at": now},
            {"tenant_id": OTHER, "recorded_at": now},
        ],
    )
    for tenant in (OWN, OTHER):
        for age in (1, 29, 31, 400):
            row: dict[str, Any] = {"tenant_id": tenant, "received_at": now - timedelta(days=age)}
            store.insert("spans", [row])
    assert retain(store, dry_run=True) == retain(store)
    assert count(store, "spans", f"tenant_id = '{OWN}'") == 2
    assert count(store, "spans", f"tenant_id = '{OTHER}'") == 4
    assert retain(store) == {}


def test_the_owner_deletes_what_is_too_old_by_itself(store: Store) -> None:
    """While it runs; a store that fails meanwhile does not stop it."""
    row = {"tenant_id": OWN, "retention_days": 1, "recorded_at": datetime.now(UTC)}
    store.insert("tenants", [row])
    store.insert("spans", [{"tenant_id": OWN, "received_at": datetime(2026, 1, 1, tzinfo=UTC)}])
    deadline = time.monotonic() + 20
    with retaining(store, every=0.05):
        while count(store, "spans") and time.monotonic() < deadline:
            time.sleep(0.05)
    assert count(store, "spans") == 0


def test_the_command_says_what_went_and_what_remains(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --yes nothing is deleted; an erasure that finds nothing says so."""
    store.insert("tenants", [{"tenant_id": OWN, "placement": OWN}])
    store.insert("principals", [{"principal_id": "desk", "tenants": [OWN]}])
    store.close()
    with pytest.raises(SystemExit):
        main(["erase", "--tenant", OWN, "--store", store.url])
    capsys.readouterr()
    assert main(["erase", "--tenant", OWN, "--dry-run", "--json", "--store", store.url]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["rows"] == {"tenants": 1}
    assert "desk" in said["remains"][-1]
    assert main(["erase", "--tenant", OWN, "--yes", "--store", store.url]) == 0
    assert "tenants  1" in capsys.readouterr().out
    assert main(["erase", "--tenant", OWN, "--yes", "--store", store.url]) == 0
    assert f"there is no such row of {OWN}" in capsys.readouterr().out
    assert main(["retain", "--store", store.url]) == 0
    assert "nothing is older" in capsys.readouterr().out
    with open_store(store.url) as again:
        assert count(again, "tenants") == 0
