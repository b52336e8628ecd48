"""Approvals that name tools, from the registry file to the finding."""

from pathlib import Path

import pytest

from partywall_analyzer import Finding, Verdict, analyze
from partywall_analyzer.testing import Log
from partywall_collector.registry.load import load
from partywall_collector.store import Store

REGISTRY = """
tenants: [{{id: acme}}, {{id: fjord}}]
datasets:
  - {{pattern: "crm/fjord/*", owner: fjord}}
  - {{pattern: "crm/acme/*", owner: acme}}
approvals:
  - id: CHG-1
    tenant: fjord
    grantee: acme
    request: REQ-1
    datasets: ["crm/fjord/*"]
    tools: [{tools}]
    from: 2026-01-01T00:00:00Z
    recorded: 2026-01-01T00:00:00Z
"""


def approve(store: Store, folder: Path, tools: str) -> None:
    """Put it into the registry that these tools may be used."""
    file = folder / "registry.yaml"
    file.write_text(REGISTRY.format(tools=tools))
    load([file], store)


def by_rule(store: Store) -> dict[str, Finding]:
    """What a tick finds, which is what one analysis of all finds."""
    found = analyze(store).findings
    whole = analyze(store, whole=True)
    assert [*whole.new, *whole.changed, *whole.withdrawn] == []
    return {finding.rule: finding for finding in found}


def test_calls_by_a_tool_that_is_not_named_are_told_apart(store: Store, tmp_path: Path) -> None:
    """Of two calls in one session the finding names the one that nothing covers."""
    approve(store, tmp_path, "crm.read")
    log = Log(store)
    run = log.agent("acme")
    log.call("acme", parent=run, tool="crm.read", reads=["crm/fjord/1"], at=10)
    other = log.call("acme", parent=run, tool="crm.export", reads=["crm/fjord/1"], at=20)
    log.write()
    found = by_rule(store)["foreign-dataset"]
    assert (found.verdict, found.reasons) == (Verdict.UNAUTHORISED, ("approval.wrong_tool",))
    assert found.calls == (other,)
    assert "Approval CHG-1 of fjord does not allow this tool" in found.sentence
    assert "with crm.read from" in found.evidence.records[0].says


def test_a_change_of_the_tools_changes_the_findings(store: Store, tmp_path: Path) -> None:
    """By a tick as by a whole analysis, and also for calls that nothing else told apart."""
    approve(store, tmp_path, "")
    log = Log(store)
    run = log.agent("acme")
    for number, tool in enumerate(("crm.read", "crm.list")):
        log.call("acme", parent=run, tool=tool, reads=["crm/fjord/1"], at=10 + number)
    log.write()
    assert by_rule(store)["foreign-dataset"].verdict is Verdict.AUTHORISED
    approve(store, tmp_path, "crm.read")
    # What was on record before allowed any tool; now, and for calls from now on, one is left out.
    assert by_rule(store)["foreign-dataset"].verdict is Verdict.UNAUTHORISED


@pytest.mark.parametrize(
    ("tools", "verdict"),
    [
        ("crm.read", Verdict.AUTHORISED),
        ("", Verdict.AUTHORISED),
        ("notes.save", Verdict.UNAUTHORISED),
    ],
)
def test_of_data_that_went_on_the_tool_that_read_it_counts(
    store: Store, tmp_path: Path, tools: str, verdict: Verdict
) -> None:
    """The approval is about reading; what writes it to the grantee's own data is not asked."""
    approve(store, tmp_path, tools)
    log = Log(store)
    run = log.agent("acme")
    log.call("acme", parent=run, tool="crm.read", reads=["crm/fjord/1"], values_out=[7], at=10)
    log.call("acme", parent=run, tool="notes.save", writes=["crm/acme/1"], values_in=[7], at=20)
    log.write()
    assert by_rule(store)["flow"].verdict is verdict


def test_data_that_two_tools_read_is_covered_tool_by_tool(store: Store, tmp_path: Path) -> None:
    """One of two flows in a session came by a tool that the approval does not name."""
    approve(store, tmp_path, "crm.read")
    log = Log(store)
    for number, tool in enumerate(("crm.read", "crm.export")):
        run = log.agent("acme", at=100 * number)
        out, at = [7 + number], 100 * number + 10
        log.call("acme", parent=run, tool=tool, reads=["crm/fjord/1"], values_out=out, at=at)
        log.call("acme", parent=run, writes=["crm/acme/1"], values_in=out, at=at + 10)
    log.write()
    found = by_rule(store)["flow"]
    assert (found.verdict, found.reasons) == (Verdict.UNAUTHORISED, ("approval.wrong_tool",))
    assert len(found.calls) == 1
