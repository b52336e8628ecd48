"""Who holds the values that more than eight tenants hold, kept from one analysis to the next.

Of a value it is known which call gave it out first, which tenants their own data or a commons gave
it to, and the first call of each other tenant that holds it. New calls can only make those earlier
or more, so they are laid beside what is known, and may be so twice. Where calls were erased or
datasets changed hands, all is read anew.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

_ORIGIN: Final = ("end_ns", "span", "owner", "dataset", "trace")
_FIRST: Final = (
    *("start_ns", "span", "trace", "session_id", "request_id", "agent", "identity"),
    *("credential_id", "approval_id", "policy_id", "policy_decision", "tool", "operation"),
    "attestation",
)


def _tuple(names: Iterable[str]) -> str:
    typed = (f"{name} {'Int64' if name.endswith('_ns') else 'String'}" for name in names)
    return f"Tuple({', '.join(typed)})"


COLUMNS: Final = {
    "spread": f"value UInt64, origin {_tuple(_ORIGIN)}, tenant_id String, first {_tuple(_FIRST)}",
    "asked_values": "value UInt64",
}
"""The tables: who holds a value without having it from its own, and which values are asked for."""

MOST: Final = 200_000
"""If more values and holders than that are known, they are read anew each time."""

Read = Callable[[str, Collection[int], bool], Iterable[dict[str, Any]]]
"""Runs a statement of this package over some values, of every load or of new ones."""

_Call = tuple[Any, ...]
"""When a call was, its span, and what else is told of it."""


@dataclass(slots=True)
class _Holders:
    origin: _Call | None = None
    own: set[str] = field(default_factory=set[str])
    strange: dict[str, _Call] = field(default_factory=dict[str, _Call])

    def add(self, row: dict[str, Any]) -> None:
        tenant, first = row["tenant_id"], row["first"]
        if row["was_given"]:
            self.origin = min(row["origin"], self.origin or row["origin"])
        if row["is_own"]:
            self.own.add(tenant)
            self.strange.pop(tenant, None)
        elif tenant not in self.own:
            self.strange[tenant] = min(first, self.strange.get(tenant, first))


class Spread:
    """What is known of values."""

    def __init__(self) -> None:
        self._given: dict[int, _Call | None] = {}
        """The first call that gave a value out, the last item of which says if it is a tenant's."""
        self._held: dict[int, _Holders] = {}

    def rows(self, wide: Collection[int], read: Read) -> list[dict[str, Any]]:
        """Who holds these values, of those that a tenant's own data gave out first."""
        known = [value for value in wide if value in self._given]
        new = [value for value in wide if value not in self._given]
        self._given.update(dict.fromkeys(new))
        for values, every_load in ((new, True), (known, False)):
            for row in read("given_out", values, every_load):
                first, earlier = row["first"], self._given[row["value"]]
                self._given[row["value"]] = min(first, earlier or first)
        told = [value for value in wide if (first := self._given[value]) and first[-1]]
        # A value that is not told of any more may be again, so what came meanwhile is read too.
        known = [value for value in wide if value in self._held]
        new = [value for value in told if value not in self._held]
        for values, every_load in ((new, True), (known, False)):
            for row in read("holders", values, every_load):
                self._held.setdefault(row["value"], _Holders()).add(row)
        return [
            {
                "value": value,
                "origin": dict(zip(_ORIGIN, held.origin, strict=True)),
                "tenant_id": tenant,
                "first": dict(zip(_FIRST, first, strict=True)),
            }
            for value in told
            if (held := self._held.get(value)) and held.origin
            for tenant, first in held.strange.items()
        ]

    @property
    def known(self) -> Collection[int]:
        """The values that more than eight tenants were known to hold."""
        return self._given.keys()

    def trim(self) -> None:
        """Forget all if it is very much."""
        holders = sum(len(held.own) + len(held.strange) for held in self._held.values())
        if len(self._given) + holders > MOST:
            self._given.clear()
            self._held.clear()
