"""The inventory of identities: what calls show, put together with what the registry says."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from planted import YEAR, at

from partywall_analyzer import OPERATOR, Identity, Scope, identities
from partywall_analyzer.commands import identities as command
from partywall_analyzer.inventory import NOTES
from partywall_analyzer.testing import Log
from partywall_collector.registry import Credential, Principal, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store, open_store

NOW = at(86_400)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Acme's agent works for fjord too, with a credential that was taken back."""
    home = tmp_path_factory.mktemp("identities") / "home"
    with open_store(f"chdb://{home}", role="owner") as store:
        write(
            [
                *(Tenant(id=name) for name in ("acme", "fjord")),
                Principal(id="agents@acme", tenants=("acme",), spiffe_id="spiffe://acme/agent"),
                Principal(id="idle@acme", tenants=("acme",)),
                Credential(id="c-1", tenant="acme", issued=YEAR, revoked=at(10)),
                Credential(id="c-2", tenant="fjord", issued=YEAR, expires=at(20)),
                Credential(id="c-3", tenant="fjord", identity="spiffe://fjord/desk", issued=YEAR),
            ],
            store,
        )
        log = Log(store)
        told: dict[str, Any] = {"identity": "spiffe://acme/agent", "credential": "c-1"}
        log.call("acme", at=5, **told)
        log.call("fjord", at=30, agent="stray", **told)
        log.call("fjord", at=8, credential="c-2", identity="nobody's")
        log.write()
        yield store


def of(store: Store, kind: str) -> dict[str, Identity]:
    return {one.name: one for one in identities(store, OPERATOR, kinds=[kind], now=NOW)}


def test_an_identity_is_told_with_its_owner_and_its_life(store: Store) -> None:
    """For whom it acted, whose it is, first and last seen, and what is wrong with it."""
    lent = of(store, "credential")["c-1"]
    assert (lent.owners, lent.tenants, lent.calls) == (("acme",), ("acme", "fjord"), 2)
    assert (lent.first_seen, lent.last_seen, lent.ended) == (at(5), at(30), at(10))
    assert lent.notes == ("shared", "foreign", "revoked", "used-after")
    assert of(store, "credential")["c-2"].notes == ("expired",)
    assert of(store, "credential")["c-3"].notes == ("unused", "endless")
    workloads = of(store, "identity")
    assert workloads["spiffe://acme/agent"].notes == ("shared", "foreign")
    assert workloads["spiffe://fjord/desk"].notes == ("unused",)
    assert workloads["nobody's"].notes == ("ownerless",)
    senders = of(store, "principal")
    assert senders["agents@fjord"].notes == ("ownerless",)
    assert senders["idle@acme"].notes == ("unused",)
    assert of(store, "agent")["stray"].notes == ()
    later = identities(store, OPERATOR, name="STRAY", now=NOW + timedelta(days=31))
    assert [one.notes for one in later] == [("dormant",)]


def test_identities_are_filtered(store: Store) -> None:
    """By tenant, by notes all of which it has, by time; the first is the most widely used."""
    assert {one.name for one in identities(store, OPERATOR, tenant="acme", now=NOW)} == {
        *("agents@acme", "idle@acme", "spiffe://acme/agent", "assistant", "c-1"),
    }
    both = identities(store, OPERATOR, notes=["shared", "foreign"], now=NOW)
    assert {one.name for one in both} == {"spiffe://acme/agent", "c-1"}
    since = identities(store, OPERATOR, kinds=["credential"], since=at(20), now=NOW)
    assert {one.name: one.calls for one in since} == {"c-1": 1, "c-2": 0, "c-3": 0}
    assert identities(store, OPERATOR, kinds=["agent"], now=NOW)[0].name == "assistant"


def test_a_scope_sees_its_own_identities(store: Store) -> None:
    """The other tenant's are not there, nor is it told that one of its own is shared."""
    found = identities(store, Scope(("fjord",)), now=NOW)
    assert {one.name for one in found if "acme" in (*one.owners, *one.tenants)} == set()
    assert "idle@acme" not in {one.name for one in found}


def test_the_command_lists_them(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """A line each; exit code 1 if none matches."""
    url = ["--store", store.url]
    store.close()
    assert command.main([*url, "--kind", "credential", "--note", "used-after"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    assert said[1].split()[:5] == ["credential", "c-1", "acme", "acme,", "fjord"]
    assert command.main([*url, "--json", "--limit", "1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["total"], len(told["identities"])) == (11, 1)
    assert command.main([*url, "--name", "no such"]) == 1
    assert command.main([*url, "--name", "c-3", "--dormant", "2020-01-01"]) == 0
    assert datetime.now(UTC) > NOW


def test_every_note_is_explained_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody has to look into the source."""
    with pytest.raises(SystemExit):
        command.main(["--help"])
    said = capsys.readouterr().out
    assert all(f"  {note}" in said for note in NOTES)
