"""Judges a crossing against the registry: authorised, unauthorised or indeterminate, and why.

Nothing is authorised by default. An approval or a relation covers a crossing only if all of it
fits: owner, grantee, dataset or party, operation, tool, request and time.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from partywall_analyzer.limits import Limits
from partywall_analyzer.model import DENIALS, DRILL, Candidate, Record, Verdict, iso
from partywall_analyzer.rules import Cover, rule, rules
from partywall_collector.registry import (
    ANY,
    BREAK_GLASS,
    FOREVER,
    Approval,
    Registry,
    Relation,
    matches,
    matches_party,
)

REASONS: Final[dict[str, str]] = {
    "approval.covers": "{grant} covers it",
    "relation.covers": "{grant} covers it",
    "approval.missing": "No approval or relation of {owner} covers it",
    "approval.unknown": "It cites approval {cited}, which the registry does not know",
    "approval.wrong_tenant": "{grant} is a decision of another tenant",
    "approval.wrong_grantee": "{grant} is for another grantee",
    "approval.wrong_dataset": "{grant} does not name this dataset",
    "approval.wrong_party": "{grant} does not name this party",
    "approval.wrong_operation": "{grant} does not allow this operation",
    "approval.wrong_tool": "{grant} does not allow this tool",
    "approval.wrong_request": "{grant} was given for another request",
    "approval.not_yet": "{grant} was not yet valid",
    "approval.expired": "{grant} had expired",
    "approval.revoked": "{grant} had been revoked",
    "approval.retroactive": "{grant} was recorded only after the call",
    "relation.wrong_grantee": "{grant} is for another grantee",
    "relation.wrong_dataset": "{grant} does not name this dataset",
    "relation.wrong_party": "{grant} does not speak of parties",
    "relation.wrong_operation": "{grant} does not allow this operation",
    "relation.not_yet": "{grant} had not yet begun",
    "relation.expired": "{grant} had ended",
    "grant.narrower": "{grant} names single datasets; it does not let one tenant act as the other",
    "attestation.claimed": "The tenant is only claimed by the span; the sender was not verified",
    "credential.unknown": "The registry does not know the credential",
    "credential.other_tenant": "The credential was issued for another tenant",
    "credential.not_yet": "The credential had not yet been issued",
    "credential.expired": "The credential had expired",
    "credential.revoked": "The credential had been revoked",
    "policy.denied": "A policy had denied the call, and it ran",
    "party.delegated": "The request stands behind the party",
    "party.not_delegated": "The request does not stand behind the party",
    "party.introduction_unknown": "It is not known who introduced the party",
    "request.claimed": "What was asked is known from the agent alone",
    DRILL: "It was made on purpose, as a boundary drill",
}
"""The reason codes of crossings, with the words of a sentence about each; rules bring more."""


def reasons() -> dict[str, str]:
    """Every reason code with its words, those that rules bring too."""
    return REASONS | {each.broken.code: each.broken.words for each in rules() if each.broken}


def words_of(code: str) -> str:
    """The words of a reason code."""
    return REASONS.get(code) or reasons()[code]


_ORDER: Final = (
    *("wrong_tenant", "wrong_grantee", "wrong_dataset", "wrong_party", "wrong_operation"),
    *("wrong_tool", "wrong_request", "not_yet", "expired", "revoked", "retroactive"),
)


_INTRODUCTIONS: Final = {
    "delegated": ("party.delegated", Verdict.AUTHORISED),
    "not delegated": ("party.not_delegated", Verdict.UNAUTHORISED),
    "unknown": ("party.introduction_unknown", Verdict.INDETERMINATE),
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with its reason codes, the records it rests on and the facts that are missing."""

    verdict: Verdict
    reasons: tuple[str, ...]
    grant: str = ""
    records: tuple[Record, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """What a grant must cover."""

    owner: str
    grantees: frozenset[str]
    dataset: str = ""
    party: tuple[str, str] = ("", "")
    operation: str
    tool: str
    request: str
    cited: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Grant:
    """An approval or a relation, and the first thing about it that does not fit ("" if all do)."""

    record: Approval | Relation
    fault: str
    recorded: datetime | None = None

    @property
    def kind(self) -> str:
        return "approval" if isinstance(self.record, Approval) else "relation"

    @property
    def name(self) -> str:
        return f"{self.kind.capitalize()} {self.record.id} of {self.record.tenant}"

    @property
    def nearness(self) -> int:
        return _ORDER.index(self.fault) if self.fault else len(_ORDER)

    def evidence(self) -> Record:
        grant = self.record
        end = f" until {iso(grant.valid_until)}" if grant.valid_until < FOREVER else ""
        operations = ", ".join(grant.operations) or "any operation"
        assets = ", ".join(grant.datasets) or "no dataset"
        tools = f" with {', '.join(named)}" if (named := _tools_of(grant)) else ""
        says = f"{grant.tenant} lets {grant.grantee} {operations} on {assets}{tools}"
        noted = f", recorded {iso(self.recorded)}" if self.recorded else ""
        return Record(self.kind, grant.id, f"{says} from {iso(grant.valid_from)}{end}{noted}")


class Judge:
    """Judges candidates against one state of the registry."""

    def __init__(self, registry: Registry) -> None:
        """Index the grants by their owner."""
        self._registry = registry
        self._skew = timedelta(seconds=Limits.read().clock_skew)
        self._approvals: defaultdict[str, list[Approval]] = defaultdict(list)
        self._relations: defaultdict[str, list[Relation]] = defaultdict(list)
        for approval in registry.approvals:
            self._approvals[approval.tenant].append(approval)
        for relation in registry.relations:
            self._relations[relation.tenant].append(relation)
        self._by_id: defaultdict[str, list[Approval]] = defaultdict(list)
        for approval in registry.approvals:
            self._by_id[approval.id].append(approval)

    def judge(self, candidate: Candidate) -> Judgement:
        """The verdict about crossings of one kind within one epoch of the registry."""
        broken = tuple(self._broken(candidate))
        uses = _uses(candidate)
        grants = [grant for use in uses for grant in self._grants(use)]
        cover = next((grant for grant in grants if not grant.fault), None)
        missing = tuple(self._missing(candidate))
        if cover and not broken:
            reasons: tuple[str, ...] = (f"{cover.kind}.covers",)
            verdict = Verdict.AUTHORISED
            nearest: _Grant | None = cover
        elif binding := rule(candidate.rule).broken:
            reasons, verdict, nearest = (binding.code,), binding.verdict, None
        else:
            reason, nearest = ("", cover) if cover else self._why(candidate, grants)
            reasons = tuple(dict.fromkeys((*((reason,) if reason else ()), *broken)))
            verdict = Verdict.UNAUTHORISED
        if (
            verdict is Verdict.UNAUTHORISED
            and not broken
            and (_undecided(candidate, reasons, missing) or _in_emergency(nearest))
        ):
            verdict = Verdict.INDETERMINATE
        if candidate.attestation in ("", "A0") and verdict is not Verdict.INDETERMINATE:
            verdict = Verdict.INDETERMINATE
            reasons = (*reasons, "attestation.claimed")
        return Judgement(
            verdict,
            reasons,
            nearest.name if nearest else "",
            (nearest.evidence(),) if nearest else (),
            missing,
        )

    def with_introduction(
        self, judgement: Judgement, introduction: str, *, claimed: bool = False
    ) -> Judgement:
        """The verdict about a foreign party, once it is known who introduced it.

        A party that no grant covers is the request's own wish, somebody else's, or not known.
        `claimed` says that only the agent itself told what was asked.
        """
        reason, verdict = _INTRODUCTIONS[introduction]
        kept = tuple(r for r in judgement.reasons if not r.startswith(("approval.", "relation.")))
        if set(kept) - {"attestation.claimed"}:
            verdict = judgement.verdict
        elif kept:
            verdict = Verdict.INDETERMINATE
        told = ("request.claimed",) if claimed and introduction == "delegated" else ()
        reasons = (reason, *told, *kept)
        return replace(judgement, verdict=verdict, reasons=reasons, grant="", records=())

    def _grants(self, use: _Use) -> Iterator[_Grant]:
        """The grants that could cover a use; an approval that the span cites comes first."""
        cited = self._by_id.get(use.cited, []) if use.cited else []
        for approval in cited:
            yield self._approval(approval, use)
        for approval in self._approvals.get(use.owner, []):
            if approval.id != use.cited:
                yield self._approval(approval, use)
        for relation in self._relations.get(use.owner, []):
            yield _Grant(relation, _grant_fault(relation, use))

    def _approval(self, approval: Approval, use: _Use) -> _Grant:
        """What does not fit; one that fits must have been on record when it was used."""
        if fault := _approval_fault(approval, use):
            return _Grant(approval, fault)
        versions = self._registry.approvals_by_time.get((approval.tenant, approval.id), ())
        since = min((at for at, known in versions if not _approval_fault(known, use)), default=None)
        late = since is not None and since > use.at + self._skew
        return _Grant(approval, "retroactive" if late else "", since)

    def _why(self, candidate: Candidate, grants: list[_Grant]) -> tuple[str, _Grant | None]:
        """The reason why nothing covers it: about the cited approval, else the nearest grant."""
        cited = candidate.approval_id
        if candidate.rule == "stale-credential":
            known = candidate.credential_id in self._registry.credentials
            return "" if known else "credential.unknown", None
        if cited and cited not in self._by_id:
            return "approval.unknown", None
        named = [g for g in grants if g.kind == "approval" and g.record.id == cited]
        near = named or [g for g in grants if _is_near(g, candidate)]
        if not near:
            return "approval.missing", None
        nearest = max(near, key=lambda grant: grant.nearness)
        if candidate.rule == "handoff" and nearest.fault == "wrong_dataset":
            return "grant.narrower", nearest
        return f"{nearest.kind}.{nearest.fault}", nearest

    def _broken(self, candidate: Candidate) -> Iterator[str]:
        """Facts that no grant can heal."""
        if candidate.policy_decision.lower() in DENIALS:
            yield "policy.denied"
        known = self._registry.credentials.get(candidate.credential_id)
        if known is None:
            return
        if candidate.rule != "shared-credential" and known.tenant != candidate.session_tenant:
            yield "credential.other_tenant"
        if candidate.first_seen < known.issued:
            yield "credential.not_yet"
        if candidate.first_seen >= known.expires:
            yield "credential.expired"
        if candidate.first_seen >= known.revoked:
            yield "credential.revoked"

    def _missing(self, candidate: Candidate) -> Iterator[str]:
        if not candidate.identity:
            yield "identity"
        if not candidate.request_id:
            yield "request"
        if not candidate.credential_id:
            yield "credential"
        elif candidate.credential_id not in self._registry.credentials:
            yield "credential record"
        if not candidate.policy_decision:
            yield "policy decision"


def _is_near(grant: _Grant, candidate: Candidate) -> bool:
    """Whether an uncited grant is a near miss; to somebody else, or of other things, it is not."""
    request = grant.record.request if isinstance(grant.record, Approval) else ANY
    if request != ANY and candidate.request_id and request != candidate.request_id:
        return False
    about_this = request != ANY and bool(candidate.request_id)
    least = "wrong_grantee" if about_this or candidate.rule == "handoff" else "wrong_party"
    return grant.nearness > _ORDER.index(least)


def _in_emergency(grant: _Grant | None) -> bool:
    """Whether all that speaks against a grant is that an emergency was recorded afterwards."""
    return (
        grant is not None
        and grant.fault == "retroactive"
        and isinstance(grant.record, Approval)
        and grant.record.given == BREAK_GLASS
    )


def _undecided(candidate: Candidate, reasons: tuple[str, ...], missing: tuple[str, ...]) -> bool:
    """Whether a fact is missing that could still turn the verdict."""
    if "grant.narrower" in reasons:
        return True
    if candidate.rule in ("shared-credential", "stale-credential"):
        return "credential record" in missing
    return "approval.wrong_request" in reasons and "request" in missing


def _uses(candidate: Candidate) -> list[_Use]:
    """What a grant must cover; any one of them suffices."""
    source, target = candidate.from_tenant, candidate.to_tenant

    def use(
        owner: str,
        *grantees: str,
        dataset: str = "",
        operation: str = candidate.operation,
        tool: str = candidate.tool,
    ) -> _Use:
        return _Use(
            owner=owner,
            grantees=frozenset(grantees),
            dataset=dataset,
            party=("", "") if dataset else (candidate.party_kind, candidate.party),
            operation=operation,
            tool=tool,
            request=candidate.request_id,
            cited=candidate.approval_id,
            at=candidate.first_seen,
        )

    match rule(candidate.rule).covered_by:
        case Cover.NOTHING:
            return []
        case Cover.DATASET:
            return [use(target, source, dataset=candidate.dataset)]
        case Cover.RUN:
            return [use(target, source, dataset=f"tenant/{target}", tool="")]
        case Cover.CREDENTIAL:
            return [use(source, target, dataset=f"credential/{candidate.credential_id}")]
        case Cover.ANSWER:
            read = candidate.crossings[0].source_dataset
            return [use(target, source, dataset=read, operation="read")]
        case _ if candidate.party:
            return [use(source, source, target)]
        case _:
            first = candidate.crossings[0]
            read, tool = first.source_dataset, first.source_tool
            uses = [use(source, target, dataset=read, operation="read", tool=tool)]
            if candidate.session_tenant == source:
                uses.append(use(target, source, dataset=candidate.dataset))
            return uses


def _approval_fault(approval: Approval, use: _Use) -> str:
    if fault := _grant_fault(approval, use, timed=False):
        return fault
    if approval.request not in (ANY, use.request):
        return "wrong_request"
    if fault := _time_fault(approval, use.at):
        return fault
    return "revoked" if use.at >= approval.revoked else ""


def _grant_fault(grant: Approval | Relation, use: _Use, *, timed: bool = True) -> str:
    if grant.tenant != use.owner:
        return "wrong_tenant"
    if grant.grantee != ANY and grant.grantee not in use.grantees:
        return "wrong_grantee"
    if use.dataset:
        if not any(matches(pattern, use.dataset) for pattern in grant.datasets):
            return "wrong_dataset"
    else:
        parties = grant.parties if isinstance(grant, Approval) else ()
        if not any(matches_party(pattern, *use.party) for pattern in parties):
            return "wrong_party"
    if grant.operations and use.operation not in grant.operations:
        return "wrong_operation"
    if (tools := _tools_of(grant)) and use.tool not in tools:
        return "wrong_tool"
    return _time_fault(grant, use.at) if timed else ""


def _tools_of(grant: Approval | Relation) -> tuple[str, ...]:
    """The tools by which it may be used; none is all."""
    return grant.tools if isinstance(grant, Approval) else ()


def _time_fault(grant: Approval | Relation, at: datetime) -> str:
    if at < grant.valid_from:
        return "not_yet"
    return "expired" if at >= grant.valid_until else ""
