"""Waits for somebody else's code with a time limit, and takes care of an answer that comes late.

asyncio is imported where there is a loop: it costs a tenth of what `import partywall` does.
"""

import contextvars
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent import futures
from typing import TYPE_CHECKING, Any, Final, TypeVar

from partywall.errors import CredentialError

if TYPE_CHECKING:
    import asyncio

R = TypeVar("R")

log = logging.getLogger("partywall")

_background: Final["set[asyncio.Future[Any]]"] = set()
"""Tasks that nobody waits for any longer; a loop itself holds them weakly."""


class Unanswered(CredentialError):
    """The time is up."""


def wait(function: Callable[[], R], timeout: float, late: Callable[[R], object] | None = None) -> R:
    """What `function` returns; after `timeout` seconds `late` gets it instead."""
    answer = _start(function, late)
    try:
        futures.wait([answer], timeout)
    except BaseException:  # Ctrl-C
        _abandon(answer, late)
        raise
    return _in_time(answer, timeout)


async def wait_in_thread(
    function: Callable[[], R], timeout: float, late: Callable[[R], object] | None = None
) -> R:
    """The same for code that runs in an event loop; `function` may block."""
    import asyncio

    answer = _start(function, late)
    waiting = asyncio.wrap_future(answer)
    try:
        await asyncio.wait({waiting}, timeout=timeout)
    except BaseException:  # cancelled
        _abandon(answer, late)
        waiting.cancel()
        raise
    return _in_time(answer, timeout)


async def wait_in_task(
    function: Callable[[], Coroutine[Any, Any, R]],
    timeout: float,
    late: Callable[[R], Awaitable[object]] | None = None,
) -> R:
    """The same for a coroutine function."""
    import asyncio

    task = asyncio.ensure_future(function())
    try:
        await asyncio.wait({task}, timeout=timeout)
    except BaseException:  # cancelled; the other side may have issued something by now
        _leave(task, late)
        raise
    if not task.done():
        _leave(task, late)
        raise _unanswered(timeout)
    return task.result()


async def finish(work: Coroutine[Any, Any, object]) -> None:
    """Wait for `work`, which goes on if the waiting is cancelled."""
    import asyncio

    task = asyncio.ensure_future(work)
    _keep(task)
    await asyncio.shield(task)


def _start(
    function: Callable[[], R], late: Callable[[R], object] | None = None
) -> futures.Future[R]:
    """Run it in a thread of its own: one of a pool would keep the process from its exit."""
    answer: futures.Future[R] = futures.Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            result = context.run(function)
        except BaseException as error:  # it belongs to the one who waits
            if answer.set_running_or_notify_cancel():
                answer.set_exception(error)
            return
        if answer.set_running_or_notify_cancel():
            answer.set_result(result)
        elif late is not None:
            try:
                context.run(late, result)
            except Exception as error:
                log.warning("a late answer could not be handled (%s)", type(error).__name__)

    threading.Thread(target=run, name="partywall-issuer", daemon=True).start()
    return answer


def _in_time(answer: futures.Future[R], timeout: float) -> R:
    if answer.cancel():
        raise _unanswered(timeout)
    return answer.result()


def _abandon(answer: futures.Future[R], late: Callable[[R], object] | None) -> None:
    # Not cancelled means that it came at this very moment.
    if not answer.cancel() and answer.exception() is None and late is not None:
        result = answer.result()
        _start(lambda: late(result))


def _leave(task: "asyncio.Future[R]", late: Callable[[R], Awaitable[object]] | None) -> None:
    import asyncio

    def ended(ended: "asyncio.Future[R]") -> None:
        if not ended.cancelled() and ended.exception() is None and late is not None:
            _keep(asyncio.ensure_future(late(ended.result())))

    _keep(task)
    task.add_done_callback(ended)


def _keep(task: "asyncio.Future[Any]") -> None:
    _background.add(task)
    task.add_done_callback(_background.discard)


def _unanswered(timeout: float) -> Unanswered:
    return Unanswered(f"the issuer did not answer in {timeout:g} seconds")
