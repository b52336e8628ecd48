"""Generates a world and writes it down: OTLP files, a registry, and labels."""

import gzip
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from partywall_analyzer.generator.kinds import Kind, kinds
from partywall_analyzer.generator.knobs import KnobError, Knobs
from partywall_analyzer.generator.scenes import SECOND, Crossing, Scene, idle, label_of
from partywall_analyzer.generator.telemetry import Telemetry
from partywall_analyzer.generator.world import Line, World
from partywall_analyzer.testing import START
from partywall_collector.envelope import varint

Form = Literal["protobuf", "json"]

FILES: Final[dict[Form, str]] = {"protobuf": "traces.binpb.gz", "json": "traces.jsonl.gz"}
DAYS: Final = 14
"""Sessions begin within so many days."""

IN_YAML: Final = 20_000
"""A registry of more entries is written as JSON lines, which are read a hundred times as fast."""

_LINE_KINDS: Final = {
    "parties": ("party", "party_kind"),
    "relations": ("relation", "relation_kind"),
}


@dataclass(slots=True)
class Generated:
    """What was made: requests as they arrive, the registry, and the labels."""

    requests: list[ExportTraceServiceRequest]
    registry: dict[str, list[Line]]
    labels: list[Line] = field(default_factory=list[Line])

    def counts(self) -> dict[str, Any]:
        """How much there is, and how many of each kind, as `[planted, detectable, twins]`."""
        by_kind: dict[str, list[int]] = {}
        for label in self.labels:
            counted = by_kind.setdefault(label["kind"], [0, 0, 0])
            if label["unauthorised"]:
                counted[0] += 1
                counted[1] += label["detectable"]
            else:
                counted[2] += 1
        spans = Counter[str]()
        for request in self.requests:
            for resource in request.resource_spans:
                spans["spans"] += sum(len(scope.spans) for scope in resource.scope_spans)
        return {
            "requests": len(self.requests),
            "spans": spans["spans"],
            "registry": sum(map(len, self.registry.values())),
            "kinds": dict(sorted(by_kind.items())),
        }


def generate(knobs: Knobs) -> Generated:
    """Make a world; the same knobs give the same one. Raises KnobError for an unknown kind."""
    planted = [_kind(name) for name in knobs.kinds] or list(kinds().values())
    chance = random.Random(f"partywall {knobs.seed}")
    world = World(knobs, chance)
    scenes: list[Scene] = []
    crossings: list[tuple[Kind, Scene, Crossing]] = []
    begin = round(START.timestamp()) * SECOND
    planting = 0
    for _ in range(knobs.sessions):
        at = begin + chance.randrange(DAYS * 86_400) * SECOND
        scene = Scene(world, knobs, chance, at)
        scenes.append(scene)
        if chance.random() >= knobs.planted:
            idle(scene)
            continue
        scene.twin = chance.random() >= knobs.positives
        kind = planted[planting % len(planted)]
        planting += 1
        kind.plant(scene)
        if scene.crossing:
            crossings.append((kind, scene, scene.crossing))
    telemetry = Telemetry(knobs, chance)
    made = Generated(telemetry.requests(scenes), world.registry)
    for number, (kind, scene, crossing) in enumerate(crossings):
        label = label_of(
            number, kind.name, scene, crossing, telemetry.shows(crossing, twin=scene.twin)
        )
        made.labels.append(label)
    return made


def write(made: Generated, folder: Path, form: Form = "protobuf") -> list[Path]:
    """Write it into a folder, which is made if it is not there; return the files.

    Raises OSError where that cannot be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = sum(map(len, made.registry.values()))
    registry = folder / ("registry.yaml" if entries <= IN_YAML else "registry.jsonl")
    traces, labels = folder / FILES[form], folder / "labels.jsonl"
    lines = _yaml(made.registry) if registry.suffix == ".yaml" else _jsonl(made.registry)
    registry.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    labels.write_text("".join(f"{json.dumps(label)}\n" for label in made.labels), "utf-8")
    with traces.open("wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
        for request in made.requests:
            if form == "protobuf":
                body = request.SerializeToString(deterministic=True)
                packed.write(varint(len(body)) + body)
            else:
                packed.write(json.dumps(_otlp_json(request)).encode() + b"\n")
    return [traces, registry, labels]


def _kind(name: str) -> Kind:
    if name not in kinds():
        raise KnobError(f"--kinds: there is no kind '{name}'; known: {', '.join(kinds())}")
    return kinds()[name]


def _yaml(registry: dict[str, list[Line]]) -> Iterator[str]:
    """YAML with each entry on a line of its own, as JSON, which YAML is a superset of."""
    for kind, lines in registry.items():
        yield f"{kind}:"
        yield from (f"  - {json.dumps(line)}" for line in lines)


def _jsonl(registry: dict[str, list[Line]]) -> Iterator[str]:
    for kind, lines in registry.items():
        name, own_kind = _LINE_KINDS.get(kind, (kind.removesuffix("s"), "kind"))
        for line in lines:
            named = {own_kind if key == "kind" else key: value for key, value in line.items()}
            yield json.dumps({"kind": name} | named)


def _otlp_json(request: ExportTraceServiceRequest) -> dict[str, Any]:
    """OTLP JSON: as protobuf's, but ids are hex and enumerations are numbers."""
    told = MessageToDict(request, use_integers_for_enums=True)
    pairs = zip(_spans(request), _spans_told(told), strict=True)
    for span, said in pairs:
        said["traceId"], said["spanId"] = span.trace_id.hex(), span.span_id.hex()
        if span.parent_span_id:
            said["parentSpanId"] = span.parent_span_id.hex()
        for link, linked in zip(span.links, said.get("links", []), strict=True):
            linked["traceId"], linked["spanId"] = link.trace_id.hex(), link.span_id.hex()
    return told


def _spans(request: ExportTraceServiceRequest) -> Iterable[Any]:
    return (s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans)


def _spans_told(told: dict[str, Any]) -> Iterable[dict[str, Any]]:
    return (s for r in told["resourceSpans"] for scope in r["scopeSpans"] for s in scope["spans"])
