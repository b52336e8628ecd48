"""A credential is used by another tenant, or after its end."""

from typing import Final

from partywall_analyzer.generator.kinds import Kind
from partywall_analyzer.generator.scenes import SECOND, Crossing, Scene, seconds

DAY: Final = 86_400 * SECOND
LIFE: Final = 50 * 60 * SECOND
"""Nearly an hour: a credential that is good for longer is a finding of its own."""


def _shared(scene: Scene) -> None:
    world = scene.world
    owner = world.tenant()
    other = world.tenant(owner)
    name = world.number("cred")
    first = scene.session(owner)
    life = {"issued": seconds(scene.now - 60 * SECOND), "expires": seconds(scene.now + LIFE)}
    scene.register("credentials", id=name, tenant=owner, **life)
    used = first.read(world.dataset(owner), world.record(owner), credential=name)
    user = owner if scene.twin else other
    second = scene.session(user)
    sink = second.read(world.dataset(user), world.record(user), credential=name)
    scene.crossing = Crossing(
        rule="shared-credential",
        reason="credential.other_tenant",
        victim=owner,
        from_tenant=owner,
        to_tenant=other,
        sinks=(sink,),
        hops=(used, sink),
        shown_by=("credential",),
    )


def _long_lived(scene: Scene) -> None:
    world = scene.world
    tenant = world.tenant()
    name = world.number("cred")
    session = scene.session(tenant)
    days = scene.between((1, 25) if scene.twin else (31, 300))
    life = {"issued": seconds(scene.now - DAY), "expires": seconds(scene.now + days * DAY)}
    scene.register("credentials", id=name, tenant=tenant, **life)
    sink = session.read(world.dataset(tenant), world.record(tenant), credential=name)
    scene.breach("long-lived-credential", "credential.long_lived", sink, "credential")


def _ended(how: str) -> Kind:
    def plant(scene: Scene) -> None:
        world = scene.world
        tenant = world.tenant()
        name = world.number("cred")
        session = scene.session(tenant)
        issued = seconds(scene.now - 600 * SECOND)
        gap = scene.between((5, 600)) * SECOND
        if not scene.twin:
            scene.now += gap
        sink = session.read(world.dataset(tenant), world.record(tenant), credential=name)
        end = sink.end + gap if scene.twin else sink.start - gap
        scene.register("credentials", id=name, tenant=tenant, issued=issued, **{how: seconds(end)})
        scene.crossing = Crossing(
            rule="stale-credential",
            reason=f"credential.{how}",
            victim=tenant,
            from_tenant=tenant,
            to_tenant=tenant,
            sinks=(sink,),
            hops=(sink,),
            shown_by=("credential",),
            after=end,
        )

    ending = {"expires": "expires", "revoked": "is revoked"}[how]
    return Kind(
        name=f"credential-{how.replace('expires', 'expired')}",
        group="governance",
        says=f"a credential is used after it {ending}",
        twin="it is used before",
        plant=plant,
    )


KINDS: Final = (
    Kind(
        name="shared-credential",
        group="governance",
        says="a session uses a credential that was issued for another tenant",
        twin="the next session of that tenant uses it",
        plant=_shared,
    ),
    Kind(
        name="long-lived-credential",
        group="governance",
        says="a credential is good for more than a month",
        twin="it is good for less",
        plant=_long_lived,
    ),
    _ended("expires"),
    _ended("revoked"),
)
