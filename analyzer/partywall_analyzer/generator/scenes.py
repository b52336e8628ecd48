"""Scenes: what agents do in some sessions, and the crossing that is planted in them, if any."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from partywall import attributes as a
from partywall_analyzer.generator.knobs import Knobs
from partywall_analyzer.generator.noise import noisy
from partywall_analyzer.generator.world import Line, World

SECOND: Final = 1_000_000_000
Shown = Literal["registry", "credential", "request", "parent", "values", "span"]
"""From what a crossing can be seen; `span` is what the call says of itself beside its content."""

CONTENT: Final = ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result")
"""The attributes of what goes into a call and comes out of it."""


@dataclass(eq=False, slots=True)
class Step:
    """A span to be: an agent's run or a call. Times are true, in nanoseconds since 1970."""

    name: str
    session: "Session"
    tenant: str
    host: int
    trace_id: bytes
    span_id: bytes
    start: int
    end: int
    parent: "Step | None" = None
    linked: bool = False
    attributes: dict[str, str | Sequence[str]] = field(
        default_factory=dict[str, str | Sequence[str]]
    )
    dataset: str = ""
    credential: str = ""
    approval: str = ""


@dataclass(slots=True, kw_only=True)
class Crossing:
    """What was planted: the crossing calls, the way there, and what must arrive to see it.

    A twin has one too: what it would be. `needs` are the spans without which it does not show,
    beside `sinks`; `ignore` those that may be flagged too; `kept` the values that came the whole
    way as they were. The first sink must be seen from `after` on and before `before`, in
    nanoseconds since 1970.
    """

    rule: str
    reason: str
    from_tenant: str
    to_tenant: str
    victim: str
    sinks: tuple[Step, ...]
    hops: tuple[Step, ...]
    shown_by: tuple[Shown, ...]
    needs: tuple[Step, ...] = ()
    ignore: tuple[Step, ...] = ()
    kept: frozenset[str] | None = None
    after: int = 0
    before: int = 0


class Scene:
    """Some sessions of one story. `twin` says that it is the benign one of its kind."""

    def __init__(
        self, world: World, knobs: Knobs, chance: random.Random, at: int, *, twin: bool = False
    ) -> None:
        self.world, self.knobs, self.chance, self.twin = world, knobs, chance, twin
        self.now = at
        self.steps: list[Step] = []
        self.crossing: Crossing | None = None

    def session(
        self, tenant: str, text: str = "", *, later: bool = False, **more: Any
    ) -> "Session":
        """Open a session; `later` leaves a delay after what happened so far."""
        if later:
            self.now += self.between(self.knobs.delay) * SECOND
        return Session(self, tenant, text, **more)

    def breach(self, rule: str, reason: str, sink: Step, shown: Shown, victim: str = "") -> None:
        """What is planted is one call, which does not hold to what binds it."""
        self.crossing = Crossing(
            rule=rule,
            reason=reason,
            victim=victim or sink.tenant,
            from_tenant=sink.tenant,
            to_tenant=sink.tenant,
            sinks=(sink,),
            hops=(sink.session.agent, sink),
            shown_by=(shown,),
        )

    def between(self, span: tuple[int, int]) -> int:
        """A number of a range."""
        return self.chance.randint(*span)

    def through(self, record: Mapping[str, str]) -> tuple[dict[str, str], frozenset[str]]:
        """A record as it comes through, and its values that came through as they were."""
        return noisy(record, self.knobs.value_noise, self.chance)

    def register(self, registry_kind: str, /, **line: Any) -> None:
        """Add an entry to the registry."""
        self.world.add(registry_kind, **line)


class Session:
    """One run of an agent for a tenant: a request, a credential, a trace."""

    def __init__(
        self,
        scene: Scene,
        tenant: str,
        text: str = "",
        *,
        identity: str = "",
        bound: bool = True,
        standing: bool = False,
    ) -> None:
        """Open it; one that is not `bound` has no name, `standing` power is for no one request."""
        self.scene, self.tenant, self._standing = scene, tenant, standing
        world = scene.world
        self.id = world.number("session") if bound else ""
        self.request = world.number("REQ") if bound else ""
        self.opened = scene.now
        self.identity = identity or f"spiffe://{tenant}/assistant"
        if bound:
            world.add(
                "sessions",
                request=self.request,
                session=self.id,
                tenant=tenant,
                identity=self.identity,
                opened=seconds(self.opened),
                text=text or f"Work on the open tickets of {tenant}.",
            )
        self.credential = self._issue(tenant)
        self.agent = self._agent(tenant, None, 0)
        for _ in range(scene.between(scene.knobs.depth) - 1):
            self.delegate()

    def delegate(self, tenant: str = "") -> Step:
        """Start a sub-agent, which makes all further calls; return its run."""
        linked = self.scene.chance.random() < self.scene.knobs.links
        host = self.scene.chance.getrandbits(32) if linked or tenant else self.agent.host
        if tenant and tenant != self.agent.tenant:
            self.credential = self._issue(tenant)
        self.agent = self._agent(tenant or self.agent.tenant, self.agent, host, linked=linked)
        return self.agent

    def turn(self, tenant: str = "") -> None:
        """Begin another run, with a trace of its own."""
        if tenant and tenant != self.tenant:
            self.credential = self._issue(tenant)
        self.agent = self._agent(tenant or self.tenant, None, self.agent.host)

    def read(self, dataset: str, record: Mapping[str, str] | None = None, **more: Any) -> Step:
        """Read a dataset; the record is in the answer."""
        answer = json.dumps({"rows": [record]}) if record else '{"rows": []}'
        return self._call("read_rows", {"dataset": dataset}, answer, dataset=dataset, **more)

    def write(self, dataset: str, record: Mapping[str, str] | None = None, **more: Any) -> Step:
        """Write a record into a dataset."""
        arguments = {"dataset": dataset, "row": record or {"note": "done"}}
        return self._call("write_rows", arguments, '{"written": 1}', dataset=dataset, **more)

    def send(self, to: str, text: str, **more: Any) -> Step:
        """Send a mail."""
        return self._call("send_mail", {"to": to, "body": text}, '{"sent": true}', **more)

    def report(self, dataset: str, **more: Any) -> Step:
        """Run a report over a dataset, or one that does not say over which."""
        arguments = {"dataset": dataset} if dataset else {"report": "weekly"}
        return self._call("run_report", arguments, '{"pages": 3}', dataset=dataset, **more)

    def carry(self, record: Mapping[str, str], hops: int) -> list[Step]:
        """Put a record into an own dataset and read it back, until so many calls are made."""
        made: list[Step] = []
        for number in range(hops):
            place = self.scene.world.dataset(self.tenant, f"notes_{number // 2}")
            made.append((self.write, self.read)[number % 2](place, record))
        return made

    def _issue(self, tenant: str) -> str:
        """A credential of the request for a tenant."""
        name = self.scene.world.number("cred")
        purpose = {"request": self.request} if self.request and not self._standing else {}
        self.scene.register(
            "credentials",
            id=name,
            tenant=tenant,
            **purpose,
            issued=seconds(self.scene.now - 60 * SECOND),
            expires=seconds(self.scene.now + 45 * 60 * SECOND),
        )
        return name

    def _call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        result: str,
        *,
        dataset: str = "",
        approval: str = "",
        credential: str = "",
        server: str = "",
        chain: Sequence[str] = (),
    ) -> Step:
        attributes: dict[str, str | Sequence[str]] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool,
            CONTENT[0]: json.dumps(arguments),
            CONTENT[1]: result,
        }
        if approval:
            attributes[a.APPROVAL_ID] = approval
        if chain:
            attributes[a.ACTOR_CHAIN] = chain
        if server:
            attributes["mcp.server.name"] = server
        step = self._step(f"execute_tool {tool}", self.agent.tenant, self.agent, self.agent.host)
        step.attributes |= attributes
        step.dataset, step.approval = dataset, approval
        step.credential = credential or self.credential
        step.attributes[a.CREDENTIAL_ID] = step.credential
        return step

    def _agent(self, tenant: str, parent: Step | None, host: int, *, linked: bool = False) -> Step:
        step = self._step("invoke_agent assistant", tenant, parent, host, linked=linked)
        step.host = host or self.scene.chance.getrandbits(32)
        step.attributes |= {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "assistant",
        }
        return step

    def _step(
        self, name: str, tenant: str, parent: Step | None, host: int, *, linked: bool = False
    ) -> Step:
        scene = self.scene
        scene.now += scene.between((300, 20_000)) * SECOND // 1000
        lasts = scene.between((20, 800)) * SECOND // 1000
        trace = scene.chance.randbytes(16) if linked or not parent else parent.trace_id
        span = scene.chance.randbytes(8)
        step = Step(
            name, self, tenant, host, trace, span, scene.now, scene.now + lasts, parent, linked
        )
        scene.now += lasts
        above = parent
        while above:
            above.end = max(above.end, scene.now + SECOND // 1000)
            above = above.parent
        scene.steps.append(step)
        return step


def seconds(nanoseconds: int) -> float:
    """A time as the registry takes it."""
    return round(nanoseconds / SECOND, 3)


def idle(scene: Scene) -> None:
    """A session in which nothing crosses: own rows are read and written, guides are read."""
    tenant = scene.world.tenant()
    session = scene.session(tenant)
    records = [scene.world.record(tenant) for _ in range(scene.between((1, 3)))]
    for record in records:
        session.read(scene.world.dataset(tenant), record)
        if scene.chance.random() < 0.4:
            session.read(scene.world.guide(), {"link": "https://guides.example/printers"})
        if scene.chance.random() < 0.5:
            session.write(scene.world.dataset(tenant), record)
    if scene.chance.random() < 0.3:
        session.send(f"desk@{tenant}.example", "All tickets are done.")


def label_of(
    number: int, kind: str, scene: Scene, crossing: Crossing, shown: Sequence[Shown]
) -> Line:
    """A label: what was planted, the way there, and from what it can be seen, if at all."""
    return {
        "id": f"{kind}-{number:05}",
        "kind": kind,
        "rule": crossing.rule,
        "unauthorised": not scene.twin,
        "reason": crossing.reason,
        "boundary": {"from": crossing.from_tenant, "to": crossing.to_tenant},
        "victim": crossing.victim,
        "detectable": bool(shown),
        "shown_by": list(shown),
        "traces": list(dict.fromkeys(step.trace_id.hex() for step in scene.steps)),
        "sinks": [step.span_id.hex() for step in crossing.sinks],
        "ignore": [step.span_id.hex() for step in crossing.ignore],
        "hops": [
            {
                "trace_id": step.trace_id.hex(),
                "span_id": step.span_id.hex(),
                "tenant": step.tenant,
                "dataset": step.dataset,
                "credential": step.credential,
                "approval": step.approval,
            }
            for step in crossing.hops
        ],
    }
