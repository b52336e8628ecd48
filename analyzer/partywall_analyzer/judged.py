"""From what each finding was derived, so that one that would be derived from the same is not again.

A finding follows from its candidates, from the spans and calls of the traces that they name, from
what its values prove, and from the registry. Whatever changes one of the latter makes those traces
dirty, or forgets all of this; a candidate with a party is looked at each time, because its
introduction follows from the calls of the whole session.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from partywall_analyzer.folding import traces_of
from partywall_analyzer.model import Candidate, Finding
from partywall_analyzer.standing import WITHDRAWN


class _Made(NamedTuple):
    """A digest of the candidates, and the revision that they became; empty if they were refuted."""

    candidates: int
    revision: str


class Judged:
    """What the analyses of a process derived, by the id of the finding."""

    def __init__(self) -> None:
        self._made: dict[str, _Made] = {}

    def standing(
        self,
        found: Mapping[str, Sequence[Candidate]],
        known: Mapping[str, Mapping[str, Any]],
        dirty: Collection[str],
    ) -> set[str]:
        """Which of the findings that candidates would become are what the ledger says of them.

        `known` is what it says of them, `dirty` are the traces that changed.
        """
        return {
            name
            for name, candidates in found.items()
            if (made := self._made.get(name))
            and made.candidates == _digest(candidates)
            and made.revision == _revision(known.get(name))
            and traces_of(candidates).isdisjoint(dirty)
        }

    def note(self, found: Mapping[str, Sequence[Candidate]], findings: Iterable[Finding]) -> None:
        """Remember what candidates became."""
        revisions = {finding.id: finding.revision for finding in findings}
        for name, candidates in found.items():
            if any(candidate.party for candidate in candidates):
                self._made.pop(name, None)
            else:
                self._made[name] = _Made(_digest(candidates), revisions.get(name, ""))


def by_finding(candidates: Iterable[Candidate]) -> dict[str, list[Candidate]]:
    """Candidates by the id of the finding that they become."""
    found: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        found[candidate.id].append(candidate)
    return dict(found)


def _digest(candidates: Sequence[Candidate]) -> int:
    return hash(frozenset(candidates))


def _revision(row: Mapping[str, Any] | None) -> str:
    return "" if row is None or row["state"] == WITHDRAWN else row["revision"]
