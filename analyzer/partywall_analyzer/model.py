"""The nouns of the analyzer: a finding, its chain, and the three axes on which it is judged."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, NamedTuple, Self, cast

from partywall_analyzer.standing import Response, Standing

EXTERNAL: Final = "outside"
"""The other side of a crossing that is no registered tenant."""

SEVERAL: Final = "several"
"""Stands for more than two tenants where a finding is about all of them; it has no half."""

MAX_CALLS: Final = 1_000
"""A finding lists at most so many of its crossing calls."""

READS: Final = frozenset({"", "none", "read", "fetch", "get", "list", "search", "query"})
"""Operations that change nothing and send nothing; every other one moves data or changes it."""

DENIALS: Final = frozenset({"deny", "denied", "block", "blocked", "forbid", "refuse", "refused"})
"""What a policy says if the call must not run."""


class Severity(StrEnum):
    """How urgent; a function of verdict, proof and operation (`severity.py`)."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info up to 4 for critical; the names themselves do not sort."""
        return list(Severity).index(self)

    def at_least(self, other: "Severity") -> bool:
        """Whether this is as urgent as `other`."""
        return self.rank >= other.rank


class Verdict(StrEnum):
    """A judgement about a crossing, kept apart from the fact. Never authorised by default."""

    AUTHORISED = "authorised"
    INDETERMINATE = "indeterminate"
    UNAUTHORISED = "unauthorised"


class Proof(StrEnum):
    """How it is known that data moved. The word "proven" is used from P3 up only."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"

    @property
    def meaning(self) -> str:
        """The grade in plain words."""
        return _PROOFS[self]


_PROOFS: Final[dict[str, str]] = {
    "P0": "same session only",
    "P1": "in causal order",
    "P2": "declared, or one identifier matches",
    "P3": "two identifiers of one record match",
    "P4": "a planted value, or both sides tell of it",
}

ATTESTATIONS: Final[dict[str, str]] = {
    "": "not recorded",
    "A0": "claimed by the span alone",
    "A1": "the sender was authenticated for this tenant",
    "A2": "a signed session grant, bound to the sender",
    "A3": "confirmed by the resource side",
}
"""How it is known who acted, and for which tenant."""

DRILL: Final = "drill"
"""The reason code of a finding that was made on purpose."""

DRILL_MARK: Final = "Drill: "
"""What its title and its sentence begin with, for whoever reads them."""


class Ref(NamedTuple):
    """A span, named as everywhere outside the store: lower-case hex."""

    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class Node:
    """One thing on the picture of a chain, in the lane of its tenant."""

    id: str
    kind: str
    label: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a chain. `crossing` marks the step that goes through the wall."""

    source: str
    target: str
    label: str
    proof: Proof
    crossing: bool = False
    time: str = ""
    trace_id: str = ""
    span_id: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """The witness path, ready to be drawn: from the request to the crossing."""

    nodes: tuple[Node, ...] = ()
    hops: tuple[Hop, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The shape that the terminal, the dashboard and `--json` share."""
        hops = [
            {"from": h.source, "to": h.target, "label": h.label, "proof": h.proof.value}
            | {"crossing": h.crossing, "time": h.time, "trace_id": h.trace_id, "span_id": h.span_id}
            for h in self.hops
        ]
        return {"nodes": [_flat(node) for node in self.nodes], "hops": hops}

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what the ledger keeps; an empty text is an empty chain."""
        raw: dict[str, Any] = json.loads(text or "{}")
        nodes = tuple(Node(**node) for node in raw.get("nodes", []))
        hops = tuple(
            Hop(
                source=hop["from"],
                target=hop["to"],
                label=hop["label"],
                proof=Proof(hop["proof"]),
                crossing=hop["crossing"],
                time=hop["time"],
                trace_id=hop["trace_id"],
                span_id=hop["span_id"],
            )
            for hop in raw.get("hops", [])
        )
        return cls(nodes, hops)


@dataclass(frozen=True, slots=True)
class Answer:
    """One row of "why this is a crossing". `proven` is false where the proof is missing."""

    question: str
    answer: str
    proof: str
    proven: bool


@dataclass(frozen=True, slots=True)
class Record:
    """A registry record that the verdict consulted, and what it says."""

    kind: str
    id: str
    says: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why the finding says it: answers, consulted records, missing facts, framework ids.

    `observations` are spans that describe a call of the finding beside the one that stands for it,
    `introduced_by` the calls that brought its party in.
    """

    answers: tuple[Answer, ...] = ()
    records: tuple[Record, ...] = ()
    missing: tuple[str, ...] = ()
    frameworks: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    observations: tuple[Ref, ...] = ()
    introduced_by: tuple[Ref, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "answers": tuple(_flat(answer) for answer in self.answers),
            "records": tuple(_flat(record) for record in self.records),
            "missing": self.missing,
            "frameworks": self.frameworks,
            "values": self.values,
            "observations": [ref._asdict() for ref in self.observations],
            "introduced_by": [ref._asdict() for ref in self.introduced_by],
        }

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what the ledger keeps."""
        raw: dict[str, Any] = json.loads(text or "{}")
        return cls(
            tuple(Answer(**answer) for answer in raw.get("answers", [])),
            tuple(Record(**record) for record in raw.get("records", [])),
            tuple(raw.get("missing", [])),
            tuple(raw.get("frameworks", [])),
            tuple(raw.get("values", [])),
            refs(raw.get("observations", [])),
            refs(raw.get("introduced_by", [])),
        )


class Along(NamedTuple):
    """A call whose data went along with a crossing: so many identifiers of it, or words (0)."""

    call: Ref
    values: int


@dataclass(frozen=True, slots=True)
class Crossing:
    """A call at which something crosses; a flow also has the call that had the data before.

    `observed` is the span at which it was seen, if another one stands for the call. `along` is
    where the data came from that was sent to a party. `source_tool` is told only where an approval
    may ask for it.
    """

    time: datetime
    call: Ref
    source: Ref | None = None
    source_dataset: str = ""
    carried: tuple[int, ...] = ()
    observed: Ref | None = None
    along: tuple[Along, ...] = ()
    source_tool: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Crossings that a rule's SQL found and that are judged alike: a fact, not yet judged."""

    rule: str
    subject: str
    from_tenant: str
    to_tenant: str
    session_tenant: str
    crossings: tuple[Crossing, ...]
    count: int
    first_seen: datetime
    last_seen: datetime
    session_id: str = ""
    request_id: str = ""
    agent: str = ""
    identity: str = ""
    credential_id: str = ""
    approval_id: str = ""
    policy_id: str = ""
    policy_decision: str = ""
    dataset: str = ""
    party_kind: str = ""
    party: str = ""
    operation: str = ""
    tool: str = ""
    attestation: str = ""
    sensitive: bool = False

    @property
    def id(self) -> str:
        """The id of the finding that it becomes a part of."""
        return finding_id(self.rule, self.subject, self.from_tenant, self.to_tenant)

    def only(self, crossings: Sequence[Crossing]) -> "Candidate":
        """These of its crossings, in order of time."""
        if len(crossings) == len(self.crossings):
            return replace(self, crossings=tuple(crossings))
        return replace(
            self,
            crossings=tuple(crossings),
            count=len({crossing.call for crossing in crossings}),
            first_seen=crossings[0].time,
            last_seen=crossings[-1].time,
        )

    @property
    def moves(self) -> bool:
        """Whether the call writes, sends or deletes, so that more than a look is at stake."""
        return self.operation not in READS


def finding_id(rule: str, subject: str, from_tenant: str, to_tenant: str) -> str:
    """The id of a finding: `F-` and 24 hex digits; the same if and only if these four agree."""
    key = "\x1f".join((rule, subject, from_tenant, to_tenant)).encode("utf-8", "surrogatepass")
    return "F-" + hashlib.blake2b(key, digest_size=12).hexdigest()


@dataclass(frozen=True, kw_only=True)  # without slots, which would leave the revision no room
class Finding:
    """A crossing with its verdict, proof, severity, chain and sentence: one row of `ledger`."""

    id: str
    rule: str
    title: str
    sentence: str
    severity: Severity
    verdict: Verdict
    reasons: tuple[str, ...]
    proof: Proof
    attestation: str
    from_tenant: str
    to_tenant: str
    subject: str
    session_id: str
    request_id: str
    trace_id: str
    agent: str
    identity: str
    credential_id: str
    dataset: str
    party: str
    operation: str
    first_seen: datetime
    last_seen: datetime
    calls: tuple[Ref, ...]
    sources: tuple[Ref, ...]
    chain: Chain
    evidence: Evidence
    session_tenant: str = ""
    state: str = "open"
    recorded_at: datetime | None = None
    standings: tuple[Standing, ...] = ()
    responses: tuple[Response, ...] = ()
    """What was done about it, oldest first; `get_finding` reads it, lists do not."""

    @cached_property
    def revision(self) -> str:
        """Digest of the content: what is found, without what was done about it."""
        content = self.to_dict()
        for name in _ANSWERS:
            del content[name]
        text = json.dumps(content, sort_keys=True, ensure_ascii=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def for_tenant(self, tenant: str) -> "Finding":
        """The half of one tenant: nothing in it is the other side's, which has a pseudonym.

        Raises ValueError for a tenant that takes no part.
        """
        from partywall_analyzer.halves import half  # it is made of this module's nouns

        return half(self, tenant)

    def to_dict(self) -> dict[str, Any]:
        """A JSON object: what `--json` prints."""
        made: dict[str, Any] = {}
        for field in fields(self):
            value: object = getattr(self, field.name)
            match value:
                case datetime():
                    made[field.name] = iso(value)
                case Chain() | Evidence():
                    made[field.name] = value.to_dict()
                case tuple() if field.name in ("calls", "sources"):
                    made[field.name] = [ref._asdict() for ref in cast(tuple[Ref, ...], value)]
                case tuple() if field.name in ("standings", "responses"):
                    said = cast("tuple[Standing | Response, ...]", value)
                    made[field.name] = [each.to_dict() for each in said]
                case tuple():
                    made[field.name] = list(cast(tuple[str, ...], value))
                case StrEnum():
                    made[field.name] = value.value
                case _:
                    made[field.name] = value
        return made

    def to_row(self, recorded_at: datetime) -> dict[str, Any]:
        """A row of the table `ledger`."""
        kept = {f.name for f in fields(self)} - {"standings", "responses"}
        row: dict[str, Any] = {name: getattr(self, name) for name in kept}
        row["finding_id"] = row.pop("id")
        row["revision"] = self.revision
        row["recorded_at"] = recorded_at
        row["chain"] = json.dumps(self.chain.to_dict())
        row["evidence"] = json.dumps(self.evidence.to_dict())
        for name in ("severity", "verdict", "proof"):
            row[name] = row[name].value
        row["reasons"] = list(self.reasons)
        row["calls"] = [ref._asdict() for ref in self.calls]
        row["sources"] = [ref._asdict() for ref in self.sources]
        return row

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Read a row of `sql/list_findings.sql`, whose times are microseconds since 1970."""
        texts: dict[str, Any] = {name: str(row[name]) for name in _TEXTS}
        return cls(
            id=row["finding_id"],
            severity=Severity(row["severity"]),
            verdict=Verdict(row["verdict"]),
            proof=Proof(row["proof"]),
            reasons=tuple(row["reasons"]),
            calls=refs(row["calls"]),
            sources=refs(row["sources"]),
            chain=Chain.from_json(row["chain"]),
            evidence=Evidence.from_json(row["evidence"]),
            first_seen=moment(row["first_seen_us"]),
            last_seen=moment(row["last_seen_us"]),
            recorded_at=moment(row["recorded_at_us"]),
            standings=tuple(
                Standing.from_row(each, moment(each["at_us"])) for each in row.get("standings", ())
            ),
            **texts,
        )


def _flat(told: Node | Answer | Record) -> dict[str, Any]:
    """The fields of a noun whose fields are plain; `asdict` would copy each."""
    return {name: getattr(told, name) for name in told.__slots__}


_ANSWERS: Final = ("recorded_at", "state", "standings", "responses")
_TEXTS: Final = (
    *("rule", "title", "sentence", "attestation", "from_tenant", "to_tenant", "session_tenant"),
    "subject",
    *("session_id", "request_id", "trace_id", "agent", "identity", "credential_id", "dataset"),
    *("party", "operation", "state"),
)


def refs(rows: Sequence[Any]) -> tuple[Ref, ...]:
    """Spans from a column `Array(Tuple(trace_id String, span_id String))`, dicts or tuples."""
    return tuple(
        Ref(row["trace_id"], row["span_id"]) if isinstance(row, dict) else Ref(row[0], row[1])
        for row in cast("Sequence[dict[str, str] | tuple[str, str]]", rows)
    )


def moment(microseconds: int) -> datetime:
    """A time from microseconds since 1970; times that Python cannot hold become its limits."""
    try:
        return datetime.fromtimestamp(int(microseconds) / 1e6, UTC)
    except (OverflowError, ValueError, OSError):
        return (
            datetime.max.replace(tzinfo=UTC)
            if microseconds > 0
            else datetime.min.replace(tzinfo=UTC)
        )


def iso(time: datetime) -> str:
    """A time as everywhere on the screen: UTC, to the millisecond."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
