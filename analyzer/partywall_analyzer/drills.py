"""Boundary drills: crossings made on purpose, to see that they are found, and how soon.

A drill is known by its id, which is random and recorded before it is used, and stands in the names
of its datasets: no call of somebody else can pass for one. Its findings are marked, and wake nobody
unless that is asked for.
"""

import secrets
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from partywall.identifiers import fingerprint
from partywall_analyzer.drill_spans import SCHEME, SENDER, Values, dataset, request, runs
from partywall_analyzer.findings import OPERATOR, get_finding, list_findings
from partywall_analyzer.model import DRILL, DRILL_MARK, Candidate, Finding, Severity, iso
from partywall_analyzer.responses import respond
from partywall_analyzer.standing import Kind
from partywall_collector.otlp_sender import Batch
from partywall_collector.principals import of_token
from partywall_collector.registry import Canary, DatasetOwner, Principal, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store, statement
from partywall_collector.store.home import Home

TENANTS: Final = ("partywall-drill-a", "partywall-drill-b")
"""For whom a drill is made if no tenant is named; they are registered for it."""

RULES: Final[Mapping[str, tuple[str, ...]]] = {
    "dataset": ("foreign-dataset",),
    "flow": ("flow", "foreign-dataset", "canary"),
    "relay": ("relay", "canary"),
}
"""The kinds of drills, and the rules that must find one; the first is told."""

_SQL: Final = "partywall_analyzer.sql"
_POLL: Final = 0.25
_LASTS: Final = timedelta(hours=1)
"""For so long a drill's canary counts; its spans are sent at once."""


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

    @property
    def kind(self) -> str:
        """What it does; its id says so."""
        return self.id.rpartition("-")[0] or "dataset"

    def to_dict(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self) | {"kind": self.kind, "sent_at": iso(self.sent_at)}


class Prepared(NamedTuple):
    """A drill that is recorded, and the spans that make it, as they go over the wire."""

    drill: Drill
    spans: Batch


def prepare(
    store: Store, tenant: str, owner: str, *, pages: bool, token: str, kind: str = "dataset"
) -> Prepared:
    """Register what a drill needs, and the drill itself, before anything is sent.

    With a token, which nobody else has, drills have a sender of their own until `retire`.
    """
    number = f"{'' if kind == 'dataset' else f'{kind}-'}{secrets.token_hex(16)}"
    sessions = runs(kind, tenant, owner)
    now = datetime.now(UTC)
    write([Tenant(id=name) for name in (tenant, owner) if name in TENANTS], store)
    write([DatasetOwner(pattern=f"{SCHEME}{of}/*", owner=of) for of in (tenant, owner)], store)
    if kind == "relay":
        write([DatasetOwner(pattern=f"{SCHEME}/*", ownership="shared")], store)
    if token:
        tenants = tuple(dict.fromkeys(run.tenant for run in sessions))
        digest = of_token(token)[1]
        write([Principal(id=SENDER, tenants=tenants, token_sha256=digest)], store)
    drill = Drill(
        id=number,
        tenant=tenant,
        owner=owner,
        dataset=dataset(owner, number),
        pages=pages,
        sent_at=now,
    )
    record(store, drill)
    values = Values() if kind == "dataset" else _plant(store, drill)
    return Prepared(drill, request(number, sessions, values))


def _plant(store: Store, drill: Drill) -> Values:
    """Register a canary of the owner for this drill; its value is forgotten at once."""
    value = str(uuid.uuid4())
    keys = Home(store.home).fingerprint_keys()
    made = {key: fingerprint(key.secret, "uuid", value) for key in keys}
    canary = Canary(
        id=f"drill-{drill.id}",
        tenant=drill.owner,
        dataset=drill.dataset,
        fingerprints=tuple(sorted(made.values())),
        valid_until=drill.sent_at + _LASTS,
    )
    write([canary], store)
    in_force = keys.at(time.time())
    if in_force is None:
        return Values()
    return Values((made[in_force.results],), tuple(made[key] for key in in_force.arguments))


def retire(store: Store) -> None:
    """The sender of drills may send no longer."""
    write([Principal(id=SENDER, tenants=(), token_sha256="")], store)


def record(store: Store, drill: Drill) -> None:
    """Keep a drill, or what came of it."""
    row = asdict(drill)
    row |= {"drill_id": row.pop("id"), "caller": row.pop("tenant")}
    store.insert("drills", [row | {"recorded_at": datetime.now(UTC)}])


def drills(store: Store, limit: int = 20) -> list[Drill]:
    """The drills that were made, the newest first."""
    rows = store.rows(statement(_SQL, "list_drills"), {"limit": limit})
    return [_drill(row) for row in rows]


def wait(
    store: Store,
    drill: Drill,
    begun: float,
    timeout: float,
    look: Callable[[], object] | None = None,
) -> Drill:
    """Wait for its findings, and where it pages for word of it to somebody; keep what came of it.

    `begun` is the `time.monotonic()` at which it was sent; `look` analyzes, if nobody else does.
    """
    end, found = begun + timeout, drill
    while time.monotonic() < end:
        if look is not None:
            look()
        after = time.monotonic() - begun
        findings = found_of(store, drill)
        if not found.found_after and findings.keys() >= {*RULES[drill.kind]}:
            finding = findings[RULES[drill.kind][0]]
            found = replace(found, finding_id=finding.id, found_after=round(after, 3))
        if drill.pages and not found.told_after and _told(store, findings.values()):
            found = replace(found, told_after=round(after, 3))
        if found.found_after and (found.told_after or not drill.pages):
            break
        time.sleep(_POLL)
    record(store, found)
    return found


def _told(store: Store, findings: Iterable[Finding]) -> bool:
    """Whether word of one of them went to somebody."""
    known = (get_finding(store, OPERATOR, each.id) for each in findings)
    return any(r.kind is Kind.NOTIFY for each in known if each for r in each.responses)


def close(store: Store, drill: Drill) -> None:
    """Close the findings of a drill as an exercise, for every tenant of them."""
    for finding in found_of(store, drill).values():
        if finding.state != "closed":
            respond(store, finding, Kind.CLOSE, by=SENDER, reason=DRILL)


class Drills:
    """Which findings are of drills, and how they are marked.

    One is, if all that it names are datasets of one recorded drill, in a session of the tenant
    that the drill is for.
    """

    def __init__(self, store: Store, candidates: Iterable[Candidate]) -> None:
        named: defaultdict[str, set[str]] = defaultdict(set)
        for candidate in candidates:
            named[candidate.id] |= {_id_of(name) for name in _names(candidate)}
        self._of: Mapping[str, str] = {
            finding: ids.pop() for finding, ids in named.items() if len(ids) == 1 and "" not in ids
        }
        ids = sorted(set(self._of.values()))
        rows = store.rows(statement(_SQL, "drills_of_ids"), {"ids": ids}) if ids else []
        self._known: Mapping[tuple[str, str], bool] = {
            (row["id"], row["tenant"]): row["pages"] for row in rows
        }

    def marked(self, finding: Finding) -> Finding:
        """A finding as it is, or marked as one of a drill."""
        pages = self._known.get((self._of.get(finding.id, ""), finding.session_tenant))
        if pages is None:
            return finding
        return replace(
            finding,
            title=f"{DRILL_MARK}{finding.title}",
            sentence=f"{DRILL_MARK}{finding.sentence}",
            severity=finding.severity if pages else Severity.INFO,
            reasons=(*finding.reasons, DRILL),
        )


def _names(candidate: Candidate) -> set[str]:
    """The datasets that it is about; a party, or nothing, is no drill's."""
    sources = {crossing.source_dataset for crossing in candidate.crossings}
    named = {candidate.dataset, *sources} - {""}
    return {""} if candidate.party or not named else named


def _id_of(name: str) -> str:
    """The drill that a dataset is made for, if it is one's."""
    return name.rpartition("/")[2] if name.startswith(SCHEME) else ""


def found_of(store: Store, drill: Drill) -> dict[str, Finding]:
    """The marked findings of a drill by their rules."""
    found = list_findings(store, OPERATOR, states=(), search=drill.id).rows
    return {each.rule: each for each in found if DRILL in each.reasons}


def _drill(row: Mapping[str, Any]) -> Drill:
    names = ("owner", "dataset", "pages", "sent_at", "finding_id", "found_after", "told_after")
    told = {name: row[name] for name in names}
    return Drill(id=row["drill_id"], tenant=row["caller"], **told)
