"""A control does not hold: a policy is not obeyed, an approval is worth nothing, power is lent."""

from typing import Final

from partywall import attributes as a
from partywall_analyzer.generator.kinds import Kind
from partywall_analyzer.generator.scenes import SECOND, Crossing, Scene, Shown, Step, seconds

HOUR: Final = 3600 * SECOND


def _note(scene: Scene, rule: str, reason: str, victim: str, sink: Step, shown: Shown) -> None:
    scene.crossing = Crossing(
        rule=rule,
        reason=reason,
        victim=victim,
        from_tenant=sink.tenant,
        to_tenant=sink.tenant,
        sinks=(sink,),
        hops=(sink.session.agent, sink),
        shown_by=(shown,),
    )


def _denied(scene: Scene) -> None:
    tenant = scene.world.tenant()
    session = scene.session(tenant)
    sink = session.write(scene.world.dataset(tenant), scene.world.record(tenant))
    sink.attributes |= {
        a.POLICY_ID: "no-writes-at-night",
        a.POLICY_DECISION: "allow" if scene.twin else "deny",
    }
    _note(scene, "denied-call", "policy.denied", tenant, sink, "registry")


def _approved(scene: Scene, approver: str) -> tuple[str, Step]:
    """A read of another tenant's dataset under an approval that covers it."""
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
        datasets=[dataset],
        operations=["read"],
        recorded=begin,
        **{"from": begin, "until": seconds(sink.end + HOUR)},
    )
    return victim, sink


def _self_approved(scene: Scene) -> None:
    victim, sink = _approved(scene, "owner@{victim}" if scene.twin else "{identity}")
    _note(scene, "self-approval", "approval.self_approved", victim, sink, "registry")


def _widened(scene: Scene) -> None:
    world = scene.world
    tenant = world.tenant()
    session = scene.session(tenant)
    name = world.number("cred")
    scene.register(
        "credentials",
        id=name,
        tenant=tenant,
        identity=session.identity if scene.twin else f"spiffe://{tenant}/planner",
        issued=seconds(scene.now - 60 * SECOND),
        expires=seconds(scene.now + 45 * 60 * SECOND),
    )
    sink = session.read(world.dataset(tenant), world.record(tenant), credential=name)
    _note(scene, "widened-delegation", "delegation.widened", tenant, sink, "credential")


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
        name="widened-delegation",
        group="governance",
        says="a credential that was issued for one workload is used by another",
        twin="it is used by that workload",
        plant=_widened,
    ),
)
