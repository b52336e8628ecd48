"""What a drill sends: the spans of each kind of drill, as they go over the wire.

There is no content in them: the canary goes along as the fingerprints that an agent would send.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from partywall import attributes
from partywall_collector.otlp_sender import Batch

SCHEME: Final = "partywall-drill://"
"""The datasets of drills; there is nothing behind them. The one without a tenant is shared."""

SENDER: Final = "partywall-drill"
"""The agent of a drill, and the principal that sends it if it is given no token of another one."""

_MILLISECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Act:
    """One call: of whose dataset (nobody's is the shared one), and whether it reads or writes."""

    dataset_of: str
    operation: str


@dataclass(frozen=True, slots=True)
class Run:
    """A session of one tenant, with its calls in their order."""

    tenant: str
    acts: tuple[Act, ...]


def runs(kind: str, tenant: str, owner: str) -> tuple[Run, ...]:
    """The sessions of a drill, in their order; the last one is the one that crosses."""
    reads, takes = Act(owner, "read"), Act("", "read")
    keeps, puts = Act(tenant, "write"), Act("", "write")
    match kind:
        case "flow":
            return (Run(tenant, (reads, keeps)),)
        case "relay":
            return (Run(owner, (reads, puts)), Run(tenant, (takes, keeps)))
        case _:
            return (Run(tenant, (reads,)),)


def dataset(of: str, drill: str) -> str:
    """The name of the dataset that a drill uses of a tenant."""
    return f"{SCHEME}{of}/{drill}"


@dataclass(frozen=True, slots=True)
class Values:
    """The fingerprints of the canary: under the keys of results and of arguments."""

    out: tuple[int, ...] = ()
    into: tuple[int, ...] = ()


def request(drill: str, sessions: Sequence[Run], values: Values) -> Batch:
    """One OTLP request. The first session ends before the second begins."""
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add()
    spans.resource.attributes.add(key="service.name").value.string_value = SENDER
    scope = spans.scope_spans.add()
    now = time.time_ns()
    for number, run in enumerate(reversed(sessions)):
        name = f"drill-{drill}{f'-{number}' if number else ''}"
        start = now - number * 10 * _MILLISECOND
        scope.spans.extend(_session(run, name, drill, start, values))
    return Batch(message.SerializeToString(), 1, len(scope.spans))


def _session(run: Run, name: str, drill: str, start: int, values: Values) -> list[Span]:
    trace = secrets.token_bytes(16)
    common = {
        attributes.TENANT_ID: run.tenant,
        attributes.SESSION_ID: name,
        attributes.REQUEST_ID: name,
        attributes.IDENTITY_ID: f"{SENDER}/{run.tenant}",
        "gen_ai.agent.name": SENDER,
    }
    agent = _span(trace, "invoke_agent " + SENDER, start, 2 * len(run.acts) * _MILLISECOND)
    _say(agent, common | {"gen_ai.operation.name": "invoke_agent"})
    spans = [agent]
    for number, act in enumerate(run.acts):
        begin = start + (2 * number * _MILLISECOND) + _MILLISECOND // 2
        tool = _span(trace, "execute_tool drill", begin, _MILLISECOND, agent.span_id)
        told = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "drill",
            attributes.DATASET_ID: dataset(act.dataset_of, drill),
            attributes.DATASET_OPERATION: act.operation,
        }
        _say(tool, common | told)
        reads = act.operation == "read"
        key = attributes.VALUES_OUT if reads else attributes.VALUES_IN
        if carried := values.out if reads else values.into:
            many = [AnyValue(string_value=str(value)) for value in carried]
            tool.attributes.add(key=key).value.array_value.values.extend(many)
        spans.append(tool)
    return spans


def _span(trace: bytes, name: str, start: int, lasts: int, parent: bytes = b"") -> Span:
    return Span(
        trace_id=trace,
        span_id=secrets.token_bytes(8),
        parent_span_id=parent,
        name=name,
        start_time_unix_nano=start,
        end_time_unix_nano=start + lasts,
    )


def _say(span: Span, said: Mapping[str, str]) -> None:
    for key, value in said.items():
        span.attributes.add(key=key).value.string_value = value
