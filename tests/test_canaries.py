"""Planted values: who holds one for another tenant has had the data in which it lies (P4)."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from planted import YEAR, Case, Cases, Findings, at, only

from partywall.fingerprint_keys import epoch
from partywall.identifiers import fingerprint
from partywall_analyzer import Proof, Severity, Verdict, analyze
from partywall_analyzer.testing import Log
from partywall_collector.commands import registry as command
from partywall_collector.registry import (
    Approval,
    Canary,
    DatasetOwner,
    Record,
    Registry,
    Tenant,
)
from partywall_collector.registry.load import RegistryRefused, load, write
from partywall_collector.registry.model import FOREVER
from partywall_collector.registry.retire import found, retire
from partywall_collector.store import Store, open_store
from partywall_collector.store.erasure import erase
from partywall_collector.store.facade import serve
from partywall_collector.store.home import Home

HOSTILE = "row\n\x1b[31m<!here>"
"""A name that anybody may have chosen."""


def canary(id: str, *values: int, tenant: str = "fjord", **more: object) -> Canary:
    """A canary of fjord."""
    fields: dict[str, object] = {"id": id, "tenant": tenant, "fingerprints": values}
    return Canary(**(fields | more))  # pyright: ignore[reportArgumentType]  # by name


REGISTRY: list[Record] = [
    *(Tenant(id=name) for name in ("acme", "fjord", "gate", *(f"t{n}" for n in range(9)))),
    *(DatasetOwner(pattern=f"crm/{name}/*", owner=name) for name in ("acme", "fjord", "gate")),
    DatasetOwner(pattern="board/*", ownership="shared"),
    canary("row-1", 101, dataset="crm/fjord/1"),
    canary("nowhere-said", 102),
    canary("not-yet", 103, valid_from=at(100)),
    canary("ended", 104, valid_until=at(50)),
    canary("of-two", 105),
    canary("of-two", 105, tenant="gate"),
    canary("sprayed", 106),
    canary("lent", 107, dataset="crm/fjord/lent"),
    canary(HOSTILE, 108),
    Approval(
        id="CHG-lent",
        tenant="fjord",
        grantee="acme",
        request="*",
        datasets=("crm/fjord/lent",),
        valid_from=YEAR,
    ),
]

CASES = Cases()
case = CASES.case


@case("holds-it", "canary")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, values_in=[101])


@case("holds-its-own")
def _(log: Log, s: str) -> None:
    log.call("fjord", session=s, request=s, values_in=[101])


@case("holds-another-value")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, values_in=[100])


@case("is-answered-with-it", "canary")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, at=5, values_out=[102])


@case("fails-with-it", "canary")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, values_in=[102], failed=True)


@case("holds-it-before-it-was-planted")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, at=99, values_in=[103])


@case("holds-it-after-it-was-planted", "canary")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, at=100, values_in=[103])


@case("holds-it-before-its-end", "canary")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, at=49, values_in=[104])


@case("holds-it-at-its-end")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, at=50, values_in=[104])


@case("holds-what-two-planted")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, values_in=[105])


@case("is-one-of-many-that-hold-it", "canary")
def _(log: Log, s: str) -> None:
    for number in range(9):
        log.call(f"t{number}", session=f"{s}-t{number}", values_out=[106])
    log.call("acme", session=s, request=s, values_in=[106])


@case("holds-what-was-lent", "canary")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, values_in=[107])


@case("holds-one-with-a-hostile-name", "canary")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, values_in=[108])


@case("takes-it-on", "canary", "flow", "foreign-dataset")
def _(log: Log, s: str) -> None:
    run = log.agent("acme", session=s, request=s)
    log.call("acme", parent=run, session=s, request=s, reads=["crm/fjord/1"], values_out=[101])
    log.call("acme", parent=run, at=9, session=s, request=s, writes=["crm/acme/1"], values_in=[101])


@case("takes-another-value-on", "flow", "foreign-dataset")
def _(log: Log, s: str) -> None:
    run = log.agent("acme", session=s, request=s)
    log.call("acme", parent=run, session=s, request=s, reads=["crm/fjord/1"], values_out=[99])
    log.call("acme", parent=run, at=9, session=s, request=s, writes=["crm/acme/1"], values_in=[99])


@case("finds-it-on-a-board", "canary")
def _(log: Log, s: str) -> None:
    home = f"{s}-home"
    run = log.agent("fjord", session=home, lasts=20)
    log.call("fjord", parent=run, session=home, at=-9, reads=["crm/fjord/2"], values_out=[102])
    log.call("fjord", parent=run, session=home, at=3, writes=["board/1"], values_in=[102])
    log.call("acme", session=s, request=s, at=50, reads=["board/1"], values_out=[102])


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """What is found of every case."""
    return CASES.analyzed(tmp_path_factory.mktemp("canaries") / "home", REGISTRY)


@pytest.mark.parametrize("each", CASES, ids=lambda case: case.name)
def test_a_planted_value_is_seen_where_it_must_not_be(findings: Findings, each: Case) -> None:
    """Each twin differs in one fact: the tenant, the value, the time, or who else planted it."""
    assert sorted(found.rule for found in findings[each.name]) == sorted(each.found)


def test_a_sighting_is_proven_by_the_value_alone(findings: Findings) -> None:
    """P4, with the name of the canary, whose it is, and where it lies."""
    found = only(findings, "holds-it", "canary")
    assert (found.from_tenant, found.to_tenant) == ("fjord", "acme")
    assert (found.proof, found.verdict) == (Proof.P4, Verdict.UNAUTHORISED)
    assert 'canary "row-1"' in found.sentence
    assert "Proven by a value that was planted in one place (P4)" in found.sentence
    assert found.evidence.answers[2].answer == "canary row-1 in crm/fjord/1"
    assert found.evidence.values == (f"{101:016x}",)
    assert [(hop.label, hop.proof, hop.crossing) for hop in found.chain.hops][-1] == (
        *("a canary came out", Proof.P4),
        True,
    )


def test_what_was_seen_at_first_and_what_moved_it_on_are_the_witness(findings: Findings) -> None:
    """The first call that gave it out is the source; the way from there over the board is drawn."""
    found = only(findings, "finds-it-on-a-board", "canary")
    assert len(found.sources) == 1
    assert [(hop.label, hop.proof) for hop in found.chain.hops if hop.proof is Proof.P4] == [
        ("a canary came out", Proof.P4),
        ("carried 1 value", Proof.P4),
        ("wrote", Proof.P4),
        ("read", Proof.P4),
    ]
    assert sum(hop.crossing for hop in found.chain.hops) == 1


def test_a_flow_of_a_canary_is_graded_by_it(findings: Findings) -> None:
    """One identifier shows a flow (P2); one that is planted proves it."""
    assert only(findings, "takes-another-value-on", "flow").proof is Proof.P2
    flow = only(findings, "takes-it-on", "flow")
    assert (flow.proof, flow.severity) == (Proof.P4, Severity.CRITICAL)


def test_a_grant_for_its_dataset_covers_a_sighting(findings: Findings) -> None:
    """Who may read the dataset may hold what lies in it; the record stays, as information."""
    found = only(findings, "holds-what-was-lent", "canary")
    assert (found.verdict, found.severity) == (Verdict.AUTHORISED, Severity.INFO)
    assert found.reasons == ("approval.covers",)


def test_a_hostile_name_moves_no_cursor_and_is_in_no_half(findings: Findings) -> None:
    """The name is cleaned in the sentence; the other tenant's half does not have it at all."""
    found = only(findings, "holds-one-with-a-hostile-name", "canary")
    assert found.sentence.isprintable()
    half = found.for_tenant("acme")
    assert "row" not in json.dumps([half.title, half.sentence, half.chain.to_dict()])
    assert "fjord" not in str(half)


# --- registering one ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with two tenants; commands go through its endpoint."""
    home = tmp_path_factory.mktemp("planting") / "home"
    with open_store(f"chdb://{home}", role="owner") as store, serve(store):
        write([Tenant(id="acme"), Tenant(id="fjord")], store)
        yield store


def of(store: Store, name: str) -> Canary:
    (canary,) = [each for each in Registry.read(store).canaries if each.id == name]
    return canary


def test_a_file_names_a_value_and_the_store_keeps_its_fingerprints(
    store: Store, tmp_path: Path
) -> None:
    """The text is nowhere in the store; loaded again, nothing is written; shown, it loads too."""
    file = tmp_path / "canaries.yaml"
    file.write_text("canaries: [{id: mail, tenant: fjord, value: Ann.7f31@canary.example}]")
    assert load([file], store).written == {"canaries": 1}
    assert load([file], store).written == {"canaries": 0}
    (key,) = Home(store.home).fingerprint_keys()
    made = fingerprint(key.secret, "email", "ann.7f31@canary.example")
    assert of(store, "mail").fingerprints == (made,)
    assert "7f31" not in str(store.rows("SELECT * FROM canaries"))
    shown = tmp_path / "shown.json"
    entry = {"id": "mail", "tenant": "fjord", "value": f"fingerprint:{made:016x}"}
    shown.write_text(json.dumps({"canaries": [entry]}))
    assert load([shown], store).written == {"canaries": 0}


@pytest.mark.parametrize("value", ["two a@b.example c@d.example", "plain words", "fingerprint:12"])
def test_what_is_not_one_identifier_is_no_canary(store: Store, tmp_path: Path, value: str) -> None:
    """Only identifiers leave fingerprints on calls: anything else would never be seen."""
    file = tmp_path / "canaries.yaml"
    file.write_text(f"canaries:\n  - {{id: x, tenant: fjord, value: '{value}'}}")
    with pytest.raises(RegistryRefused, match=r"canaries.yaml:2: canaries\[0\]\.value: "):
        load([file], store)


def test_after_a_rotation_the_same_file_adds_the_new_key(store: Store, tmp_path: Path) -> None:
    """A canary is known under every key that the store holds."""
    file = tmp_path / "canaries.yaml"
    file.write_text("canaries: [{id: turned, tenant: fjord, value: INV-7f31a9}]")
    load([file], store)
    (before,) = of(store, "turned").fingerprints
    home = Home(store.home)
    keys = home.fingerprint_keys()
    secret = bytes(range(32))
    now = datetime.now().timestamp()
    newer = replace(keys[-1], secret=secret, epoch=epoch(secret), begins=float(int(now)))
    home.write_fingerprint_keys([replace(keys[-1], ends=float(int(now) + 3600)), newer])
    try:
        assert load([file], store).written == {"canaries": 1}
        after = of(store, "turned").fingerprints
        assert set(after) == {before, fingerprint(secret, "ref", "inv-7f31a9")}
    finally:
        home.write_fingerprint_keys(keys)


def test_the_command_makes_a_value_and_shows_it_once(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """The value is alone on stdout; an unknown tenant and a plain word are refused."""
    words = ["--store", store.url, "--tenant", "fjord"]
    assert command.main(["canary", "row-1", *words, "--dataset", "crm/fjord/1"]) == 0
    value = capsys.readouterr().out.strip()
    assert command.main(["canary", "row-2", *words, "--value", "no identifier"]) == 2
    assert "value: must hold one identifier" in capsys.readouterr().err
    assert command.main(["canary", "row-2", "--store", store.url, "--tenant", "nobody"]) == 2
    assert "no tenant 'nobody' is registered" in capsys.readouterr().err
    (key,) = Home(store.home).fingerprint_keys()
    kept = of(store, "row-1")
    assert kept.fingerprints == (fingerprint(key.secret, "uuid", value),)
    assert kept.dataset == "crm/fjord/1"


def test_retired_it_ends_and_what_it_showed_stands_until_it_is_erased(store: Store) -> None:
    """A sighting before the end stays a finding; an erasure of its tenant takes the canary away."""
    write([canary("short", 7001)], store)
    log = Log(store, first=90_000)
    log.call("acme", session="retire", values_in=[7001])
    log.write()

    def seen() -> list[str]:
        return [f.rule for f in analyze(store, whole=True).findings if f.session_id == "retire"]

    assert seen() == ["canary"]
    retire(store, found(store, "canaries", "short"))
    assert of(store, "short").valid_until < FOREVER
    assert seen() == ["canary"]
    erase(store, "fjord", dry_run=False)
    assert [each for each in Registry.read(store).canaries if each.tenant == "fjord"] == []
    assert seen() == []
