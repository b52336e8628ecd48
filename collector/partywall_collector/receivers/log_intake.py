"""What is done with a request of logs: its governance events go into the registry, or why not."""

import logging
from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from partywall_collector.canonical import NotOtlp
from partywall_collector.governance import Governance
from partywall_collector.metrics import Counters
from partywall_collector.otlp_logs import records_from_json, records_from_protobuf
from partywall_collector.principals import Principal
from partywall_collector.receivers.parsing import Parsing
from partywall_collector.receivers.refusals import Reason, Refused
from partywall_collector.registry.document import PROBLEMS_SHOWN
from partywall_collector.registry.events import BadEvent, Said, said
from partywall_collector.registry.model import GOVERNANCE
from partywall_collector.store import StoreError

log = logging.getLogger("partywall.receiver")

MOST: Final = 10_000
"""Log records of one request; they are read one by one."""


def admit_keeper(principal: Principal) -> None:
    """Raise `Refused` for a principal without the role `governance`."""
    if GOVERNANCE not in principal.roles:
        raise Refused(
            Reason.FORBIDDEN,
            f"the principal {principal.id} may not send governance records;"
            " `partywall registry principal NAME --role governance` lets it",
        )


class LogIntake:
    """The way of governance events from a protocol to the registry. Thread-safe."""

    def __init__(self, governance: Governance, counters: Counters, parsing: Parsing) -> None:
        self._governance = governance
        self._counters = counters
        self._parsing = parsing

    def admit(self, principal: Principal) -> None:
        """Only who keeps the records of a tenant may change them."""
        admit_keeper(principal)

    def take(
        self, principal: Principal, body: bytes, *, json: bool = False
    ) -> ExportLogsServiceResponse:
        """Return the answer when the events are in the store; what is wrong stands in it."""
        try:
            with self._parsing.turn(body, json=json):
                records = records_from_json(body) if json else records_from_protobuf(body)
        except NotOtlp as error:
            raise Refused(Reason.INVALID, str(error)) from None
        if len(records) > MOST:
            raise Refused(
                Reason.TOO_LARGE,
                f"the request has {len(records):,} log records, more than {MOST:,};"
                " send smaller batches",
            )
        try:
            refused = self._governance.take(principal, list(map(_read, records))).refused
        except StoreError as error:
            log.warning("governance events cannot be stored: %s", error)
            raise Refused(Reason.UNAVAILABLE, "the store does not answer") from None
        self._counters.add(
            accepted_log_records=len(records) - len(refused), refused_log_records=len(refused)
        )
        answer = ExportLogsServiceResponse()
        if refused:
            shown = [f"[{at}] {why}" for at, why in refused.items()][:PROBLEMS_SHOWN]
            answer.partial_success.rejected_log_records = len(refused)
            answer.partial_success.error_message = "; ".join(
                [f"{len(refused)} of {len(records)} log records are refused", *shown]
            )
        return answer


def _read(record: LogRecord) -> Said | BadEvent:
    try:
        return said(record)
    except BadEvent as error:
        return error
