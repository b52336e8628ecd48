"""The path that one would write by hand, for `benchmarks/ingest.py`: protobuf, lists, `insert`.

In good faith: a gRPC server that parses each request, fills every column of `spans` and those of
`calls` that need no parsing of content, and inserts by column in batches as large as our segments.
Content is left out by the same list of names. It checks no claim, keeps no spool and acknowledges
before anything is on disk. With a key it also takes the fingerprints of arguments and results, as
our SDK would; it finds no parties and no records.
"""

import base64
import hashlib
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from partywall import attributes as a
from partywall import conventions, fingerprint_keys, fingerprints
from partywall_collector.receivers.otlp_grpc import SERVICES, THREADS

is_content = cache(conventions.is_content)

SPANS = (
    "tenant_id placement session_id request_id trace_id span_id parent_span_id start_time end_time"
    " received_at name step agent identity span_kind status_code status_message trace_state flags"
    " sequence service scope_name scope_version attributes attribute_types resource resource_types"
    " events links dropped_content principal attestation request_sha256"
)
CALLS = (
    "tenant_id placement session_id request_id trace_id span_id parent_span_id start_time end_time"
    " received_at step tool call_id server agent identity subject credential_id approval_id"
    " policy_id policy_decision operation datasets values_in values_out failed principal"
    " attestation"
)
TYPES = {
    "bool_value": "bool",
    "int_value": "int",
    "double_value": "double",
    "array_value": "array",
    "kvlist_value": "map",
    "bytes_value": "bytes",
    None: "empty",
}
STEPS = {"execute_tool": "tool", "invoke_agent": "agent", "chat": "llm", "handoff": "handoff"}


def text_of(value: AnyValue) -> tuple[str, str]:
    """A value as text, and its type where that is not a string."""
    which = value.WhichOneof("value")
    if which == "string_value":
        return value.string_value, ""
    if which == "bool_value":
        return ("true" if value.bool_value else "false"), "bool"
    if which in ("int_value", "double_value"):
        return str(getattr(value, which)), TYPES[which]
    return base64.b64encode(value.SerializeToString()).decode(), TYPES[which]


def read(attributes: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Attributes as text by name, and the types of those that are no strings."""
    texts: dict[str, str] = {}
    types: dict[str, str] = {}
    for attribute in attributes:
        texts[attribute.key], kind = text_of(attribute.value)
        if kind:
            types[attribute.key] = kind
    return texts, types


def kept(values: dict[str, str]) -> dict[str, str]:
    """What may be stored."""
    return {key: value for key, value in values.items() if not is_content(key)}


class ByHand:
    """Takes requests and inserts them through a stock client once a batch is full."""

    def __init__(
        self,
        client: Any,
        placements: Mapping[str, str],
        batch: int,
        keys: fingerprint_keys.Keys | None,
    ) -> None:
        self._client = client
        self._placements = placements
        self._batch = batch
        self._keys = keys
        self._lock = threading.Lock()
        self._spans: list[tuple[Any, ...]] = []
        self._calls: list[tuple[Any, ...]] = []
        handler: grpc.RpcMethodHandler[bytes, bytes]
        handler = grpc.unary_unary_rpc_method_handler(self._export)
        options = [("grpc.max_receive_message_length", 64 << 20)]
        self._server = grpc.server(ThreadPoolExecutor(THREADS), options=options)
        service = grpc.method_handlers_generic_handler(SERVICES["traces"], {"Export": handler})
        self._server.add_generic_rpc_handlers((service,))
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        """Insert the rest."""
        self._server.stop(5).wait()
        self._insert()

    def _export(self, body: bytes, context: grpc.ServicerContext) -> bytes:
        request = ExportTraceServiceRequest.FromString(body)
        spans, calls = self._rows(request, hashlib.sha256(body).digest())
        with self._lock:
            self._spans += spans
            self._calls += calls
            if len(self._spans) >= self._batch:
                self._insert()
        return b""

    def _insert(self) -> None:
        for table, names, rows in (("spans", SPANS, self._spans), ("calls", CALLS, self._calls)):
            if rows:
                columns = list(zip(*rows, strict=True))
                self._client.insert(
                    table,
                    columns,
                    column_names=names.split(),
                    column_oriented=True,
                    settings={"max_partitions_per_insert_block": 0, "async_insert": 0},
                )
        self._spans, self._calls = [], []

    def _rows(
        self, request: ExportTraceServiceRequest, digest: bytes
    ) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        spans: list[tuple[Any, ...]] = []
        calls: list[tuple[Any, ...]] = []
        now = time.time_ns()
        for sent in request.resource_spans:
            resource, resource_types = read(sent.resource.attributes)
            service, resource = resource.get("service.name", ""), kept(resource)
            for scope in sent.scope_spans:
                for span in scope.spans:
                    said, types = read(span.attributes)
                    tenant = said.get(a.TENANT_ID, "")
                    step = STEPS.get(said.get("gen_ai.operation.name", ""), "")
                    events = [(e.time_unix_nano, e.name, *read(e.attributes)) for e in span.events]
                    links = [
                        (link.trace_id, link.span_id, link.trace_state, *read(link.attributes))
                        for link in span.links
                    ]
                    stored = kept(said)
                    where = (
                        tenant,
                        self._placements[tenant],
                        said.get(a.SESSION_ID) or span.trace_id.hex(),
                        said.get(a.REQUEST_ID, ""),
                        span.trace_id,
                        span.span_id,
                        span.parent_span_id.ljust(8, b"\0"),
                        span.start_time_unix_nano,
                        span.end_time_unix_nano,
                        now,
                    )
                    agent, identity = said.get(a.AGENT_NAME, ""), said.get(a.IDENTITY_ID, "")
                    spans.append(
                        (
                            *where,
                            span.name,
                            step,
                            agent,
                            identity,
                            span.kind,
                            span.status.code,
                            "",
                            span.trace_state,
                            span.flags,
                            int(said.get(a.SESSION_SEQUENCE, "0")),
                            service,
                            scope.scope.name,
                            scope.scope.version,
                            stored,
                            types,
                            resource,
                            resource_types,
                            [(at, name, kept(texts), kinds) for at, name, texts, kinds in events],
                            links,
                            len(said) - len(stored) + bool(span.status.message),
                            "load",
                            "A1",
                            digest,
                        )
                    )
                    if step in ("tool", "handoff"):
                        calls.append((*where, step, *self._call(said, span, agent, identity)))
        return spans, calls

    def _call(self, said: dict[str, str], span: Any, agent: str, identity: str) -> tuple[Any, ...]:
        datasets: list[tuple[str, str]] = []
        if a.DATASET_ID in said:
            datasets.append((said[a.DATASET_ID], said.get(a.DATASET_OPERATION, "")))
        for event in span.events:
            if event.name == a.DATASET_ACCESS:
                texts, _types = read(event.attributes)
                datasets.append((texts[a.DATASET_ID], texts.get(a.DATASET_OPERATION, "")))
        brought = {
            attribute.key: [int(item.string_value) for item in attribute.value.array_value.values]
            for attribute in span.attributes
            if attribute.key in (a.VALUES_IN, a.VALUES_OUT)
        }
        return (
            said.get("gen_ai.tool.name") or span.name,
            said.get("gen_ai.tool.call.id", ""),
            said.get("server.address", ""),
            agent,
            identity,
            said.get("user.id", ""),
            said.get(a.CREDENTIAL_ID, ""),
            said.get(a.APPROVAL_ID, ""),
            said.get(a.POLICY_ID, ""),
            said.get(a.POLICY_DECISION, ""),
            said.get(a.DATASET_OPERATION, ""),
            datasets,
            brought.get(a.VALUES_IN) or self._taken(said, "arguments"),
            brought.get(a.VALUES_OUT) or self._taken(said, "result"),
            span.status.code == 2,
            "load",
            "A1",
        )

    def _taken(self, said: dict[str, str], part: str) -> list[int]:
        text = said.get(f"gen_ai.tool.call.{part}")
        if not text or self._keys is None:
            return []
        take = fingerprints.of_arguments if part == "arguments" else fingerprints.of_text
        return [int(number) for number in take(self._keys, text).numbers]
