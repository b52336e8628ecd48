"""The spans of the traces that a candidate needs, with what their calls touched."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, NamedTuple, cast

from partywall_analyzer.chunked import chunked
from partywall_analyzer.model import Ref
from partywall_analyzer.together import both
from partywall_collector.store import Store, statement

_SQL: Final = "partywall_analyzer.sql"
_BATCH: Final = 2_000
"""So many names at most go into one statement, whose parameters a server bounds."""

_NO_PARENT: Final = "0" * 16


class Access(NamedTuple):
    """A dataset that a call touched, and how."""

    dataset: str
    operation: str


class PartyName(NamedTuple):
    """A party that a call sent to or fetched from."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span as the graph sees it. Times are nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent_span_id: str = ""
    start: int
    end: int
    tenant_id: str = ""
    session_id: str = ""
    request_id: str = ""
    name: str = ""
    step: str = ""
    tool: str = ""
    agent: str = ""
    identity: str = ""
    subject: str = ""
    credential_id: str = ""
    operation: str = ""
    datasets: tuple[Access, ...] = ()
    parties: tuple[PartyName, ...] = ()
    values_in: tuple[int, ...] = ()
    values_out: tuple[int, ...] = ()
    links: tuple[Ref, ...] = ()
    failed: bool = False

    @property
    def ref(self) -> Ref:
        """Its name."""
        return Ref(self.trace_id, self.span_id)


def fetch(store: Store, traces: Collection[str], most: int) -> dict[str, list[Span]]:
    """The spans of these traces by trace; a span recorded twice comes once.

    Of a trace that has more than `most` come `most` and one, without what their calls touched.
    """
    by_trace: dict[str, list[Span]] = {}
    names = sorted(set(traces))
    for some in chunked(names, _BATCH):
        parameters: dict[str, Any] = {"traces": some, "spans": [], "most": most + 1}
        known = _rows_of(store, parameters)
        by_trace |= {trace: list(known[trace].values()) for trace in some}
    return by_trace


def fetch_some(store: Store, refs: Collection[Ref]) -> list[Span]:
    """These spans, as far as they are stored."""
    found: list[Span] = []
    wanted = sorted(set(refs))
    for some in map(set, chunked(wanted, _BATCH)):
        traces, spans = (sorted({ref[part] for ref in some}) for part in (0, 1))
        parameters = {"traces": traces, "spans": spans, "most": len(spans) + 1}
        for known in _rows_of(store, parameters).values():
            found += (span for span in known.values() if span.ref in some)
    return found


def _rows_of(store: Store, parameters: dict[str, Any]) -> dict[str, dict[str, Span]]:
    by_trace: dict[str, dict[str, Span]] = {trace: {} for trace in parameters["traces"]}

    def read(name: str) -> list[dict[str, Any]]:
        return store.rows(statement(_SQL, name), parameters)

    spans, calls = both(partial(read, "spans_of_traces"), partial(read, "calls_of_traces"))
    for row in spans:
        span = _span(row)
        by_trace[span.trace_id][span.span_id] = span
    cut = {name for name, spans in by_trace.items() if len(spans) >= parameters["most"]}
    for row in calls:
        if row["trace"] not in cut:
            known = by_trace[row["trace"]]
            known[row["span"]] = _with_call(known.get(row["span"]) or _span(row), row)
    return by_trace


def _span(row: Mapping[str, Any]) -> Span:
    return Span(
        trace_id=row["trace"],
        span_id=row["span"],
        parent_span_id="" if row["parent"] == _NO_PARENT else row["parent"],
        start=int(row["start_ns"]),
        end=int(row["end_ns"]),
        tenant_id=row["tenant_id"],
        session_id=row["session_id"],
        request_id=row["request_id"],
        name=row["name"],
        step=row["step"],
        agent=row["agent"],
        identity=row["identity"],
        links=tuple(Ref(*pair) for pair in pairs(row.get("links", ()))),
        failed=bool(row["failed"]),
    )


def _with_call(span: Span, row: Mapping[str, Any]) -> Span:
    return replace(
        span,
        step=row["step"],
        tool=row["tool"],
        agent=row["agent"] or span.agent,
        identity=row["identity"] or span.identity,
        subject=row["subject"],
        credential_id=row["credential_id"],
        operation=row["operation"],
        datasets=tuple(Access(*pair) for pair in pairs(row["datasets"])),
        parties=tuple(PartyName(*pair) for pair in pairs(row["parties"])),
        values_in=tuple(row["values_in"]),
        values_out=tuple(row["values_out"]),
        failed=bool(row["failed"]),
    )


def pairs(column: Iterable[Any]) -> list[tuple[str, str]]:
    """A column of named pairs, which a driver hands over as mappings or as tuples."""
    made: list[tuple[str, str]] = []
    for entry in column:
        if isinstance(entry, Mapping):
            first, second = cast("Mapping[str, Any]", entry).values()
        else:
            first, second = cast("Sequence[Any]", entry)
        made.append((str(first), str(second)))
    return made
