"""Requests that protobuf can write, with nothing in them as it should be."""

import random
import time
from collections.abc import Callable
from typing import Any, cast

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from partywall import attributes

TEXTS = ("", "\x00", "'", "\\", "{", "pb:", "b64:", "acme", "a" * 3000, "\u202e", "\ufffe", "🔒")
KEYS = (
    *(attributes.TENANT_ID, attributes.SESSION_ID, attributes.ACTOR_CHAIN, attributes.DATASET_ID),
    *(attributes.PARTY_ID, attributes.ATTESTATION, "service.name", "gen_ai.operation.name"),
    *("gen_ai.tool.name", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result"),
)
NUMBERS = (0, 1, -1, 2**31, 2**63 - 1, -(2**63), 1_700_000_000_000_000_000)


class Hostile(random.Random):
    """Requests that protobuf can write, with nothing in them as it should be."""

    def text(self) -> str:
        return self.choice(TEXTS) if self.random() < 0.8 else str(self.random())

    def value(self, depth: int = 0) -> Any:
        kinds: list[Callable[[], Any]] = [
            lambda: None,
            lambda: self.random() < 0.5,
            lambda: self.choice(NUMBERS),
            lambda: self.choice((0.0, -0.0, 1e308, float("nan"), float("inf"), self.random())),
            self.text,
            lambda: self.randbytes(self.randrange(20)),
            lambda: '{"to": ["x@y.example", 7, null], "path": "' + self.text() + '"}',
        ]
        if depth < 4:
            kinds += [
                lambda: [self.value(depth + 1) for _ in range(self.randrange(3))],
                lambda: {self.text(): self.value(depth + 1) for _ in range(self.randrange(3))},
            ]
        return self.choice(kinds)()

    def id(self, right: int) -> bytes:
        return self.randbytes(right if self.random() < 0.7 else self.choice((0, 1, 7, 9, 17, 40)))

    def time(self) -> int:
        return self.choice((0, 1, 2**63, 2**64 - 1, time.time_ns(), self.getrandbits(64)))

    def fill(self, holder: Any) -> None:
        for _ in range(self.randrange(5)):
            key = self.choice(KEYS) if self.random() < 0.7 else self.text()
            put(holder.attributes.add(key=key).value, self.value())

    def request(self) -> bytes:
        message = ExportTraceServiceRequest()
        resource_spans = message.resource_spans.add(schema_url=self.text())
        self.fill(resource_spans.resource)
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = self.text()
        for _ in range(self.randrange(4)):
            span = scope_spans.spans.add(name=self.text(), trace_state=self.text())
            span.trace_id, span.span_id, span.parent_span_id = self.id(16), self.id(8), self.id(8)
            span.kind = self.randrange(-(2**31), 2**31)  # pyright: ignore[reportAttributeAccessIssue] - an open enum takes any number
            span.start_time_unix_nano, span.end_time_unix_nano = self.time(), self.time()
            span.flags = self.getrandbits(32)
            span.status.code = self.randrange(-(2**31), 2**31)  # pyright: ignore[reportAttributeAccessIssue] - an open enum takes any number
            span.status.message = self.text()
            self.fill(span)
            if self.random() < 0.7:
                span.attributes.add(key=attributes.TENANT_ID).value.string_value = "acme"
            for _ in range(self.randrange(3)):
                self.fill(span.events.add(name=self.text(), time_unix_nano=self.time()))
                self.fill(span.links.add(trace_id=self.id(16), span_id=self.id(8)))
        body = bytearray(message.SerializeToString())
        for _ in range(self.choice((0, 0, 0, 1, 2))):  # and sometimes bytes that nobody wrote
            if body:
                body[self.randrange(len(body))] = self.randrange(256)
        return bytes(body)


def put(value: AnyValue, content: Any) -> None:
    """Write a Python value as an OTLP value; None leaves the oneof unset."""
    match content:
        case None:
            pass
        case bool():
            value.bool_value = content
        case int():
            value.int_value = content
        case float():
            value.double_value = content
        case str():
            value.string_value = content
        case bytes():
            value.bytes_value = content
        case dict():
            value.kvlist_value.SetInParent()
            for key, item in cast("dict[str, Any]", content).items():
                put(value.kvlist_value.values.add(key=key).value, item)
        case _:
            value.array_value.SetInParent()
            for item in content:
                put(value.array_value.values.add(), item)
