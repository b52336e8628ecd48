"""A finding as an event of the Open Cybersecurity Schema Framework: Detection Finding, class 2004.

https://schema.ocsf.io/1.9.0/classes/detection_finding. What an older version has no place for goes
to `unmapped`.
"""

from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final

from partywall_analyzer.model import Finding, Proof, Ref, Severity
from partywall_analyzer.names import clean
from partywall_analyzer.standing import WITHDRAWN

VERSIONS: Final[Mapping[str, str]] = {"1.9": "1.9.0", "1.7": "1.7.0"}
"""Versions of the schema, by the word of `--ocsf-version`."""

_CLASS: Final = 2004
_LONGEST: Final = 2_000
_MOST_EVIDENCES: Final = 50
_SEVERITIES: Final = {
    Severity.INFO: (1, "Informational"),
    Severity.LOW: (2, "Low"),
    Severity.MEDIUM: (3, "Medium"),
    Severity.HIGH: (4, "High"),
    Severity.CRITICAL: (5, "Critical"),
}
_CONFIDENCES: Final = {
    Proof.P0: (1, "Low"),
    Proof.P1: (2, "Medium"),
    Proof.P2: (2, "Medium"),
    Proof.P3: (3, "High"),
    Proof.P4: (3, "High"),
}
_STATUSES: Final = {
    "new": (1, "New"),
    "open": (1, "New"),
    "acknowledged": (2, "In Progress"),
    "closed": (4, "Resolved"),
    WITHDRAWN: (6, "Deleted"),
}
_ACTIVITIES: Final = {1: "Create", 2: "Update", 3: "Close"}


def to_ocsf(finding: Finding, *, schema: str = "1.9", tenant: str = "") -> dict[str, Any]:
    """An event, as JSON takes it; `tenant` says whose half the finding is, if it is one.

    Raises KeyError for a version that is none of `VERSIONS`.
    """
    release = VERSIONS[schema]
    new = schema == "1.9"
    activity = _activity(finding)
    status = (3, "Suppressed") if _benign(finding) else _STATUSES[finding.state]
    seen = finding.recorded_at or finding.last_seen
    event: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": _ACTIVITIES[activity],
        "category_name": "Findings",
        "category_uid": 2,
        "class_name": "Detection Finding",
        "class_uid": _CLASS,
        "type_uid": _CLASS * 100 + activity,
        "type_name": f"Detection Finding: {_ACTIVITIES[activity]}",
        "time": _ms(seen),
        "start_time": _ms(finding.first_seen),
        "end_time": _ms(finding.last_seen),
        "severity_id": _SEVERITIES[finding.severity][0],
        "severity": _SEVERITIES[finding.severity][1],
        "confidence_id": _CONFIDENCES[finding.proof][0],
        "confidence": _CONFIDENCES[finding.proof][1],
        "status_id": status[0],
        "status": status[1],
        "is_alert": activity != 3,
        "message": clean(finding.title, _LONGEST),
        "metadata": _metadata(finding, release, tenant),
        "finding_info": _finding_info(finding),
        "evidences": _evidences(finding, agents=new),
        "resources": _resources(finding),
        "unmapped": _unmapped(finding, agents=not new),
    }
    notes = [(r.note, r) for r in finding.responses if r.note]
    if notes and new:
        event["notes"] = [
            {
                "comment": clean(note, _LONGEST),
                "created_time": _ms(r.at),
                "owner": {"name": clean(r.actor)},
            }
            for note, r in notes
        ]
    elif notes:
        event["comment"] = "\n".join(f"{clean(r.actor)}: {clean(note)}" for note, r in notes)
    return {name: value for name, value in event.items() if value not in ([], {}, "")}


def _activity(finding: Finding) -> int:
    if finding.state in ("closed", WITHDRAWN):
        return 3
    return 1 if finding.state == "new" else 2


def _benign(finding: Finding) -> bool:
    reasons = {standing.reason for standing in finding.standings}
    return finding.state == "closed" and reasons == {"false-positive"}


def _metadata(finding: Finding, release: str, tenant: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "version": release,
        "uid": f"{finding.id}/{finding.revision}",
        "product": {
            "name": "Partywall",
            "vendor_name": "Partywall",
            "version": version("partywall"),
        },
    }
    return made | ({"tenant_uid": tenant} if tenant else {})


def _finding_info(finding: Finding) -> dict[str, Any]:
    made: dict[str, Any] = {
        "uid": finding.id,
        "title": clean(finding.title, _LONGEST),
        "desc": clean(finding.sentence, _LONGEST),
        "first_seen_time": _ms(finding.first_seen),
        "last_seen_time": _ms(finding.last_seen),
        "analytic": {
            "uid": finding.rule,
            "name": finding.rule,
            "type_id": 1,
            "type": "Rule",
        },
        "types": [finding.rule],
        "data_sources": ["OpenTelemetry spans"],
    }
    if finding.evidence.frameworks:
        made["tags"] = [{"name": "frameworks", "values": list(finding.evidence.frameworks)}]
    return made


def _evidences(finding: Finding, *, agents: bool) -> list[dict[str, Any]]:
    """One entry a call: the crossing ones first, then those that had the data before."""
    calls = [("crossing call", ref) for ref in finding.calls]
    calls += [("source call", ref) for ref in finding.sources]
    shared = _shared(finding, agents=agents)
    return [_evidence(name, ref, shared) for name, ref in calls[:_MOST_EVIDENCES]]


def _evidence(name: str, ref: Ref, shared: Mapping[str, Any]) -> dict[str, Any]:
    data = {"trace_id": ref.trace_id, "span_id": ref.span_id}
    made = {"uid": f"{ref.trace_id}/{ref.span_id}", "name": name, "data": data}
    # Who acted is known of the crossing calls; those that had the data may be another session's.
    return made | (dict(shared) if name == "crossing call" else {})


def _shared(finding: Finding, *, agents: bool) -> dict[str, Any]:
    actor: dict[str, Any] = {}
    if finding.identity:
        user = {"uid": clean(finding.identity), "type_id": 4, "type": "Service"}
        if finding.credential_id:
            user["credential_uid"] = clean(finding.credential_id)
        actor["user"] = user
    if finding.session_id:
        actor["session"] = {"uid": clean(finding.session_id)}
    made: dict[str, Any] = {"actor": actor} if actor else {}
    if finding.operation:
        api: dict[str, Any] = {"operation": clean(finding.operation)}
        if finding.request_id:
            api["request"] = {"uid": clean(finding.request_id)}
        made["api"] = api
    agent = _agent(finding)
    return made | ({"ai_agent": agent} if agents and agent else {})


def _agent(finding: Finding) -> dict[str, Any]:
    """New in 1.9. Its id is the workload identity: what the agent calls itself is its name."""
    if not finding.agent:
        return {}
    made: dict[str, Any] = {
        "uid": clean(finding.identity or finding.agent),
        "name": clean(finding.agent),
        "type_id": 0,
    }
    return made | ({"instance_uid": clean(finding.session_id)} if finding.session_id else {})


def _resources(finding: Finding) -> list[dict[str, Any]]:
    known = (("dataset", finding.dataset), ("party", finding.party))
    return [{"uid": clean(name, 500), "type": kind} for kind, name in known if name]


def _unmapped(finding: Finding, *, agents: bool) -> dict[str, Any]:
    """Our own axes, for which the schema has no words, and the path."""
    made: dict[str, Any] = {
        "verdict": finding.verdict.value,
        "reasons": list(finding.reasons),
        "proof": finding.proof.value,
        "attestation": finding.attestation,
        "from_tenant": finding.from_tenant,
        "to_tenant": finding.to_tenant,
        "missing": list(finding.evidence.missing),
        "chain": finding.chain.to_dict(),
    }
    agent = _agent(finding)
    return made | ({"ai_agent": agent} if agents and agent else {})


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)
