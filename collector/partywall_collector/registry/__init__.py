"""What the operator knows: tenants, owners, parties, tools, grants, principals and sessions.

`Registry.read(store)` takes the records in force and answers whose a dataset or a party is. Of
several patterns that match, the most specific one counts: an exact name, then the longest literal
beginning, then the longest literal end.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import chain
from typing import Literal, TypeVar

from partywall import identifiers
from partywall_collector.registry.load import approvals_by_time, current
from partywall_collector.registry.model import (
    ANY,
    BREAK_GLASS,
    FOREVER,
    KINDS,
    PARTY_KINDS,
    Approval,
    Canary,
    Credential,
    DatasetOwner,
    Issuer,
    Party,
    Principal,
    Record,
    Relation,
    Session,
    Tenant,
    Tool,
)
from partywall_collector.registry.patterns import REGEX, Matcher, matches
from partywall_collector.store import Store

__all__ = [
    "ANY",
    "BREAK_GLASS",
    "FOREVER",
    "KINDS",
    "PARTY_KINDS",
    "Approval",
    "Canary",
    "Credential",
    "DatasetOwner",
    "Issuer",
    "Owner",
    "Party",
    "Principal",
    "Record",
    "Registry",
    "Relation",
    "Session",
    "Tenant",
    "Tool",
    "matches",
    "matches_party",
]

REMEMBERED = 65536
"""Answers kept by name: an analysis asks for the same few over and over."""

_WILDCARD = re.compile(r"([*?]|\[[^\]]*\])")

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a dataset is. `tenant` is empty for commons and may be empty for shared ones."""

    tenant: str
    ownership: str
    sensitive: bool
    pattern: str


class Registry:
    """The records in force, and the answers that follow from them."""

    def __init__(self, records: Iterable[Record]) -> None:
        records = list(records)
        self.tenants: Mapping[str, Tenant] = {tenant.id: tenant for tenant in _of(Tenant, records)}
        self.datasets = _of(DatasetOwner, records)
        self.parties = _of(Party, records)
        self.tools: Mapping[str, Tool] = {tool.tool: tool for tool in _of(Tool, records)}
        self.relations = _of(Relation, records)
        self.approvals = _of(Approval, records)
        self.approvals_by_time: Mapping[tuple[str, str], Sequence[tuple[datetime, Approval]]] = {}
        """By tenant and id, each version and when it was recorded; empty if that is not known."""
        self.credentials: Mapping[str, Credential] = {
            credential.id: credential for credential in _of(Credential, records)
        }
        self.principals: Mapping[str, Principal] = {
            principal.id: principal for principal in _of(Principal, records)
        }
        self.sessions = _of(Session, records)
        self.canaries = _of(Canary, records)

        self._owners = Matcher((dataset.pattern, dataset) for dataset in self.datasets)
        known: defaultdict[tuple[str, str], list[tuple[str, Party]]] = defaultdict(list)
        owned: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for party in self.parties:
            pattern = party_pattern(party.party_kind, party.pattern)
            known[party.tenant, party.party_kind].append((pattern, party))
            if party.relation == "own":
                owned[party.party_kind].append((pattern, party.tenant))
        self._known = {key: Matcher(entries) for key, entries in known.items()}
        self._owned = {kind: Matcher(entries) for kind, entries in owned.items()}
        self.owner = lru_cache(REMEMBERED)(self._owner)
        """`owner(dataset) -> Owner | None`: whose the dataset is; None if no pattern matches."""
        self.party = lru_cache(REMEMBERED)(self._party)
        """`party(tenant, kind, value)`: "own", "standing" or "foreign" for that tenant."""
        self.party_owner = lru_cache(REMEMBERED)(self._party_owner)
        """`party_owner(kind, value) -> tenant | None`; None also if two tenants claim it alike."""

    @classmethod
    def read(cls, store: Store, *, without: Collection[type[Record]] = ()) -> "Registry":
        """Read the records in force, without those of kinds that are not needed."""
        kinds = [kind for kind in KINDS.values() if kind not in without]
        made = cls(record for kind in kinds for record in current(store, kind))
        made.approvals_by_time = approvals_by_time(store)
        return made

    @cached_property
    def approved_tools(self) -> Collection[tuple[str, str]]:
        """The tools that approvals of a tenant name, with the tenant; those of any version."""
        versions = (each for known in self.approvals_by_time.values() for _, each in known)
        return frozenset(
            (each.tenant, tool) for each in chain(self.approvals, versions) for tool in each.tools
        )

    def with_credentials(self, credentials: Iterable[Credential]) -> "Registry":
        """The same records, but of credentials these."""
        other = copy(self)
        other.credentials = {credential.id: credential for credential in credentials}
        return other

    def _owner(self, dataset: str) -> Owner | None:
        for found in self._owners.find(dataset):
            return Owner(found.owner, found.ownership, found.sensitive, found.pattern)
        return None

    def _party(self, tenant: str, kind: str, value: str) -> Literal["own", "standing", "foreign"]:
        matcher = self._known.get((tenant, kind))
        for found in matcher.find(identifiers.normalise(kind, value)) if matcher else ():
            return "own" if found.relation == "own" else "standing"
        return "foreign"

    def _party_owner(self, kind: str, value: str) -> str | None:
        matcher = self._owned.get(kind)
        claims = set(matcher.find(identifiers.normalise(kind, value)) if matcher else ())
        return claims.pop() if len(claims) == 1 else None


def party_pattern(kind: str, pattern: str) -> str:
    """Return a party's pattern in the one spelling of its kind; a regular expression stays."""
    if pattern.startswith(REGEX):
        return pattern
    parts = _WILDCARD.split(pattern.strip())
    if len(parts) == 1:
        return identifiers.normalise(kind, pattern)
    return "".join(
        part if index % 2 else identifiers.normalise(kind, part) for index, part in enumerate(parts)
    )


def matches_party(pattern: str, kind: str, value: str) -> bool:
    """Say whether a pattern of a grant matches a party."""
    return matches(party_pattern(kind, pattern), identifiers.normalise(kind, value))


def _of(kind: type[R], records: Iterable[Record]) -> tuple[R, ...]:
    return tuple(record for record in records if isinstance(record, kind))
