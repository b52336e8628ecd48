"""The registry of the tests about bindings, with an agent of acme; and a session that closes."""

from typing import Any

from planted import YEAR, at

from partywall_analyzer.testing import Log
from partywall_collector.registry import (
    Approval,
    Credential,
    DatasetOwner,
    Record,
    Relation,
    Tenant,
    Tool,
)


def approval(id: str, **more: object) -> Approval:
    """An approval of fjord for acme, one dataset and one request."""
    fields: dict[str, object] = {
        "tenant": "fjord",
        "grantee": "acme",
        "request": "one",
        "datasets": ("crm/fjord/*",),
        "valid_from": YEAR,
    }
    return Approval(id=id, **(fields | more))  # pyright: ignore[reportArgumentType]  # by name


def credential(id: str, **more: object) -> Credential:
    """A credential of acme that lives for an hour."""
    fields: dict[str, object] = {"tenant": "acme", "issued": at(-600), "expires": at(3_000)}
    return Credential(id=id, **(fields | more))  # pyright: ignore[reportArgumentType]  # by name


REGISTRY: list[Record] = [
    *(Tenant(id=name) for name in ("acme", "fjord", "gate", *(f"t{n}" for n in range(9)))),
    *(DatasetOwner(pattern=f"crm/{name}/*", owner=name) for name in ("acme", "t0")),
    DatasetOwner(pattern="docs/*", ownership="commons"),
    Tool(tool="query", operation="read", datasets=("crm/{customer}",)),
    approval("CHG-bot", approver="bot@ACME"),
    approval("CHG-ann", approver="ann@acme"),
    approval("CHG-all", datasets=("crm/*", "*")),
    approval("CHG-anybody", grantee="*", request="*"),
    approval("CHG-one", grantee="*"),
    credential("of-planner", identity="agent:planner"),
    credential("of-anybody"),
    credential("for-an-hour", request="one"),
    credential("ends-in-time", request="one", expires=at(560)),
    credential("revoked-in-time", request="one", revoked=at(560)),
    Credential(id="for-ever", tenant="acme", issued=YEAR),
    Relation(id="all", tenant="gate", grantee="acme", datasets=("tenant/gate",), valid_from=YEAR),
]


def closes(log: Log, s: str, *numbers: int, count: int, **call: Any) -> None:
    """A session whose spans have these numbers, and that closes with a count."""
    for number in numbers:
        log.call("acme", session=s, request=s, sequence=number, at=number, **call)
    log.close("acme", session=s, request=s, sequence=count)
