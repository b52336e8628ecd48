"""How much of each tenant's calls can be answered for, and where what is missing is missing."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from partywall import attributes
from partywall_analyzer.findings import Scope
from partywall_analyzer.times import us
from partywall_collector.store import Store, statement

_SQL: Final = "partywall_analyzer.sql"


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that a call may have. `needed` ones count where a plain threshold is given."""

    name: str
    doc: str
    needed: bool
    lacks: str
    """How a call without it is told: "... of the calls LACKS"."""
    mend: str


MEASURES: Final = {
    measure.name: measure
    for measure in (
        Measure(
            "session",
            "made in a session that somebody opened or named",
            True,
            "belong to no session",
            "open `partywall.session(...)` around the run",
        ),
        Measure(
            "attested",
            "from a sender that was authenticated for the tenant (A1 or better)",
            True,
            "have a tenant that only the span claims",
            "send through a collector with authentication",
        ),
        Measure(
            "granted",
            "with a signed session grant, or confirmed by the resource (A2, A3)",
            False,
            "have no signed grant",
            "give the session a grant (docs/grants.md)",
        ),
        Measure(
            "identity",
            "with the workload identity that made it",
            True,
            "name no identity",
            "give the session an `identity`",
        ),
        Measure(
            "asset",
            "with the dataset or the party that it touched",
            True,
            "name no dataset and no party",
            "write a rule below `tools:` in the registry, or use `partywall.tool(dataset=...)`",
        ),
        Measure(
            "request",
            "with the request that it was made for",
            True,
            "name no request",
            "give the session a `request`",
        ),
        Measure(
            "credential",
            "with the id of the credential that let it through",
            False,
            "name no credential",
            "use `partywall.credential(...)`",
        ),
        Measure(
            "approval",
            "with the approval that it relied on",
            False,
            "cite no approval",
            "use `partywall.approval(...)` where one is needed",
        ),
        Measure(
            "decision",
            "with the decision of a policy",
            False,
            "were decided by no policy",
            "use `partywall.policy`",
        ),
        Measure(
            "facts",
            "with facts of its arguments or results, from which flows are found",
            False,
            "left no facts of arguments and results",
            "run the tool under `partywall.instrument`, or send content to be read and dropped",
        ),
    )
}
"""What is counted, in the order of the table."""

NEEDED: Final = tuple(name for name, measure in MEASURES.items() if measure.needed)


@dataclass(frozen=True, slots=True)
class Gap:
    """The calls of one agent's tool that lack something."""

    measure: str
    agent: str
    tool: str
    calls: int


@dataclass(slots=True)
class TenantCoverage:
    """The tool calls of one tenant, how many have what, and what is known to be missing."""

    tenant: str
    calls: int = 0
    having: Counter[str] = field(default_factory=Counter[str])
    parts: int = 0
    unclosed: int = 0
    broken: int = 0
    lost: int = 0
    quarantined: dict[str, int] = field(default_factory=dict[str, int])
    gaps: list[Gap] = field(default_factory=list[Gap])
    """What is needed and missing, most calls first."""

    def percent(self, measure: str) -> float:
        """How many of the calls have it; 100 where there is no call."""
        return 100 * self.having[measure] / self.calls if self.calls else 100.0

    def losses(self) -> Iterator[str]:
        """What never came, and what was not let in, in words."""
        if self.lost:
            spans = "1 numbered span" if self.lost == 1 else f"{self.lost:,} numbered spans"
            yield f"{spans} never came, in {self.broken:,} of {self.parts:,} stretches of sessions"
        if self.unclosed:
            yield (
                f"{self.unclosed:,} of {self.parts:,} stretches of sessions have no record of "
                "their end: still open, or their tail is lost"
            )
        for reason, spans in sorted(self.quarantined.items()):
            yield f"{spans:,} refused: {reason} (partywall quarantine list)"

    def to_dict(self) -> dict[str, Any]:
        """A JSON object, with the percentages."""
        told = asdict(self)
        del told["having"]
        return told | {
            "coverage": {
                name: {"calls": self.having[name], "percent": round(self.percent(name), 2)}
                for name in MEASURES
            }
        }


def coverage(
    store: Store,
    scope: Scope,
    *,
    tenant: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[TenantCoverage]:
    """The coverage of every tenant in scope that has calls or spans in quarantine, by name.

    Spans that claimed no tenant are those of the tenant "", which only the operator sees.
    """
    parameters = scope.parameters() | {
        "tenant": tenant,
        "since_us": us(since) if since else 0,
        "until_us": us(until) if until else 0,
    }
    del parameters["external"]
    found = _Tenants()
    for row in store.rows(statement(_SQL, "coverage"), parameters):
        _add(found[row["tenant"]], row)
    numbers = {
        "part": attributes.SESSION_PART,
        "close": attributes.SESSION_CLOSE,
        "spans": attributes.SESSION_SPANS,
    }
    for row in store.rows(statement(_SQL, "lost_spans"), parameters | numbers):
        each = found[row["tenant"]]
        each.parts, each.unclosed = row["parts"], row["unclosed"]
        each.broken, each.lost = row["broken"], row["lost"]
    for row in store.rows(statement(_SQL, "refused"), parameters):
        found[row["tenant"]].quarantined[row["reason"]] = row["spans"]
    for each in found.values():
        each.gaps.sort(key=lambda gap: (-gap.calls, gap.measure, gap.agent, gap.tool))
    return [found[name] for name in sorted(found)]


class _Tenants(defaultdict[str, TenantCoverage]):
    def __missing__(self, tenant: str) -> TenantCoverage:
        made = self[tenant] = TenantCoverage(tenant)
        return made


def _add(tenant: TenantCoverage, row: Mapping[str, Any]) -> None:
    tenant.calls += row["calls"]
    for name in MEASURES:
        tenant.having[name] += row[name]
        missing = row["calls"] - row[name]
        if missing and name in NEEDED:
            tenant.gaps.append(Gap(name, row["agent"], row["tool"], missing))


def below(
    tenants: Iterable[TenantCoverage], least: Mapping[str, float]
) -> Sequence[tuple[TenantCoverage, str]]:
    """The tenants with calls, and the measures, that do not reach the percentage asked for."""
    return [
        (each, name)
        for each in tenants
        for name, percent in least.items()
        if each.calls and each.percent(name) < percent
    ]
