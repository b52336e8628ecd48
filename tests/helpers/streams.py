"""Small random worlds as streams: loads of spans, and changes of the registry between them."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from partywall_analyzer.testing import START, Log
from partywall_collector.registry import (
    Approval,
    Canary,
    Credential,
    DatasetOwner,
    Party,
    Record,
    Relation,
    Session,
    Tenant,
    Tool,
)
from partywall_collector.registry.load import write
from partywall_collector.registry.model import WHEN_LOADED
from partywall_collector.store import Store

TENANTS = ("acme", "fjord", "gate")
CROWD = tuple(f"t{number}" for number in range(9))
TICKS = 3
TABLES = (
    *("spans", "calls", "ledger", "analyses", "tenants", "datasets", "parties", "relations"),
    *("approvals", "credentials", "sessions", "tools", "canaries"),
)
YEAR = START - timedelta(days=60)


@dataclass
class Tick:
    """What arrives between two analyses."""

    spans: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    calls: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    records: list[Record] = field(default_factory=list[Record])

    def arrive(self, store: Store) -> None:
        """Load it."""
        store.insert("spans", self.spans)
        store.insert("calls", self.calls)
        if self.records:
            write(self.records, store)


class World:
    """A random world: the rows of all its calls, and what changes in its registry meanwhile.

    Its names and values are its own, so that many worlds can lie in one store.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._seed = seed
        self._log = Log(None, first=10_000 * seed + 1)  # pyright: ignore[reportArgumentType]  # its rows are taken, not written
        self._value = 1_000 * seed
        self._relays = 0
        self._moved: list[tuple[str, int]] = []
        self._tenants = [f"{name}-{seed}" for name in TENANTS]
        self._crowd_of = [f"{name}-{seed}" for name in CROWD]
        hosts = (f"supplier-{seed}", f"fjord-{seed}")
        self._parties = [("email", f"bo@{host}.example") for host in hosts]
        self._board, self._docs = f"board/{seed}/1", f"docs/{seed}/1"
        self._sold, self._lent = f"fair/{seed}/sold", f"fair/{seed}/lent"
        self._quiet()
        plants = (self._visit, self._flow, self._relay, self._crowd, self._hand_off, self._lend)
        for plant in (*plants, self._bind):
            plant()
        for _ in range(4):
            self.random.choice(plants)()
        self._observe()
        self._link()
        self._spray()

    def ticks(self) -> list[Tick]:
        """What arrives between two analyses, several times."""
        ticks = [Tick() for _ in range(TICKS)]
        ticks[0].records += self._registry()
        spans, calls = self._log.take()
        for table, rows in (("spans", spans), ("calls", calls)):
            for row in rows:
                row["placement"] = "one"  # a part of its own for each tenant would only cost time
                # A sender that retries sends a row twice.
                for _ in range(1 if self.random.random() < 0.9 else 2):
                    getattr(self._tick(row["session_id"], ticks), table).append(row)
        for tick in ticks:
            self.random.shuffle(tick.calls)
        for record in self._changes():
            self.random.choice(ticks[1:]).records.append(record)
        _, reader, _, lender, buyer, *_ = self._crowd_of
        grant: dict[str, Any] = {"tenant": lender, "grantee": reader, "datasets": (self._lent,)}
        ticks[-1].records += [
            DatasetOwner(pattern=self._sold, owner=buyer),
            Relation(id=f"loan-{self._seed}", valid_from=YEAR, **grant),
        ]
        return ticks

    def _tick(self, session: str, ticks: list[Tick]) -> Tick:
        if session.endswith("-early"):
            return ticks[0]
        return ticks[-1] if session.endswith("-late") else self.random.choice(ticks)

    def _registry(self) -> list[Record]:
        fjord = self._tenants[1]
        return [
            *(Tenant(id=tenant) for tenant in (*self._tenants, *self._crowd_of)),
            *(DatasetOwner(pattern=f"crm/{name}/*", owner=name) for name in self._tenants),
            DatasetOwner(pattern=f"board/{self._seed}/*", ownership="shared"),
            DatasetOwner(pattern=f"docs/{self._seed}/*", ownership="commons"),
            DatasetOwner(pattern=self._sold, owner=self._crowd_of[2]),
            DatasetOwner(pattern=self._lent, owner=self._crowd_of[3]),
            *(Credential(id=f"of-{name}", tenant=name, issued=YEAR) for name in self._tenants),
            Party(tenant=fjord, party_kind="email", pattern=f"*@fjord-{self._seed}.example"),
            self._canary(),
            Canary(
                id=f"spray-{self._seed}",
                tenant=self._tenants[0],
                fingerprints=(self._sprayed,),
            ),
        ]

    def _changes(self) -> list[Record]:
        owner, grantee, third = self.random.sample(self._tenants, 3)
        until = START + timedelta(seconds=self.random.randint(0, 120))
        approval = Approval(
            id=f"CHG-{self._seed}",
            tenant=owner,
            grantee=grantee,
            request="*",
            approver=self.random.choice(["somebody", f"spiffe://{owner}/agent"]),
            datasets=("*",),
            valid_from=YEAR,
            valid_until=until,
            revoked=until - timedelta(seconds=self.random.choice([0, 30])),
            recorded=self.random.choice([YEAR, START + timedelta(seconds=90), WHEN_LOADED]),
        )
        changes: list[Record] = [
            approval,
            Relation(
                id=f"care-{self._seed}",
                tenant=third,
                grantee=owner,
                datasets=("*",),
                valid_from=YEAR,
            ),
            Credential(id=f"of-{owner}", tenant=owner, issued=YEAR, revoked=until),
            Credential(id=f"stray-{self._seed}", tenant=third, issued=YEAR),
            Credential(
                id=f"bound-{self._seed}", tenant=third, identity="nobody", request="R", issued=YEAR
            ),
            DatasetOwner(pattern=f"crm/{owner}/2", owner=grantee),
            DatasetOwner(pattern=f"crm/{third}/1", ownership="commons"),
            DatasetOwner(pattern=f"board/{self._seed}/1", ownership="commons"),
            Party(tenant=grantee, party_kind="email", pattern=f"*@supplier-{self._seed}.example"),
            Session(tenant=owner, request=f"R-{owner}", opened=YEAR, named=(self._parties[0],)),
            Tenant(id=third, name="Another name"),
            Tool(tool=f"query-{self._seed}", datasets=("crm/{customer}",)),
            self._canary(valid_until=until),
            self._canary(),
        ]
        return self.random.sample(changes, self.random.randint(4, 6))

    def _canary(self, **more: Any) -> Canary:
        """A value of some tenant turns out to be planted; the canary of before is so no more."""
        tenant, value = self.random.choice(self._moved)
        more |= {"tenant": tenant, "fingerprints": (value,)}
        return Canary(id=f"row-{self._seed}-{tenant}", **more)

    def _values(self, count: int = 2) -> list[int]:
        self._value += count
        return list(range(self._value - count + 1, self._value + 1))

    def _session(self, tenant: str) -> dict[str, Any]:
        number = self.random.randint(0, 2)
        return {"session": f"s-{tenant}-{number}", "request": f"R-{tenant}"}

    def _call(self, tenant: str, at: float, **more: Any) -> None:
        own: dict[str, Any] = {"credential": f"of-{tenant}"} if self.random.random() < 0.4 else {}
        cited: dict[str, Any] = (
            {"approval": f"CHG-{self._seed}"} if self.random.random() < 0.3 else {}
        )
        named: dict[str, Any] = {"agent": f"agent-{tenant}", "identity": f"spiffe://{tenant}/agent"}
        self._log.call(tenant, at=at, **(own | cited | named | more))

    def _quiet(self) -> None:
        """Two sessions that are over when what they read changes hands, and when it is granted.

        No other change is about their tenants.
        """
        for tenant, name in zip(self._crowd_of[:2], (self._sold, self._lent), strict=True):
            session, request = f"s-{tenant}-quiet-early", f"R-{tenant}"
            self._log.call(tenant, at=5, reads=[name], session=session, request=request)

    def _observe(self) -> None:
        """A call that a framework, and a server below it, tell of; only one cites an approval."""
        one, other = self._tenants[:2]
        own: dict[str, Any] = {"session": f"s-{one}-0", "request": f"R-{one}"}
        run = self._log.agent(one, at=70, **own)
        own["reads"] = [f"crm/{other}/1"]
        top = self._log.call(one, at=71, lasts=3, parent=run, scope="framework", **own)
        own["approval"] = f"CHG-{self._seed}"
        self._log.call(one, at=72, parent=top, scope="server", kind=2, **own)

    def _link(self) -> None:
        """A run of one tenant that is started by a run of another one, over a queue."""
        one, other = self._tenants[:2]
        for late, early in (("-late", "-early"), ("-early", "-late")):
            ours: dict[str, Any] = {"session": f"s-{one}-{self._seed}{late}", "request": f"R-{one}"}
            theirs: dict[str, Any] = {
                "session": f"s-{other}-{self._seed}{early}",
                "request": f"R-{other}",
            }
            run = self._log.agent(one, at=80, **ours)
            self._log.agent(other, at=85, links=[run], **theirs)

    def _spray(self) -> None:
        """A canary that many tenants hold; the call that gave it out is told of last."""
        one, other = self._tenants[:2]
        (self._sprayed,) = self._values(1)
        for tenant in (other, *self._crowd_of):
            self._call(tenant, 50, values_in=[self._sprayed], session=f"s-{tenant}-spray-early")
        session = f"s-{one}-spray-late"
        self._call(one, 3, reads=[f"crm/{one}/1"], values_out=[self._sprayed], session=session)

    def _visit(self) -> None:
        """A foreign dataset and a foreign party."""
        tenant, other = self.random.sample(self._tenants, 2)
        own, at = self._session(tenant), self.random.randint(0, 90)
        run = self._log.agent(tenant, at=at, **own)
        self._call(tenant, at + 1, parent=run, reads=[f"crm/{other}/{at % 3}"], agent="", **own)
        self._call(tenant, at + 3, parent=run, sends=[self.random.choice(self._parties)], **own)

    def _flow(self) -> None:
        """One session reads A and writes B, with values or in order, in one trace or two."""
        one, other, third = self.random.sample(self._tenants, 3)
        own, at = self._session(third), self.random.randint(0, 90)
        values = self._values()
        self._moved.append((one, values[0]))
        run = self._log.agent(third, at=at, **own)
        more = {"parent": run} if self.random.random() < 0.7 else {}
        self._call(third, at + 1, parent=run, reads=[f"crm/{one}/1"], values_out=values, **own)
        self._call(third, at + 4, writes=[f"crm/{other}/2"], values_in=values, **more, **own)
        if self.random.random() < 0.5:
            self._call(
                one,
                at - 2,
                reads=[self._docs],
                values_out=values[:1],
                **self._session(one),
            )

    def _relay(self) -> None:
        """One session puts a value on the board; a later one takes it on."""
        one, other = self.random.sample(self._tenants, 2)
        values, at = self._values(), self.random.randint(0, 60)
        self._moved.append((one, values[0]))
        # Every other source arrives after all that its values went into.
        self._relays += 1
        late = self._relays % 2 == 1
        home: dict[str, Any] = self._session(one) | (
            {"session": f"s-{one}-{values[0]}-late"} if late else {}
        )
        run = self._log.agent(one, at=at, **home)
        self._call(one, at + 1, parent=run, reads=[f"crm/{one}/1"], values_out=values, **home)
        self._call(one, at + 3, parent=run, writes=[self._board], values_in=values, **home)
        own: dict[str, Any] = {
            "session": f"s-{other}-{values[0]}{'-early' * late}",
            "request": f"R-{other}",
        }
        run = self._log.agent(other, at=at + 40, **own)
        self._call(other, at + 50, parent=run, reads=[self._board], values_out=values, **own)
        self._call(other, at + 60, parent=run, writes=[f"crm/{other}/2"], values_in=values, **own)
        if self.random.random() < 0.3:
            for tenant in self._crowd_of:
                self._call(tenant, at + 70, values_out=values[:1], session=f"s-{tenant}")

    def _crowd(self) -> None:
        """A flow by a value that many tenants hold."""
        one, other, third = self.random.sample(self._tenants, 3)
        (value,) = self._values(1)
        self._moved.append((one, value))
        own: dict[str, Any] = {"session": f"s-{third}-{value}-early", "request": f"R-{third}"}
        self._call(third, 20, trace=self._value, reads=[f"crm/{one}/1"], values_out=[value], **own)
        self._call(third, 25, writes=[f"crm/{other}/2"], values_in=[value], **own)
        for tenant in self._crowd_of:
            self._call(tenant, 30, values_out=[value], session=f"s-{tenant}-late")

    def _hand_off(self) -> None:
        """A run goes on as another tenant, sometimes below a span of nobody."""
        one, other = self.random.sample(self._tenants, 2)
        own, at = self._session(one), self.random.randint(0, 90)
        run = self._log.agent(one, at=at, agent="planner", **own)
        below = self._log.agent(other, at=at + 2, parent=run, agent="", **own)
        self._call(other, at + 3, parent=below, reads=[f"crm/{one}/1"], agent="", **own)

    def _lend(self) -> None:
        """One credential for two tenants; nobody knows the stray one at first."""
        one, other = self.random.sample(self._tenants, 2)
        name = self.random.choice([f"stray-{self._seed}", f"of-{one}"])
        for tenant, at in ((one, 5), (other, self.random.randint(0, 90))):
            own = self._session(tenant)
            run = self._log.agent(tenant, at=at, **own)
            self._call(tenant, at + 1, parent=run, credential=name, agent="", **own)

    def _bind(self) -> None:
        """Bindings of one tenant: a policy, a chain of actors, a credential; a session of two."""
        one, other = self.random.sample(self._tenants, 2)
        own, at = self._session(one), self.random.randint(0, 90)
        self._call(one, at, policy="dlp", decision="deny", **own)
        self._call(one, at + 1, columns={"actor_chain": [f"spiffe://{other}/agent"] * 6}, **own)
        self._call(one, at + 2, credential=f"bound-{self._seed}", **own)
        self._call(one, at, session=f"{self._value + 1:032x}", trace=self._value + 1, request="")
        self._call(one, at + 1, tool=f"query-{self._seed}", **own)
        self._value += 1
        for tenant in self._crowd_of:
            self._call(tenant, at, identity=f"roamer-{self._seed}", session=f"s-{tenant}-roamer")
        self._log.close(one, at=at + 9, sequence=4, **own)
        for late, lasts in (("-early", 1), ("-late", 1), ("", self.random.choice([1, 200]))):
            still: dict[str, Any] = {"session": f"s-{one}-open-{self._value}{late}", "request": "R"}
            self._call(one, at, sequence=1, **still)
            self._call(one, at + lasts, sequence=2, **still)
            if self.random.random() < 0.3:
                self._log.close(one, at=at + lasts + 1, sequence=3, **still)
        both = {"session": f"s-both-{self._seed}", "request": f"R-both-{self._seed}"}
        for number, tenant in enumerate((one, other, one)):
            self._call(tenant, at + 3 + number, **both)


def merged(seeds: Iterable[int]) -> list[Tick]:
    """The ticks of several worlds as one stream."""
    ticks = [Tick() for _ in range(TICKS)]
    for seed in seeds:
        for tick, part in zip(ticks, World(seed).ticks(), strict=True):
            tick.spans += part.spans
            tick.calls += part.calls
            tick.records += part.records
    return ticks


def empty(store: Store) -> None:
    """Forget what an earlier stream left in the store."""
    for table in TABLES:
        store.command(f"TRUNCATE TABLE {table}")
