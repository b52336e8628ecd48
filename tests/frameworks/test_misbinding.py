"""The misbinding matrix: two tenants at work in one process, in each framework, in each way to run.

No span may be bound to the wrong tenant and none may be silently unbound. Whose a span is, is read
from the names that the test gave to agents and tools, never from what we stamped.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from mcp import Client
from mcp.server import MCPServer
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from scripted import langchain_agents, mcp_agents, openai_agents, pydantic_agents

import partywall
from partywall import attributes, propagation, settings
from partywall.testing import Recording, recorded

PAGE = Path(__file__).parents[2] / "docs" / "frameworks" / "README.md"
TENANTS = ("acme", "fjord")
NOBODY = "nobody"
ROUNDS = 3

Tool = Callable[..., Any]
tracer = trace.get_tracer("a library")


@dataclass(frozen=True)
class Framework:
    """How to run an agent of it."""

    module: Any
    name: str

    def run(self, who: str, tool: Tool) -> Coroutine[Any, Any, str]:
        return self.module.run(who, tool)

    def stream(self, who: str, tool: Tool) -> AsyncIterator[object]:
        return self.module.stream(who, tool)


FRAMEWORKS = (
    Framework(pydantic_agents, "pydantic-ai"),
    Framework(langchain_agents, "LangChain and LangGraph"),
    Framework(openai_agents, "openai-agents"),
    Framework(mcp_agents, "MCP"),
)


def tool_of(who: str, inside: Callable[[], Coroutine[Any, Any, object]]) -> Tool:
    """A tool that waits inside the span of a library, so that the other tenant runs meanwhile."""

    async def work(customer: str) -> str:
        """Work."""
        with tracer.start_as_current_span(f"db of {who}"):
            await inside()
        return "worked"

    work.__name__ = f"work_{who}"
    return work


def sync_tool_of(who: str, inside: Callable[[], object]) -> Tool:
    """The same as a plain function; frameworks run it in threads of their own."""

    def work(customer: str) -> str:
        """Work."""
        with tracer.start_as_current_span(f"db of {who}"):
            inside()
        return "worked"

    work.__name__ = f"work_{who}"
    return work


# --- The ways to run --------------------------------------------------------------------------


def async_tasks(framework: Framework) -> None:
    """Both runs are tasks of one loop and meet inside their tools."""

    async def one(who: str, meet: asyncio.Barrier) -> None:
        with partywall.session(tenant=who):
            await framework.run(who, tool_of(who, meet.wait))

    async def both() -> None:
        meet = asyncio.Barrier(len(TENANTS))
        await asyncio.gather(*(one(who, meet) for who in TENANTS))

    for _ in range(ROUNDS):
        asyncio.run(both())


def threads(framework: Framework) -> None:
    """Each run has a thread that was started in its session; plain tools meet across them."""
    meet = threading.Barrier(len(TENANTS), timeout=20)
    started: list[threading.Thread] = []
    sessions: list[partywall.Session] = []

    def job(who: str) -> None:
        asyncio.run(framework.run(who, sync_tool_of(who, meet.wait)))

    bindings = [partywall.session(tenant=who) for who in TENANTS]
    for who, binding in zip(TENANTS, bindings, strict=True):
        sessions.append(binding.__enter__())
        started.append(threading.Thread(target=job, args=(who,)))
        started[-1].start()
    for thread in started:
        thread.join()
    for binding in reversed(bindings):
        binding.__exit__(None, None, None)


def executors(framework: Framework) -> None:
    """Both tenants submit to one pool, whose threads work for either in turn."""
    meet = threading.Barrier(len(TENANTS), timeout=20)

    def job(who: str) -> str:
        return asyncio.run(framework.run(who, sync_tool_of(who, meet.wait)))

    with ThreadPoolExecutor(len(TENANTS)) as pool:
        for round_ in range(ROUNDS):
            jobs: list[Future[str]] = []
            for who in TENANTS if round_ % 2 else reversed(TENANTS):
                with partywall.session(tenant=who):
                    jobs.append(pool.submit(job, who))
            assert [done.result() for done in jobs] == ["done", "done"]


def sub_agents(framework: Framework) -> None:
    """Each agent's tool runs an agent for the other tenant, by an explicit hand-off."""

    async def one(who: str, other: str, meet: asyncio.Barrier) -> None:
        async def delegate() -> None:
            await meet.wait()
            async with partywall.handoff(f"agent-{other}", tenant=other):
                await framework.run(other, tool_of(other, meet.wait))

        with partywall.session(tenant=who):
            await framework.run(who, tool_of(who, delegate))

    async def both() -> None:
        meet = asyncio.Barrier(len(TENANTS))
        acme, fjord = TENANTS
        await asyncio.gather(one(acme, fjord, meet), one(fjord, acme, meet))

    asyncio.run(both())


def mcp_hop(framework: Framework) -> None:
    """Tools call one MCP server over HTTP, by one connection that was opened outside any session.

    The server runs in a thread of its own: nothing but the message says whose work it does.
    """
    meet = threading.Barrier(len(TENANTS), timeout=20)
    server: MCPServer[Any] = MCPServer("shared")

    @server.tool()
    async def fetch(who: str) -> str:  # pyright: ignore[reportUnusedFunction]: the server has it
        with tracer.start_as_current_span(f"server's db of {who}"):
            await asyncio.to_thread(meet.wait)
        return who

    async def one(who: str, client: Client) -> None:
        async def hop() -> None:
            assert not (await client.call_tool("fetch", {"who": who})).is_error

        with partywall.session(tenant=who):
            await framework.run(who, tool_of(who, hop))

    async def both(url: str) -> None:
        async with AsyncExitStack() as connection:
            with tracer.start_as_current_span(f"connection of {NOBODY}"):
                client = await connection.enter_async_context(Client(url))
            await asyncio.gather(*(one(who, client) for who in TENANTS))

    with serving(server) as url:
        asyncio.run(both(url))


@contextmanager
def serving(server: MCPServer[Any]) -> Generator[str]:
    """The address at which the server answers, from a thread of its own."""
    web = uvicorn.Server(uvicorn.Config(server.streamable_http_app(), port=0, log_level="warning"))
    thread = threading.Thread(target=web.run)
    thread.start()
    while not web.started:
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{web.servers[0].sockets[0].getsockname()[1]}/mcp"
    finally:
        web.should_exit = True
        thread.join()


def generator(framework: Framework) -> None:
    """Two streamed runs, each in a bound generator, whose steps are taken in turn."""

    async def nothing() -> None:
        await asyncio.sleep(0)

    def steps(who: str) -> AsyncIterator[object]:
        @partywall.session(tenant=who)
        async def bound() -> AsyncIterator[object]:
            async for step in framework.stream(who, tool_of(who, nothing)):
                with tracer.start_as_current_span(f"step of {who}"):
                    yield step

        return bound()

    async def in_turn() -> None:
        running = [steps(who) for who in TENANTS]
        while running:
            for each in list(running):
                try:
                    await anext(each)
                except StopAsyncIteration:
                    running.remove(each)
                assert partywall.current_session() is None, "a step leaked its session"

    asyncio.run(in_turn())


def callback(framework: Framework) -> None:
    """Tools leave callbacks with the loop, a timer and a future, which run after both sessions."""

    async def one(who: str, meet: asyncio.Barrier, late: list[asyncio.Future[None]]) -> None:
        async def leave() -> None:
            loop = asyncio.get_running_loop()

            def called(*_: object) -> None:
                with tracer.start_as_current_span(f"callback of {who}"):
                    pass

            loop.call_soon(called)
            loop.call_later(0.01, called)
            loop.run_in_executor(None, called)
            done: asyncio.Future[None] = loop.create_future()
            done.add_done_callback(called)
            late.append(done)
            await meet.wait()

        with partywall.session(tenant=who):
            await framework.run(who, tool_of(who, leave))

    async def both() -> None:
        meet = asyncio.Barrier(len(TENANTS))
        late: list[asyncio.Future[None]] = []
        await asyncio.gather(*(one(who, meet, late) for who in TENANTS))
        for done in late:
            done.set_result(None)
        await asyncio.sleep(0.05)

    asyncio.run(both())


def cancelled_task(framework: Framework) -> None:
    """One run is cancelled inside its tool; the other, and what comes after, is not disturbed."""

    async def both() -> None:
        meet = asyncio.Barrier(len(TENANTS))

        async def stuck() -> None:
            await meet.wait()
            await asyncio.Event().wait()

        async def one(who: str, inside: Callable[[], Coroutine[Any, Any, object]]) -> None:
            with partywall.session(tenant=who):
                await framework.run(who, tool_of(who, inside))

        first, second = TENANTS
        doomed = asyncio.create_task(one(first, stuck))
        other = asyncio.create_task(one(second, meet.wait))
        await other
        doomed.cancel()
        with suppress(asyncio.CancelledError):
            await doomed
        await asyncio.gather(*(one(who, lambda: asyncio.sleep(0)) for who in reversed(TENANTS)))

    asyncio.run(both())


WAYS = (
    async_tasks,
    threads,
    executors,
    sub_agents,
    mcp_hop,
    generator,
    callback,
    cancelled_task,
)
CANNOT: Mapping[tuple[str, str], str] = {
    ("MCP", "generator"): "a tool call has one result, nothing is streamed",
}
"""Cells that a framework has no way to run."""


# --- What must hold ---------------------------------------------------------------------------


@pytest.fixture
def framework(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Framework]:
    """The framework, traced and bound as a user would do it."""
    chosen: Framework = request.param
    with recorded():
        monkeypatch.setenv(settings.PROPAGATE_HOSTS.name, propagation.MCP)
        monkeypatch.setenv(settings.TRUST_INBOUND.name, "1")
        chosen.module.instrument()
        yield chosen
        chosen.module.uninstrument()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda f: f.name, indirect=True)
def test_no_span_is_bound_to_a_wrong_tenant_or_silently_unbound(
    framework: Framework, way: Callable[[Framework], None]
) -> None:
    """Each cell of the table in docs/frameworks."""
    if why := CANNOT.get((framework.name, way.__name__)):
        pytest.skip(why)
    with recorded() as run:
        way(framework)
    assert partywall.current_session() is None
    wrong, unbound, checked = misbound(run)
    assert (wrong, unbound) == ([], [])
    assert checked >= 3 * len(TENANTS), "fewer spans than agents, tools and libraries"


def table() -> str:
    """The matrix as it stands in the page."""
    ways = [way.__name__ for way in WAYS]
    lines = ["| | " + " | ".join(way.replace("_", " ") for way in ways) + " |"]
    lines.append("|---" * (len(ways) + 1) + "|")
    for each in FRAMEWORKS:
        cells = ("yes" if (each.name, way) not in CANNOT else "no such way" for way in ways)
        lines.append(f"| {each.name} | " + " | ".join(cells) + " |")
    lines += [f"\n{name}, {way}: {why}." for (name, way), why in CANNOT.items()]
    return "\n".join(lines)


def test_the_page_shows_the_matrix() -> None:
    """docs/frameworks/README.md has a column for each way and a row for each framework."""
    _before, _mark, rest = PAGE.read_text().partition("<!-- matrix -->")
    assert rest.partition("<!-- end of matrix -->")[0].strip() == table()


def misbound(run: Recording) -> tuple[list[str], list[str], int]:
    """Spans of the wrong tenant, spans of none, and how many there were."""
    wrong: list[str] = []
    unbound: list[str] = []
    owners = owners_of(run.spans)
    for span, owner in owners:
        said = span.attributes or {}
        bound = str(said.get(attributes.TENANT_ID, ""))
        if owner == NOBODY:
            if (bound, said.get(attributes.TENANT_SOURCE)) != ("", "unbound"):
                wrong.append(f"{span.name}: {bound}, and it is nobody's")
            continue
        assert owner, f"the test cannot tell whose {span.name!r} is"
        if not bound:
            unbound.append(span.name)
        elif bound != owner:
            wrong.append(f"{span.name}: {bound}, not {owner}")
    return wrong, unbound, len(owners)


def owners_of(spans: list[ReadableSpan]) -> list[tuple[ReadableSpan, str]]:
    """Whose each span is: by its own name, else by that of a span above, or below, it."""
    by_id = {span.context.span_id: span for span in spans if span.context}
    children: dict[int, list[ReadableSpan]] = {}
    for span in spans:
        if span.parent:
            children.setdefault(span.parent.span_id, []).append(span)

    def own(span: ReadableSpan) -> str:
        named = next((who for who in (*TENANTS, NOBODY) if who in span.name), "")
        if span.name.startswith("handoff to "):  # of the one who hands over
            return next(who for who in TENANTS if who != named)
        return named

    def above(span: ReadableSpan | None) -> str:
        while span is not None and not own(span):
            span = by_id.get(span.parent.span_id) if span.parent else None
        return own(span) if span else ""

    def below(span: ReadableSpan) -> str:
        inner = children.get(span.context.span_id, []) if span.context else []
        return next((found for child in inner if (found := own(child) or below(child))), "")

    return [(span, above(span) or below(span)) for span in spans]
