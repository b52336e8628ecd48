"""An agent with a request, whose calls are spans with content."""

import json
from typing import Any
from uuid import uuid4

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from partywall import attributes

EARLIER = "2020-01-01 00:00:00"
TENANT = "acme"


class Agent:
    """Calls tools one after the other, in a trace of its own."""

    def __init__(self, request: str) -> None:
        self.request = request
        self.trace = uuid4().bytes
        self.spans: list[Span] = []
        self.tools: dict[str, dict[str, Any]] = {}

    def call(
        self,
        result: str,
        /,
        operation: str = "read",
        party: tuple[str, str] | None = None,
        failed: bool = False,
        outsiders: tuple[str, ...] = (),
        **arguments: Any,
    ) -> None:
        """Make a call; `party` is the kind and the argument that names it."""
        kind, argument = party or ("", "")
        tool = " ".join((operation, kind, argument, *outsiders))
        self.tools[tool] = {
            "tool": tool,
            "operation": operation,
            "party_kind": kind,
            "party_arguments": [argument] if party else [],
            "outsider_fields": list(outsiders),
            "recorded_at": EARLIER,
        }
        texts = {
            attributes.TENANT_ID: TENANT,
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool,
            "gen_ai.tool.call.arguments": json.dumps(arguments),
            "gen_ai.tool.call.result": result,
        }
        number = len(self.spans) + 1
        self.spans.append(
            Span(
                trace_id=self.trace,
                span_id=number.to_bytes(8),
                start_time_unix_nano=number * 1000,
                end_time_unix_nano=number * 1000 + 1,
                attributes=[
                    KeyValue(key=name, value=AnyValue(string_value=text))
                    for name, text in texts.items()
                ],
                status=Status(code=Status.STATUS_CODE_ERROR) if failed else Status(),
            )
        )
