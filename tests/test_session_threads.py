"""Threads, pools and event loops: a job runs in the session of whoever gave it."""

import asyncio
import functools
import json
import multiprocessing
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any, cast

import pytest
from exported import facts
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import partywall
from partywall import attributes, threads


def tenants(memory: InMemorySpanExporter) -> list[Any]:
    """Name and tenant of each span but the close records."""
    found = [span for span in memory.get_finished_spans() if span.name != attributes.SESSION_CLOSE]
    memory.clear()
    return [(span.name, facts(span).get(attributes.TENANT_ID)) for span in found]


def work(name: str = "work") -> str:
    trace.get_tracer("a framework").start_span(name).end()
    return tenant()


def tenant() -> str:
    session = partywall.current_session()
    return session.tenant if session else ""


# --- pools -------------------------------------------------------------------------------------


def test_each_job_of_a_pool_runs_in_the_session_of_its_submitter(
    memory: InMemorySpanExporter,
) -> None:
    """Also where the pool's one thread was made in another's session."""
    with ThreadPoolExecutor(1) as pool:
        for name in ("acme", "fjord", "acme"):
            with partywall.session(tenant=name):
                assert pool.submit(work, name).result() == name
        assert pool.submit(work, "nobody's").result() == ""
        with partywall.session(tenant="acme"):
            assert list(pool.map(work, ["acme", "acme"])) == ["acme", "acme"]
    assert all(said in (name, None) for name, said in tenants(memory))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(["acme", "fjord", ""]), max_size=30), st.integers(1, 4))
def test_whoever_submits_in_whatever_order_no_job_is_anothers(
    submitters: list[str], workers: int
) -> None:
    """Sessions that are nested, alternate, or are absent."""

    def job(expected: str) -> bool:
        return tenant() == expected

    done: list[Future[bool]] = []
    with ThreadPoolExecutor(workers) as pool:
        for name in submitters:
            if name:
                with partywall.session(tenant=name):
                    done.append(pool.submit(job, name))
            else:
                done.append(pool.submit(job, ""))
    assert all(future.result() for future in done)


def test_a_loops_default_executor_keeps_the_session(memory: InMemorySpanExporter) -> None:
    async def run(name: str) -> list[str]:
        async with partywall.session(tenant=name):
            loop = asyncio.get_running_loop()
            return [
                await loop.run_in_executor(None, work),
                await asyncio.to_thread(work),
                await asyncio.create_task(asyncio.to_thread(work)),
            ]

    async def main() -> list[list[str]]:
        return await asyncio.gather(*(run(f"t-{n}") for n in range(6)))

    assert asyncio.run(main()) == [[f"t-{n}"] * 3 for n in range(6)]
    memory.clear()


def test_a_callback_of_a_loop_runs_where_it_was_given(memory: InMemorySpanExporter) -> None:
    async def main() -> list[str]:
        seen: list[str] = []
        loop = asyncio.get_running_loop()
        with partywall.session(tenant="acme"):
            loop.call_soon(lambda: seen.append(tenant()))
            loop.call_later(0.001, lambda: seen.append(tenant()))
        await asyncio.sleep(0.02)
        return seen

    assert asyncio.run(main()) == ["acme", "acme"]


def test_an_executor_refuses_what_is_no_function_as_before(memory: InMemorySpanExporter) -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(TypeError):
        pool.submit(cast(Any, 7)).result()


def test_a_job_may_be_anything_that_can_be_called(memory: InMemorySpanExporter) -> None:
    class Job:
        def __call__(self) -> str:
            return tenant()

    with partywall.session(tenant="acme"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(Job()).result() == "acme"
        assert pool.submit(functools.partial(work, "x")).result() == "acme"
        assert pool.submit(str, 7).result() == "7"


# --- threads -----------------------------------------------------------------------------------


def started(target: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=target)
    thread.start()
    return thread


def test_a_thread_keeps_the_session_that_it_was_started_in(memory: InMemorySpanExporter) -> None:
    with partywall.session(tenant="acme"):
        started(work).join()
        timer = threading.Timer(0.001, work, ["timer"])
        timer.start()
        timer.join()
    started(work).join()
    assert tenants(memory) == [("work", "acme"), ("timer", "acme"), ("work", None)]


def test_a_subclass_with_its_own_run_keeps_it_too(memory: InMemorySpanExporter) -> None:
    seen: list[str] = []

    class Worker(threading.Thread):
        def run(self) -> None:
            seen.append(tenant())
            assert "run" not in self.__dict__, "nothing of ours is left on the thread"

    with partywall.session(tenant="acme"):
        worker = Worker()
        worker.start()
        worker.join()
    assert seen == ["acme"]


def test_a_worker_that_outlives_the_session_is_not_bound_by_it(
    memory: InMemorySpanExporter,
) -> None:
    """Some session happened to start it; what it does afterwards may be for anybody."""
    jobs: queue.Queue[str] = queue.Queue()

    def serve() -> None:
        while name := jobs.get():
            work(name)
            jobs.task_done()

    tracer = trace.get_tracer("x")
    with partywall.session(tenant="acme"), tracer.start_as_current_span("request"):
        thread = started(serve)
        jobs.put("during")
        jobs.join()
    jobs.put("after")
    jobs.join()
    jobs.put("")
    thread.join()
    assert tenants(memory) == [("during", "acme"), ("request", "acme"), ("after", None)]


def test_work_that_is_bound_by_name_stays_bound(memory: InMemorySpanExporter) -> None:
    """`bind` says that the work belongs to the session, however long it takes."""
    with partywall.session(tenant="acme"):
        bound = partywall.bind(work)
    assert bound("late") == "acme"
    started(bound).join()
    assert bound.__name__ == "work"
    assert tenants(memory) == [("late", "acme"), ("work", "acme")]


def test_a_bound_coroutine_or_generator_runs_in_the_session(memory: InMemorySpanExporter) -> None:
    async def later() -> str:
        await asyncio.sleep(0)
        return tenant()

    def rows() -> Generator[str]:
        yield tenant()

    with partywall.session(tenant="acme"):
        bound_later, bound_rows = partywall.bind(later), partywall.bind(rows)
    assert asyncio.run(bound_later()) == "acme"
    assert list(bound_rows()) == ["acme"]


def test_a_thread_that_cannot_start_is_left_as_it_was() -> None:
    thread = threading.Thread(target=work)
    with partywall.session(tenant="acme"):
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="once"):
            thread.start()
    assert "run" not in thread.__dict__


def test_patching_twice_changes_nothing(memory: InMemorySpanExporter) -> None:
    before = ThreadPoolExecutor.submit, threading.Thread.start
    threads.install()
    assert (ThreadPoolExecutor.submit, threading.Thread.start) == before
    assert ThreadPoolExecutor.submit.__name__ == "submit"


def test_an_executor_of_ones_own_takes_bound_work(memory: InMemorySpanExporter) -> None:
    class Slow(Executor):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()
            threading.Timer(0.001, lambda: future.set_result(fn(*args, **kwargs))).start()
            return future

    with partywall.session(tenant="acme"):
        future = Slow().submit(partywall.bind(work))
    assert future.result(5) == "acme"


# --- processes ---------------------------------------------------------------------------------


def job(name: str) -> tuple[str, str, str, int]:
    """What a job of a process pool finds out about itself."""
    session = partywall.current_session()
    return name, tenant(), session.id if session else "", os.getpid()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_job_of_a_process_pool_is_its_submitters(memory: InMemorySpanExporter) -> None:
    """The worker was forked in the first session, and serves the others in theirs."""
    with ProcessPoolExecutor(1) as pool:
        for name in ("acme", "fjord"):
            with partywall.session(tenant=name, session=f"s-{name}"):
                _, found, session_id, pid = pool.submit(job, name).result()
                assert (found, session_id) == (name, f"s-{name}")
                assert pid != os.getpid()
        assert pool.submit(job, "nobody's").result()[1] == ""


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_pool_that_was_forked_in_a_session_does_not_take_it_over(
    memory: InMemorySpanExporter,
) -> None:
    """`multiprocessing.Pool` gives us no job to hold on to: unbound is loud, another's is not."""
    with partywall.session(tenant="acme"), multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(job, ("x",))[1] == ""
        process = multiprocessing.get_context("fork").Process(target=expect, args=["acme"])
        process.start()
        process.join()
    assert process.exitcode == 0


def expect(name: str) -> None:
    """Ends the process with an error where it works for another tenant."""
    sys.exit(0 if tenant() == name else 1)


POOL = """
import json, os, sys
from concurrent.futures import ProcessPoolExecutor
import partywall
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
class Print(SpanExporter):
    def export(self, spans):
        for span in spans:
            line = json.dumps({**span.attributes, "name": span.name, "pid": os.getpid()})
            os.write(1, (line + "\\n").encode())
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(Print()))
trace.set_tracer_provider(provider)
partywall.instrument()
def work(name):
    trace.get_tracer("x").start_span(name).end()
if __name__ == "__main__":
    with ProcessPoolExecutor(1) as pool, partywall.session(tenant="acme"):
        pool.submit(work, "a").result()
        with partywall.session(tenant="fjord"):
            pool.submit(work, "b").result()
"""


def test_the_last_spans_of_a_worker_process_are_sent_with_their_records() -> None:
    """A worker leaves without the hooks of a process's exit."""
    done = subprocess.run(
        [sys.executable, "-c", POOL], capture_output=True, text=True, timeout=60, check=True
    )
    spans = [json.loads(line) for line in done.stdout.splitlines()]
    told = sorted((span["name"], span[attributes.TENANT_ID]) for span in spans)
    assert told == [
        ("a", "acme"),
        ("b", "fjord"),
        (attributes.SESSION_CLOSE, "acme"),
        (attributes.SESSION_CLOSE, "fjord"),
    ]
    assert len({(s[attributes.SESSION_PART], s[attributes.SESSION_SEQUENCE]) for s in spans}) == 4


def test_threads_are_left_alone_where_that_is_said() -> None:
    code = """
import threading, partywall
from concurrent.futures import ThreadPoolExecutor
before = threading.Thread.start, ThreadPoolExecutor.submit
partywall.instrument()
print((threading.Thread.start, ThreadPoolExecutor.submit) == before)
"""
    environment = {"PARTYWALL_THREADS": "0", "OTEL_TRACES_EXPORTER": "none"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "True\n"


def test_many_threads_in_two_sessions_never_mix(memory: InMemorySpanExporter) -> None:
    def run(name: str) -> None:
        with partywall.session(tenant=name):
            running = [started(lambda: (time.sleep(0), work(name))) for _ in range(100)]
            for thread in running:
                thread.join()

    outer = [threading.Thread(target=run, args=[name]) for name in ("acme", "fjord")]
    for thread in outer:
        thread.start()
    for thread in outer:
        thread.join()
    found = tenants(memory)
    assert len(found) == 200
    assert all(name == said for name, said in found)
