"""What must be told to whom: the findings as they stand, compared with what was told before.

Nothing here depends on which analysis found what: a process that dies between an analysis and its
alerts sees the same difference when it comes back.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from partywall_analyzer.alerts.alert import Event, alert_id
from partywall_analyzer.alerts.config import AlertConfig
from partywall_analyzer.alerts.outbox import Key, Told
from partywall_analyzer.model import Severity
from partywall_analyzer.standing import LIVE, WITHDRAWN

NOBODY_HAS_IT: Final = ("new", "open")
"""States in which a target hears of a finding for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A finding as far as routes look at it. `states` has each tenant's own."""

    id: str
    rule: str
    severity: Severity
    state: str
    states: Mapping[str, str]
    credential: str = ""
    session_tenant: str = ""
    last_seen: float = 0.0

    def state_for(self, tenant: str) -> str:
        """Where a tenant stands, or the operator; empty for one that takes no part."""
        if not tenant or (self.state == WITHDRAWN and tenant in self.states):
            return self.state
        return self.states.get(tenant, "")


@dataclass(frozen=True, slots=True)
class Intent:
    """An alert to be made: who is to be told what of which finding."""

    id: str
    event: Event
    target: str
    tenant: str
    finding: str
    severity: Severity
    was: str = ""
    subject: str = ""
    holder: str = ""
    began: float | None = None
    """When the target was first told; None if it is now."""


def plan(
    sights: Sequence[Sight],
    told: Mapping[Key, Told],
    config: AlertConfig,
    *,
    holders: Mapping[str, str],
    revoked: frozenset[str],
    since: float = 0.0,
) -> list[Intent]:
    """All that is to be told now.

    `holders` has the tenant of each credential that the registry knows, `revoked` those that are
    revoked already. Findings last seen before `since` are not told anew.
    """
    by_id = {sight.id: sight for sight in sights}
    made = list(_resolved(by_id, told, config))
    for sight in sights:
        made += _told(sight, told, config, since)
        made += _revoked(sight, told, config, holders, revoked, since)
    return made


def _told(
    sight: Sight, told: Mapping[Key, Told], config: AlertConfig, since: float
) -> Iterator[Intent]:
    for target in dict.fromkeys(route.target for route in config.routes):
        tenant = config.audience(target)
        state = sight.state_for(tenant)
        last = told.get((target, tenant, sight.id))
        routes = (route for route in config.routes if route.target == target)
        if state not in LIVE or not any(r.takes(sight.rule, sight.severity) for r in routes):
            continue
        if last is None or not last.open:
            if state in NOBODY_HAS_IT and sight.last_seen >= since:
                yield _intent(Event.FOUND, target, tenant, sight, last)
        elif sight.severity.rank > last.severity.rank:
            yield _intent(Event.ROSE, target, tenant, sight, last)


def _resolved(
    sights: Mapping[str, Sight], told: Mapping[Key, Told], config: AlertConfig
) -> Iterator[Intent]:
    routed = {route.target for route in config.routes}
    for (target, tenant, finding), last in told.items():
        if target not in routed or tenant != config.audience(target) or not last.open:
            continue
        sight = sights.get(finding)
        if sight is None or sight.state_for(tenant) not in LIVE:
            gone = Sight(id=finding, rule="", severity=last.severity, state=WITHDRAWN, states={})
            yield _intent(Event.RESOLVED, target, tenant, gone, last)


def _revoked(
    sight: Sight,
    told: Mapping[Key, Told],
    config: AlertConfig,
    holders: Mapping[str, str],
    revoked: frozenset[str],
    since: float,
) -> Iterator[Intent]:
    credential = sight.credential
    if not credential or credential in revoked or sight.state not in LIVE:
        return
    if sight.last_seen < since:
        return
    for each in config.contain:
        key = (each.target, each.tenant, sight.id)
        if key in told or not sight.severity.at_least(Severity(each.severity)):
            continue
        if each.tenant and (
            holders.get(credential) != each.tenant or each.tenant not in sight.states
        ):
            continue
        asked = _intent(Event.REVOKE, each.target, each.tenant, sight, None)
        holder = holders.get(credential) or sight.session_tenant
        yield replace(asked, subject=credential, holder=holder)


def _intent(event: Event, target: str, tenant: str, sight: Sight, last: Told | None) -> Intent:
    episode = last.episode if last else 0
    return Intent(
        id=alert_id(target, tenant, sight.id, event, sight.severity, episode),
        event=event,
        target=target,
        tenant=tenant,
        finding=sight.id,
        severity=sight.severity,
        was=last.severity.value if last and event is Event.ROSE else "",
        began=last.began if last and last.open else None,
    )
