"""A call on another tenant's dataset under an approval with one fault; the twin's has none."""

from collections.abc import Callable
from typing import Final

from partywall_analyzer.generator.kinds import Kind
from partywall_analyzer.generator.scenes import SECOND, Crossing, Scene, Step, seconds
from partywall_analyzer.generator.world import Line

HOUR: Final = 3600 * SECOND
Fault = Callable[[Scene, Line, Step, int], None]
"""Spoils an approval for a call; the number is a gap in nanoseconds."""


def _other(scene: Scene, approval: Line) -> str:
    return scene.world.tenant(approval["tenant"], approval["grantee"])


def _expired(scene: Scene, approval: Line, sink: Step, gap: int) -> None:
    approval["until"] = seconds(sink.start - gap)


def _revoked(scene: Scene, approval: Line, sink: Step, gap: int) -> None:
    approval["revoked"] = seconds(sink.start - gap)


def _not_yet(scene: Scene, approval: Line, sink: Step, gap: int) -> None:
    approval["from"] = seconds(sink.end + gap)


def _wrong_tenant(scene: Scene, approval: Line, sink: Step, gap: int) -> None:
    approval["tenant"] = _other(scene, approval)


def _wrong_grantee(scene: Scene, approval: Line, sink: Step, gap: int) -> None:
    approval["grantee"] = _other(scene, approval)


def _wrong_dataset(scene: Scene, approval: Line, sink: Step, gap: int) -> None:
    approval["datasets"] = [scene.world.dataset(approval["tenant"], "archive")]


def _wrong_operation(scene: Scene, approval: Line, sink: Step, gap: int) -> None:
    approval["operations"] = ["delete"]


def _wrong_tool(scene: Scene, approval: Line, sink: Step, gap: int) -> None:
    approval["tools"] = [scene.world.number("tool")]


def _wrong_request(scene: Scene, approval: Line, sink: Step, gap: int) -> None:
    approval["request"] = scene.world.number("REQ")


def _retroactive(scene: Scene, approval: Line, sink: Step, gap: int) -> None:
    approval["recorded"] = seconds(sink.end + HOUR + gap)


def _missing(scene: Scene, approval: Line, sink: Step, gap: int) -> None:
    approval.clear()


FAULTS: Final[dict[str, tuple[str, Fault]]] = {
    "missing": ("is not there", _missing),
    "expired": ("had expired", _expired),
    "revoked": ("had been revoked", _revoked),
    "not_yet": ("was not yet valid", _not_yet),
    "retroactive": ("was recorded an hour later", _retroactive),
    "wrong_tenant": ("is a third tenant's", _wrong_tenant),
    "wrong_grantee": ("is for a third tenant", _wrong_grantee),
    "wrong_dataset": ("names another dataset", _wrong_dataset),
    "wrong_operation": ("allows another operation", _wrong_operation),
    "wrong_tool": ("allows another tool", _wrong_tool),
    "wrong_request": ("was given for another request", _wrong_request),
}


def _kind(fault: str) -> Kind:
    says, spoil = FAULTS[fault]

    def plant(scene: Scene) -> None:
        world = scene.world
        actor = world.tenant()
        victim = world.tenant(actor)
        session = scene.session(actor)
        name, dataset = world.number("CHG"), world.dataset(victim)
        gap = scene.between((5, 600)) * SECOND
        if fault in ("expired", "revoked"):
            scene.now += gap
        write = scene.chance.random() < 0.5
        move = session.write if write else session.read
        cited = "" if fault == "missing" and not scene.twin else name
        sink = move(dataset, world.record(victim), approval=cited)
        approval: Line = {
            "id": name,
            "tenant": victim,
            "grantee": actor,
            "request": session.request,
            "datasets": [dataset],
            "operations": ["write" if write else "read"],
            "from": seconds(session.opened - HOUR),
            "recorded": seconds(session.opened - HOUR),
            "until": seconds(sink.end + HOUR),
        }
        if fault == "wrong_tool":
            approval["tools"] = [sink.attributes["gen_ai.tool.name"]]
        if not scene.twin:
            spoil(scene, approval, sink, gap)
        if approval:
            scene.register("approvals", **approval)
        ended = fault in ("expired", "revoked") and not scene.twin
        scene.crossing = Crossing(
            rule="foreign-dataset",
            reason=f"approval.{fault}",
            victim=victim,
            from_tenant=actor,
            to_tenant=victim,
            sinks=(sink,),
            hops=(session.agent, sink),
            shown_by=("registry",),
            after=sink.start - gap if ended else 0,
            before=sink.end + gap if fault == "not_yet" and not scene.twin else 0,
        )

    return Kind(
        name=f"approval-{fault.replace('_', '-')}",
        group="governance",
        says=f"the approval for a foreign dataset {says}",
        twin="it covers the call",
        plant=plant,
    )


KINDS: Final = tuple(_kind(fault) for fault in FAULTS)
