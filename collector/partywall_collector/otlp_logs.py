"""The log records of an OTLP request."""

import json

from google.protobuf.json_format import ParseError as JsonError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from partywall_collector.canonical import NotOtlp, fill, objects


def records_from_protobuf(raw: bytes) -> list[LogRecord]:
    """Those of a protobuf body."""
    request = ExportLogsServiceRequest()
    try:
        request.ParseFromString(raw)
    except DecodeError as error:
        raise NotOtlp(f"the body is not an OTLP ExportLogsServiceRequest: {error}") from None
    return _records(request)


def records_from_json(raw: bytes | str) -> list[LogRecord]:
    """Those of a JSON body; trace and span ids, which OTLP writes in hex, are left out."""
    request = ExportLogsServiceRequest()
    try:
        document = json.loads(raw)
        for resource in objects(document, "resourceLogs"):
            for scope in objects(resource, "scopeLogs"):
                for record in objects(scope, "logRecords"):
                    for key in ("traceId", "spanId"):
                        record.pop(key, None)
        fill(request, document)
    except (JsonError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise NotOtlp(f"the body is not an OTLP log request in JSON: {error}") from None
    return _records(request)


def _records(request: ExportLogsServiceRequest) -> list[LogRecord]:
    return [
        record
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]
