"""Test an agent's binding: record its spans in memory and say which tenant they must have.

    from partywall.testing import assert_bound, recorded

    def test_the_agent_works_for_acme_alone():
        with recorded() as run:
            answer_ticket("REQ-7")
        assert_bound(run.spans, tenant="acme", request="REQ-7")

Nothing is sent anywhere by it. `recorded(repeatable=True)` gives the same ids and times each run.
"""

import itertools
import threading
import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final
from unittest import mock

from opentelemetry import trace
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator

from partywall import attributes, conventions, parts, sessions
from partywall.exporting import instrument

RECORDS: Final = frozenset((attributes.SESSION_OPENED, attributes.SESSION_CLOSE))
"""Names of the spans that say something of a session itself."""

START: Final = 1_700_000_000_000_000_000
"""The first time that `Clock` tells, in nanoseconds since 1970."""

TICK: Final = 1_000_000
"""What `Clock` advances at each look, in nanoseconds."""


class Clock:
    """A clock that advances by the same step each time it is looked at."""

    def __init__(self, start: int = START, tick: int = TICK) -> None:
        self._times: Iterator[int] = itertools.count(start, tick)

    def __call__(self) -> int:
        return next(self._times)


class Ids(IdGenerator):
    """Trace and span ids that count up from 1; also an `id_generator` of a provider of your own."""

    def __init__(self) -> None:
        self._traces = itertools.count(1)
        self._spans = itertools.count(1)
        self._others = itertools.count(1)

    def generate_trace_id(self) -> int:
        return next(self._traces)

    def generate_span_id(self) -> int:
        return next(self._spans)

    def uuid4(self) -> uuid.UUID:
        """The ids of sessions, of their parts and of runs."""
        return uuid.UUID(int=next(self._others))


class Recording:
    """The spans that ended while it was open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended: list[ReadableSpan] = []

    def add(self, span: ReadableSpan) -> None:
        """A span has ended."""
        with self._lock:
            self._ended.append(span)

    @property
    def ended(self) -> list[ReadableSpan]:
        """All spans, in the order in which they ended, with the records of sessions."""
        with self._lock:
            return list(self._ended)

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans in the order in which they ended, without the records of sessions."""
        return [span for span in self.ended if span.name not in RECORDS]

    def steps(self, step: conventions.Step) -> list[ReadableSpan]:
        """The tool calls, hand-offs, agents or model calls among them."""
        return [s for s in self.spans if conventions.step(s.name, s.attributes or {}) == step]


class _Recorder(SpanProcessor):
    """Hands the spans of a provider to the recordings that are open."""

    def __init__(self) -> None:
        self.recordings: tuple[Recording, ...] = ()

    def on_end(self, span: ReadableSpan) -> None:
        for recording in self.recordings:
            recording.add(span)


_lock = threading.Lock()
_recorders: Final[dict[TracerProvider, _Recorder]] = {}


@contextmanager
def recorded(*, repeatable: bool = False) -> Generator[Recording]:
    """Record the spans that end in the block, of the provider that is there or of a new one.

    `repeatable` gives the clock and the ids of this module to everything that uses OpenTelemetry's
    defaults, so that two runs of single-threaded code give the same spans.
    """
    recorder = _recorder()
    recording = Recording()
    with ExitStack() as swapped:
        if repeatable:
            ids = Ids()
            stand_ins: list[tuple[object, str, object]] = [
                (sdk, "time_ns", Clock()),
                (RandomIdGenerator, "generate_trace_id", ids.generate_trace_id),
                (RandomIdGenerator, "generate_span_id", ids.generate_span_id),
                (sessions, "uuid", ids),
                (parts, "uuid", ids),
            ]
            for owner, name, stand_in in stand_ins:
                swapped.enter_context(mock.patch.object(owner, name, stand_in))
        with _lock:
            recorder.recordings = (*recorder.recordings, recording)
        try:
            yield recording
        finally:
            with _lock:
                recorder.recordings = tuple(r for r in recorder.recordings if r is not recording)


def assert_bound(
    spans: Iterable[ReadableSpan],
    *,
    tenant: str,
    request: str | None = None,
    identity: str | None = None,
    run: str | None = None,
) -> None:
    """Every span is bound to `tenant` (and made for `request`, by `identity`), and there is one.

    `run` looks at the spans of that run alone, and at those that lost their run.
    """
    chosen = [span for span in spans if run is None or _fact(span, attributes.RUN_ID) in (run, "")]
    if not chosen:
        raise AssertionError(f"no span was recorded, so none is bound to {tenant!r}")
    wanted = {
        attributes.TENANT_ID: tenant,
        attributes.REQUEST_ID: request,
        attributes.IDENTITY_ID: identity,
    }
    wrong = [
        f"{span.name!r}: {name} is {_fact(span, name) or 'missing'!r}, not {value!r}"
        for span in chosen
        for name, value in wanted.items()
        if value is not None and _fact(span, name) != value
    ]
    if wrong:
        raise AssertionError(_said(f"{len(wrong)} facts are wrong on {len(chosen)} spans", wrong))


def assert_none_unbound(spans: Iterable[ReadableSpan]) -> None:
    """Every span is bound to some tenant."""
    unbound = [repr(span.name) for span in spans if not _fact(span, attributes.TENANT_ID)]
    if unbound:
        raise AssertionError(
            _said(f"{len(unbound)} spans were made outside partywall.session(...)", unbound)
        )


def tenants(spans: Iterable[ReadableSpan]) -> set[str]:
    """The tenants that the spans are bound to; an empty name stands for none."""
    return {_fact(span, attributes.TENANT_ID) for span in spans}


def _recorder() -> _Recorder:
    with _lock:
        if not isinstance(trace.get_tracer_provider(), TracerProvider):
            trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
        provider = instrument()
        if provider not in _recorders:
            _recorders[provider] = _Recorder()
            provider.add_span_processor(_recorders[provider])
        return _recorders[provider]


def _fact(span: ReadableSpan, name: str) -> str:
    return str((span.attributes or {}).get(name, ""))


def _said(summary: str, lines: list[str], shown: int = 10) -> str:
    more = [f"... and {len(lines) - shown} more"] if len(lines) > shown else []
    return "\n  ".join([f"{summary}:", *lines[:shown], *more])
