"""Target `pagerduty`: an incident of PagerDuty, opened and resolved by the Events API v2."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from partywall_analyzer.alerts.alert import Alert, Event
from partywall_analyzer.alerts.http import Request, post
from partywall_analyzer.model import Severity
from partywall_collector.component_values import Duration, Secret, about

LONGEST_SUMMARY: Final = 1_024
_SEVERITIES: Final[Mapping[Severity, str]] = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
    Severity.INFO: "info",
}


@dataclass(frozen=True, slots=True)
class Pagerduty:
    """Opens an incident, raises it, and resolves it; one incident a finding."""

    routing_key: Secret = field(
        default=Secret(""), metadata=about("The integration key of the service.")
    )
    url: str = field(
        default="https://events.pagerduty.com/v2/enqueue",
        metadata=about("Where events go; `https://events.eu.pagerduty.com/v2/enqueue` in the EU."),
    )
    timeout: Duration = field(
        default=Duration(10.0), metadata=about("How long one attempt may take.")
    )
    needs: ClassVar[Sequence[str]] = ("routing_key",)
    resolves: ClassVar[bool] = True

    def send(self, alert: Alert) -> None:
        """Post the event."""
        body = json.dumps({"routing_key": self.routing_key} | event(alert)).encode()
        post(Request(self.url, body, {"content-type": "application/json"}, self.timeout))


def event(alert: Alert) -> dict[str, Any]:
    """The event without its key; the finding's id is what joins the events of one incident.

    https://developer.pagerduty.com/docs/events-api-v2/trigger-events
    """
    if alert.event is Event.RESOLVED:
        return {"event_action": "resolve", "dedup_key": alert.finding_id}
    details = alert.facts() | {"sentence": alert.sentence, "alert_id": alert.id}
    made: dict[str, Any] = {
        "event_action": "trigger",
        "dedup_key": alert.finding_id,
        "client": "partywall",
        "payload": {
            "summary": alert.title[:LONGEST_SUMMARY],
            "source": "partywall",
            "severity": _SEVERITIES[alert.severity],
            "timestamp": alert.to_dict()["timestamp"],
            "component": alert.tenant or "operator",
            "class": str(alert.finding.get("rule", "")),
            "custom_details": details,
        },
    }
    if alert.link:
        made["links"] = [{"href": alert.link, "text": "Show the chain"}]
    return made
