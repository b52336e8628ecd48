"""Looks calls up: who, for which tenant, which asset, using which identity."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, cast

from partywall import conventions
from partywall_analyzer.answers import Known, answers_of
from partywall_analyzer.findings import Scope
from partywall_analyzer.model import Answer, iso, moment
from partywall_analyzer.observed import calls_of, each_once, others, ref_of
from partywall_analyzer.times import us
from partywall_analyzer.together import both
from partywall_analyzer.waterfall import TRACE_ID
from partywall_collector.registry import Credential, DatasetOwner, Registry
from partywall_collector.registry.load import approvals_by_time, known
from partywall_collector.store import Store, statement

_SQL: Final = "partywall_analyzer.sql"


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoRow:
    """One call and the answers about it, each with its proof line.

    `span_id` is the outermost span that describes the call, `observations` are the others. The
    first four answers are always there: who, for which tenant, against which asset, using which
    identity. A call that cites an approval has a fifth one: by which approval.
    """

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
    observations: tuple[str, ...]
    answers: tuple[Answer, ...]

    def to_dict(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self) | {"time": iso(self.time)}


def who(
    store: Store,
    scope: Scope,
    *,
    tenant: str = "",
    dataset: str = "",
    party: str = "",
    identity: str = "",
    credential: str = "",
    agent: str = "",
    session: str = "",
    request: str = "",
    trace: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    as_of: datetime | None = None,
    limit: int = 100,
) -> list[WhoRow]:
    """The latest calls that match every given key.

    `*` in `dataset` and `party` stands for any text. `as_of` answers as one could have answered
    then: with the calls that had begun and what the registry had recorded by that time. Owners,
    approvals and credentials are those of that time, and whether they covered a call is said for
    the time of the call.
    """
    wanted = trace.strip().lower()
    if wanted and not TRACE_ID.fullmatch(wanted):
        return []
    ends = [time for time in (until, as_of) if time]
    parameters: dict[str, Any] = scope.parameters() | {
        "tenant": tenant,
        "dataset": "" if "*" in dataset else dataset,
        "datasets": _like(dataset) if "*" in dataset else "",
        "party": "" if "*" in party else party,
        "parties": _like(party) if "*" in party else "",
        "identity": identity,
        "credential": credential,
        "agent": agent,
        "session": session,
        "request": request,
        "traces": [wanted] if wanted else [],
        "since_us": us(since) if since else 0,
        "until_us": us(min(ends)) if ends else 0,
    }
    del parameters["external"]
    limit = spans = max(1, limit)
    while True:
        matched = store.rows(statement(_SQL, "who"), {**parameters, "limit": spans})
        rows = {ref_of(row): row for row in (*matched, *others(store, matched, parameters))}
        calls, (runs, facts) = both(
            partial(calls_of, store, rows.values()),
            partial(_told_of, store, scope, rows.values(), as_of),
        )
        found = each_once(matched, rows, calls)
        if len(found) >= limit or len(matched) < spans:
            break
        spans *= 3  # several of them describe one call
    return [
        _who_row(row, facts, runs.get((row["tenant_id"], row["trace"]))) for row in found[:limit]
    ]


def _told_of(
    store: Store, scope: Scope, rows: Collection[Mapping[str, Any]], at: datetime | None
) -> tuple[dict[tuple[str, str], Mapping[str, Any]], Known]:
    """The agent runs above calls, and what the registry said of what they name."""
    return both(partial(_runs, store, rows), partial(_known, store, scope, rows, at))


def _known(
    store: Store, scope: Scope, rows: Collection[Mapping[str, Any]], at: datetime | None
) -> Known:
    """What the registry said at a time of all that the rows name.

    Of what lies between tenants out of scope it knows nothing: whoever guesses an id learns as much
    as of one that does not exist.
    """
    approvals = {row["approval_id"] for row in rows} - {""}
    credentials = {row["credential_id"] for row in rows} - {""}
    datasets = {_pair(entry, "id", 0) for row in rows for entry in row["datasets"]}
    given = approvals_by_time(store, at=at, names=approvals) if approvals else {}
    issued = known(store, Credential, at=at, names=credentials) if credentials else {}
    return Known(
        scope,
        Registry(known(store, DatasetOwner, at=at, matching=datasets) if datasets else {}),
        {
            key: versions
            for key, versions in given.items()
            if scope.sees(versions[-1][1].tenant, versions[-1][1].grantee)
        },
        {record: since for record, since in issued.items() if scope.sees(record.tenant)},
    )


def _runs(
    store: Store, rows: Collection[Mapping[str, Any]]
) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The agent runs above calls: frameworks name agent and person on the run, not on each call."""
    below = [row for row in rows if not (row["agent"] and row["subject"])]
    if not below:
        return {}
    parameters = {
        "tenants": sorted({row["tenant_id"] for row in below}),
        "traces": sorted({row["trace"] for row in below}),
        "subjects": list(conventions.SUBJECT),
    }
    found = store.rows(statement(_SQL, "runs_of_traces"), parameters)
    return {(run["tenant_id"], run["trace"]): run for run in found}


def _like(pattern: str) -> str:
    """A glob with `*` as a LIKE pattern; everything else stands for itself."""
    escaped = re.sub(r"([\\%_])", r"\\\1", pattern)
    return escaped.replace("*", "%")


def _who_row(row: Mapping[str, Any], facts: Known, run: Mapping[str, Any] | None) -> WhoRow:
    datasets = tuple(_pair(entry, "id", 0) for entry in row["datasets"])
    parties = tuple(_pair(entry, "value", 1) for entry in row["parties"])
    owners = tuple(facts.owner(dataset) for dataset in datasets)
    told = dict(row) | {"datasets": datasets, "parties": parties, "owners": owners}
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
        attestation=str(row["attestation"]),
        observations=row["observations"],
        answers=answers_of(told, facts, run),
    )


def _pair(entry: Any, name: str, index: int) -> str:
    """A field of a named tuple, which a driver hands over as a mapping or as a tuple."""
    if isinstance(entry, dict):
        return str(cast("dict[str, Any]", entry)[name])
    return str(cast("Sequence[Any]", entry)[index])
