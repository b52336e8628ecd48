"""The spans of one trace, as the waterfall draws them."""

import re
from dataclasses import dataclass
from typing import Any, Final

from partywall_analyzer.findings import Scope
from partywall_collector.store import Store, statement

TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
"""A trace as everywhere outside the store."""

_SQL: Final = "partywall_analyzer.sql"
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


def trace(store: Store, scope: Scope, trace_id: str, *, limit: int = 5_000) -> list[TraceSpan]:
    """The spans of a trace that are in scope, in order of time; none for an unknown trace.

    A span is marked as crossing if an open finding in scope lists it among its calls.
    """
    wanted = trace_id.strip().lower()
    if not TRACE_ID.fullmatch(wanted):
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
