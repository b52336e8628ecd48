"""Findings as OCSF events: each is what the pinned schema of its version allows, and no more."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from streams import merged

from partywall_analyzer import OPERATOR, Finding, Severity, analyze, list_findings
from partywall_analyzer.commands.analyze import main
from partywall_analyzer.ocsf import VERSIONS, to_ocsf
from partywall_analyzer.standing import Kind, Response, Standing
from partywall_collector.store import open_store

PINNED = json.loads((Path(__file__).parent / "fixtures/ocsf_detection_finding.json").read_text())
PLAIN = {
    "string": {"type": "string", "minLength": 1},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "timestamp": {"type": "integer", "minimum": 10**12},
    "object": {"type": "object"},
}


def schema(release: str) -> dict[str, Any]:
    """The pinned subset as a JSON schema of one release: what it does not know is refused."""
    order = PINNED["releases"]

    def known(said: dict[str, Any]) -> bool:
        begun = order.index(said.get("since", order[0])) <= order.index(release)
        return begun and ("until" not in said or order.index(release) < order.index(said["until"]))

    def attribute(said: dict[str, Any]) -> dict[str, Any]:
        one = PLAIN.get(said["type"], {"$ref": f"#/$defs/{said['type']}"})
        one = one | ({"enum": said["enum"]} if "enum" in said else {})
        return {"type": "array", "items": one, "minItems": 1} if said.get("array") else one

    def whole(name: str, attributes: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {
            "type": "object",
            "properties": {key: attribute(said) for key, said in attributes.items() if known(said)},
            "required": [key for key, said in attributes.items() if said.get("required")],
            "additionalProperties": False,
        }
        if name in PINNED["at_least_one"]:
            made["anyOf"] = [{"required": [key]} for key in PINNED["at_least_one"][name]]
        return made

    definitions = {name: whole(name, said) for name, said in PINNED["objects"].items()}
    return whole("", PINNED["class"]) | {"$defs": definitions}


VALIDATORS = {word: Draft202012Validator(schema(release)) for word, release in VERSIONS.items()}


def complaints(event: dict[str, Any], word: str) -> list[str]:
    """What the schema of a version says against an event."""
    errors = VALIDATORS[word].iter_errors(json.loads(json.dumps(event)))  # pyright: ignore[reportUnknownMemberType]  # half typed
    return [error.message for error in errors]


def check(event: dict[str, Any], word: str) -> None:
    """The event is JSON, of this version, and its class, activity and type agree."""
    assert not complaints(event, word)
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    assert event["metadata"]["version"] == VERSIONS[word]


@pytest.fixture(scope="module")
def home(empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store of worlds in which each rule finds something."""
    home = shutil.copytree(empty_home, tmp_path_factory.mktemp("ocsf") / "home", symlinks=True)
    url = f"chdb://{home}"
    with open_store(url, role="owner") as store:
        for tick in merged(range(10, 12)):
            tick.arrive(store)
        analyze(store)
    return url


@pytest.fixture(scope="module")
def findings(home: str) -> list[Finding]:
    """Of those worlds."""
    with open_store(home, role="owner") as store:
        return list_findings(store, OPERATOR, states=(), limit=10_000).rows


@pytest.mark.parametrize("word", VERSIONS)
def test_every_finding_and_half_is_an_event_of_the_schema(
    findings: list[Finding], word: str
) -> None:
    """Of every rule, the whole and each tenant's half, in both versions."""
    assert len({finding.rule for finding in findings}) >= 5
    for finding in findings:
        check(to_ocsf(finding, schema=word), word)
        for tenant in {standing.tenant for standing in finding.standings} - {""}:
            event = to_ocsf(finding.for_tenant(tenant), schema=word, tenant=tenant)
            check(event, word)
            assert event["metadata"]["tenant_uid"] == tenant
            assert event["finding_info"]["uid"] == finding.id


def test_the_schema_refuses_what_a_version_does_not_know(findings: list[Finding]) -> None:
    """The test can fail: an agent among the evidences is new in 1.9, a severity has a number."""
    event = to_ocsf(next(f for f in findings if f.agent and f.calls))
    assert complaints(event, "1.7")
    assert complaints(event | {"severity_id": "high"}, "1.9")
    assert complaints(event | {"verdict": "unauthorised"}, "1.9")
    older = to_ocsf(next(f for f in findings if f.agent and f.calls), schema="1.7")
    assert older["unmapped"]["ai_agent"] == event["evidences"][0]["ai_agent"]


@pytest.mark.parametrize(
    ("state", "reason", "activity", "status"),
    [("new", "", 1, 1), ("open", "", 2, 1), ("acknowledged", "", 2, 2),
     ("closed", "accepted", 3, 4), ("closed", "false-positive", 3, 3), ("withdrawn", "", 3, 6)],
)  # fmt: skip
@pytest.mark.parametrize("word", VERSIONS)
def test_the_state_is_an_activity_and_a_status(
    findings: list[Finding], state: str, reason: str, activity: int, status: int, word: str
) -> None:
    """Create, update, close; new, in progress, suppressed, resolved, deleted. Notes go along."""
    said = Response(
        id="r", finding_id="F-1", tenant="", kind=Kind.NOTIFY, actor="ann", note="called\x1b[2J",
        at=datetime(2026, 3, 2, tzinfo=UTC), severity="high",
    )  # fmt: skip
    finding = replace(
        findings[0],
        state=state,
        standings=(Standing("acme", state, "ann", reason),),
        responses=(said,),
    )
    event = to_ocsf(finding, schema=word)
    check(event, word)
    assert (event["activity_id"], event["status_id"]) == (activity, status)
    assert event["is_alert"] is (activity != 3)
    told = event["notes"][0]["comment"] if word == "1.9" else event["comment"]
    assert "called" in told
    assert "\x1b" not in told


def test_severities_keep_their_order(findings: list[Finding]) -> None:
    """From informational, 1, to critical, 5."""
    made = [to_ocsf(replace(findings[0], severity=each))["severity_id"] for each in Severity]
    assert made == [1, 2, 3, 4, 5]


def test_the_command_prints_one_event_a_line(home: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole for the operator, one tenant's half with --tenant; both forms of the version."""
    asked = ["--store", home, "--format", "ocsf", "--fail-on", "never"]
    assert main(asked) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for event in events:
        check(event, "1.9")
    tenant = events[0]["unmapped"]["from_tenant"]
    assert main([*asked, "--ocsf-version", "1.7", "--tenant", tenant]) == 0
    halves = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert 0 < len(halves) < len(events)
    for half in halves:
        check(half, "1.7")
        assert half["metadata"]["tenant_uid"] == tenant
