"""Target `alertmanager`: Prometheus Alertmanager, told again and again until it is resolved."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from partywall_analyzer.alerts.alert import Alert, Event
from partywall_analyzer.alerts.http import Request, post
from partywall_analyzer.model import iso
from partywall_collector.component_values import Duration, Secret, about


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """Keeps an alert firing in Alertmanager for as long as the finding is open."""

    url: str = field(
        default="", metadata=about("Its address, without `/api/v2/alerts`: `http://host:9093`.")
    )
    token: Secret = field(default=Secret(""), metadata=about("A bearer token, where it wants one."))
    resend_interval: Duration = field(
        default=Duration(60.0),
        metadata=about("How often open alerts are sent again; less than its `resolve_timeout`."),
    )
    timeout: Duration = field(
        default=Duration(10.0), metadata=about("How long one attempt may take.")
    )
    needs: ClassVar[Sequence[str]] = ("url",)
    resolves: ClassVar[bool] = True

    def send(self, alert: Alert) -> None:
        """Tell of one alert; one that rose ends the one with the severity of before."""
        told = [entry(alert, alert.severity)]
        if alert.event is Event.ROSE:
            told.append(entry(alert, alert.was) | {"endsAt": _now()})
        if alert.event is Event.RESOLVED:
            told = [told[0] | {"endsAt": _now()}]
        self._post(told)

    def resend(self, alerts: Sequence[Alert]) -> None:
        """Tell of all that are open, or Alertmanager takes them for resolved."""
        self._post([entry(alert, alert.severity) for alert in alerts])

    def _post(self, told: Sequence[dict[str, Any]]) -> None:
        headers = {"content-type": "application/json"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        url = f"{self.url.rstrip('/')}/api/v2/alerts"
        post(Request(url, json.dumps(told).encode(), headers, self.timeout))


def entry(alert: Alert, severity: str) -> dict[str, Any]:
    """A postable alert; its labels are what makes it the same one.

    https://prometheus.io/docs/alerting/latest/alerts_api
    """
    labels = {
        "alertname": "PartywallFinding",
        "finding": alert.finding_id,
        "severity": severity,
        "tenant": alert.tenant or "operator",
    }
    annotations = alert.facts() | {"summary": alert.title, "description": alert.sentence}
    made: dict[str, Any] = {
        "labels": labels,
        "annotations": annotations,
        "startsAt": iso(datetime.fromtimestamp(alert.began, UTC)),
    }
    return made | ({"generatorURL": alert.link} if alert.link else {})


def _now() -> str:
    return iso(datetime.now(UTC))
