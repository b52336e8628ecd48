"""Coverage: what share of a tenant's calls can be answered for, and where the gaps are."""

import json
from collections.abc import Iterator

import pytest
from planted import at

from partywall import attributes
from partywall_analyzer import OPERATOR, Scope, coverage
from partywall_analyzer.commands import coverage as command
from partywall_analyzer.covering import MEASURES, NEEDED
from partywall_analyzer.testing import Log
from partywall_collector.registry import Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store, open_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Four calls of acme, of which one has everything; none of fjord but a refused one."""
    home = tmp_path_factory.mktemp("coverage") / "home"
    with open_store(f"chdb://{home}", role="owner") as store:
        write([Tenant(id="acme"), Tenant(id="fjord")], store)
        log = Log(store)
        log.call(
            "acme", reads=["crm/1"], values_out=[1], credential="c", approval="CHG-1",
            decision="allow", attestation="A2",
        )  # fmt: skip
        log.call("acme", tool="read", identity="", request="", session=f"{2:032x}")
        log.call("acme", tool="read", attestation="A0", at=9)
        log.call("acme", tool="mail", sends=[("email", "a@b.example")], agent="", at=9)
        spans, calls = log.take()
        for number, sequence in ((0, 1), (2, 5)):
            spans[number] |= {"sequence": sequence, "attributes": {attributes.SESSION_PART: "p"}}
        numbers = {attributes.SESSION_PART: "q", attributes.SESSION_SPANS: "4"}
        spans[3] |= {"sequence": 3, "name": attributes.SESSION_CLOSE, "attributes": numbers}
        store.insert("spans", spans)
        store.insert("calls", calls)
        refused = {"received_at": at(0), "reason": "foreign tenant", "span": "{}"}
        store.insert("quarantine", [refused | {"claimed_tenants": ["fjord"]}] * 2)
        store.insert("quarantine", [refused | {"reason": "no tenant"}])
        yield store


def test_each_measure_is_counted_and_the_gaps_are_named(store: Store) -> None:
    """By the tool and the agent whose calls lack something, most calls first."""
    nobody, acme, fjord = coverage(store, OPERATOR)
    assert [each.tenant for each in (nobody, acme, fjord)] == ["", "acme", "fjord"]
    shares = {name: acme.percent(name) for name in MEASURES}
    assert shares == {
        **dict.fromkeys(("session", "attested", "identity", "request"), 75.0),
        **dict.fromkeys(("granted", "credential", "approval", "decision", "facts"), 25.0),
        "asset": 50.0,
    }
    assert (acme.gaps[0].measure, acme.gaps[0].tool, acme.gaps[0].calls) == ("asset", "read", 2)
    assert {gap.measure for gap in acme.gaps} == set(NEEDED)
    assert fjord.quarantined == {"foreign tenant": 2}
    assert nobody.quarantined == {"no tenant": 1}
    assert fjord.percent("session") == 100.0


def test_numbers_that_never_came_are_lost_spans(store: Store) -> None:
    """Below the highest one, or below the one that the record of the end names."""
    acme = coverage(store, OPERATOR, tenant="acme")[0]
    assert (acme.parts, acme.unclosed, acme.broken, acme.lost) == (2, 1, 2, 3 + 3)
    later = coverage(store, OPERATOR, tenant="acme", since=at(5))[0]
    assert (later.calls, later.lost) == (2, 1), "what came before is not missed"
    assert coverage(store, OPERATOR, since=at(1e9)) == []


def test_a_scope_sees_the_coverage_of_its_own_tenants(store: Store) -> None:
    """Neither another tenant's calls nor what claimed nobody."""
    assert [each.tenant for each in coverage(store, Scope(("fjord",)))] == ["fjord"]


def test_the_command_fails_under_what_is_asked(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the needed measures, or of one that is named; the gaps have a way out."""
    url = ["--store", store.url]
    store.close()
    assert command.main(url) == 0
    said = capsys.readouterr().out
    assert "2 calls of read by assistant name no dataset and no party\n    -> write a rule" in said
    assert "6 numbered spans never came, in 2 of 2 stretches of sessions" in said
    assert command.main([*url, "--fail-under", "51"]) == 1
    assert capsys.readouterr().err == "partywall coverage: acme: asset is 50.0 %, not 51 %\n"
    assert command.main([*url, "--fail-under", "50", "--fail-under", "facts=25"]) == 0
    assert command.main([*url, "--json", "--fail-under", "granted=26"]) == 1
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["below"] == [{"tenant": "acme", "measure": "granted"}]
    assert told["tenants"][1]["coverage"]["asset"] == {"calls": 2, "percent": 50.0}


@pytest.mark.parametrize("wrong", ["", "101", "-1", "nan", "luck=5", "asset=", "asset=x"])
def test_a_threshold_that_is_none_is_refused(
    wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The measures that there are are named."""
    with pytest.raises(SystemExit) as ended:
        command.main(["--fail-under", wrong])
    assert ended.value.code == 2
    assert "measures: session" in capsys.readouterr().err
