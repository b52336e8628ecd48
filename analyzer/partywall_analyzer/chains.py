"""Turns a finding into nodes and hops: what the terminal and the dashboard draw."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from partywall_analyzer.explain import Told
from partywall_analyzer.model import READS, Chain, Hop, Node, Proof, Ref, iso, moment
from partywall_analyzer.names import clean
from partywall_analyzer.spans import Span
from partywall_analyzer.ways import Witness
from partywall_analyzer.weave import Line, Message, Weave

LONGEST: Final = 40
"""At most so many steps of a witness are drawn; the middle of a longer one is left out."""

_WHERE: Final = {
    "scalar": "in a field",
    "outsider": "in a field that outsiders write",
    "text": "in a text",
}
_STEPS: Final = {"tool": "tool", "handoff": "agent", "agent": "agent"}


class Canvas:
    """Collects nodes once and hops in order."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._hops: list[Hop] = []

    def node(self, kind: str, name: str, label: str, tenant: str) -> Node:
        """A node; the same one if it was drawn before."""
        key = f"{kind}:{_key(name)}"
        return self._nodes.setdefault(key, Node(key, kind, clean(label, 60), tenant))

    def hop(
        self, source: Node, target: Node, label: str, proof: Proof, span: Span | None = None
    ) -> None:
        """A hop between two nodes, told once; it crosses if their tenants differ."""
        if source.id == target.id:
            return
        drawn = Hop(source.id, target.id, clean(label, 60), proof)
        if span:
            time = iso(moment(span.start // 1_000))
            drawn = replace(drawn, time=time, trace_id=span.trace_id, span_id=span.span_id)
        if drawn not in self._hops:
            self._hops.append(drawn)

    def cross(self, source: Node, target: Node) -> None:
        """Mark the hops between two nodes as the crossing."""
        pair = (source.id, target.id)
        self._hops = [
            replace(hop, crossing=True) if (hop.source, hop.target) == pair else hop
            for hop in self._hops
        ]

    def chain(self) -> Chain:
        """The picture."""
        return Chain(tuple(self._nodes.values()), tuple(self._hops))


def _key(name: str) -> str:
    """A name as an id; one that is not safe or too long as its digest."""
    if clean(name) == name:
        return name
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def draw(told: Told, weave: Weave, witness: Witness | None) -> Chain:
    """The chain of a finding: from the request to the crossing, every hop with its grade."""
    canvas = Canvas()
    candidate, sink = told.candidate, told.sink
    if sink is None:
        return canvas.chain()
    if told.rule.id == "handoff":
        _handoff(canvas, told, weave, sink)
    elif told.rule.id == "canary":
        _canary(canvas, told, weave, witness, sink)
    elif told.rule.id in ("flow", "relay") and told.source:
        start = _approach(canvas, told.source, weave.ancestors(told.source.ref))
        if told.source_dataset:
            held = canvas.node(
                "dataset", told.source_dataset, told.source_dataset, candidate.from_tenant
            )
            canvas.hop(held, start, "read", Proof.P2, told.source)
            if held.tenant != start.tenant:
                canvas.cross(held, start)
        _path(canvas, weave, witness.hops if witness else ())
        _target(canvas, told, sink, _step(canvas, sink))
    else:
        first = told.source if candidate.party and told.source else sink
        node = _approach(canvas, first, weave.ancestors(first.ref))
        if first is not sink:
            label = f"introduced the party {_WHERE.get(told.rank, '')}"
            canvas.hop(node, _step(canvas, sink), label.rstrip(), Proof.P2, first)
        _sources(canvas, told, weave, sink)
        _target(canvas, told, sink, _step(canvas, sink))
    return canvas.chain()


def _sources(canvas: Canvas, told: Told, weave: Weave, sink: Span) -> None:
    """The calls whose data went along with the crossing."""
    for along in told.along:
        source = weave.span(along.call)
        if source and source is not sink:
            node = _approach(canvas, source, weave.ancestors(source.ref))
            many = f"{along.values} value{'s' if along.values != 1 else ''}"
            what = many if along.values else "words of a record"
            proof = Proof.P3 if along.values > 1 else Proof.P2
            canvas.hop(node, _step(canvas, sink), f"{what} went along", proof, source)


def _approach(canvas: Canvas, span: Span, above: Sequence[Span]) -> Node:
    """The way to a call: the person, the request, the agents above it."""
    tenant = above[0].tenant_id if above else span.tenant_id
    last: Node | None = None
    if span.subject:
        last = canvas.node("human", span.subject, span.subject, tenant)
    if span.request_id:
        request = canvas.node("request", span.request_id, span.request_id, tenant)
        if last:
            canvas.hop(last, request, "asked", Proof.P2, span)
        last = request
    steps = [step for step in above if step.step in _STEPS] or list(above[:1])
    if not steps and span.agent:
        agent = canvas.node("agent", f"{span.session_id}/{span.agent}", span.agent, tenant)
        if last:
            canvas.hop(last, agent, "started", Proof.P1, span)
        last = agent
    for step in (*steps[:LONGEST], span):
        node = _step(canvas, step)
        if last:
            canvas.hop(last, node, _verb(last, node), Proof.P1, step)
        last = node
    return _step(canvas, span)


def _verb(source: Node, target: Node) -> str:
    if source.kind in ("request", "human"):
        return "started"
    return "handed off" if target.kind == "agent" else "called"


def _step(canvas: Canvas, span: Span) -> Node:
    kind = _STEPS.get(span.step, "agent" if not span.tool else "tool")
    label = span.tool if kind == "tool" and span.tool else span.agent or span.name
    return canvas.node(kind, span.span_id, label, span.tenant_id)


def _path(canvas: Canvas, weave: Weave, hops: Sequence[Message]) -> None:
    """The witness itself; of a very long one the two ends."""
    half = LONGEST // 2
    shown = hops if len(hops) <= LONGEST else (*hops[:half], *hops[-half:])
    for message in shown:
        ends = [_line(canvas, weave, end.line) for end in (message.sender, message.receiver)]
        about = _span(weave, message.receiver.line) or _span(weave, message.sender.line)
        words = {"spawned": "called", "returned": "returned", "linked": "led to"}
        label = words.get(message.kind, message.kind)
        if message.kind in ("carried", "matched"):
            label += f" {message.values} value{'s' if message.values != 1 else ''}"
        if message.through:
            place = canvas.node("dataset", message.through, message.through, "")
            writer = _span(weave, message.sender.line)
            canvas.hop(ends[0], place, "wrote", message.proof, writer)
            canvas.hop(place, ends[1], "read", message.proof, about)
            if ends[0].tenant != ends[1].tenant:
                canvas.cross(place, ends[1])
            continue
        canvas.hop(ends[0], ends[1], label, message.proof, about)
        if ends[0].tenant != ends[1].tenant:
            canvas.cross(*ends)


def _line(canvas: Canvas, weave: Weave, line: Line) -> Node:
    span = _span(weave, line)
    if span:
        return _step(canvas, span)
    # A session or a dataset that calls pass through belongs to no lane of its own.
    return canvas.node("agent" if line.kind == "session" else "dataset", line.id, line.id, "")


def _span(weave: Weave, line: Line) -> Span | None:
    return weave.span(Ref(line.scope, line.id)) if line.kind == "call" else None


def _target(canvas: Canvas, told: Told, sink: Span, node: Node) -> None:
    """The last hop: what the call touched on the other side of the wall."""
    candidate = told.candidate
    verb = candidate.operation or "used"
    if told.rule.id in ("shared-credential", "stale-credential"):
        _credential(canvas, told, sink, node)
    if told.rule.id == "tenant-mismatch":
        there = canvas.node(
            "dataset", told.source_dataset, told.source_dataset, candidate.to_tenant
        )
    elif candidate.party:
        there = canvas.node(
            "party",
            f"{candidate.party_kind}:{candidate.party}",
            candidate.party,
            candidate.to_tenant,
        )
    elif candidate.dataset:
        there = canvas.node("dataset", candidate.dataset, candidate.dataset, candidate.to_tenant)
    else:
        return
    back = candidate.operation in READS
    ends = (there, node) if back and not candidate.party else (node, there)
    canvas.hop(*ends, verb, Proof.P2, sink)
    if there.tenant != node.tenant:
        canvas.cross(*ends)


def _credential(canvas: Canvas, told: Told, sink: Span, node: Node) -> None:
    name = told.candidate.credential_id
    credential = canvas.node("credential", name, name, told.candidate.from_tenant)
    if told.source:
        canvas.hop(credential, _step(canvas, told.source), "used by", Proof.P2, told.source)
    canvas.hop(credential, node, "used by", Proof.P2, sink)
    if credential.tenant != node.tenant:
        canvas.cross(credential, node)


def _canary(canvas: Canvas, told: Told, weave: Weave, witness: Witness | None, sink: Span) -> None:
    """From the data in which it lies, over the call that first had it, to the one that held it."""
    first = told.source or sink
    start = _approach(canvas, first, weave.ancestors(first.ref))
    name = told.source_dataset or "data that it is planted in"
    held = canvas.node("dataset", name, name, told.candidate.from_tenant)
    canvas.hop(held, start, "a canary came out", Proof.P4, first)
    if held.tenant != start.tenant:
        canvas.cross(held, start)
    if first is sink:
        return
    _path(canvas, weave, witness.hops if witness else ())
    end = _step(canvas, sink)
    if not witness:
        canvas.hop(start, end, "the canary is here too", Proof.P4, sink)
    if start.tenant != end.tenant and not any(hop.crossing for hop in canvas.chain().hops):
        canvas.cross(start, end)


def _handoff(canvas: Canvas, told: Told, weave: Weave, sink: Span) -> None:
    above = weave.ancestors(sink.ref)
    child = _approach(canvas, sink, above)
    starter = above[-1] if above else told.source
    if starter:
        parent = _step(canvas, starter)
        canvas.hop(parent, child, "handed off", Proof.P1, sink)
        canvas.cross(parent, child)
