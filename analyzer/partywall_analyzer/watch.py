"""Analyzes again and again while new spans arrive or the registry changes."""

import logging
import time
from collections.abc import Callable
from threading import Event
from typing import Final

from partywall_analyzer.engine import Analysis, analyze
from partywall_collector.store import Store, StoreError

_log: Final = logging.getLogger("partywall.analyzer")


def run_every(
    store: Store,
    seconds: float,
    stop: Event,
    on_change: Callable[[Analysis], None],
    on_error: Callable[[StoreError], None] | None = None,
    after: Callable[[], object] | None = None,
) -> None:
    """Analyze what arrived until `stop` is set; `seconds` lie between two looks.

    `on_change` is told each analysis that found something new, changed or withdrawn; `after` is
    called after each one. An error of the store goes to `on_error`, any other to the log, and the
    next look tries again; without `on_error` it is raised.
    """
    while not stop.is_set():
        begun = time.monotonic()
        try:
            analysis = analyze(store)
            for error in analysis.errors:
                _log.error("a rule is left out: %s", error)
            if analysis.new or analysis.changed or analysis.withdrawn:
                on_change(analysis)
            if after is not None:
                after()
        except StoreError as error:
            if on_error is None:
                raise
            on_error(error)
        except Exception:
            # A loop that ended here would look like a store in which nothing crosses any more.
            if on_error is None:
                raise
            _log.exception("an analysis failed; the next look tries again")
        stop.wait(max(0.0, seconds - (time.monotonic() - begun)))
