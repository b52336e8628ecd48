"""Puts a finding into words: a title, a sentence for a ticket, and six answers with their proof.

Names come from spans, which anybody may have written, so each is cleaned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from partywall_analyzer.model import (
    ATTESTATIONS,
    EXTERNAL,
    SEVERAL,
    Along,
    Answer,
    Candidate,
    Proof,
    Verdict,
)
from partywall_analyzer.names import clean
from partywall_analyzer.rule import Rule
from partywall_analyzer.rules import rule
from partywall_analyzer.spans import Span
from partywall_analyzer.verdict import Judgement, words_of
from partywall_collector.registry import Registry

_ACTS: Final = {
    "": "used",
    "read": "read",
    "write": "wrote to",
    "send": "sent to",
    "fetch": "fetched from",
    "delete": "deleted",
    "create": "created",
    "update": "updated",
    "export": "exported",
    "share": "shared",
    "invite": "invited",
    "admit": "admitted",
    "pay": "paid",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A finding before it is put into words: what was found, judged and woven."""

    rule: Rule
    candidate: Candidate
    judgement: Judgement
    proof: Proof
    attestation: str
    count: int
    first_seen: datetime
    last_seen: datetime
    sink: Span | None = None
    source: Span | None = None
    source_dataset: str = ""
    why_party: str = ""
    rank: str = ""
    along: Sequence[Along] = ()


class Speaker:
    """Knows what tenants are called."""

    def __init__(self, registry: Registry) -> None:
        """Take the names from the registry; a tenant without one is called by its id."""
        self._registry = registry

    def tenant(self, tenant: str) -> str:
        """The name of a tenant, or of the world outside all tenants."""
        if tenant == EXTERNAL:
            return "outside all tenants"
        if tenant == SEVERAL:
            return "several tenants"
        known = self._registry.tenants.get(tenant)
        return clean(known.name if known and known.name else tenant)

    def title(self, told: Told) -> str:
        """The finding in a line."""
        return told.rule.title.format_map(self._words(told))

    def sentence(self, told: Told) -> str:
        """What happened, whether it was allowed, and how that is known."""
        happened = told.rule.sentence.format_map(self._words(told))
        return " ".join((happened, self.cover(told), _proved(told)))

    def cover(self, told: Told) -> str:
        """The verdict in words, one sentence a reason."""
        judgement = told.judgement
        words = {
            "grant": clean(judgement.grant),
            "owner": self._owner(told.candidate),
            "cited": clean(told.candidate.approval_id),
        }
        said = [words_of(reason).format_map(words) for reason in judgement.reasons]
        if told.why_party:
            said[0] += f": {clean(told.why_party)}"
        if judgement.verdict is Verdict.INDETERMINATE:
            said.append("The verdict is open")
        return ". ".join(said) + "."

    def answers(self, told: Told) -> tuple[Answer, ...]:
        """Who, for which tenant, against which asset, using which identity, approval, policy."""
        return (
            self._who(told),
            self._for_tenant(told),
            self._asset(told),
            self._identity(told),
            self._approval(told),
            _policy(told),
        )

    def _words(self, told: Told) -> dict[str, str]:
        candidate = told.candidate
        party = clean(candidate.party)
        target = party or clean(candidate.dataset)
        to_name, outside = self.tenant(candidate.to_tenant), candidate.to_tenant == EXTERNAL
        return {
            "who": _named(candidate),
            "by_whom": _named(candidate).replace("A", "a", 1),
            "of_whom": "outside all tenants" if outside else f"a party of {to_name}",
            "to_where": "outside all tenants" if outside else f"to {to_name}",
            "on_dataset": f" on {clean(candidate.dataset)}" if candidate.dataset else "",
            "of_target": "" if outside else f" of {to_name}",
            "from_name": self.tenant(candidate.from_tenant),
            "to_name": to_name,
            "session_name": self.tenant(candidate.session_tenant),
            "acted": _ACTS.get(candidate.operation, f"did '{clean(candidate.operation, 40)}' on"),
            "dataset": clean(candidate.dataset),
            "source_dataset": clean(told.source_dataset),
            "party": party,
            "target": target,
            "tool": clean(candidate.tool or "a step"),
            "credential": clean(candidate.credential_id),
            "approval": clean(candidate.approval_id),
            "session": clean(candidate.session_id),
            "canary": clean(_canary(candidate)),
            "times": _times(told),
            "after": _after(told),
        }

    def _owner(self, candidate: Candidate) -> str:
        ours = rule(candidate.rule).asks_source
        return self.tenant(candidate.from_tenant if ours else candidate.to_tenant)

    def _who(self, told: Told) -> Answer:
        people = [told.sink.subject] if told.sink and told.sink.subject else []
        names = [clean(name) for name in (*people, told.candidate.agent) if name]
        first = told.candidate.crossings[0].call
        if not names:
            return Answer("Who", "not recorded", "the span names no agent and no person", False)
        return Answer("Who", " > ".join(names), f"span {first.span_id}", True)

    def _for_tenant(self, told: Told) -> Answer:
        grade = told.attestation
        proof = (
            f"{grade}: {ATTESTATIONS[grade]}" if grade in ATTESTATIONS and grade else "no record"
        )
        tenant = self.tenant(told.candidate.session_tenant)
        return Answer("For which tenant", tenant, proof, grade not in ("", "A0"))

    def _asset(self, told: Told) -> Answer:
        question = "Against which asset"
        candidate = told.candidate
        owner = self.tenant(candidate.to_tenant)
        elsewhere = told.source_dataset and not candidate.dataset and not candidate.party
        if candidate.rule == "canary":
            where = f" in {clean(told.source_dataset)}" if told.source_dataset else ""
            answer = f"canary {clean(_canary(candidate))}{where}"
            proof = f"registry: planted in data of {self._owner(candidate)}"
            return Answer(question, answer, proof, True)
        if candidate.rule in ("relay", "tenant-mismatch") or elsewhere:
            known = self._registry.owner(told.source_dataset)
            proof = (
                f"registry: {clean(known.pattern)} is {self._owner(candidate)}'s" if known else ""
            )
            answer = f"data of {clean(told.source_dataset)}"
            return Answer(question, answer, proof or "no owner known", known is not None)
        if candidate.dataset:
            known = self._registry.owner(candidate.dataset)
            pattern = (
                f"registry: {clean(known.pattern)} is {owner}'s" if known else "no owner known"
            )
            return Answer(question, clean(candidate.dataset), pattern, known is not None)
        if candidate.party:
            asset = f"{clean(candidate.party_kind)} {clean(candidate.party)}"
            if candidate.to_tenant == EXTERNAL:
                return Answer(question, asset, "registry: neither own nor standing", True)
            return Answer(question, asset, f"registry: a party of {owner}", True)
        if candidate.rule in ("shared-credential", "stale-credential"):
            lender = self.tenant(candidate.from_tenant)
            known = candidate.credential_id in self._registry.credentials
            proof = "registry: its record" if known else f"first used by {lender}; no record of it"
            answer = f"credential {clean(candidate.credential_id)} of {lender}"
            return Answer(question, answer, proof, known)
        if candidate.from_tenant == candidate.to_tenant:
            return Answer(question, "no other tenant's", told.rule.grounds, True)
        return Answer(question, f"a run as {owner}", "the tenants of the two spans differ", True)

    def _identity(self, told: Told) -> Answer:
        question = "Using which identity"
        candidate = told.candidate
        if not candidate.identity:
            return Answer(question, "not recorded", "the span names no identity", False)
        name = clean(candidate.identity)
        if not candidate.credential_id:
            return Answer(question, name, "no credential is recorded", False)
        known = self._registry.credentials.get(candidate.credential_id)
        answer = f"{name}, credential {clean(candidate.credential_id)}"
        if not known:
            return Answer(question, answer, "the registry does not know the credential", False)
        return Answer(question, answer, f"registry: issued for {self.tenant(known.tenant)}", True)

    def _approval(self, told: Told) -> Answer:
        covered = told.judgement.verdict is Verdict.AUTHORISED
        said = self.cover(told).rstrip(".")
        records = "; ".join(
            f"{r.kind} {clean(r.id)}: {clean(r.says)}" for r in told.judgement.records
        )
        granted = clean(told.judgement.grant) or "none needed"
        answer = granted if covered else "none that covers it"
        return Answer("Approval", answer, records if covered and records else said, covered)


def _named(candidate: Candidate) -> str:
    agent, identity = clean(candidate.agent), clean(candidate.identity)
    if agent and identity and identity != agent:
        return f'Agent "{agent}" ({identity})'
    return f'Agent "{agent or identity}"' if agent or identity else "An unnamed agent"


def _canary(candidate: Candidate) -> str:
    """The name of the canary that a finding is about."""
    return candidate.subject.removeprefix(f"{candidate.session_id}|")


def _times(told: Told) -> str:
    first = _clock(told.first_seen)
    if told.count < 2:
        return f" at {first}"
    return f" {told.count} times between {first} and {_clock(told.last_seen)}"


def _clock(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _after(told: Told) -> str:
    if not told.source or not told.sink:
        return ""
    return f", {duration((told.sink.start - told.source.end) / 1e9)} later"


def duration(seconds: float) -> str:
    """A length of time in the unit that a person would use."""
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{max(seconds, 0) * 1_000:.0f} ms"


def _proved(told: Told) -> str:
    word = "Proven" if told.proof >= Proof.P3 else "Shown"
    graded = _GROUNDS.get((told.rule.id, told.proof))
    grounds = graded or told.rule.grounds or told.proof.meaning
    return f"{word} by {grounds} ({told.proof})."


_GROUNDS: Final = {
    ("relay", Proof.P0): "the dataset that both sessions used",
    ("relay", Proof.P1): "the order in which the sessions used the dataset",
    ("relay", Proof.P2): "one identifier that went from the one session into the other",
    ("relay", Proof.P3): "identifiers that went from the one session into the other",
    ("flow", Proof.P0): "the session that both calls share",
    ("flow", Proof.P1): "the order in which the calls caused each other",
    ("flow", Proof.P2): "one identifier that came out of the one and went into the other",
    ("flow", Proof.P3): "identifiers that came out of the one and went into the other",
    **dict.fromkeys(
        [("flow", Proof.P4), ("relay", Proof.P4)],
        "a planted value that came out of the one and went into the other",
    ),
    **dict.fromkeys(
        [("foreign-dataset", Proof.P4), ("foreign-party", Proof.P4)],
        "what the caller and the called side both recorded",
    ),
}


def _policy(told: Told) -> Answer:
    candidate = told.candidate
    if not candidate.policy_decision:
        return Answer("Policy", "no decision recorded", "the span carries none", False)
    said = clean(candidate.policy_decision)
    name = clean(candidate.policy_id) or "unnamed policy"
    return Answer("Policy", said, name, "policy.denied" not in told.judgement.reasons)
