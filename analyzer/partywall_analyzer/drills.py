"""Boundary drills: crossings made on purpose, to see that they are found, and how soon.

A drill is known by the name of its dataset, which is random and recorded before it is used: no call
of somebody else can pass for one. Its finding is marked, and wakes nobody unless that is asked for.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from partywall import attributes
from partywall_analyzer.findings import OPERATOR, get_finding, list_findings
from partywall_analyzer.model import DRILL, DRILL_MARK, Candidate, Finding, Severity, iso
from partywall_analyzer.responses import respond
from partywall_analyzer.standing import Kind
from partywall_collector.principals import of_token
from partywall_collector.registry import DatasetOwner, Principal, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store, statement

SCHEME: Final = "partywall-drill://"
"""The datasets of drills; there is nothing behind them."""

TENANTS: Final = ("partywall-drill-a", "partywall-drill-b")
"""For whom a drill is made if no tenant is named; they are registered for it."""

SENDER: Final = "partywall-drill"
"""The principal that a drill sends as if it is given no token of another one."""

_SQL: Final = "partywall_analyzer.sql"
_POLL: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One drill. `found_after` and `told_after` are seconds since it was sent, 0 for never."""

    id: str
    tenant: str
    owner: str
    dataset: str
    pages: bool
    sent_at: datetime
    finding_id: str = ""
    found_after: float = 0.0
    told_after: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self) | {"sent_at": iso(self.sent_at)}


def prepare(store: Store, tenant: str, owner: str, *, pages: bool, token: str) -> Drill:
    """Register what a drill needs, and the drill itself, before anything is sent.

    With a token, which nobody else has, drills have a sender of their own until `retire`.
    """
    number = secrets.token_hex(16)
    own = [Tenant(id=name) for name in (tenant, owner) if name in TENANTS]
    write([*own, DatasetOwner(pattern=f"{SCHEME}{owner}/*", owner=owner)], store)
    if token:
        digest = of_token(token)[1]
        write([Principal(id=SENDER, tenants=(tenant,), token_sha256=digest)], store)
    drill = Drill(
        id=number,
        tenant=tenant,
        owner=owner,
        dataset=f"{SCHEME}{owner}/{number}",
        pages=pages,
        sent_at=datetime.now(UTC),
    )
    record(store, drill)
    return drill


def retire(store: Store, tenant: str) -> None:
    """The sender of drills may send no longer."""
    write([Principal(id=SENDER, tenants=(tenant,), token_sha256="")], store)


def record(store: Store, drill: Drill) -> None:
    """Keep a drill, or what came of it."""
    row = asdict(drill)
    row |= {"drill_id": row.pop("id"), "caller": row.pop("tenant")}
    store.insert("drills", [row | {"recorded_at": datetime.now(UTC)}])


def drills(store: Store, limit: int = 20) -> list[Drill]:
    """The drills that were made, the newest first."""
    rows = store.rows(statement(_SQL, "list_drills"), {"limit": limit})
    return [_drill(row) for row in rows]


def request(drill: Drill) -> bytes:
    """The spans of a drill as they go over the wire: a run that reads what is not its own."""
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add()
    spans.resource.attributes.add(key="service.name").value.string_value = SENDER
    trace, now = secrets.token_bytes(16), time.time_ns()
    common = {
        attributes.TENANT_ID: drill.tenant,
        attributes.SESSION_ID: f"drill-{drill.id}",
        attributes.REQUEST_ID: f"drill-{drill.id}",
        attributes.IDENTITY_ID: SENDER,
        "gen_ai.agent.name": SENDER,
    }
    call = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "drill",
        attributes.DATASET_ID: drill.dataset,
        attributes.DATASET_OPERATION: "read",
    }
    scope = spans.scope_spans.add()
    run = Span(
        trace_id=trace,
        span_id=secrets.token_bytes(8),
        name=f"invoke_agent {SENDER}",
        start_time_unix_nano=now,
        end_time_unix_nano=now + 2_000_000,
    )
    tool = Span(
        trace_id=trace,
        span_id=secrets.token_bytes(8),
        parent_span_id=run.span_id,
        name="execute_tool drill",
        start_time_unix_nano=now + 500_000,
        end_time_unix_nano=now + 1_500_000,
    )
    _say(run, common | {"gen_ai.operation.name": "invoke_agent"})
    _say(tool, common | call)
    scope.spans.extend([run, tool])
    return message.SerializeToString()


def wait(
    store: Store,
    drill: Drill,
    begun: float,
    timeout: float,
    look: Callable[[], object] | None = None,
) -> Drill:
    """Wait for the finding, and where it pages for word of it to somebody; keep what came of it.

    `begun` is the `time.monotonic()` at which it was sent; `look` analyzes, if nobody else does.
    """
    end, found = begun + timeout, drill
    while time.monotonic() < end:
        if look is not None:
            look()
        after = time.monotonic() - begun
        finding = _finding(store, drill)
        if finding and not found.found_after:
            found = replace(found, finding_id=finding.id, found_after=round(after, 3))
        if finding and any(each.kind is Kind.NOTIFY for each in finding.responses):
            found = replace(found, told_after=round(after, 3))
        if found.told_after or (found.found_after and not drill.pages):
            break
        time.sleep(_POLL)
    record(store, found)
    return found


def close(store: Store, drill: Drill) -> None:
    """Close the finding of a drill as an exercise, for every tenant of it."""
    finding = _finding(store, drill)
    if finding and finding.state != "closed":
        respond(store, finding, Kind.CLOSE, by=SENDER, reason=DRILL)


class Drills:
    """Which candidates are drills, and how their findings are marked."""

    def __init__(self, store: Store, candidates: Iterable[Candidate]) -> None:
        names = sorted({c.dataset for c in candidates if c.dataset.startswith(SCHEME)})
        rows = (
            store.rows(statement(_SQL, "drills_of_datasets"), {"datasets": names}) if names else []
        )
        self._known: Mapping[tuple[str, str], bool] = {
            (row["dataset"], row["tenant"]): row["pages"] for row in rows
        }

    def marked(self, finding: Finding) -> Finding:
        """A finding as it is, or marked as one of a drill."""
        pages = self._known.get((finding.dataset, finding.session_tenant))
        if pages is None:
            return finding
        return replace(
            finding,
            title=f"{DRILL_MARK}{finding.title}",
            sentence=f"{DRILL_MARK}{finding.sentence}",
            severity=finding.severity if pages else Severity.INFO,
            reasons=(*finding.reasons, DRILL),
        )


def _finding(store: Store, drill: Drill) -> Finding | None:
    found = list_findings(store, OPERATOR, states=(), search=drill.dataset, limit=1).rows
    return get_finding(store, OPERATOR, found[0].id) if found else None


def _say(span: Span, said: Mapping[str, str]) -> None:
    for key, value in said.items():
        span.attributes.add(key=key).value.string_value = value


def _drill(row: Mapping[str, Any]) -> Drill:
    names = ("owner", "dataset", "pages", "sent_at", "finding_id", "found_after", "told_after")
    told = {name: row[name] for name in names}
    return Drill(id=row["drill_id"], tenant=row["caller"], **told)
