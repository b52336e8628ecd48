"""Alerts of one store: looks at its findings, writes down what is to be told, and has it sent."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self, cast

from partywall_analyzer.alerts.alert import Alert, Event
from partywall_analyzer.alerts.config import AlertConfig
from partywall_analyzer.alerts.courier import Courier
from partywall_analyzer.alerts.outbox import Done, Outbox
from partywall_analyzer.alerts.planning import Intent, Sight, plan
from partywall_analyzer.chunked import chunked
from partywall_analyzer.findings import OPERATOR, list_findings
from partywall_analyzer.halves import NotConcerned
from partywall_analyzer.model import Finding, Severity, moment
from partywall_analyzer.responses import record
from partywall_analyzer.standing import Kind, Response
from partywall_collector.store import Store, StoreError, statement

ACTOR: Final = "partywall watch"
_SQL: Final = "partywall_analyzer.sql"
_CHUNK: Final = 200


@dataclass(frozen=True, slots=True)
class _Credential:
    tenant: str
    revoked_at: datetime | None


class Alerting:
    """Call `look` after each analysis; couriers send meanwhile.

    Use as a context. What was written into the outbox is sent, by this process or by the next one.
    """

    def __init__(
        self, store: Store, config: AlertConfig, outbox: Outbox, *, since: float = 0.0
    ) -> None:
        self._store = store
        self._config = config
        self._outbox = outbox
        self._since = since
        self._seen: object = None
        self._couriers: list[Courier] = []

    def start(self, *, once: bool = False) -> Self:
        """Let the couriers run; with `once` each ends when nothing waits, or at a failure."""
        for name, target in self._config.targets.items():
            audience = self._config.audience(name)
            courier = Courier(name, target, audience, self._outbox, self._config.retry, once=once)
            self._couriers.append(courier)
            courier.start()
        return self

    def look(self) -> list[Alert]:
        """Write down what is to be told of what changed since the last look; returns what is new.

        Raises StoreError; the next look then sees the same again.
        """
        alerts: list[Alert] = []
        marker = self._store.rows(statement(_SQL, "marker"))
        if marker != self._seen:
            alerts = self._plan()
            self._seen = marker
        if alerts:
            for courier in self._couriers:
                courier.wake()
        self.settle()
        return alerts

    def look_only(self) -> list[Alert]:
        """What a look would write down, without a word to the store."""
        return self._plan()

    def settle(self) -> None:
        """Record in the store what was delivered, refused, asked of an issuer, and revoked."""
        while done := self._outbox.unrecorded():
            record(self._store, [_response(each) for each in done])
            asked = [each.id for each in done if _asks(each)]
            self._outbox.recorded(asked, 1)
            self._outbox.recorded([each.id for each in done if not _asks(each)], 2)
        waiting = self._outbox.unconfirmed()
        known = self._credentials([each.subject for each in waiting])
        over = [
            (each, at)
            for each in waiting
            if each.subject in known and (at := known[each.subject].revoked_at)
        ]
        record(self._store, [_confirmation(each, at) for each, at in over])
        self._outbox.confirmed([each.id for each, _ in over])

    def join(self) -> None:
        """Wait for couriers that run once."""
        for courier in self._couriers:
            courier.join()

    def close(self) -> None:
        """End the couriers after what they are sending, and record it."""
        for courier in self._couriers:
            courier.stop()
        self.join()
        if self._couriers:
            self._couriers.clear()
            with suppress(StoreError):  # the next process records it
                self.settle()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _plan(self) -> list[Alert]:
        sights = [_sight(row) for row in self._store.rows(statement(_SQL, "sights"))]
        held: Mapping[str, _Credential] = {}
        if self._config.contain:
            held = self._credentials({each.credential for each in sights if each.credential})
        intents = plan(
            sights,
            self._outbox.told(),
            self._config,
            holders={name: each.tenant for name, each in held.items()},
            revoked=frozenset(name for name, each in held.items() if each.revoked_at),
            since=self._since,
        )
        made: list[Alert] = []
        for chunk in chunked(intents, _CHUNK):
            alerts = self._made(chunk)
            silent = frozenset(a.id for a in alerts if not self._tells(a))
            self._outbox.put(alerts, silent=silent)
            made += [alert for alert in alerts if alert.id not in silent]
        return made

    def _tells(self, alert: Alert) -> bool:
        return alert.event is not Event.RESOLVED or self._config.targets[alert.target].resolves

    def _made(self, intents: Sequence[Intent]) -> list[Alert]:
        ids = [each.finding for each in intents]
        page = list_findings(self._store, OPERATOR, ids=ids, states=(), limit=len(ids))
        findings = {finding.id: finding for finding in page.rows}
        now = time.time()
        return [
            Alert(
                id=each.id,
                event=each.event,
                target=each.target,
                tenant=each.tenant,
                finding_id=each.finding,
                severity=each.severity,
                was=each.was,
                subject=each.subject,
                holder=each.holder,
                made=now,
                began=now if each.began is None else each.began,
                link=self._link(each),
                finding=_shown(findings.get(each.finding), each.tenant),
            )
            for each in intents
        ]

    def _link(self, intent: Intent) -> str:
        """To the operator's dashboard; a tenant has no use for it."""
        if intent.tenant or not self._config.dashboard:
            return ""
        return f"{self._config.dashboard}/chain?finding={intent.finding}"

    def _credentials(self, names: Sequence[str] | set[str]) -> dict[str, _Credential]:
        if not names:
            return {}
        sql = statement(_SQL, "credentials_of_findings")
        return {
            row["credential_id"]: _Credential(
                str(row["tenant_id"]), moment(row["revoked_us"]) if row["revoked_us"] else None
            )
            for row in self._store.rows(sql, {"ids": sorted(set(names))})
        }


def _sight(row: Mapping[str, Any]) -> Sight:
    states = cast("list[tuple[str, str]]", row["states"])
    return Sight(
        id=row["finding_id"],
        rule=str(row["rule"]),
        severity=Severity(row["severity"]),
        state=row["state"],
        states=dict(states),
        credential=row["credential_id"],
        session_tenant=str(row["session_tenant"]),
        last_seen=row["last_seen_us"] / 1e6,
    )


def _shown(finding: Finding | None, tenant: str) -> dict[str, Any]:
    """What the audience may see; nothing of a finding that was erased, or is not its own."""
    if finding is None:
        return {}
    try:
        return (finding.for_tenant(tenant) if tenant else finding).to_dict()
    except NotConcerned:
        return {}


def _asks(done: Done) -> bool:
    """Whether it is the asking of an issuer that is to be recorded, and not how it ended."""
    return done.event is Event.REVOKE and done.recorded == 0


def _response(done: Done) -> Response:
    """The record of a delivery, under the id of the alert: written twice it counts once."""
    asks = _asks(done)
    refused = done.state == "refused" and not asks
    revoke = done.event is Event.REVOKE
    return Response(
        id=f"{done.id}:refused" if revoke and refused else done.id,
        finding_id=done.finding,
        tenant=done.holder if revoke else done.tenant,
        kind=Kind.CONTAIN if revoke else Kind.NOTIFY,
        outcome="requested" if asks else "refused" if refused else "done",
        actor=ACTOR,
        at=datetime.fromtimestamp(done.made if asks or done.done is None else done.done, UTC),
        severity=done.severity,
        note=f"revoke {done.subject}" if revoke else done.event.value,
        target=done.target,
    )


def _confirmation(done: Done, at: datetime) -> Response:
    return Response(
        id=f"{done.id}:confirmed",
        finding_id=done.finding,
        tenant=done.holder,
        kind=Kind.CONTAIN,
        outcome="confirmed",
        actor="registry",
        at=at,
        severity=done.severity,
        note=f"{done.subject} is revoked",
        target=done.target,
    )
