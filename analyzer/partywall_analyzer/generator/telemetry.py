"""Turns scenes into OTLP requests as they arrive: lost, late, twice, by wrong clocks."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from partywall import attributes as a
from partywall_analyzer.generator.knobs import Knobs
from partywall_analyzer.generator.scenes import CONTENT, SECOND, Crossing, Scene, Shown, Step

NEARBY: Final = 20
"""A request that comes out of order changes places with one of so many next ones."""


class Telemetry:
    """What of some scenes becomes telemetry, and how it arrives."""

    def __init__(self, knobs: Knobs, chance: random.Random) -> None:
        self._knobs, self._chance = knobs, chance
        self._clocks: dict[int, int] = {}
        self._unseen: set[Step] = set()
        self._silent: set[Step] = set()

    def requests(self, scenes: Sequence[Scene]) -> list[ExportTraceServiceRequest]:
        """The requests of all scenes in the order in which they arrive."""
        made = [pair for scene in scenes for pair in self._exported(scene)]
        made.sort(key=lambda pair: pair[0])
        order = [request for _, request in made]
        late: list[ExportTraceServiceRequest] = []
        arriving: list[ExportTraceServiceRequest] = []
        for at in range(len(order)):
            if self._happens(self._knobs.disorder):
                other = min(at + self._chance.randint(1, NEARBY), len(order) - 1)
                order[at], order[other] = order[other], order[at]
        for request in order:
            (late if self._happens(self._knobs.late) else arriving).append(request)
            if self._happens(self._knobs.repeats):
                self._chance.choice((late, arriving)).append(request)
        return arriving + late

    def shows(self, crossing: Crossing, *, twin: bool = False) -> tuple[Shown, ...]:
        """From what arrived it can be seen, or that a twin is none; nothing if it cannot."""
        if any(step in self._unseen for step in (*crossing.needs, *crossing.sinks)):
            return ()
        if CONTENT_SHOWS.intersection(crossing.shown_by) and any(
            step in self._silent for step in (*crossing.needs, *crossing.sinks)
        ):
            return ()
        if crossing.kept is not None and not crossing.kept:
            return ()
        seen_at = self._clock(crossing.sinks[0]) + crossing.sinks[0].start
        if crossing.after and (seen_at < crossing.after) != twin:
            return ()
        if crossing.before and (seen_at >= crossing.before) != twin:
            return ()
        return crossing.shown_by

    def _exported(self, scene: Scene) -> Iterator[tuple[int, ExportTraceServiceRequest]]:
        """The spans of each trace and process, when its last span has ended."""
        batches: dict[tuple[bytes, int], list[Step]] = {}
        for step in scene.steps:
            batches.setdefault((step.trace_id, step.host), []).append(step)
        for steps in batches.values():
            spans: list[Span] = []
            for step in steps:
                lost = self._happens(self._knobs.span_loss)
                unbound = self._happens(self._knobs.unbound)
                if lost or unbound:
                    self._unseen.add(step)
                if not lost:
                    spans.append(self._span(step, unbound=unbound))
            if spans:
                yield max(step.end for step in steps), _request(steps[0], spans)

    def _span(self, step: Step, *, unbound: bool) -> Span:
        session, shift = step.session, self._clock(step)
        told: dict[str, str | Sequence[str]] = {
            a.TENANT_ID: step.tenant,
            a.SESSION_ID: session.id,
            a.REQUEST_ID: session.request,
            a.IDENTITY_ID: session.identity,
            **step.attributes,
        }
        if unbound:
            told |= self._chance.choice(LIES)
        if CONTENT[0] in told and self._happens(self._knobs.content_off):
            self._silent.add(step)
            told |= dict.fromkeys(CONTENT, "")
        parent = step.parent
        span = Span(
            trace_id=step.trace_id,
            span_id=step.span_id,
            name=step.name,
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=step.start + shift,
            end_time_unix_nano=step.end + shift,
            attributes=[
                KeyValue(key=key, value=_any(value)) for key, value in told.items() if value
            ],
        )
        if parent and step.linked:
            span.links.add(trace_id=parent.trace_id, span_id=parent.span_id)
        elif parent:
            span.parent_span_id = parent.span_id
        return span

    def _clock(self, step: Step) -> int:
        """How far the clock of a span's host is from the true time, in nanoseconds."""
        if step.host not in self._clocks:
            skew = self._knobs.clock_skew
            self._clocks[step.host] = round(self._chance.uniform(-skew, skew) * SECOND)
        return self._clocks[step.host]

    def _happens(self, fraction: float) -> bool:
        return self._chance.random() < fraction


LIES: Final[tuple[Mapping[str, str], ...]] = (
    {a.TENANT_ID: ""},
    {a.TENANT_ID: "tenant-unknown"},
    {"tenant.id": "tenant-other"},
)
"""Without a tenant, with one that nobody registered, or with two: quarantine takes them all."""


CONTENT_SHOWS: Final[frozenset[Shown]] = frozenset({"registry", "request", "values"})
"""What of a crossing is in the arguments and results of calls."""


def _any(value: str | Sequence[str]) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    texts = [AnyValue(string_value=text) for text in value]
    return AnyValue(array_value=ArrayValue(values=texts))


def _request(step: Step, spans: Sequence[Span]) -> ExportTraceServiceRequest:
    service = AnyValue(string_value="generated-agent")
    host = AnyValue(string_value=f"host-{step.host:08x}")
    resource = Resource(
        attributes=[
            KeyValue(key="service.name", value=service),
            KeyValue(key="host.id", value=host),
        ]
    )
    scope = ScopeSpans(spans=spans)
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[scope])]
    )
