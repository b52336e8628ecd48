"""Governance events as log records on the wire, and a sender of them."""

import http.client
from dataclasses import dataclass, field
from typing import Any, cast

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as ProtoRecord

from partywall import attributes as a
from partywall_analyzer.testing import START
from partywall_collector.collector import Collector

PROTOBUF = "application/x-protobuf"
MS = int(START.timestamp() * 1000)
NS = MS * 1_000_000


def value(said: object) -> AnyValue:
    """The value of an attribute."""
    match said:
        case AnyValue():
            return said
        case bool():
            return AnyValue(bool_value=said)
        case int():
            return AnyValue(int_value=said)
        case float():
            return AnyValue(double_value=said)
        case bytes():
            return AnyValue(bytes_value=said)
        case list():
            items = cast("list[object]", said)
            return AnyValue(array_value=ArrayValue(values=[value(one) for one in items]))
        case _:
            return AnyValue(string_value=str(said))


def event(name: str, said: dict[str, Any], *, body: str = "", at: int = NS) -> ProtoRecord:
    """A log record."""
    record = ProtoRecord(event_name=name, time_unix_nano=at)
    if body:
        record.body.string_value = body
    for key, one in said.items():
        record.attributes.add(key=key).value.CopyFrom(value(one))
    return record


def request(*records: ProtoRecord) -> bytes:
    """A request of log records."""
    message = ExportLogsServiceRequest()
    message.resource_logs.add().scope_logs.add().log_records.extend(records)
    return message.SerializeToString()


def issued(id: str, tenant: Any = "acme", **more: Any) -> ProtoRecord:
    """A credential's beginning."""
    said = {a.CREDENTIAL_ID: id, a.TENANT_ID: tenant, a.CREDENTIAL_TIME: MS}
    return event(a.CREDENTIAL_ISSUED, said | more)


def revoked(id: str, at: int = NS, **more: Any) -> ProtoRecord:
    """A credential's end."""
    return event(a.CREDENTIAL_REVOKED, {a.CREDENTIAL_ID: id, **more}, at=at)


def granted(id: str, tenant: Any = "acme", **more: Any) -> ProtoRecord:
    """An approval of acme for gate."""
    said = {a.APPROVAL_ID: id, a.TENANT_ID: tenant, a.APPROVAL_GRANTEE: "gate"}
    said |= {a.REQUEST_ID: "REQ-1", a.APPROVAL_DATASETS: ["crm/acme/*"]}
    return event(a.APPROVAL_GRANTED, said | more)


@dataclass
class Post:
    """A sender over HTTP."""

    collector: Collector
    who: str
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": PROTOBUF})

    def __call__(self, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.collector.http_endpoint[7:], timeout=10)
        headers = {"Authorization": f"Bearer {self.who}"} | self.headers
        try:
            connection.request("POST", "/v1/logs", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def send(self, *records: ProtoRecord) -> str:
        """What is said of those that are refused."""
        status, body = self(request(*records))
        assert status == 200, body
        return ExportLogsServiceResponse.FromString(body).partial_success.error_message
