"""Takes one tenant's side out of a row of the ledger, so that the evidence of the other one stands.

Nothing is cleaned: what is not known to be of a side that stays is left out, and texts are told
anew. The id and the revision stay: they are digests of the whole, and prove an earlier copy of it.
"""

import json
import re
from collections.abc import Iterable, Mapping, Set
from typing import Any, Final

ERASED: Final = "erased"
"""Stands for the side that is gone, whoever it was."""

_SIDES: Final = ("from_tenant", "to_tenant", "session_tenant")
_OF_CALLER: Final = ("trace_id", "agent", "identity", "operation")
_OF_SESSION: Final = ("session_id", "request_id")


def sides(row: Mapping[str, Any]) -> set[str]:
    """Who takes part in a finding."""
    return {row[side] for side in _SIDES} - {""}


def mentions(words: Iterable[str]) -> str:
    """A pattern of texts, also those in JSON, in which one of these words stands."""
    forms = {form for word in words if word for form in (word, json.dumps(word)[1:-1])}
    return rf"(?:^|\W)(?:{'|'.join(sorted(map(re.escape, forms)))})(?:\W|$)"


def blinded(row: Mapping[str, Any], tenant: str) -> dict[str, Any]:
    """The row with nothing in it but what is of the other sides."""
    staying = sides(row) - {tenant}
    chain = _read(row["chain"])
    nodes = [node for node in chain.get("nodes", []) if node["tenant"] in staying]
    evidence = _read(row["evidence"])
    steps = {node["id"].partition(":")[2] for node in nodes if node["kind"] in ("tool", "agent")}
    called = row["session_tenant"] in staying
    # A run that was handed over bears the names that its first tenant gave to it.
    begun = called and chain.get("nodes", [])[:1] == nodes[:1] != []
    kept = dict(row)
    for names, shown in ((_OF_CALLER, called), (_OF_SESSION, begun)):
        kept |= {name: "" for name in names if not shown}
    for name, kind in (("dataset", "dataset"), ("credential_id", "credential")):
        labels = [node["label"] for node in nodes if node["kind"] == kind]
        kept[name] = row[name] if row[name] in labels else ""
    who = [
        *sorted(staying - {ERASED}),
        *(["a tenant that was erased"] if _gone(row, tenant) else []),
    ]
    title = f"{row['rule']}: {', '.join(who)}"
    reasons = f": {', '.join(row['reasons'])}" if row["reasons"] else ""
    return kept | {
        "title": title,
        "sentence": f"{title}. It is {row['verdict']}{reasons}.",
        "subject": row["finding_id"],
        **{side: ERASED if row[side] == tenant else row[side] for side in _SIDES},
        "party": row["party"] if called and row["to_tenant"] != tenant else "",
        "calls": [call for call in row["calls"] if call["span_id"] in steps],
        "sources": [call for call in row["sources"] if call["span_id"] in steps],
        "chain": json.dumps(_chain(nodes, chain.get("hops", []), steps)),
        "evidence": json.dumps(
            {name: evidence.get(name, []) for name in ("missing", "frameworks")}
        ),
    }


def _read(text: str) -> dict[str, Any]:
    """A JSON object; nothing of one that cannot be read stays."""
    try:
        read = json.loads(text)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}  # pyright: ignore[reportUnknownVariableType]  # any


def _gone(row: Mapping[str, Any], tenant: str) -> bool:
    return bool(sides(row) & {tenant, ERASED})


def _chain(
    nodes: list[dict[str, str]], hops: list[dict[str, Any]], steps: Set[str]
) -> dict[str, list[Any]]:
    """The nodes that stay; all others are one, and of the hops to it only the step is told."""
    staying = {node["id"] for node in nodes}
    told: list[dict[str, Any]] = []
    for hop in hops:
        ends = {end: hop[end] if hop[end] in staying else ERASED for end in ("from", "to")}
        if ERASED in ends.values():
            if {*ends.values()} == {ERASED}:
                continue
            hop = hop | ends | {"label": "crossed" if hop["crossing"] else "passed"}
            hop |= {} if hop["crossing"] else {"time": ""}
        if hop["span_id"] not in steps:
            hop = hop | {"trace_id": "", "span_id": ""}
        if hop not in told:
            told.append(hop)
    gone = {"id": ERASED, "kind": "agent", "label": "erased", "tenant": ERASED}
    used = any(ERASED in (hop["from"], hop["to"]) for hop in told)
    return {"nodes": [*nodes, *([gone] if used else [])], "hops": told}
