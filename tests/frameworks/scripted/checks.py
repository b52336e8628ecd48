"""What the tests of all frameworks ask of the spans of a run."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan

import partywall
from partywall import conventions
from partywall.testing import Recording, assert_bound, assert_none_unbound, recorded

SECRET = "DE89370400440532013000"
tracer = trace.get_tracer("a library")


async def look_up(customer: str) -> str:
    """Look a customer up."""
    with tracer.start_as_current_span("SELECT invoices"):
        return f"{customer} has {SECRET}"


def look_up_in_thread(customer: str) -> str:
    """Look a customer up in a thread of our own."""
    looker = threading.Thread(target=lambda: tracer.start_span("in a thread").end())
    looker.start()
    looker.join()
    return customer


async def fail(customer: str) -> str:
    """Look a customer up, in vain."""
    raise LookupError(f"no such customer, {SECRET}")


@contextmanager
def bound(module: Any) -> Generator[Recording]:
    """A recorded run inside one session, which must be bound to it from end to end."""
    with recorded() as run:
        module.instrument()
        try:
            with partywall.session(tenant="acme", request="REQ-7"):
                yield run
        finally:
            module.uninstrument()
    assert_none_unbound(run.ended)
    assert_bound(run.spans, tenant="acme", request="REQ-7")


def tools(run: Recording) -> list[str]:
    """The names of the tools that were called, one for each tool span."""
    return [conventions.tool_name(s.name, s.attributes or {}) for s in run.steps("tool")]


def handoffs(run: Recording) -> list[str]:
    """The names of the hand-offs."""
    return [conventions.tool_name(s.name, s.attributes or {}) for s in run.steps("handoff")]


def failed(span: ReadableSpan) -> bool:
    """Whether the span says that its call failed, in any of the ways that we read."""
    return bool(
        conventions.first(span.attributes or {}, conventions.ERROR)
        or not span.status.is_ok
        or any(event.name == "exception" for event in span.events)
    )
