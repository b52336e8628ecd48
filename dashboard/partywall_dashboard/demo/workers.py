"""A process for each customer's agents, started early: importing a framework takes its time."""

import logging
import multiprocessing
import os
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver
from typing import Final

FINISHED_WITHIN: Final = 120.0
AGENTS: Final = "partywall_dashboard.demo.agents"


class AgentsFailed(Exception):
    """The agents could not be run; the text says why."""


def import_early() -> str:
    """Start importing the agents beside this process; returns how their processes are to start."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return "spawn"
    forkserver.set_forkserver_preload([AGENTS])
    # What is started while Ctrl-C is ignored ignores it from its first moment on.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)
    return "forkserver"


def run_agents(method: str, endpoint: str, tokens: Mapping[str, str], key_file: str) -> int:
    """Run every customer's agents with the fingerprint key; returns how many spans they made."""
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(len(tokens), context, initializer=settle) as pool:
        running = [
            pool.submit(serve_customer, tenant, endpoint, token, key_file)
            for tenant, token in tokens.items()
        ]
        return spans_of(running)


def spans_of(running: Sequence[Future[int]]) -> int:
    """Wait for all of them."""
    try:
        return sum(run.result(FINISHED_WITHIN) for run in running)
    except TimeoutError:
        raise AgentsFailed(f"the agents did not finish within {FINISHED_WITHIN:.0f} s") from None
    except BrokenProcessPool:
        raise AgentsFailed("the agents' processes ended before they were done") from None


def serve_customer(tenant: str, endpoint: str, token: str, key_file: str) -> int:
    """Runs in a worker. This process never imports the agents itself."""
    from partywall_dashboard.demo import agents

    return agents.serve_customer(tenant, endpoint, token, key_file)


def settle() -> None:
    """Make a new process independent of the terminal's Ctrl-C and of the user's own settings."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The job without a session is part of the demo; its warning would only be in the way.
    logging.getLogger("partywall").setLevel(logging.ERROR)
    for name in [name for name in os.environ if name.startswith(("OTEL_", "PARTYWALL_"))]:
        del os.environ[name]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
