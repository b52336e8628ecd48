"""What people and machines do about a finding: recorded for each tenant, append-only."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from partywall_analyzer.model import EXTERNAL, Finding, moment
from partywall_analyzer.standing import Kind, Response
from partywall_collector.store import Store, statement

REASONS: Final = {
    "contained": "what made it possible is gone",
    "accepted": "the tenant agreed to it",
    "false-positive": "nothing crossed",
    "duplicate": "another finding says the same",
    "drill": "it was an exercise",
}
"""Why a finding can be closed."""

OPERATOR: Final = "operator"
"""Stands for nobody's tenant where a name is shown."""

_SQL: Final = "partywall_analyzer.sql"
_NEEDS: Final = {
    Kind.ACK: ("new", "open"),
    Kind.CLOSE: ("new", "open", "acknowledged"),
    Kind.REOPEN: ("closed", "acknowledged"),
}


class CannotRespond(ValueError):
    """The response does not fit the finding; the text says why."""


def respond(
    store: Store,
    finding: Finding,
    kind: Kind,
    *,
    by: str,
    tenants: Sequence[str] = (),
    reason: str = "",
    note: str = "",
) -> list[Response]:
    """Record what was done about a finding, for some of its tenants or for all of them.

    A note is read by the tenants that are named; where none is, it is the operator's own. `finding`
    is one of `get_finding`. Raises CannotRespond for a tenant that takes no part, a reason that is
    none, and where no tenant stands so that it can be done.
    """
    sides = [standing.tenant for standing in finding.standings]
    if strangers := set(tenants) - set(sides):
        known = ", ".join(filter(None, sides)) or "none, it is the operator's"
        raise CannotRespond(
            f"finding {finding.id} has no side of tenant '{min(strangers)}'; it has: {known}"
        )
    if (kind is Kind.CLOSE) != bool(reason) or (reason and reason not in REASONS):
        raise CannotRespond(f"close, and nothing else, has a reason; one of: {', '.join(REASONS)}")
    standing = {each.tenant: each.state for each in finding.standings}
    fitting = [
        tenant
        for tenant in (tenants or sides)
        if kind not in _NEEDS or standing[tenant] in _NEEDS[kind]
    ]
    if not fitting:
        where = ", ".join(f"{each or OPERATOR} ({standing[each]})" for each in tenants or sides)
        raise CannotRespond(f"{kind} does not fit where finding {finding.id} stands: {where}")
    one = Response(
        id=uuid.uuid4().hex,
        finding_id=finding.id,
        tenant="",
        kind=kind,
        actor=by,
        at=datetime.now(UTC),
        severity=finding.severity.value,
        reason=reason,
        note=note,
    )
    given = [
        replace(one, tenant=tenant, note=note if tenants or not tenant else "")
        for tenant in fitting
    ]
    own = note and not tenants and "" not in fitting
    record(store, [*given, one] if own else given)
    return given


def record(store: Store, responses: Sequence[Response]) -> None:
    """Append responses. One with the id and tenant of an earlier one counts once."""
    now = datetime.now(UTC)
    store.insert("responses", [_row(each, now) for each in responses])


def responses_to(
    store: Store, findings: Sequence[str], tenants: Sequence[str] | None = None
) -> list[Response]:
    """The responses to findings, by id, oldest first; only of these tenants, if any are named."""
    parameters = {
        "ids": list(findings),
        "everything": tenants is None,
        "tenants": [each for each in tenants or () if each not in ("", EXTERNAL)],
    }
    rows = store.rows(statement(_SQL, "responses_to"), parameters)
    return [_response(row) for row in rows]


def _row(response: Response, recorded_at: datetime) -> dict[str, Any]:
    row = response.to_dict()
    renamed = {"response_id": row.pop("id"), "tenant_id": row.pop("tenant")}
    return row | renamed | {"at": response.at, "recorded_at": recorded_at}


def _response(row: dict[str, Any]) -> Response:
    return Response(
        id=row["response_id"],
        tenant=row["tenant_id"],
        kind=Kind(row["kind"]),
        at=moment(row["at_us"]),
        **{name: row[name] for name in ("finding_id", "outcome", "actor", "reason", "note")},
        **{name: row[name] for name in ("target", "severity")},
    )
