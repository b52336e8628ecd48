"""Runs what need not wait for each other side by side."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

_Made = TypeVar("_Made")
_Other = TypeVar("_Other")


def together(tasks: Iterable[Callable[[], object]], *, at_once: int = 2) -> None:
    """Run some tasks, each begun in its turn; raise what the first of them raised.

    None is running any more then, and those that had not begun are not run. The engine reads on
    every core, but it plans a statement on one.
    """
    with ThreadPoolExecutor(at_once, "together") as pool:
        begun = [pool.submit(task) for task in tasks]
        wait(begun, return_when=FIRST_EXCEPTION)
        pool.shutdown(cancel_futures=True)
    for each in begun:
        if not each.cancelled():
            each.result()


def both(one: Callable[[], _Made], other: Callable[[], _Other]) -> tuple[_Made, _Other]:
    """What two tasks return that run side by side; neither is running any more at an error."""
    with ThreadPoolExecutor(1, "both") as pool:
        begun = pool.submit(other)
        return one(), begun.result()
