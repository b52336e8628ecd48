"""Data of one tenant moves on to another: in one session, over several, or by a mixed-up server."""

from typing import Final

from partywall_analyzer.generator.kinds import Kind
from partywall_analyzer.generator.scenes import SECOND, Crossing, Scene, Step, seconds
from partywall_analyzer.generator.world import OPERATOR

SERVER: Final = "crm-server"


def _cared_for(scene: Scene, tenant: str) -> None:
    """The operator administers a tenant: a standing relation."""
    name = f"care-{tenant}"
    known = scene.world.registry.get("relations", [])
    if all(line["id"] != name for line in known):
        scene.register(
            "relations",
            id=name,
            tenant=tenant,
            grantee=OPERATOR,
            kind="delegated-administration",
            datasets=[f"postgres://crm/{tenant}.*"],
            **{"from": seconds(scene.now - 400 * 86_400 * SECOND)},
        )


def _flow(scene: Scene) -> None:
    world = scene.world
    victim = world.tenant()
    receiver = world.tenant(victim)
    for tenant in (victim, receiver):
        _cared_for(scene, tenant)
    session = scene.session(OPERATOR)
    record, own = world.record(victim), world.record(receiver)
    source = session.read(world.dataset(victim), record)
    between = session.carry(record, scene.between(scene.knobs.hops) - 2)
    session.turn()
    session.read(world.dataset(receiver), own)
    told, kept = scene.through(own if scene.twin else record)
    sink = session.write(world.dataset(receiver), told)
    scene.crossing = Crossing(
        rule="flow",
        reason="approval.missing",
        victim=victim,
        from_tenant=victim,
        to_tenant=receiver,
        sinks=(sink,),
        hops=(source, *between, sink),
        shown_by=("values",),
        needs=(source, sink),
        kept=kept,
    )


def _relay(scene: Scene) -> None:
    world = scene.world
    victim = world.tenant()
    receiver = world.tenant(victim)
    record = world.record(victim)
    sessions = scene.between(scene.knobs.relays)
    noisy_at = scene.between((1, sessions))
    session = scene.session(victim)
    published = session.read(world.guide(), record if scene.twin else world.record(victim))
    hops: list[Step] = [session.read(world.dataset(victim), record)]
    hops += session.carry(record, max(0, scene.between(scene.knobs.hops) - 2 * sessions))
    told, kept = dict(record), frozenset(record.values())
    for number in range(1, sessions):
        if number == noisy_at:
            told, kept = scene.through(record)
        board = world.board()
        hops.append(session.write(board, told))
        session = scene.session(receiver if number == sessions - 1 else victim, later=True)
        hops.append(session.read(board, told))
    if noisy_at == sessions:
        told, kept = scene.through(record)
    sink = session.write(world.dataset(receiver), told)
    scene.crossing = Crossing(
        rule="relay",
        reason="approval.missing",
        victim=victim,
        from_tenant=victim,
        to_tenant=receiver,
        sinks=(sink,),
        hops=(*hops, sink),
        shown_by=("values",),
        needs=(published, hops[0], *hops[-2:]) if scene.twin else (hops[0], *hops[-2:]),
        kept=kept,
    )


def _mix_up(scene: Scene) -> None:
    world = scene.world
    victim = world.tenant()
    actor = world.tenant(victim)
    theirs, own = world.record(victim), world.record(actor)
    source = scene.session(victim).read(world.dataset(victim), theirs, server=SERVER)
    told, kept = scene.through(own if scene.twin else theirs)
    session = scene.session(actor, later=True)
    sink = session.read(world.dataset(actor), told, server=SERVER)
    scene.crossing = Crossing(
        rule="tenant-mismatch",
        reason="approval.missing",
        victim=victim,
        from_tenant=actor,
        to_tenant=victim,
        sinks=(sink,),
        hops=(source, sink),
        shown_by=("values",),
        needs=(source, sink),
        kept=kept,
    )


KINDS: Final = (
    Kind(
        name="flow",
        group="flow",
        says="what was read of one tenant is written to another, in one session of the operator",
        twin="what is written was read of the receiver itself",
        plant=_flow,
    ),
    Kind(
        name="relay",
        group="relay",
        says="what was read of one tenant reaches another over shared datasets and later sessions",
        twin="it had been published before",
        plant=_relay,
    ),
    Kind(
        name="mix-up",
        group="shared server",
        says="a server that two tenants share answers one with a row of the other",
        twin="it answers with a row of its own",
        plant=_mix_up,
    ),
)
