"""Threads and executors: a job runs in the session of the code that gave it, not of its thread.

`bind` does it for one function. `install` does it for the executors of `concurrent.futures`, and so
for `loop.run_in_executor`, and for `threading.Thread`. A job always gets the context of its
submitter, also where that has no session: a pool's workers are made in whichever came first.
"""

import functools
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, Final, ParamSpec, TypeVar, cast

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from partywall import parts, remote
from partywall._wrap import attached, wrap
from partywall.sessions import KEY, THREAD, current_session

P = ParamSpec("P")
R = TypeVar("R")

_trace_context: Final = TraceContextTextMapPropagator()
_PATCHED: Final = "_partywall_patched"


def bind(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, bound to the session that is open now, wherever and whenever it is called.

    For whatever takes a function and runs it elsewhere: an executor of your own, a callback, a
    queue, a thread that outlives the session.
    """
    context = context_api.get_current()
    if (
        inspect.iscoroutinefunction(function)
        or inspect.isgeneratorfunction(function)
        or inspect.isasyncgenfunction(function)
    ):
        return wrap(cast(Callable[P, R], function), lambda _args, _kwargs: nullcontext(context))

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with attached(context):
            return function(*args, **kwargs)

    return call


def install() -> None:
    """Let the threads and executors of this process keep the session; a second call is none."""
    # Not before somebody instruments: these two cost more than the rest of this package.
    from concurrent.futures.process import ProcessPoolExecutor
    from multiprocessing.util import register_after_fork

    register_after_fork(_in_worker, _forget_in_pools)
    _patch(ThreadPoolExecutor, "submit", _submit)
    _patch(ProcessPoolExecutor, "submit", _submit_to_process)
    _patch(threading.Thread, "start", _start)


def _patch(owner: type, name: str, patched: Callable[[Any], Any]) -> None:
    original = getattr(owner, name)
    if not hasattr(original, _PATCHED):
        replacement = functools.wraps(original)(patched(original))
        setattr(replacement, _PATCHED, True)
        setattr(owner, name, replacement)


def _submit(original: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    def submit(self: Executor, fn: Callable[..., Any], /, *args: Any, **kw: Any) -> Future[Any]:
        return original(self, bind(fn) if callable(fn) else fn, *args, **kw)

    return submit


def _submit_to_process(original: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    def submit(self: Executor, fn: Callable[..., Any], /, *args: Any, **kw: Any) -> Future[Any]:
        session = current_session()
        said = remote.wire(session) if session else {}
        _trace_context.inject(said)
        return original(self, _in_worker, said, fn, *args, **kw)

    return submit


def _in_worker(said: dict[str, str], fn: Callable[..., Any], /, *args: Any, **kw: Any) -> Any:
    """The job, in the session of its submitter and not in the one that the worker was forked in."""
    _end_with_worker()
    context = _trace_context.extract(said, Context())
    if session := remote.adopt(said):
        context = context_api.set_value(KEY, session, context)
    with attached(context):
        return fn(*args, **kw)


def _forget_in_pools(_key: object) -> None:
    """A worker of `multiprocessing.Pool` was forked in one session and will serve any."""
    from multiprocessing import current_process

    if "PoolWorker" in current_process().name:
        context_api.attach(Context())


@functools.cache
def _end_with_worker() -> None:
    """Workers leave without the hooks of a process's exit: have their last spans sent before."""
    from multiprocessing.util import Finalize

    def end() -> None:
        parts.close_left_open()
        flush = getattr(trace.get_tracer_provider(), "force_flush", None)
        if flush is not None:
            flush()

    Finalize(None, end, exitpriority=0)


def _start(original: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
    def start(self: threading.Thread) -> None:
        context = context_api.get_current()
        session = current_session(context)
        if session is None:
            return original(self)
        # A thread that outlives the session is a worker which some session happened to start.
        context = context_api.set_value(THREAD, session, context)
        run, members = self.run, self.__dict__
        before = members.get("run")

        def restore() -> None:
            members.pop("run", None)  # it holds the thread, which holds it
            if before is not None:
                members["run"] = before

        def run_bound() -> None:
            restore()
            with attached(context):
                run()

        members["run"] = run_bound
        try:
            return original(self)
        except BaseException:
            restore()
            raise

    return start
