"""Entries of the registry are taken back: no longer in force, and still history."""

import json
from datetime import UTC, datetime

import pytest
from planted import YEAR

from partywall_collector.commands.registry import main
from partywall_collector.registry import (
    FOREVER,
    Approval,
    Credential,
    DatasetOwner,
    Issuer,
    Party,
    Principal,
    Record,
    Registry,
    Relation,
    Session,
    Tenant,
    Tool,
)
from partywall_collector.registry.load import current, known, write
from partywall_collector.store import Store, open_store

RECORDS: list[Record] = [
    Tenant(id="acme"),
    Tenant(id="fjord"),
    DatasetOwner(pattern="crm/*", owner="acme"),
    Party(tenant="acme", party_kind="email", pattern="*@acme.example"),
    Party(tenant="fjord", party_kind="email", pattern="*@acme.example", relation="standing"),
    Tool(tool="search", operation="read"),
    Relation(id="r-1", tenant="acme", grantee="fjord", datasets=("crm/*",), valid_from=YEAR),
    Approval(id="CHG-1", tenant="acme", grantee="*", request="*", datasets=("*",), valid_from=YEAR),
    Credential(id="c-1", tenant="acme", issued=YEAR),
    Principal(id="agents", tenants=("acme",), token_sha256="0" * 64),
    Issuer(id="tickets", tenants=("acme",), public_key="key"),
    Session(request="REQ-1", tenant="acme", opened=YEAR),
]


def test_what_is_taken_back_is_in_force_no_longer(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each kind in its way; asked as of before, it was there; loaded again, it is there again."""
    write(RECORDS, store)
    before = datetime.now(UTC)
    store.close()

    def run(*words: str) -> int:
        return main([*words, "--store", store.url])

    assert run("retire", "datasets", "crm/*", "--check") == 0
    assert capsys.readouterr().out == "would be retired: pattern: crm/*, owner: acme\n"
    for kind, name in (
        ("datasets", "crm/*"), ("tools", "search"), ("relations", "r-1"), ("approvals", "CHG-1"),
        ("credentials", "c-1"), ("principals", "agents"), ("issuers", "tickets"),
    ):  # fmt: skip
        assert run("retire", kind, name) == 0, kind
    assert run("retire", "parties", "*@acme.example") == 2
    assert "--tenant: acme, fjord" in capsys.readouterr().err
    assert run("retire", "parties", "*@acme.example", "--tenant", "fjord", "--json") == 0
    assert json.loads(capsys.readouterr().out)["retired"] is True
    assert run("retire", "datasets", "crm/*") == 2
    assert "registry show datasets" in capsys.readouterr().err

    capsys.readouterr()
    assert run("show", "datasets", "--json", "--as-of", before.isoformat()) == 0
    assert json.loads(capsys.readouterr().out)["datasets"] == [
        {"pattern": "crm/*", "owner": "acme"}
    ]
    assert run("show", "datasets", "--json") == 0
    assert json.loads(capsys.readouterr().out)["datasets"] == []

    with open_store(store.url, role="owner") as again:
        registry = Registry.read(again)
        assert (registry.datasets, dict(registry.tools)) == ((), {})
        assert [party.tenant for party in registry.parties] == ["acme"]
        assert registry.relations[0].valid_until < FOREVER
        assert registry.approvals[0].revoked < FOREVER
        assert registry.credentials["c-1"].revoked < FOREVER
        gone = registry.principals["agents"]
        assert (gone.tenants, gone.token_sha256) == ((), "")
        assert current(again, Issuer)[0].tenants == ()
        assert list(known(again, DatasetOwner)) == []
        assert [each.owner for each in known(again, DatasetOwner, at=before)] == ["acme"]
        write(RECORDS, again)
        assert Registry.read(again).datasets[0].owner == "acme"


@pytest.mark.parametrize("kind", ["tenants", "sessions"])
def test_what_happened_is_not_taken_back(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A tenant's rows are erased; a request was opened."""
    with pytest.raises(SystemExit) as ended:
        main(["retire", kind, "x"])
    assert ended.value.code == 2
    assert "invalid choice" in capsys.readouterr().err
