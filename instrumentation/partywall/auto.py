"""Zero-code: binds a process whose program knows nothing of Partywall.

`opentelemetry-instrument` calls `attach` before the instrumentors, whichever distro or file set up
the tracing; `partywall run` calls it too. Where the program sets a provider of its own later, that
one is bound; where nobody does, the first span gets ours.
"""

import functools
import importlib.util
import logging
import os
import threading
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakSet

from opentelemetry import propagate, trace
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.util._once import Once

from partywall import grants, settings
from partywall.carrying import wrap_exporters
from partywall.errors import GrantError, PartywallError
from partywall.exporting import bind_process, instrument, outgoing
from partywall.inbound import HeaderPropagator

log = logging.getLogger("partywall")

SET_UP_BY: Final = ("OTEL_PYTHON_DISTRO", "OTEL_PYTHON_CONFIGURATOR", "OTEL_CONFIG_FILE")
"""Who sets one of these has said who sets up the tracing; `partywall run` leaves it at that."""

_lock: Final = threading.RLock()
_bound: Final[WeakSet[TracerProvider]] = WeakSet()
_waiting: Final[WeakSet[trace.ProxyTracer]] = WeakSet()
"""Tracers that our own provider serves until the program sets one."""

_attached = False
_own: TracerProvider | None = None


def attach() -> None:
    """Bind this process: the entry point `opentelemetry_pre_instrument`; a second call is none.

    An error of ours is logged: the program runs, and its spans say that they are unbound.
    """
    try:
        with _lock:
            _attach()
    except Exception:
        log.exception("this process could not be instrumented by Partywall")


def start() -> None:
    """What `partywall run` does in each Python process: auto-instrumentation where installed."""
    if not any(os.environ.get(name) for name in SET_UP_BY):
        # A provider that a configurator sets could not be replaced by the program's own.
        os.environ["OTEL_PYTHON_DISTRO"] = os.environ["OTEL_PYTHON_CONFIGURATOR"] = "partywall"
    if importlib.util.find_spec("opentelemetry.instrumentation") is not None:
        from opentelemetry.instrumentation import auto_instrumentation

        loading = logging.getLogger(f"{auto_instrumentation.__name__}._load")
        loading.setLevel(logging.ERROR)  # it warns of each configurator that is passed over
        auto_instrumentation.initialize()
        loading.setLevel(logging.NOTSET)
    attach()


def _attach() -> None:
    global _attached
    if not _attached:
        _attached = True
        _bind_by_grant()
        present = propagate.get_global_textmap()
        propagate.set_global_textmap(CompositePropagator([present, HeaderPropagator()]))
        bind_process(None, None, None, None)
        _watch_for_a_provider()
    _bind_provider()


def _bind_by_grant() -> None:
    """A grant in the environment says what the other variables leave open."""
    if token := settings.GRANT.text():
        try:
            said = grants.environment(token)
        except GrantError as error:
            log.error("%s: %s", settings.GRANT.name, error)
            return
        for name, value in said.items():
            if os.environ.setdefault(name, value) != value:
                log.warning(
                    "%s=%s contradicts %s, which says %s: a collector refuses such spans",
                    name,
                    os.environ[name],
                    settings.GRANT.name,
                    value,
                )


def _bind_provider() -> None:
    """Stamp the spans of the provider that stands, and see to what its exporters send."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider):
        return
    try:
        bound = instrument()
    except PartywallError as error:
        log.error("%s", error)
        return
    if bound not in _bound:
        _bound.add(bound)
        if not settings.ENDPOINT.text():  # what stands is then the way to the collector
            wrap_exporters(bound, outgoing)


def _watch_for_a_provider() -> None:
    set_provider = trace.set_tracer_provider

    @functools.wraps(set_provider)
    def set_tracer_provider(tracer_provider: trace.TracerProvider) -> None:
        set_provider(tracer_provider)
        attach()
        _leave_to_the_program()

    trace.set_tracer_provider = set_tracer_provider
    # No public name stands between a tracer that waits for its provider and its first span.
    resolve: Callable[[trace.ProxyTracer], trace.Tracer] = vars(trace.ProxyTracer)["_tracer"].fget

    def tracer(proxy: trace.ProxyTracer) -> trace.Tracer:
        if vars(trace)["_TRACER_PROVIDER"] is None:
            _provide()
        if _own is not None:
            _waiting.add(proxy)
        return resolve(proxy)

    vars_of_proxy: Any = trace.ProxyTracer
    vars_of_proxy._tracer = property(tracer)


def _provide() -> None:
    """Our own provider, for a program that has started a span and set none.

    It stands by: a provider that the program sets later replaces it, as if none had been there.
    """
    global _own
    try:
        with _lock:
            if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
                _own = instrument()
                setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())  # noqa: B010 - a private name
    except Exception:
        log.exception("this process could not be instrumented by Partywall")


def _leave_to_the_program() -> None:
    """The program's own provider serves the tracers that ours has served so far."""
    global _own
    with _lock:
        if _own is not None and trace.get_tracer_provider() is not _own:
            _own = None
            for proxy in list(_waiting):
                vars(proxy)["_real_tracer"] = None
            _waiting.clear()
