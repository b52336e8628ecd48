"""`instrument`: one call that sets up the SDK and sends spans to a collector over OTLP.

The exporters are imported inside: they cost more than all the rest, and a process that brings its
own export never needs them.
"""

import os
import threading
from collections.abc import Iterable
from typing import Final, Literal, cast, get_args
from weakref import WeakKeyDictionary, WeakSet

from opentelemetry import trace
from opentelemetry.environment_variables import OTEL_TRACES_EXPORTER
from opentelemetry.sdk.environment_variables import (
    OTEL_ATTRIBUTE_COUNT_LIMIT,
    OTEL_EXPORTER_OTLP_HEADERS,
    OTEL_EXPORTER_OTLP_PROTOCOL,
    OTEL_EXPORTER_OTLP_TRACES_HEADERS,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL,
    OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT,
)
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.util.re import parse_env_headers

from partywall import declared, propagation, settings, threads, tool_rules
from partywall.carrying import CarryingExporter
from partywall.errors import InstrumentError
from partywall.facts import FactsExporter
from partywall.processor import SessionProcessor

Protocol = Literal["http/protobuf", "grpc"]

DEFAULT_PROTOCOL: Final = "http/protobuf"
TRACES_PATH: Final = "/v1/traces"
ATTRIBUTE_LIMIT: Final = 1024
"""Room for attributes on a span where the environment sets none (the SDK's own is 128).

The SDK makes room by dropping the oldest, which are the session's; a model call whose messages are
flattened into attributes can pass 128.
"""

_lock = threading.RLock()  # to set a provider may lead here again, see auto.py
_set_up: WeakKeyDictionary[TracerProvider, set[tuple[str, str]]] = WeakKeyDictionary()
"""For each provider that has our processor: the exports that we added, as (protocol, endpoint)."""

_outgoing: WeakSet[SpanExporter] = WeakSet()


def instrument(
    endpoint: str | None = None,
    token: str | None = None,
    service: str | None = None,
    protocol: Protocol | None = None,
    *,
    strict: bool | None = None,
    threads: bool | None = None,
    propagate_to: Iterable[str] | None = None,
    trust_inbound: bool | None = None,
    content: bool | None = None,
    tools: str | os.PathLike[str] | None = None,
    identifiers: str | os.PathLike[str] | None = None,
) -> TracerProvider:
    """Stamp every span with its session and send it to the collector at `endpoint`.

    What is not given is read from the environment (`OTEL_EXPORTER_OTLP_*`, `OTEL_SERVICE_NAME`,
    `OTEL_BSP_*`), then from OpenTelemetry's defaults; `token` goes out as the bearer token. Where
    the process has a tracer provider already, the stamping is added to it, and an export only if
    `endpoint` is given. A second call changes nothing. Spans are sent in the background and flushed
    at exit; a collector that is down never disturbs the agent.

    `strict` refuses tool calls outside a session, `threads=False` leaves threads and executors as
    they are, `propagate_to` names the hosts that may receive the binding, `trust_inbound` believes
    the binding that a caller sends, `content=True` lets prompts, arguments and results leave the
    process, `tools` is a file with the registry's rules for tools, by which datasets and parties
    are read from arguments, `identifiers` one that declares further kinds of identifiers; without
    them `PARTYWALL_*` decides.
    """
    bind_process(strict, threads, propagate_to, trust_inbound, content, tools, identifiers)
    if not endpoint and (endpoint := settings.ENDPOINT.text()):
        protocol = protocol or cast(Protocol, settings.PROTOCOL.text())
    token = token or settings.TOKEN.text()
    chosen = _protocol(protocol)
    target = _endpoint(endpoint, chosen)
    with _lock:
        provider, ours = _provider(service)
        exports = _set_up.get(provider)
        if exports is None:
            provider.add_span_processor(SessionProcessor())
            exports = _set_up[provider] = set()
        wanted = endpoint or (ours and os.environ.get(OTEL_TRACES_EXPORTER) != "none")
        if wanted and (chosen, target) not in exports:
            exporter = outgoing(_exporter(chosen, target, token))
            provider.add_span_processor(BatchSpanProcessor(exporter))
            exports.add((chosen, target))
        if ours:
            trace.set_tracer_provider(provider)
    return provider


def outgoing(exporter: SpanExporter) -> SpanExporter:
    """The exporter, with what we do to spans before they leave; one that has it stays as it is."""
    if exporter in _outgoing:
        return exporter
    wrapped = FactsExporter(CarryingExporter(exporter))
    _outgoing.add(wrapped)
    return wrapped


def bind_process(
    strict: bool | None,
    in_threads: bool | None,
    propagate_to: Iterable[str] | None,
    trust_inbound: bool | None,
    content: bool | None = None,
    tools: str | os.PathLike[str] | None = None,
    identifiers: str | os.PathLike[str] | None = None,
) -> None:
    """What holds for the whole process: the settings, its threads, its propagator."""
    if isinstance(propagate_to, str):
        raise InstrumentError(
            f"propagate_to={propagate_to!r} is one string: instrument(propagate_to=[...])"
        )
    for setting, said in (
        (settings.STRICT, strict),
        (settings.THREADS, in_threads),
        (settings.TRUST_INBOUND, trust_inbound),
        (settings.CONTENT, content),
    ):
        if said is not None:
            setting.say("1" if said else "0")
        setting.flag()  # a word that is neither on nor off is refused now, not in a tool call
    if tools is not None:
        settings.TOOLS.say(os.fspath(tools))
    tool_rules.rules()  # as above: a mistake in the file is said now
    if identifiers is not None:
        settings.IDENTIFIERS.say(os.fspath(identifiers))
    declared.declare()
    if propagate_to is not None:
        settings.PROPAGATE_HOSTS.say(",".join(propagate_to))
    if settings.THREADS.flag():
        threads.install()
    propagation.install()


def _provider(service: str | None) -> tuple[TracerProvider, bool]:
    """The provider of this process, and whether it was made here."""
    existing = trace.get_tracer_provider()
    if isinstance(existing, TracerProvider):
        return existing, False
    if not isinstance(existing, trace.ProxyTracerProvider):
        kind = type(existing)
        raise InstrumentError(
            f"this process traces with {kind.__module__}.{kind.__qualname__}, which takes no span "
            "processor: call partywall.instrument() before it, or use OpenTelemetry's SDK"
        )
    limits = None
    if not (
        os.environ.get(OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT)
        or os.environ.get(OTEL_ATTRIBUTE_COUNT_LIMIT)
    ):
        limits = SpanLimits(max_span_attributes=ATTRIBUTE_LIMIT)
    resource = Resource.create({SERVICE_NAME: service} if service else {})
    return TracerProvider(resource=resource, span_limits=limits), True


def _protocol(protocol: str | None) -> Protocol:
    chosen = (
        protocol
        or os.environ.get(OTEL_EXPORTER_OTLP_TRACES_PROTOCOL)
        or os.environ.get(OTEL_EXPORTER_OTLP_PROTOCOL)
        or DEFAULT_PROTOCOL
    )
    if chosen not in get_args(Protocol):
        raise InstrumentError(
            f"protocol {chosen!r} (argument, {settings.PROTOCOL.name} or "
            f"{OTEL_EXPORTER_OTLP_PROTOCOL}) is not one of "
            f"{', '.join(map(repr, get_args(Protocol)))}"
        )
    return cast(Protocol, chosen)


def _endpoint(endpoint: str | None, protocol: Protocol) -> str:
    """The address to send to; empty: whatever the environment says."""
    if not endpoint:
        return ""
    if not endpoint.startswith(("http://", "https://")):
        raise InstrumentError(
            f"endpoint {endpoint!r} has no scheme: write http://{endpoint} (clear text) or "
            f"https://{endpoint}"
        )
    if protocol == "grpc":
        return endpoint
    return endpoint.rstrip("/").removesuffix(TRACES_PATH) + TRACES_PATH


def _exporter(protocol: Protocol, endpoint: str, token: str | None) -> SpanExporter:
    headers = _headers(token)
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc

        return grpc.OTLPSpanExporter(endpoint=endpoint or None, headers=headers)
    from opentelemetry.exporter.otlp.proto.http import trace_exporter as http

    return http.OTLPSpanExporter(endpoint=endpoint or None, headers=headers)


def _headers(token: str | None) -> dict[str, str] | None:
    """The environment's headers with the token; the gRPC exporter would take one or the other."""
    if not token:
        return None
    if any(character.isspace() for character in token):
        raise InstrumentError("the token holds white space: it was not copied as it was issued")
    said = os.environ.get(OTEL_EXPORTER_OTLP_TRACES_HEADERS) or os.environ.get(
        OTEL_EXPORTER_OTLP_HEADERS, ""
    )
    return {**parse_env_headers(said, liberal=True), "authorization": f"Bearer {token}"}
