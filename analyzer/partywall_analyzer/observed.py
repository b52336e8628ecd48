"""Calls that were looked up, each with what all spans that describe it know of it.

A framework, an MCP client and an MCP server may each have told of one call, and a key may match
what only one of them knows.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from partywall_analyzer.chunked import chunked
from partywall_analyzer.limits import Limits
from partywall_analyzer.model import Ref
from partywall_analyzer.observations import Call, Emitter, Observation, one_calls
from partywall_collector.store import Store, statement

Row = Mapping[str, Any]
"""A row of `sql/who.sql`."""

_SQL: Final = "partywall_analyzer.sql"
_BATCH: Final = 2_000
_NEAR: Final = 5_000
"""So many calls near those that were looked up are held against them, the latest first."""

_SPANS: Final = 5_000
"""So many spans of a trace may lie between those that describe one call."""

_KEYS: Final = (
    *("tenant", "dataset", "datasets", "party", "parties", "identity", "credential", "agent"),
    *("session", "request"),
)
_TEXTS: Final = ("subject", "operation", "actor_chain")
_LISTS: Final = ("datasets", "parties")


def others(store: Store, matched: Iterable[Row], asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Calls near those that lack an identity, a credential or an asset, which they may know.

    `asked` are the parameters of `sql/who.sql`: the time until when calls count holds for all.
    """
    found: list[dict[str, Any]] = []
    for some in chunked([row for row in matched if _lacks(row)], _BATCH):
        near = _near(some)
        if asked["until_us"]:
            near["until_us"] = min(near["until_us"], asked["until_us"])
        within = dict.fromkeys(_KEYS, "") | near | {"everything": False, "limit": _NEAR}
        found += store.rows(statement(_SQL, "who"), within)
    return found


def calls_of(store: Store, rows: Iterable[Row]) -> dict[Ref, Call]:
    """The calls that more than one of some rows describes, by each of their spans."""
    groups: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        for key in _keys(row):
            groups[key].append(row)
    doubtful = (row for group in groups.values() if _may_be_one(group) for row in group)
    alike = list({ref_of(row): row for row in doubtful}.values())
    emitters: dict[Ref, Emitter] = {}
    for some in chunked(alike, _BATCH):
        above = store.rows(statement(_SQL, "above_calls"), _near(some) | {"most": _SPANS})
        for row in above:
            emitters[ref_of(row)] = Emitter(row["parent"], row["step"], row["kind"], row["scope"])
    calls = one_calls([Observation.from_row(row) for row in alike], emitters)
    return {ref: call for call in calls for ref in call.spans}


def each_once(
    matched: Iterable[Row], rows: Mapping[Ref, Row], calls: Mapping[Ref, Call]
) -> list[dict[str, Any]]:
    """One row for each call, in the order of those that matched, with its other spans' ids."""
    found: dict[Ref, dict[str, Any]] = {}
    for row in matched:
        ref = ref_of(row)
        call = calls.get(ref)
        lead = call.spans[0] if call else ref
        if lead not in found:
            found[lead] = _told(call, rows) if call else {**row, "observations": ()}
    return list(found.values())


def ref_of(row: Row) -> Ref:
    """The span of a row."""
    return Ref(row["trace"], row["span"])


def _lacks(row: Row) -> bool:
    return not (row["identity"] and row["credential_id"] and (row["datasets"] or row["parties"]))


def _near(rows: Sequence[Row]) -> dict[str, Any]:
    """As parameters: the tenants and traces of some calls, and the time in which they were."""
    skew = Limits.read().clock_skew * 1_000_000
    return {
        "tenants": sorted({row["tenant_id"] for row in rows}),
        "traces": sorted({row["trace"] for row in rows}),
        "since_us": min(row["start_us"] for row in rows) - skew,
        "until_us": max(row["end_ns"] for row in rows) // 1_000 + skew,
    }


def _keys(row: Row) -> Iterable[tuple[str, ...]]:
    """What observations of one call have in common: the tool, or the id of the call."""
    where = (row["trace"], row["tenant_id"], row["session_id"])
    yield (*where, "tool", row["tool"])
    if row["call_id"]:
        yield (*where, "call", row["call_id"])


def _may_be_one(group: Sequence[Row]) -> bool:
    """Whether two rows may be one call: one may stand below the other, or they overlap."""
    if len({row["parent"] for row in group}) > 1:
        return True
    order = sorted((row["start_ns"], row["end_ns"]) for row in group)
    return any(begins <= ended for (_, ended), (begins, _) in pairwise(order))


def _told(call: Call, rows: Mapping[Ref, Row]) -> dict[str, Any]:
    """One row with the strongest facts of the observations of a call."""
    everyone = [rows[ref] for ref in call.spans]
    told: dict[str, Any] = dict(everyone[0])
    told |= {name: getattr(call.facts, name) for name in told if hasattr(call.facts, name)}
    for name in _TEXTS:
        told[name] = next((row[name] for row in everyone if row[name]), told[name])
    for name in _LISTS:
        told[name] = list({str(each): each for row in everyone for each in row[name]}.values())
    return told | {"observations": tuple(ref.span_id for ref in call.spans[1:])}
