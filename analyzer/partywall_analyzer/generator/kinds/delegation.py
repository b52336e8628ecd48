"""One acts for another: the chain of who acts for whom, and whose credential is used."""

from typing import Final

from partywall_analyzer.generator.kinds import Kind
from partywall_analyzer.generator.scenes import SECOND, Scene, Session, seconds


def _chain(session: Session, links: int) -> list[str]:
    """Who acts, and who it acts for."""
    others = [f"spiffe://{session.tenant}/agent-{number}" for number in range(1, links)]
    return [session.identity, *others]


def _broken(scene: Scene) -> None:
    session = scene.session(scene.world.tenant())
    chain = _chain(session, scene.between((2, 4)))
    told = chain if scene.twin else chain[1:]
    sink = session.read(scene.world.dataset(session.tenant), chain=told)
    scene.breach("broken-delegation", "delegation.broken", sink, "span")


def _deep(scene: Scene) -> None:
    session = scene.session(scene.world.tenant())
    chain = _chain(session, scene.between((2, 5) if scene.twin else (6, 12)))
    sink = session.read(scene.world.dataset(session.tenant), chain=chain)
    scene.breach("deep-delegation", "delegation.deep", sink, "span")


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
    scene.breach("widened-delegation", "delegation.widened", sink, "credential")


KINDS: Final = (
    Kind(
        name="broken-delegation",
        group="governance",
        says="the chain of who acts for whom does not begin with who acts",
        twin="it does",
        plant=_broken,
    ),
    Kind(
        name="deep-delegation",
        group="governance",
        says="more than five act for one another",
        twin="at most five do",
        plant=_deep,
    ),
    Kind(
        name="widened-delegation",
        group="governance",
        says="a credential that was issued for one workload is used by another",
        twin="it is used by that workload",
        plant=_widened,
    ),
)
