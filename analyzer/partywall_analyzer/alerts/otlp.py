"""Target `otlp`: each alert as a log record, over OTLP/HTTP by the stock exporter."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

from partywall_analyzer.alerts.alert import Alert
from partywall_analyzer.alerts.http import Unreachable
from partywall_analyzer.model import Severity
from partywall_collector.component_values import Duration, Secret, about

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord

EVENT_NAME: Final = "partywall.finding"


@dataclass(frozen=True, slots=True)
class Otlp:
    """Sends log records with the event name `partywall.finding` to any OTLP receiver."""

    endpoint: str = field(
        default="", metadata=about("The whole address: `http://host:4318/v1/logs`.")
    )
    token: Secret = field(default=Secret(""), metadata=about("A bearer token, where it wants one."))
    timeout: Duration = field(
        default=Duration(10.0), metadata=about("How long one attempt may take.")
    )
    needs: ClassVar[Sequence[str]] = ("endpoint",)
    resolves: ClassVar[bool] = True

    def send(self, alert: Alert) -> None:
        """Export one record; the exporter says only whether it was taken."""
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.sdk._logs.export import LogRecordExportResult

        logging.getLogger("opentelemetry.exporter").setLevel(
            logging.CRITICAL
        )  # we say it ourselves
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        exporter = OTLPLogExporter(self.endpoint, headers=headers, timeout=self.timeout)
        try:
            if exporter.export([record(alert)]) is not LogRecordExportResult.SUCCESS:
                raise Unreachable("the OTLP receiver did not take the record")
        finally:
            exporter.shutdown()


def record(alert: Alert) -> "ReadableLogRecord":
    """The log record of an alert."""
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    numbers = {
        Severity.CRITICAL: SeverityNumber.FATAL,
        Severity.HIGH: SeverityNumber.ERROR,
        Severity.MEDIUM: SeverityNumber.WARN,
        Severity.LOW: SeverityNumber.INFO2,
        Severity.INFO: SeverityNumber.INFO,
    }
    at = int(alert.made * 1e9)
    said = {f"{EVENT_NAME}.{name}": text for name, text in alert.facts().items()}
    return ReadableLogRecord(
        LogRecord(
            timestamp=at,
            observed_timestamp=at,
            event_name=EVENT_NAME,
            severity_number=numbers[alert.severity],
            severity_text=alert.severity.value,
            body=alert.sentence,
            attributes=said
            | {
                f"{EVENT_NAME}.id": alert.finding_id,
                f"{EVENT_NAME}.event": alert.event.value,
                f"{EVENT_NAME}.tenant": alert.tenant or "operator",
                f"{EVENT_NAME}.json": json.dumps(alert.finding),
                "partywall.alert.id": alert.id,
            },
        ),
        resource=Resource({"service.name": "partywall"}),
        instrumentation_scope=InstrumentationScope("partywall_analyzer.alerts"),
    )
