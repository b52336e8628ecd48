"""Which values are planted ones, and when a sighting of them proves that data moved."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from partywall_collector.registry import Canary, Registry

_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00Z")


class Period(NamedTuple):
    """From when to when, in nanoseconds since 1970; the end is not in it."""

    begins: int
    ends: int

    def holds(self, time: int) -> bool:
        """Whether a time lies in it."""
        return self.begins <= time < self.ends


def planted(registry: Registry) -> Mapping[int, Period]:
    """The planted values by fingerprint; one that two tenants planted is nobody's (planted.sql)."""
    found: defaultdict[int, list[Canary]] = defaultdict(list)
    for canary in registry.canaries:
        for value in canary.fingerprints:
            found[value].append(canary)
    return {
        value: _period(min(canaries, key=lambda canary: canary.id))
        for value, canaries in found.items()
        if len({canary.tenant for canary in canaries}) == 1
    }


def _period(canary: Canary) -> Period:
    return Period(_nanoseconds(canary.valid_from), _nanoseconds(canary.valid_until))


def _nanoseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1) * 1_000
