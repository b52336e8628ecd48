"""The ledger of findings: append-only, and the newest revision of an id is the finding.

A finding whose content is the same writes nothing, one that is no longer derived is withdrawn, and
its rows stay. What somebody does about a finding is a response and lies beside the ledger.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from partywall_analyzer.chunked import chunked
from partywall_analyzer.model import Finding
from partywall_analyzer.standing import WITHDRAWN
from partywall_analyzer.tables import Tables
from partywall_collector.store import Store, statement

_SQL: Final = "partywall_analyzer.sql"
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs from the ledger before."""

    new: list[Finding]
    changed: list[Finding]
    withdrawn: list[Finding]


def record(
    store: Store,
    known: Mapping[str, Mapping[str, Any]],
    findings: Sequence[Finding],
    *,
    standing: Collection[str] = (),
    failed: Collection[str] = (),
) -> Changes:
    """Append what is new, what changed and what no longer follows from the open keys.

    `known` is what the ledger says of them. What is `standing` was not derived anew, and what the
    `failed` rules had found stands: that they find nothing now says nothing.
    """
    new = [finding for finding in findings if finding.id not in known]
    changed = [
        finding
        for finding in findings
        if finding.id in known
        and (
            finding.revision != known[finding.id]["revision"]
            or known[finding.id]["state"] == WITHDRAWN
        )
    ]
    derived = {finding.id for finding in findings} | set(standing)
    gone = [
        name
        for name, row in known.items()
        if row["state"] != WITHDRAWN and name not in derived and row["rule"] not in failed
    ]
    withdrawn = [replace(found, state=WITHDRAWN) for found in _stored(store, gone)]
    now = datetime.now(UTC)
    rows: list[dict[str, Any]] = [f.to_row(now) for f in (*new, *changed, *withdrawn)]
    store.insert("ledger", rows)
    return Changes(new, changed, withdrawn)


def recorded(tables: Tables) -> dict[str, dict[str, Any]]:
    """The newest revision of the findings of open keys, by id."""
    sql = statement(_SQL, "known_findings_of_keys" if tables.news else "known_findings")
    return {row["finding_id"]: row for row in tables.rows(sql)}


def _stored(store: Store, ids: Sequence[str]) -> Iterator[Finding]:
    for chunk in chunked(ids, _CHUNK):
        for row in store.rows(statement(_SQL, "stored_findings"), {"ids": chunk}):
            yield Finding.from_row(row)
