"""Takes the binding to other processes, and only to those that it is meant for.

It travels as W3C baggage, beside the trace context, to the hosts on an allow-list. It is never part
of OpenTelemetry's own baggage inside the process, which every HTTP instrumentation sends to every
host. What a caller sends is believed only where that is turned on.

`opentelemetry.propagate` is imported where it is used: it loads the propagators that
`OTEL_PROPAGATORS` names as soon as it is imported, and this module is one of them.
"""

import logging
import os
from collections.abc import Generator, Iterable, Mapping, MutableMapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any, Final, cast
from urllib.parse import quote_plus, urlsplit

from opentelemetry import baggage, trace
from opentelemetry import context as context_api
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators import textmap
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from partywall import attributes, parts, settings
from partywall._wrap import attached
from partywall.remote import adopt, wire
from partywall.sessions import KEY, Session, current_session, session_in

log = logging.getLogger("partywall")

LONGEST_MEMBER: Final = 4096
LONGEST_HEADER: Final = 8192
"""Limits of W3C baggage; OpenTelemetry leaves out what passes them."""

MCP: Final = "mcp"
"""What stands on the allow-list for the servers that an MCP client talks to."""

_HOST: Final = context_api.create_key("partywall-host")
_TRUSTED: Final = context_api.create_key("partywall-trusted")
_ADDRESSES: Final = (("server.address", "server.port"), ("net.peer.name", "net.peer.port"))

Carrier = MutableMapping[str, Any] | list[tuple[str, str]]
Received = Mapping[str, Any] | Iterable[tuple[str | bytes, str | bytes]]

_SETTER: Final = textmap.DefaultSetter()
_said: Final[set[str]] = set()


class PartywallPropagator(textmap.TextMapPropagator):
    """Adds the binding to what another propagator sends, and takes it out of what that receives.

    `instrument` puts it around the propagator of the process. Without it, name it last:
    `OTEL_PROPAGATORS=tracecontext,partywall` (it sends the process's other baggage as well).
    """

    def __init__(self, inner: textmap.TextMapPropagator | None = None) -> None:
        own = W3CBaggagePropagator()
        self._inner: tuple[textmap.TextMapPropagator, ...] = (inner or own,)
        if inner is not None and not own.fields <= inner.fields:
            self._inner = (inner, own)

    def inject(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        setter: textmap.Setter[textmap.CarrierT] = textmap.default_setter,
    ) -> None:
        try:
            context = _with_binding(context)
        except Exception:  # nothing of ours may break the agent's request
            _say_once("inject", "the binding could not be sent", exc_info=True)
        for propagator in self._inner:
            propagator.inject(carrier, context=context, setter=setter)

    def extract(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        getter: textmap.Getter[textmap.CarrierT] = textmap.default_getter,
    ) -> Context:
        found = context_api.get_current() if context is None else context
        for propagator in self._inner:
            found = propagator.extract(carrier, context=found, getter=getter)
        try:
            return _with_session(found)
        except Exception:  # nothing of ours may break the agent's answer
            _say_once("extract", "a binding could not be received", exc_info=True)
            return found

    @property
    def fields(self) -> set[str]:
        return set[str]().union(*(propagator.fields for propagator in self._inner))


def install() -> None:
    """Put our propagator around that of the process; a second call is none."""
    from opentelemetry import propagate

    present = propagate.get_global_textmap()
    if not isinstance(present, PartywallPropagator):
        propagate.set_global_textmap(PartywallPropagator(present))


def inject(carrier: Carrier, *, host: str) -> None:
    """Write the trace context and the binding into `carrier`: headers, gRPC metadata, MCP `_meta`.

    `host` is whom it goes to. The binding is left out for a host that is not on the allow-list
    (`instrument(propagate_to=[...])`, `PARTYWALL_PROPAGATE_HOSTS`).
    """
    if current_session() and not _allowed(host):
        _say_once(
            f"host {host}",
            "the binding is not sent to %r, which is not on the allow-list: "
            "instrument(propagate_to=[%r]) or PARTYWALL_PROPAGATE_HOSTS",
            host,
            host,
        )
    headers: MutableMapping[str, textmap.CarrierValT] = {}
    _propagator().inject(headers, context_api.set_value(_HOST, host), _SETTER)
    written = {name: str(value) for name, value in headers.items()}
    if isinstance(carrier, list):
        carrier[:] = [pair for pair in carrier if pair[0].lower() not in written]
        carrier.extend(written.items())
    else:
        carrier.update(written)


@contextmanager
def extract(carrier: Received | None) -> Generator[Session | None]:
    """A block that runs in the binding and the trace that `carrier` brings, for who trusts it.

    Gives the session, or `None` where the carrier brings none; the block then runs in what was open
    before. Calling this is the trust: only for callers that were authenticated.
    """
    found = _propagator().extract(_headers(carrier), context=context_api.set_value(_TRUSTED, True))
    with attached(context_api.set_value(_TRUSTED, None, found)):
        yield current_session()


def environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment (default: our own) that binds a subprocess to the session open here.

    `subprocess.run(command, env=partywall.environment())`. The child reads it when it is
    instrumented, and is one more process of the same session.
    """
    base = dict(os.environ if environ is None else environ)
    for setting in settings.BINDING:
        base.pop(setting.name, None)
    session = current_session()
    said = wire(session) if session else {}
    for setting, name in settings.BINDING.items():
        text = said.get(name, "")
        if "\0" in text:
            _say_once(f"variable {name}", "%s holds a NUL and cannot be in an environment", name)
        elif text:
            base[setting.name] = text
    trace_context: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(trace_context)
    return base | {name.upper(): text for name, text in trace_context.items()}


def _propagator() -> textmap.TextMapPropagator:
    from opentelemetry import propagate

    present = propagate.get_global_textmap()
    return present if isinstance(present, PartywallPropagator) else PartywallPropagator(present)


def _with_binding(context: Context | None) -> Context:
    """The context to send: its baggage without ours, and with it where the host may have it."""
    context = context_api.get_current() if context is None else context
    others = baggage.get_all(context)
    own: dict[str, str] = {}
    session = current_session(context) or current_session()
    if session is not None and any(map(_allowed, _hosts(context))):
        own = wire(session)
        if not _fits(own):
            _say_once(
                "size",
                "the binding of session %r passes the limits of W3C baggage (%d bytes for one "
                "value, %d in all) and is not sent: shorten its ids or its actor chain",
                session.id[:64],
                LONGEST_MEMBER,
                LONGEST_HEADER,
            )
            own = {}
    if not own and not any(name.startswith(attributes.NAMESPACE) for name in others):
        return context
    context = baggage.clear(context)
    # Ours first: what passes the limits is cut off at the end.
    for name, value in own.items():
        context = baggage.set_baggage(name, value, context)
    for name, value in others.items():
        if not name.startswith(attributes.NAMESPACE):
            context = baggage.set_baggage(name, value, context)
    return context


def _with_session(context: Context) -> Context:
    """The context as received: a binding in its baggage becomes its session, or is dropped."""
    received = {
        name: str(value)
        for name, value in baggage.get_all(context).items()
        if name.startswith(attributes.NAMESPACE)
    }
    if not received:
        return context
    for name in received:
        context = baggage.remove_baggage(name, context)
    called_for = context_api.get_value(_TRUSTED, context) is True
    if not (called_for or settings.TRUST_INBOUND.flag()):
        _say_once(
            "trust",
            "a caller sent a binding, which is not believed: instrument(trust_inbound=True) or "
            "PARTYWALL_TRUST_INBOUND=1 where every caller is authenticated (said once)",
        )
        return context
    session = adopt(received)
    if session is None:
        return context
    present = session_in(context)
    # A message from this very process (its part is known here) is nearer to the work than what the
    # server happens to run in; a message from elsewhere is not.
    own = session is parts.known(received.get(attributes.SESSION_PART))
    if present is not None and not (called_for or own):
        if present.tenant != session.tenant:
            _say_once(
                "conflict",
                "a caller sent a binding to tenant %r where a session of %r is open: "
                "the open session holds (said once)",
                session.tenant,
                present.tenant,
            )
        return context
    return context_api.set_value(KEY, session, context)


def _hosts(context: Context) -> list[str]:
    """Whom the message goes to: as the caller says, else as the span of the request says."""
    if host := context_api.get_value(_HOST, context):
        return [str(host)]
    span = trace.get_current_span(context)
    if not isinstance(span, ReadableSpan) or span.kind not in (SpanKind.CLIENT, SpanKind.PRODUCER):
        return []
    said = span.attributes or {}
    if url := said.get("url.full") or said.get("http.url"):
        return [str(url)]
    hosts = [
        f"{said[address]}:{said[port]}" if port in said else str(said[address])
        for address, port in _ADDRESSES
        if address in said
    ][:1]
    return [*hosts, MCP] if "mcp.method.name" in said else hosts


def _allowed(host: str) -> bool:
    name, port = _split(host)
    if not name:
        return False
    for pattern in settings.PROPAGATE_HOSTS.items():
        wanted, wanted_port = _split(pattern)
        if wanted_port in (None, port) and fnmatchcase(name, wanted):
            return True
    return False


def _split(host: str) -> tuple[str, int | None]:
    """Name and port of a host, `host:port` or URL; an empty name where two readers may differ."""
    if any(character in "\\ @" or not character.isprintable() for character in host):
        return "", None
    try:
        parsed = urlsplit(host if "://" in host else f"//{host}")
        port = parsed.port or {"http": 80, "https": 443}.get(parsed.scheme)
        return (parsed.hostname or "").rstrip("."), port
    except ValueError:
        return "", None


def _fits(own: Mapping[str, str]) -> bool:
    sizes = [len(quote_plus(name)) + 1 + len(quote_plus(value)) for name, value in own.items()]
    return max(sizes) <= LONGEST_MEMBER and sum(sizes) + len(sizes) - 1 <= LONGEST_HEADER


def _headers(carrier: Received | None) -> dict[str, str]:
    """What came in, whatever form the framework gives it."""
    if carrier is None:
        return {}
    pairs = cast(
        Iterable[tuple[object, object]],
        carrier.items() if isinstance(carrier, Mapping) else carrier,
    )
    headers: dict[str, str] = {}
    for name, value in pairs:
        first = next(iter(cast(list[object], value)), "") if isinstance(value, list) else value
        headers.setdefault(_decoded(name).lower(), _decoded(first))
    return headers


def _decoded(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _say_once(topic: str, message: str, *arguments: object, exc_info: bool = False) -> None:
    if topic not in _said and len(_said) < 1000:
        _said.add(topic)
        log.warning(message, *arguments, exc_info=exc_info)
