"""One identity, session or value serves many tenants, or calls serve nobody that is named."""

from typing import Final

from partywall_analyzer.generator.kinds import Kind
from partywall_analyzer.generator.scenes import Crossing, Scene, Step, idle

EVERYBODY: Final = "several"
"""The other side where it is more than two tenants."""

HOLDERS: Final = 9
"""So many tenants make a value a widespread one."""

SERVED: Final = 8
"""For so many tenants an identity may not do the same."""


def _alone(scene: Scene, tenant: str) -> str:
    """An identity that no other scene has: a finding about one lists the first calls of it."""
    return f"spiffe://{tenant}/{scene.world.number('agent')}"


def _unbound(scene: Scene) -> None:
    tenant = scene.world.tenant()
    session = scene.session(tenant, identity=_alone(scene, tenant), bound=scene.twin)
    sink = session.read(scene.world.dataset(tenant), scene.world.record(tenant))
    scene.breach("unbound-session", "session.unbound", sink, "span")


def _silent(scene: Scene) -> None:
    tenant = scene.world.tenant()
    session = scene.session(tenant, identity=_alone(scene, tenant))
    sink = session.report(scene.world.dataset(tenant) if scene.twin else "")
    scene.breach("silent-tool", "tool.silent", sink, "span")


def _mixed(scene: Scene) -> None:
    world = scene.world
    tenant = world.tenant()
    other = world.tenant(tenant)
    session = scene.session(tenant)
    home = session.read(world.dataset(tenant), world.record(tenant))
    now = tenant if scene.twin else other
    session.turn(now)
    sink = session.read(world.dataset(now), world.record(now))
    scene.crossing = Crossing(
        rule="mixed-session",
        reason="session.mixed",
        victim=other,
        from_tenant=tenant,
        to_tenant=other,
        sinks=(sink,),
        hops=(home, sink),
        shown_by=("span",),
        needs=(home,),
    )


def _uniform(scene: Scene) -> None:
    world = scene.world
    served = world.crowd(SERVED)
    if not served:
        return idle(scene)
    identity = _alone(scene, "operator")
    sinks: list[Step] = []
    for tenant in served:
        session = scene.session(tenant, identity=identity, standing=not scene.twin)
        sinks.append(session.read(world.dataset(tenant), world.record(tenant)))
    scene.crossing = Crossing(
        rule="uniform-privilege",
        reason="privilege.uniform",
        victim=EVERYBODY,
        from_tenant=EVERYBODY,
        to_tenant=EVERYBODY,
        sinks=tuple(sinks),
        hops=tuple(sinks),
        shown_by=("credential",),
    )
    return None


def _widespread(scene: Scene) -> None:
    world = scene.world
    crowd = world.crowd(HOLDERS + 1)
    if not crowd:
        return idle(scene)
    victim, *holders = crowd
    record = world.record(victim)
    session = scene.session(victim)
    published = session.read(world.guide(), record if scene.twin else world.record(victim))
    source = session.read(world.dataset(victim), record)
    told, kept = scene.through(record)
    board = world.board()
    written = session.write(board, told)
    sinks = [scene.session(name, later=True).read(board, told) for name in holders]
    scene.crossing = Crossing(
        rule="widespread-value",
        reason="value.widespread",
        victim=victim,
        from_tenant=victim,
        to_tenant=EVERYBODY,
        sinks=tuple(sinks),
        hops=(source, written, *sinks),
        shown_by=("values",),
        needs=(published, source) if scene.twin else (source,),
        kept=kept,
    )
    return None


KINDS: Final = (
    Kind(
        name="unbound-session",
        group="governance",
        says="calls belong to no session and no request",
        twin="they belong to one",
        plant=_unbound,
    ),
    Kind(
        name="silent-tool",
        group="governance",
        says="a tool that names its dataset by the registry names none",
        twin="it names it",
        plant=_silent,
    ),
    Kind(
        name="mixed-session",
        group="governance",
        says="a session goes on for another tenant",
        twin="it goes on for the same",
        plant=_mixed,
    ),
    Kind(
        name="uniform-privilege",
        group="governance",
        says="one identity reads for eight tenants on standing power",
        twin="it has a credential for each request",
        plant=_uniform,
    ),
    Kind(
        name="widespread-value",
        group="relay",
        says="what was read of one tenant is read by nine others from a shared dataset",
        twin="it had been published before",
        plant=_widespread,
    ),
)
