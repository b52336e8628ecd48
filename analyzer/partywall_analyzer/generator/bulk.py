"""Loads a store with millions of seeded spans and plants chains of every kind among them.

The spans between come from one statement over numbers, which takes a second or two a million; the
planted ones from Python, in sessions that are there.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from partywall_analyzer.testing import START, Log
from partywall_collector.registry import Approval, Credential, DatasetOwner, Record, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store, statement

YEAR: Final = datetime(2026, 1, 1, tzinfo=UTC)

_SQL: Final = "partywall_analyzer.generator.sql"
_BASE: Final = "-- {base}"


class Planted(NamedTuple):
    """A planted crossing: the rule that must speak of it, from whom to whom, and where."""

    rule: str
    from_tenant: str
    to_tenant: str
    subject: str
    authorised: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much to make: `each` chains of every kind among `spans` spans of `tenants` tenants."""

    spans: int
    tenants: int = 500
    each: int = 0
    seed: int = 7


def fill(store: Store, size: Size) -> list[Planted]:
    """Load an empty store; return what was planted."""
    tenants = [f"t{number}" for number in range(size.tenants)]
    write(
        [
            *(Tenant(id=name) for name in tenants),
            *(DatasetOwner(pattern=f"crm/{name[1:]}/*", owner=name) for name in tenants),
            DatasetOwner(pattern="platform/*", ownership="commons"),
            DatasetOwner(pattern="scratch/*", ownership="shared"),
        ],
        store,
    )
    store.command(statement(_SQL, "place"))
    add(store, size, first=0)
    return _Planter(store, size).plant() if size.each else []


def add(store: Store, size: Size, *, first: int, spread: int = 0) -> None:
    """Add `size.spans` spans numbered from `first`, a multiple of 64.

    Without `spread` they make sessions of their own; with it their traces join sessions among the
    first so many.
    """
    chunk = 1_048_576
    for begin in range(first, first + size.spans, chunk):
        parameters = {
            "seed": size.seed,
            "tenants": size.tenants,
            "spread": spread,
            "first": begin,
            "count": min(chunk, first + size.spans - begin),
        }
        base = statement(_SQL, "base")
        for table in ("spans", "calls"):
            store.command(statement(_SQL, table).replace(_BASE, base), parameters)
    store.command(statement(_SQL, "credentials"))


class _Host(NamedTuple):
    """A session to plant in."""

    session: str
    tenant: str
    agent: str
    identity: str
    credential: str
    at: float


class _Planter:
    """Plants each kind `each` times."""

    def __init__(self, store: Store, size: Size) -> None:
        self._store = store
        self._size = size
        self._random = random.Random(size.seed)
        self._log = Log(store, first=1 << 40)
        sessions = max(1, size.spans // 84)
        wanted = size.each * 12
        rows = store.rows(
            statement(_SQL, "hosts"), {"every": max(1, sessions // (2 * wanted)), "limit": wanted}
        )
        self._hosts = [_Host(**row) for row in rows]
        self._records: list[Record] = []
        self._planted: list[Planted] = []

    def plant(self) -> list[Planted]:
        """Plant them all."""
        for number in range(self._size.each):
            for kind in (
                *(self._foreign, self._approved, self._hand_off, self._flow),
                *(self._relay, self._lend, self._stale),
            ):
                kind(number)
        places = {
            row["tenant"]: row["place"] for row in self._store.rows(statement(_SQL, "places"))
        }
        for table, rows in zip(("spans", "calls"), self._log.take(), strict=True):
            for row in rows:
                row["placement"] = places.get(row["tenant_id"], "pool-00")
            self._store.insert(table, rows)
        write(self._records, self._store)
        return self._planted

    def _host(self, *others: str) -> _Host:
        while True:
            host = self._random.choice(self._hosts)
            if host.tenant not in others:
                return host

    def _other(self, tenant: str) -> str:
        number = int(tenant[1:]) + 1 + self._random.randrange(self._size.tenants - 1)
        return f"t{number % self._size.tenants}"

    def _call(self, host: _Host, after: float, **more: Any) -> None:
        told: dict[str, Any] = {"credential": host.credential} | more
        self._log.call(
            host.tenant,
            session=host.session,
            request=host.session,
            agent=host.agent,
            identity=host.identity,
            at=host.at + after,
            **told,
        )

    def _run(self, host: _Host, after: float, **more: Any) -> Any:
        return self._log.agent(
            more.pop("tenant", host.tenant),
            session=host.session,
            request=host.session,
            at=host.at + after,
            **more,
        )

    def _value(self) -> int:
        return self._random.getrandbits(63)

    def _foreign(self, number: int) -> None:
        host = self._host()
        other, name = self._other(host.tenant), f"foreign-{number}"
        dataset = f"crm/{other[1:]}/{name}"
        run = self._run(host, 60)
        self._call(host, 61, parent=run, reads=[dataset], values_out=[self._value()])
        self._note("foreign-dataset", host.tenant, other, f"{host.session}|{dataset}")

    def _approved(self, number: int) -> None:
        host = self._host()
        other = self._other(host.tenant)
        dataset = f"crm/{other[1:]}/approved-{number}"
        run = self._run(host, 60)
        self._call(host, 61, parent=run, reads=[dataset])
        self._records.append(
            Approval(
                id=f"CHG-{number}",
                tenant=other,
                grantee=host.tenant,
                request=host.session,
                datasets=(dataset,),
                operations=("read",),
                valid_from=YEAR,
                recorded=YEAR,
            )
        )
        self._note(
            "foreign-dataset", host.tenant, other, f"{host.session}|{dataset}", authorised=True
        )

    def _hand_off(self, number: int) -> None:
        host = self._host()
        other = self._other(host.tenant)
        run = self._run(host, 60)
        below = self._run(host, 61, tenant=other, parent=run)
        self._log.call(
            other,
            session=host.session,
            request=host.session,
            parent=below,
            at=host.at + 62,
            reads=[f"crm/{other[1:]}/1"],
        )
        self._note("handoff", host.tenant, other, run.trace_id)

    def _flow(self, number: int) -> None:
        host = self._host()
        other, value = self._other(host.tenant), self._value()
        run = self._run(host, 60)
        own = f"crm/{host.tenant[1:]}/1"
        self._call(host, 61, parent=run, reads=[own], values_out=[value, value ^ 1])
        within: dict[str, Any] = {"parent": run} if number % 2 else {}
        into = f"crm/{other[1:]}/flow-{number}"
        self._call(host, 70, writes=[into], values_in=[value, value ^ 1], **within)
        self._note("flow", host.tenant, other, f"{host.session}|{host.tenant}>{other}")

    def _relay(self, number: int) -> None:
        one = self._host()
        other = self._host(one.tenant)
        first, last = sorted((one, other), key=lambda host: host.at)
        board, values = f"scratch/{number % 20}", [self._value(), self._value()]
        run = self._run(first, 60)
        own = [f"crm/{first.tenant[1:]}/2"]
        self._call(first, 61, parent=run, reads=own, values_out=values)
        self._call(first, 63, parent=run, writes=[board], values_in=values)
        run = self._run(last, 120)
        self._call(last, 121, parent=run, reads=[board], values_out=values)
        into = [f"crm/{last.tenant[1:]}/2"]
        self._call(last, 125, parent=run, writes=into, values_in=values)
        pair = (first.tenant, last.tenant)
        self._note("relay", *pair, f"{last.session}|{pair[0]}>{pair[1]}")

    def _lend(self, number: int) -> None:
        host = self._host()
        borrower, name = self._host(host.tenant), f"lent-{number}"
        self._records.append(Credential(id=name, tenant=host.tenant, issued=YEAR))
        for user in (host, borrower):
            run = self._run(user, 60)
            own = [f"crm/{user.tenant[1:]}/3"]
            self._call(user, 61, parent=run, credential=name, reads=own)
        self._note("shared-credential", host.tenant, borrower.tenant, name)

    def _stale(self, number: int) -> None:
        host, name = self._host(), f"ended-{number}"
        ends = START + timedelta(seconds=host.at + 30)
        end: dict[str, Any] = {"revoked": ends} if number % 2 else {"expires": ends}
        self._records.append(Credential(id=name, tenant=host.tenant, issued=YEAR, **end))
        run = self._run(host, 60)
        own = [f"crm/{host.tenant[1:]}/3"]
        self._call(host, 61, parent=run, credential=name, reads=own)
        self._note("stale-credential", host.tenant, host.tenant, name)

    def _note(
        self, rule: str, from_tenant: str, to_tenant: str, subject: str, *, authorised: bool = False
    ) -> None:
        self._planted.append(Planted(rule, from_tenant, to_tenant, subject, authorised))
