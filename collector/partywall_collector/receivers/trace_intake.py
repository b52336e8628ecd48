"""What is done with a request of traces: is it OTLP, is it on disk; or why not."""

import hashlib
import logging
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Timeout

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from partywall_collector.canonical import Canonical, NotOtlp, from_json, from_protobuf
from partywall_collector.grants import Grants
from partywall_collector.metrics import Counters
from partywall_collector.principals import Principal
from partywall_collector.quotas import Quotas, spans_by_tenant
from partywall_collector.receivers.parsing import Parsing
from partywall_collector.receivers.refusals import Reason, Refused
from partywall_collector.repeats import NOTICE, Repeats, sender
from partywall_collector.spool import Spool, SpoolError, SpoolFull

log = logging.getLogger("partywall.receiver")
ATTESTATION = "A1"
"""The sender is authenticated by the transport; a session's grant may raise it to A2."""
DISK_PATIENCE = 30.0
MOST_SPANS = 150_000
"""Of one request. A span that holds nothing takes two bytes to send, and a row to store."""


class TraceIntake:
    """The way of spans from a protocol to the spool. Thread-safe."""

    def __init__(
        self,
        spool: Spool,
        repeats: Repeats,
        grants: Grants,
        quotas: Quotas,
        counters: Counters,
        parsing: Parsing,
    ) -> None:
        self._spool = spool
        self._repeats = repeats
        self._grants = grants
        self._quotas = quotas
        self._counters = counters
        self._parsing = parsing

    def admit(self, principal: Principal) -> None:
        """Any principal may send spans; their tenants are checked as they are routed."""

    def take(
        self, principal: Principal, body: bytes, *, json: bool = False
    ) -> ExportTraceServiceResponse:
        """Return the answer when the request is on disk; raise `Refused` when it is not."""
        read = from_json if json else from_protobuf
        try:
            with self._parsing.turn(body, json=json):
                request = read(body, count=self._quotas.concern(principal.tenants))
        except NotOtlp as error:
            raise Refused(Reason.INVALID, str(error)) from None
        if request.spans > MOST_SPANS:
            raise Refused(
                Reason.TOO_LARGE,
                f"the request has {request.spans} spans, more than {MOST_SPANS}:"
                " send smaller batches",
            )
        answer = ExportTraceServiceResponse()
        if request.spans and self._spool_it(principal, request):
            self._counters.add(repeated_requests=1, repeated_spans=request.spans)
            answer.partial_success.error_message = NOTICE
        else:
            self._counters.add(accepted_requests=1, accepted_spans=request.spans)
        return answer

    def _spool_it(self, principal: Principal, request: Canonical) -> bool:
        """Return when the request is on disk; whether it was there before."""
        sha256 = hashlib.sha256(request.body).digest()
        who = sender(principal.id, principal.tenants)
        spans = spans_by_tenant(principal.tenants, request)

        def append() -> Future[None]:
            # A repeat does not come here: it was counted when it came first.
            self._quotas.check(spans)
            grants = self._grants.judge(principal.id, request.grants, request.body)
            done = self._spool.append(
                principal.id,
                principal.tenants,
                ATTESTATION,
                request.body,
                request.spans,
                grants,
                sha256=sha256,
                chosen_tenant=principal.chosen,
            )
            self._quotas.charge(spans)
            return done

        try:
            done, repeated = self._repeats.once(who, sha256, append)
            done.result(DISK_PATIENCE)
            return repeated
        except SpoolFull as error:
            raise Refused(Reason.FULL, str(error)) from None
        except SpoolError as error:
            raise Refused(Reason.UNAVAILABLE, str(error)) from None
        except Timeout:
            raise Refused(Reason.UNAVAILABLE, "the disk did not answer in time") from None
