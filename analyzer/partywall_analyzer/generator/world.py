"""The world that agents work in: tenants, their datasets and records, and what is shared."""

import random
from collections.abc import Mapping
from itertools import accumulate
from typing import Any, Final

from partywall_analyzer.generator.knobs import Knobs

Line = dict[str, Any]
"""An entry of the registry."""

OPERATOR: Final = "operator"
"""The tenant that runs the platform and administers the others."""

BOARD: Final = "shared://board/{number}"
GUIDE: Final = "commons://guides/{number}"
BOARDS: Final = 20
GUIDES: Final = 40
TABLES: Final = ("customers", "invoices", "tickets", "orders", "contracts", "assets")

TOOLS: Final[tuple[Line, ...]] = (
    {"tool": "read_rows", "operation": "read", "datasets": ["{dataset}"]},
    {"tool": "run_report", "operation": "read", "datasets": ["{dataset}"]},
    {"tool": "write_rows", "operation": "write", "datasets": ["{dataset}"]},
    {"tool": "send_mail", "operation": "send", "party": {"kind": "email", "arguments": ["to"]}},
)


class World:
    """Tenants by activity, the registry that knows them, and new records for each."""

    def __init__(self, knobs: Knobs, chance: random.Random) -> None:
        self.registry: dict[str, list[Line]] = {}
        self.tenants = [f"tenant-{number:04}" for number in range(knobs.tenants)]
        self._chance = chance
        weights = [1 / (rank + 1) ** knobs.zipf for rank in range(knobs.tenants)]
        self._weights = list(accumulate(weights))
        self._made = 0
        for name in (*self.tenants, OPERATOR):
            self.add("tenants", id=name)
        for name in self.tenants:
            self.add("datasets", pattern=f"postgres://crm/{name}.*", owner=name)
            self.add("parties", tenant=name, kind="email", pattern=f"*@{name}.example")
        self.add("datasets", pattern="shared://*", ownership="shared")
        self.add("datasets", pattern="commons://*", ownership="commons")
        for tool in TOOLS:
            self.add("tools", **tool)

    def add(self, registry_kind: str, /, **line: Any) -> None:
        """Add an entry to the registry."""
        self.registry.setdefault(registry_kind, []).append(line)

    def tenant(self, *others: str) -> str:
        """A tenant, the busy ones more often."""
        while True:
            (name,) = self._chance.choices(self.tenants, cum_weights=self._weights)
            if name not in others:
                return name

    def crowd(self, count: int) -> list[str]:
        """So many tenants, each another one; none if there are not as many."""
        return self._chance.sample(self.tenants, count) if count <= len(self.tenants) else []

    def dataset(self, tenant: str, table: str = "") -> str:
        """A dataset that a tenant owns."""
        return f"postgres://crm/{tenant}.{table or self._chance.choice(TABLES)}"

    def board(self) -> str:
        """A dataset into which several tenants write."""
        return BOARD.format(number=self._chance.randrange(BOARDS))

    def guide(self) -> str:
        """A dataset that is nobody's."""
        return GUIDE.format(number=self._chance.randrange(GUIDES))

    def record(self, tenant: str) -> Mapping[str, str]:
        """A new record of a tenant's customer: five identifiers that nobody else has."""
        self._made += 1
        number, digits = self._made, self._chance.randrange(10**9, 10**10)
        return {
            "mail": f"c{number}.{digits % 9973}@customers.{tenant}.example",
            "iban": f"DE{digits % 89 + 10}{digits:010}{number:08}",
            "phone": f"+49 {digits // 10**7}{number:06}",
            "reference": f"CASE-{number:06}{digits % 97:02}",
            "key": f"k{self._chance.getrandbits(80):020x}{number}",
        }

    def number(self, prefix: str) -> str:
        """A new name."""
        self._made += 1
        return f"{prefix}-{self._made:06}"
