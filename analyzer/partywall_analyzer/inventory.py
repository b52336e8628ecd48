"""Every identity: who sends, works, acts and holds a credential; for whom, since when, until when.

What calls show is put together with what the registry says: an identity that only one of the two
knows is as telling as one that both do.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from partywall_analyzer.findings import Scope
from partywall_analyzer.model import iso, moment
from partywall_analyzer.times import us
from partywall_collector.registry import ANY, FOREVER, Credential, Principal
from partywall_collector.registry.load import current
from partywall_collector.store import Store, statement

KINDS: Final = {
    "principal": "who sends spans, as the collector knows it",
    "identity": "the workload identity that calls name",
    "agent": "the name of an agent",
    "credential": "the id of a credential",
}

NOTES: Final = {
    "shared": "calls for more than one tenant were made in its name",
    "foreign": "it was used for a tenant that the registry does not name as its own",
    "ownerless": "nothing in the registry says whose it is",
    "unused": "it is registered, and no call was made in its name",
    "dormant": "no call for a long time",
    "revoked": "it was taken back",
    "expired": "its end has come",
    "used-after": "calls were made with it after its end",
    "endless": "a credential without an end",
}
"""What there is to say of an identity."""

DORMANT: Final = timedelta(days=30)
"""How long nothing is heard of an identity before it counts as dormant."""

_SQL: Final = "partywall_analyzer.sql"
_OWNED: Final = frozenset({"principal", "identity", "credential"})
"""The kinds whose owner the registry can name; an agent's name is nobody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One identity. Times are None where there is nothing to tell."""

    kind: str
    name: str
    owners: tuple[str, ...] = ()
    """For whom the registry knows it; `*` is every registered tenant."""
    tenants: tuple[str, ...] = ()
    """For whom calls were made in its name."""
    calls: int = 0
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    issued: datetime | None = None
    expires: datetime | None = None
    revoked: datetime | None = None
    notes: tuple[str, ...] = ()

    @property
    def ended(self) -> datetime | None:
        """When a credential stopped being good; None if it has no end."""
        return min((time for time in (self.expires, self.revoked) if time), default=None)

    def to_dict(self) -> dict[str, Any]:
        """A JSON object."""
        told = asdict(self)
        return {n: iso(v) if isinstance(v, datetime) else v for n, v in told.items()}


def identities(
    store: Store,
    scope: Scope,
    *,
    kinds: Collection[str] = (),
    tenant: str = "",
    name: str = "",
    notes: Collection[str] = (),
    since: datetime | None = None,
    dormant: timedelta = DORMANT,
    now: datetime | None = None,
) -> list[Identity]:
    """The identities that match, the most worrying and most used first.

    `tenant` is one that owns it or for which it acted, `name` a part of its name; of `notes` it has
    all. Calls before `since` are left out. A reader, for whom the store hides the principals, sees
    those that sent something.
    """
    parameters = scope.parameters() | {"since_us": us(since) if since else 0}
    del parameters["external"]
    found: defaultdict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    for row in store.rows(statement(_SQL, "identities"), parameters):
        found[row["kind"], row["name"]] |= {
            "tenants": tuple(row["tenants"]),
            "calls": row["calls"],
            "first_seen": moment(row["first_us"]),
            "last_seen": moment(row["last_us"]),
        }
    principals = [one for one in current(store, Principal) if _in(scope, one.tenants)]
    credentials = [one for one in current(store, Credential) if _in(scope, (one.tenant,))]
    for kind, named, columns in _registered(principals, credentials):
        found[kind, named] |= columns
    # Where no principal is seen, nothing can be said of whose they are.
    owned = _OWNED if principals else _OWNED - {"principal"}
    time = now or datetime.now(UTC)
    listed: list[Identity] = []
    for (kind, named), columns in found.items():
        one = Identity(kind=kind, name=named, **columns)
        listed.append(replace(one, notes=tuple(_notes(one, time, dormant, owned))))
    matching = (
        one
        for one in listed
        if (not kinds or one.kind in kinds)
        and (not tenant or tenant in (*one.owners, *one.tenants))
        and name.lower() in one.name.lower()
        and set(notes) <= set(one.notes)
    )
    order = list(KINDS)
    return sorted(
        matching,
        key=lambda one: (order.index(one.kind), -len(one.tenants), -one.calls, one.name),
    )


def _registered(
    principals: Iterable[Principal], credentials: Iterable[Credential]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What the registry says of senders, credentials and the workloads that have either."""
    workloads: defaultdict[str, set[str]] = defaultdict(set)
    for principal in principals:
        yield "principal", principal.id, {"owners": principal.tenants}
        workloads[principal.spiffe_id].update(principal.tenants)
    for credential in credentials:
        life = {
            "issued": credential.issued,
            "expires": _end(credential.expires),
            "revoked": _end(credential.revoked),
        }
        yield "credential", credential.id, {"owners": (credential.tenant,)} | life
        workloads[credential.identity].add(credential.tenant)
    for name, tenants in workloads.items():
        if name:
            yield "identity", name, {"owners": tuple(sorted(tenants))}


def _notes(
    one: Identity, now: datetime, dormant: timedelta, owned: Collection[str]
) -> Iterator[str]:
    if len(one.tenants) > 1:
        yield "shared"
    if one.owners and ANY not in one.owners and set(one.tenants) - set(one.owners):
        yield "foreign"
    if one.kind in owned and not one.owners:
        yield "ownerless"
    if not one.calls:
        yield "unused"
    elif one.last_seen and one.last_seen < now - dormant:
        yield "dormant"
    if one.revoked and one.revoked <= now:
        yield "revoked"
    elif one.expires and one.expires <= now:
        yield "expired"
    if one.ended and one.last_seen and one.last_seen >= one.ended:
        yield "used-after"
    if one.issued and not one.ended:
        yield "endless"


def _in(scope: Scope, tenants: Iterable[str]) -> bool:
    return scope.tenants is None or set(tenants) <= set(scope.tenants)


def _end(time: datetime) -> datetime | None:
    return time if time < FOREVER else None
