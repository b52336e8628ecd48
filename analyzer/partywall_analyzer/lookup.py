"""Look-ups over calls and spans: who, for which tenant, which asset, using which identity."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, cast

from partywall import conventions
from partywall_analyzer.findings import Scope
from partywall_analyzer.model import ATTESTATIONS, Answer, iso, moment
from partywall_analyzer.names import clean
from partywall_collector.registry import DatasetOwner, Registry
from partywall_collector.registry.load import current
from partywall_collector.store import Store, statement

_SQL: Final = "partywall_analyzer.sql"
_TRACE: Final = re.compile(r"[0-9a-f]{32}")
_NO_PARENT: Final = "0" * 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSpan:
    """One span of a trace, as the waterfall draws it. Times are nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    step: str
    tenant_id: str
    agent: str
    identity: str
    service: str
    start_time: int
    end_time: int
    failed: bool
    crossing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoRow:
    """One call and the four answers about it, each with its proof line."""

    time: datetime
    trace_id: str
    span_id: str
    tenant_id: str
    session_id: str
    request_id: str
    agent: str
    identity: str
    subject: str
    actor_chain: tuple[str, ...]
    credential_id: str
    approval_id: str
    policy_decision: str
    tool: str
    operation: str
    datasets: tuple[str, ...]
    owners: tuple[str, ...]
    parties: tuple[str, ...]
    failed: bool
    attestation: str
    answers: tuple[Answer, Answer, Answer, Answer]

    def to_dict(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self) | {"time": iso(self.time)}


def trace(store: Store, scope: Scope, trace_id: str, *, limit: int = 5_000) -> list[TraceSpan]:
    """The spans of a trace that are in scope, in order of time; none for an unknown trace.

    A span is marked as crossing if an open finding in scope lists it among its calls.
    """
    wanted = trace_id.strip().lower()
    if not _TRACE.fullmatch(wanted):
        return []
    parameters: dict[str, Any] = scope.parameters() | {"trace": wanted}
    crossing = {row["span"] for row in store.rows(statement(_SQL, "crossing_spans"), parameters)}
    del parameters["external"]
    rows = store.rows(statement(_SQL, "trace"), parameters | {"limit": limit})
    return [
        TraceSpan(
            trace_id=row["trace"],
            span_id=row["span"],
            parent_span_id="" if row["parent"] == _NO_PARENT else row["parent"],
            name=row["name"],
            step=row["step"],
            tenant_id=row["tenant_id"],
            agent=row["agent"],
            identity=row["identity"],
            service=row["service"],
            start_time=int(row["start_ns"]),
            end_time=int(row["end_ns"]),
            failed=bool(row["failed"]),
            crossing=row["span"] in crossing,
        )
        for row in rows
    ]


def who(
    store: Store,
    scope: Scope,
    *,
    tenant: str = "",
    dataset: str = "",
    identity: str = "",
    credential: str = "",
    trace: str = "",
    since: datetime | None = None,
    limit: int = 100,
) -> list[WhoRow]:
    """The latest calls that match every given key; `*` in `dataset` stands for any text."""
    wanted = trace.strip().lower()
    if wanted and not _TRACE.fullmatch(wanted):
        return []
    parameters: dict[str, Any] = scope.parameters() | {
        "tenant": tenant,
        "dataset": _like(dataset),
        "identity": identity,
        "credential": credential,
        "trace": wanted,
        "since_us": 0 if since is None else round(since.timestamp() * 1e6),
        "limit": max(1, limit),
    }
    del parameters["external"]
    rows = store.rows(statement(_SQL, "who"), parameters)
    if not rows:
        return []
    registry, runs = Registry(current(store, DatasetOwner)), _runs(store, scope, rows)
    return [_who_row(row, registry, runs.get((row["tenant_id"], row["trace"]))) for row in rows]


def _runs(
    store: Store, scope: Scope, rows: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The agent runs above calls: frameworks name agent and person on the run, not on each call."""
    below = {row["trace"] for row in rows if not (row["agent"] and row["subject"])}
    parameters = scope.parameters() | {
        "traces": sorted(below),
        "subjects": list(conventions.SUBJECT),
    }
    del parameters["external"]
    found = store.rows(statement(_SQL, "runs_of_traces"), parameters) if below else []
    return {(run["tenant_id"], run["trace"]): run for run in found}


def _like(pattern: str) -> str:
    """A glob with `*` as a LIKE pattern; everything else stands for itself."""
    escaped = re.sub(r"([\\%_])", r"\\\1", pattern)
    return escaped.replace("*", "%")


def _who_row(row: Mapping[str, Any], registry: Registry, run: Mapping[str, Any] | None) -> WhoRow:
    datasets = tuple(_pair(entry, "id", 0) for entry in row["datasets"])
    owners = tuple(_owner(registry, dataset) for dataset in datasets)
    parties = tuple(_pair(entry, "value", 1) for entry in row["parties"])
    attestation = str(row["attestation"])
    proof = ATTESTATIONS.get(attestation, attestation)
    return WhoRow(
        time=moment(row["start_us"]),
        trace_id=row["trace"],
        span_id=row["span"],
        tenant_id=row["tenant_id"],
        session_id=row["session_id"],
        request_id=row["request_id"],
        agent=row["agent"] or (run["agent"] if run else ""),
        identity=row["identity"],
        subject=row["subject"] or (run["subject"] if run else ""),
        actor_chain=tuple(row["actor_chain"]),
        credential_id=row["credential_id"],
        approval_id=row["approval_id"],
        policy_decision=row["policy_decision"],
        tool=row["tool"],
        operation=row["operation"],
        datasets=datasets,
        owners=owners,
        parties=parties,
        failed=bool(row["failed"]),
        attestation=attestation,
        answers=(
            _who(row, run),
            Answer(
                "For which tenant",
                clean(row["tenant_id"]),
                f"{attestation or 'no attestation'}: {proof} "
                f"(principal {clean(row['principal']) or '?'})",
                attestation not in ("", "A0"),
            ),
            _asset(row, datasets, owners, parties),
            _identity(row),
        ),
    )


def _who(row: Mapping[str, Any], run: Mapping[str, Any] | None) -> Answer:
    above = run or {"agent": "", "subject": "", "span": ""}
    subject = row["subject"] or above["subject"]
    actors = [*row["actor_chain"]] or [row["agent"] or above["agent"]]
    people = [subject, *actors] if subject not in actors else actors
    named = [clean(name) for name in people if name]
    if not named:
        return Answer("Who", "not recorded", "no span names an agent or a person", False)
    said = [row["span"]] if row["subject"] or row["agent"] or row["actor_chain"] else []
    said += [above["span"]] if above["span"] and not (row["subject"] and row["agent"]) else []
    spans = " and ".join(said)
    return Answer("Who", " > ".join(named), f"span {spans} of trace {row['trace']}", True)


def _asset(
    row: Mapping[str, Any],
    datasets: Sequence[str],
    owners: Sequence[str],
    parties: Sequence[str],
) -> Answer:
    question = "Against which asset"
    if not datasets and not parties:
        return Answer(
            question,
            "not recorded",
            f"no dataset or party is known for {clean(row['tool'])}",
            False,
        )
    answer = ", ".join(clean(name) for name in dict.fromkeys((*datasets, *parties)))
    owned = ", ".join(dict.fromkeys(owner for owner in owners if owner))
    if datasets and not owned:
        return Answer(question, answer, "no owner in the registry", False)
    said = [f"owned by {owned}"] if owned else []
    said += ["a party of the call"] if parties else []
    return Answer(
        question, answer, "; ".join([*said, f"{row['operation'] or 'used'} by {row['tool']}"]), True
    )


def _identity(row: Mapping[str, Any]) -> Answer:
    question = "Using which identity"
    credential = f"credential {row['credential_id']}" if row["credential_id"] else ""
    answer = ", ".join(clean(name) for name in (row["identity"], credential) if name)
    if not answer:
        return Answer(question, "not recorded", "the span names no identity", False)
    if not row["credential_id"]:
        return Answer(question, answer, "claimed by the span; no credential is recorded", False)
    return Answer(question, answer, f"credential id on span {row['span']}", True)


def _owner(registry: Registry, dataset: str) -> str:
    owner = registry.owner(dataset)
    if owner is None:
        return ""
    return owner.tenant or owner.ownership


def _pair(entry: Any, name: str, index: int) -> str:
    """A field of a named tuple, which a driver hands over as a mapping or as a tuple."""
    if isinstance(entry, dict):
        return str(cast("dict[str, Any]", entry)[name])
    return str(cast("Sequence[Any]", entry)[index])
