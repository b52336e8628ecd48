"""An approval counts from when it was recorded: what came after the call does not heal it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from partywall_analyzer import Severity, Verdict, analyze
from partywall_analyzer.limits import BadLimit, Limits
from partywall_analyzer.model import Candidate, Crossing, Ref
from partywall_analyzer.testing import START, Log
from partywall_analyzer.verdict import Judge
from partywall_collector.registry import FOREVER, Approval, Registry, Tenant
from partywall_collector.registry.load import load
from partywall_collector.store import open_store

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
APPROVAL = Approval(
    id="CHG-1",
    tenant="fjord",
    grantee="acme",
    request="REQ-1",
    datasets=("crm/fjord/*",),
    operations=("read",),
    valid_from=NOON - 9 * HOUR,
    valid_until=NOON + HOUR,
)
READ = Candidate(
    rule="foreign-dataset",
    subject="s",
    from_tenant="acme",
    to_tenant="fjord",
    session_tenant="acme",
    crossings=(Crossing(NOON, Ref("a" * 32, "b" * 16)),),
    count=1,
    first_seen=NOON,
    last_seen=NOON,
    request_id="REQ-1",
    dataset="crm/fjord/1",
    operation="read",
    attestation="A1",
)


def judged(*versions: tuple[datetime, Approval]) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict about a call at noon, by the versions of an approval, the newest last."""
    registry = Registry([Tenant(id="acme"), Tenant(id="fjord"), versions[-1][1]])
    registry.approvals_by_time = {("fjord", "CHG-1"): versions}
    made = Judge(registry).judge(READ)
    assert all(record.says.endswith("Z") for record in made.records)
    return made.verdict, made.reasons


COVERED = (Verdict.AUTHORISED, ("approval.covers",))
LATE = (Verdict.UNAUTHORISED, ("approval.retroactive",))


@pytest.mark.parametrize(
    ("late_by", "expected"),
    [(-HOUR, COVERED), (timedelta(0), COVERED), (MINUTE, COVERED), (1.01 * MINUTE, LATE)],
)
def test_what_was_recorded_after_the_call_does_not_cover_it(
    late_by: timedelta, expected: tuple[Verdict, tuple[str, ...]]
) -> None:
    """But for a minute, by which two clocks may differ."""
    assert judged((NOON + late_by, APPROVAL)) == expected


def test_how_much_clocks_may_differ_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """`PARTYWALL_CLOCK_SKEW`, in seconds."""
    monkeypatch.setenv("PARTYWALL_CLOCK_SKEW", "7200")
    assert judged((NOON + HOUR, APPROVAL)) == COVERED
    monkeypatch.setenv("PARTYWALL_CLOCK_SKEW", "0")
    assert judged((NOON + MINUTE, APPROVAL)) == LATE
    for wrong in ("soon", "-1", "1.5", "9" * 10):
        monkeypatch.setenv("PARTYWALL_CLOCK_SKEW", wrong)
        with pytest.raises(BadLimit, match="PARTYWALL_CLOCK_SKEW"):
            Limits.read()


def test_what_an_emergency_needed_may_be_written_down_later() -> None:
    """Break-glass leaves it open, for a person to look at; it is no approval of before."""
    glass = replace(APPROVAL, given="break-glass")
    assert judged((NOON + HOUR, glass)) == (Verdict.INDETERMINATE, ("approval.retroactive",))
    assert judged((NOON - HOUR, glass)) == COVERED


WIDENED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"datasets": ("crm/fjord/9",)}, {}),
    ({"operations": ("write",)}, {}),
    ({"grantee": "gate"}, {}),
    ({"valid_until": NOON - MINUTE}, {}),
    ({"request": "REQ-9"}, {}),
]


@pytest.mark.parametrize(
    "before", [each[0] for each in WIDENED], ids=lambda facts: next(iter(facts))
)
def test_widening_an_approval_afterwards_does_not_help(before: dict[str, Any]) -> None:
    """The version on record at the call must have covered it, not only the newest."""
    earlier = (NOON - HOUR, replace(APPROVAL, **before))
    assert judged(earlier, (NOON + HOUR, APPROVAL)) == LATE
    assert judged(earlier, (NOON - MINUTE, APPROVAL)) == COVERED


def test_a_later_version_does_not_make_it_late() -> None:
    """One that was on record, and was revoked or renewed since, covers what was before."""
    later = NOON + HOUR
    assert judged((NOON - HOUR, APPROVAL), (later, replace(APPROVAL, revoked=later))) == COVERED
    assert (
        judged((NOON - HOUR, APPROVAL), (later, replace(APPROVAL, valid_until=FOREVER))) == COVERED
    )


REGISTRY = """
tenants: [{{id: acme}}, {{id: fjord}}]
datasets: [{{pattern: "crm/fjord/*", owner: fjord}}]
approvals:
  - id: CHG-1
    tenant: fjord
    grantee: acme
    request: REQ-1
    datasets: ["crm/fjord/*"]
    from: 2026-01-01T00:00:00Z
    {more}
"""


@pytest.mark.parametrize(
    ("more", "reasons", "at"),
    [
        ("", ("approval.retroactive",), 10.0),
        ("recorded: 2026-02-01T00:00:00Z", ("approval.covers",), 10.0),
        (f"recorded: {(START + timedelta(minutes=10)).isoformat()}", LATE[1], 10.0),
    ],
    ids=["loaded later", "recorded before", "recorded between"],
)
def test_a_file_says_when_an_approval_was_recorded(
    tmp_path: Path, more: str, reasons: tuple[str, ...], at: float
) -> None:
    """Without it, the time of the load counts; calls before and after it are told apart."""
    file = tmp_path / "registry.yaml"
    file.write_text(REGISTRY.format(more=more))
    with open_store(f"chdb://{tmp_path / 'home'}", role="owner") as store:
        load([file], store)
        log = Log(store)
        log.call("acme", session="s", reads=["crm/fjord/1"], at=at)
        log.call("acme", session="s", reads=["crm/fjord/1"], at=1_200)
        log.write()
        (found,) = analyze(store).findings
        assert load([file], store).written["approvals"] == 0
    assert found.reasons == reasons
    assert len(found.calls) == (1 if "T09:10" in more else 2)
    expected = Severity.INFO if reasons == COVERED[1] else Severity.HIGH
    assert found.severity is expected
    if reasons == LATE[1]:
        assert "Approval CHG-1 of fjord was recorded only after the call" in found.sentence
