"""The answers about one call: who, for which tenant, which asset, which identity, which approval.

Each has the line that proves it, or says what is missing. A registry record counts as it was known
at the time that was asked for; whether it covered the call is judged at the time of the call.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from partywall_analyzer.findings import Scope
from partywall_analyzer.limits import Limits
from partywall_analyzer.model import ATTESTATIONS, Answer, iso, moment
from partywall_analyzer.names import clean
from partywall_collector.registry import ANY, FOREVER, Approval, Credential, Registry


@dataclass(frozen=True, slots=True)
class Known:
    """What the registry said at one time of what some calls name, and when it was recorded.

    Of approvals all versions by tenant and id, the newest last. Who reads it is told no tenant's
    name that is not in `scope`.
    """

    scope: Scope
    registry: Registry
    approvals: Mapping[tuple[str, str], Sequence[tuple[datetime, Approval]]]
    credentials: Mapping[Credential, datetime]

    def owner(self, dataset: str) -> str:
        """The tenant that owns a dataset, or its kind of ownership; "" if nothing is known."""
        owner = self.registry.owner(dataset)
        if owner is None:
            return ""
        return self.scope.named(owner.tenant) if owner.tenant else owner.ownership


def answers_of(
    call: Mapping[str, Any], known: Known, run: Mapping[str, Any] | None
) -> tuple[Answer, ...]:
    """The answers about a call; `run` is the agent run above it, if there is one."""
    answers = (_who(call, run), _tenant(call), _asset(call), _identity(call, known))
    return (*answers, _approval(call, known)) if call["approval_id"] else answers


def _who(call: Mapping[str, Any], run: Mapping[str, Any] | None) -> Answer:
    above = run or {"agent": "", "subject": "", "span": ""}
    subject = call["subject"] or above["subject"]
    actors = [*call["actor_chain"]] or [call["agent"] or above["agent"]]
    people = [subject, *actors] if subject not in actors else actors
    named = [clean(name) for name in people if name]
    if not named:
        return Answer("Who", "not recorded", "no span names an agent or a person", False)
    said = [call["span"]] if call["subject"] or call["agent"] or call["actor_chain"] else []
    said += [above["span"]] if above["span"] and not (call["subject"] and call["agent"]) else []
    spans = " and ".join(said)
    return Answer("Who", " > ".join(named), f"span {spans} of trace {call['trace']}", True)


def _tenant(call: Mapping[str, Any]) -> Answer:
    attestation = str(call["attestation"])
    proof = ATTESTATIONS.get(attestation, attestation)
    return Answer(
        "For which tenant",
        clean(call["tenant_id"]),
        f"{attestation or 'no attestation'}: {proof} (principal {clean(call['principal']) or '?'})",
        attestation not in ("", "A0"),
    )


def _asset(call: Mapping[str, Any]) -> Answer:
    question = "Against which asset"
    datasets: Sequence[str] = call["datasets"]
    parties: Sequence[str] = call["parties"]
    tool = clean(call["tool"])
    if not datasets and not parties:
        return Answer(question, "not recorded", f"no dataset or party is known for {tool}", False)
    answer = _list((*datasets, *parties))
    owned = _list(owner for owner in call["owners"] if owner)
    if datasets and not owned:
        return Answer(question, answer, "no owner in the registry", False)
    said = [f"owned by {owned}"] if owned else []
    said += ["a party of the call"] if parties else []
    said += [f"{clean(call['operation']) or 'used'} by {tool}"]
    return Answer(question, answer, "; ".join(said), True)


def _identity(call: Mapping[str, Any], known: Known) -> Answer:
    question = "Using which identity"
    credential = f"credential {call['credential_id']}" if call["credential_id"] else ""
    answer = ", ".join(clean(name) for name in (call["identity"], credential) if name)
    if not answer:
        return Answer(question, "not recorded", "the span names no identity", False)
    if not call["credential_id"]:
        return Answer(question, answer, "claimed by the span; no credential is recorded", False)
    named = [c for c in known.credentials if c.id == call["credential_id"]]
    if not named:
        return Answer(
            question,
            answer,
            f"named by span {call['span']}; the registry does not know this credential",
            False,
        )
    (record,) = named
    at = moment(call["start_us"])
    wrong = _ended(at, record.issued, record.expires, record.revoked)
    if record.tenant != call["tenant_id"]:
        wrong = ", ".join(part for part in (f"issued for {clean(record.tenant)}", wrong) if part)
    life = _life(record.issued, record.expires, record.revoked, known.credentials[record])
    return Answer(question, answer, f"{wrong or 'valid then'}: {life}", not wrong)


def _approval(call: Mapping[str, Any], known: Known) -> Answer:
    question, answer = "By which approval", clean(call["approval_id"])
    named = [known.approvals[key] for key in known.approvals if key[1] == call["approval_id"]]
    if not named:
        return Answer(
            question, answer, f"cited by span {call['span']}; the registry does not know it", False
        )
    # Two tenants may have given the same number: one that counts says more.
    wrong, versions = min(
        ((_fault(call, each, known.scope), each) for each in named), key=lambda told: bool(told[0])
    )
    record = versions[-1][1]
    life = _life(record.valid_from, record.valid_until, record.revoked, versions[-1][0])
    giver = known.scope.named(record.tenant)
    given = f"given by {clean(giver)}"
    given += f" ({clean(record.approver)})" if record.approver and giver == record.tenant else ""
    return Answer(question, answer, f"{wrong or 'valid then'}: {given}, {life}", not wrong)


def _fault(
    call: Mapping[str, Any], versions: Sequence[tuple[datetime, Approval]], scope: Scope
) -> str:
    """Why an approval did not hold: by then a version of it that does must have been on record."""
    at = moment(call["start_us"])

    def ended(approval: Approval) -> str:
        return _ended(at, approval.valid_from, approval.valid_until, approval.revoked)

    record = versions[-1][1]
    if call["tenant_id"] not in (record.grantee, record.tenant) and record.grantee != ANY:
        return f"is for {clean(scope.named(record.grantee))}"
    if wrong := ended(record):
        return wrong
    since = min(recorded for recorded, version in versions if not ended(version))
    skew = timedelta(seconds=Limits.read().clock_skew)
    return "recorded only after the call" if since > at + skew else ""


def _ended(at: datetime, begins: datetime, ends: datetime, revoked: datetime) -> str:
    """Why something was not valid at a time; "" if it was."""
    if at < begins:
        return "not valid yet then"
    if at >= revoked:
        return "revoked before"
    return "expired before" if at >= ends else ""


def _life(begins: datetime, ends: datetime, revoked: datetime, recorded: datetime) -> str:
    said = [f"from {_minute(begins)}"]
    said += [f"until {_minute(ends)}"] if ends < FOREVER else []
    said += [f"revoked {_minute(revoked)}"] if revoked < FOREVER else []
    return ", ".join([*said, f"recorded {_minute(recorded)}"])


def _minute(time: datetime) -> str:
    return iso(time)[:16].replace("T", " ")


def _list(names: Iterable[str]) -> str:
    return ", ".join(clean(name) for name in dict.fromkeys(names))
