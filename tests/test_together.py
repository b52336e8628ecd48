"""Tasks that do not wait for each other."""

import threading
import time
from collections.abc import Callable

import pytest

from partywall_analyzer.together import both, together

PATIENCE = 10


def _one_that_fails_and_one_beside(
    done: list[str],
) -> tuple[Callable[[], None], Callable[[], None]]:
    """The second ends, and says so, a while after the first has failed."""
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise ValueError("one")

    def beside() -> None:
        assert failed.wait(PATIENCE)
        time.sleep(0.1)
        done.append("beside")

    return fail, beside


def test_tasks_run_side_by_side() -> None:
    """Each of two waits for the other one, which only works if both have begun."""
    meeting = threading.Barrier(2, timeout=PATIENCE)
    together([meeting.wait, meeting.wait], at_once=2)
    assert not meeting.broken


def test_one_at_a_time_keeps_the_order() -> None:
    """What may not run at once runs as it was given."""
    done: list[int] = []
    together([lambda number=number: done.append(number) for number in range(20)], at_once=1)
    assert done == list(range(20))


def test_the_first_error_is_raised_when_nothing_runs_any_more() -> None:
    """What runs beside the task that failed ends first, and most that had not begun is left."""
    done: list[str] = []
    fail, beside = _one_that_fails_and_one_beside(done)

    def after() -> None:
        time.sleep(0.05)
        done.append("after")

    with pytest.raises(ValueError, match="one"):
        together([beside, fail, *[after] * 100], at_once=2)
    assert "beside" in done
    assert done.count("after") < 50


def test_both_run_side_by_side_and_what_they_return_is_told_apart() -> None:
    """Each waits for the other one, and each result is where its task stood."""
    meeting = threading.Barrier(2, timeout=PATIENCE)

    def number() -> int:
        meeting.wait()
        return 1

    def text() -> str:
        meeting.wait()
        return "one"

    assert both(number, text) == (1, "one")


def test_an_error_of_one_of_both_waits_for_the_other() -> None:
    """Whoever catches it may close what both of them use."""
    for order in (1, -1):
        done: list[str] = []
        with pytest.raises(ValueError, match="one"):
            both(*_one_that_fails_and_one_beside(done)[::order])
        assert done == ["beside"]
