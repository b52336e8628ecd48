"""What is known of a call without its content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self, cast

from partywall.identifiers import Identifier

Rank = Literal["scalar", "outsider", "text"]


@dataclass(frozen=True, slots=True)
class Introduced:
    """A party that a call's result brought in.

    Its rank: the value of a field (`scalar`), of one that outsiders write, or inside a text.
    """

    value: int
    kind: str
    rank: Rank
    record: int


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call of a session; `ref` names its span, times are nanoseconds.

    All other numbers are keyed fingerprints and hashes.
    """

    ref: tuple[str, str]
    operation: str = ""
    failed: bool = False
    parties: tuple[Identifier, ...] = ()
    party_values: tuple[int, ...] = ()
    party_terms: tuple[frozenset[int], ...] = ()
    argument_terms: frozenset[int] = frozenset()
    introduces: tuple[Introduced, ...] = ()
    dropped: int = 0
    record_terms: Mapping[int, frozenset[int]] = field(default_factory=dict[int, frozenset[int]])
    values_in: frozenset[int] = frozenset()
    values_out: frozenset[int] = frozenset()
    start: int = 0
    end: int = 0

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Read a row of the table `calls`, its ids already as hex."""
        terms: dict[int, set[int]] = {}
        for record, term in _tuples(row["record_terms"], "record", "term"):
            terms.setdefault(record, set()).add(term)
        return cls(
            ref=(row["trace_id"], row["span_id"]),
            operation=row["operation"],
            failed=bool(row["failed"]),
            parties=tuple(
                Identifier(kind, value) for kind, value in _tuples(row["parties"], "kind", "value")
            ),
            party_values=tuple(row["party_values"]),
            party_terms=tuple(frozenset(terms) for terms in row["party_terms"]),
            argument_terms=frozenset(row["argument_terms"]),
            introduces=tuple(
                Introduced(*found)
                for found in _tuples(row["introduces"], "value", "kind", "rank", "record")
            ),
            dropped=row["introduces_dropped"],
            record_terms={record: frozenset(found) for record, found in terms.items()},
            values_in=frozenset(row["values_in"]),
            values_out=frozenset(row["values_out"]),
            start=int(row["start_ns"]),
            end=int(row["end_ns"]),
        )


def _tuples(rows: Sequence[Any], *names: str) -> list[tuple[Any, ...]]:
    """Rows of a column of tuples, which a client gives as mappings or as tuples."""
    return [
        tuple(cast("Mapping[str, Any]", row)[name] for name in names)
        if isinstance(row, Mapping)
        else tuple(cast("Sequence[Any]", row))
        for row in rows
    ]
