"""Asks, for each call with a foreign party, who introduced the party in that session."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from partywall_analyzer.model import Candidate, Ref
from partywall_collector.registry import Registry
from partywall_collector.store import Store


@dataclass(frozen=True, slots=True)
class Introduced:
    """Who introduced a party, and whether the request stands behind that."""

    verdict: Literal["delegated", "not delegated", "unknown"]
    reason: str
    introduced_by: tuple[Ref, ...] = ()


class Introductions:
    """The introductions of the parties of some candidates."""

    def __init__(self, store: Store, registry: Registry, candidates: Sequence[Candidate]) -> None:
        self._store = store

    def of(self, candidate: Candidate, call: Ref) -> Introduced:
        return Introduced("unknown", "")
