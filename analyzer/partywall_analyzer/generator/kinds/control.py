"""A control does not hold: a policy is not obeyed, an approval is worth nothing."""

from typing import Final

from partywall import attributes as a
from partywall_analyzer.generator.kinds import Kind
from partywall_analyzer.generator.scenes import SECOND, Scene, Step, seconds

HOUR: Final = 3600 * SECOND


def _denied(scene: Scene) -> None:
    tenant = scene.world.tenant()
    session = scene.session(tenant)
    sink = session.write(scene.world.dataset(tenant), scene.world.record(tenant))
    sink.attributes |= {
        a.POLICY_ID: "no-writes-at-night",
        a.POLICY_DECISION: "allow" if scene.twin else "deny",
    }
    scene.breach("denied-call", "policy.denied", sink, "span")


def _approved(scene: Scene, approver: str, *, everything: bool = False) -> tuple[str, Step]:
    """A read of another tenant's dataset under an approval that covers it, or everything."""
    world = scene.world
    actor = world.tenant()
    victim = world.tenant(actor)
    session = scene.session(actor)
    name, dataset = world.number("CHG"), world.dataset(victim)
    begin = seconds(session.opened - HOUR)
    sink = session.read(dataset, world.record(victim), approval=name)
    scene.register(
        "approvals",
        id=name,
        tenant=victim,
        grantee=actor,
        request=session.request,
        approver=approver.format(identity=session.identity, victim=victim),
        datasets=["*" if everything else dataset],
        operations=["read"],
        recorded=begin,
        **{"from": begin, "until": seconds(sink.end + HOUR)},
    )
    return victim, sink


def _self_approved(scene: Scene) -> None:
    victim, sink = _approved(scene, "owner@{victim}" if scene.twin else "{identity}")
    scene.breach("self-approval", "approval.self_approved", sink, "span", victim)


def _overbroad(scene: Scene) -> None:
    victim, sink = _approved(scene, "owner@{victim}", everything=not scene.twin)
    scene.breach("overbroad-approval", "approval.overbroad", sink, "span", victim)


KINDS: Final = (
    Kind(
        name="denied-call",
        group="governance",
        says="a policy had denied a call, and it ran",
        twin="the policy had allowed it",
        plant=_denied,
    ),
    Kind(
        name="self-approval",
        group="governance",
        says="the approval for a foreign dataset was given by the identity that acts",
        twin="it was given by the owner",
        plant=_self_approved,
    ),
    Kind(
        name="overbroad-approval",
        group="governance",
        says="the approval for a foreign dataset is for every dataset",
        twin="it is for that one",
        plant=_overbroad,
    ),
)
