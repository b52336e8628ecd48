"""A request as rows of `spans` and `calls`, in plain Python, for `benchmarks/by_hand.py`.

Every column that the collector fills for such spans is filled here, with the same values: the
benchmark compares what was stored. Facts that the sender took are unpacked; of spans that carry
content they are taken by the functions of our SDK.
"""

import base64
import struct
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from partywall import attributes as a
from partywall import conventions, fingerprint_keys, fingerprints, identifiers, introductions
from partywall.remembered import identifiers_in
from partywall_collector.store.rendering import FACTS_OF_CALLS

is_content = cache(conventions.is_content)

SPANS = (
    "tenant_id placement session_id request_id trace_id span_id parent_span_id start_time end_time"
    " received_at name step agent identity span_kind status_code status_message trace_state flags"
    " sequence service scope_name scope_version attributes attribute_types resource resource_types"
    " events links dropped_content principal attestation request_sha256"
)
CALLS = (
    "tenant_id placement session_id request_id trace_id span_id parent_span_id start_time end_time"
    " received_at step tool call_id server agent identity subject credential_id approval_id"
    " policy_id policy_decision operation datasets argument_terms introduces introduces_dropped"
    " record_terms values_in values_out failed principal attestation"
)
TYPES = {
    "bool_value": "bool",
    "int_value": "int",
    "double_value": "double",
    "array_value": "array",
    "kvlist_value": "map",
    "bytes_value": "bytes",
    None: "empty",
}


def text_of(value: AnyValue) -> tuple[str, str]:
    """A value as text, and its type where that is not a string."""
    which = value.WhichOneof("value")
    if which == "string_value":
        return value.string_value, ""
    if which == "bool_value":
        return ("true" if value.bool_value else "false"), "bool"
    if which in ("int_value", "double_value"):
        return str(getattr(value, which)), TYPES[which]
    return base64.b64encode(value.SerializeToString()).decode(), TYPES[which]


def read(attributes: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Attributes as text by name, and the types of those that are no strings."""
    texts: dict[str, str] = {}
    types: dict[str, str] = {}
    for attribute in attributes:
        texts[attribute.key], kind = text_of(attribute.value)
        if kind:
            types[attribute.key] = kind
    return texts, types


def kept(values: dict[str, str]) -> dict[str, str]:
    """What may be stored."""
    return {key: value for key, value in values.items() if not is_content(key)}


class Refused(Exception):
    """A span that may not be stored, and why."""


class Facts(NamedTuple):
    """What is known of the content of a call."""

    argument_terms: tuple[int, ...] = ()
    introduces: tuple[tuple[int, str, str, int], ...] = ()
    dropped: int = 0
    record_terms: tuple[tuple[int, int], ...] = ()
    values_in: tuple[int, ...] = ()
    values_out: tuple[int, ...] = ()


class Rows:
    """Makes rows for tenants with these placements, of whom the sender may write for `allowed`."""

    def __init__(
        self,
        placements: Mapping[str, str],
        allowed: frozenset[str],
        keys: fingerprint_keys.Keys,
    ) -> None:
        self._placements = placements
        self._allowed = allowed
        self._keys = keys
        self._epoch = fingerprint_keys.epoch(keys[0].secret)
        self.refused = 0

    def of(
        self, request: ExportTraceServiceRequest, digest: bytes
    ) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """The rows of a request for both tables; spans that may not be stored are counted."""
        spans: list[tuple[Any, ...]] = []
        calls: list[tuple[Any, ...]] = []
        now = time.time_ns()
        for sent in request.resource_spans:
            said, types = read(sent.resource.attributes)
            resource = (said, kept(said), types)
            for scope in sent.scope_spans:
                for span in scope.spans:
                    try:
                        row, call = self._of_span(span, scope.scope, resource, now, digest)
                    except Refused:
                        self.refused += 1
                        continue
                    spans.append(row)
                    if call:
                        calls.append(call)
        return spans, calls

    def _tenant(self, span: Any, said: dict[str, str], resource: dict[str, str]) -> str:
        """The one tenant that a span names and that its sender may write for."""
        if len(said) != len(span.attributes):  # some key stands twice
            names = [key.key for key in span.attributes if key.key.startswith(a.NAMESPACE)]
            if len(names) != len(set(names)):
                raise Refused("duplicate attribute")
        claims = {said.get(a.TENANT_ID), resource.get(a.TENANT_ID)} - {None, ""}
        tenant = claims.pop() if claims else None
        if tenant is None or claims:
            raise Refused("two tenants" if claims else "no tenant")
        if tenant not in self._allowed:
            raise Refused("foreign tenant")
        if tenant not in self._placements:
            raise Refused("unknown tenant")
        if len(span.trace_id) != 16 or len(span.span_id) != 8 or len(span.parent_span_id) % 8:
            raise Refused("bad id")
        return tenant

    def _of_span(
        self, span: Any, scope: Any, resource: tuple[dict[str, str], ...], now: int, digest: bytes
    ) -> tuple[tuple[Any, ...], tuple[Any, ...] | None]:
        said, types = read(span.attributes)
        of_resource, kept_resource, resource_types = resource
        tenant = self._tenant(span, said, of_resource)
        step = conventions.step(span.name, said)
        is_call = step in ("tool", "handoff")
        events = [(e.time_unix_nano, e.name, *read(e.attributes)) for e in span.events]
        links = [
            (link.trace_id, link.span_id, link.trace_state, *read(link.attributes))
            for link in span.links
        ]
        stored = kept(said)
        dropped = len(said) - len(stored) + bool(span.status.message)
        taken = is_call and said.get(a.VALUES_EPOCH, "").partition(" ")[0] == self._epoch
        if taken:
            for fact in FACTS_OF_CALLS:
                stored.pop(fact, None)
                types.pop(fact, None)
        where = (
            tenant,
            self._placements[tenant],
            said.get(a.SESSION_ID) or said.get(a.REQUEST_ID) or span.trace_id.hex(),
            said.get(a.REQUEST_ID, ""),
            span.trace_id,
            span.span_id,
            span.parent_span_id.ljust(8, b"\0"),
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            now,
        )
        agent, identity = said.get(a.AGENT_NAME, ""), said.get(a.IDENTITY_ID, "")
        row = (
            *where,
            span.name,
            step,
            agent,
            identity,
            span.kind,
            span.status.code,
            "",
            span.trace_state,
            span.flags,
            int(said.get(a.SESSION_SEQUENCE, "0")),
            of_resource.get("service.name", ""),
            scope.name,
            scope.version,
            stored,
            {key: kind for key, kind in types.items() if key in stored},
            kept_resource,
            resource_types,
            [(at, name, kept(texts), kinds) for at, name, texts, kinds in events],
            links,
            dropped,
            "load",
            "A1",
            digest,
        )
        if not is_call:
            return row, None
        facts = brought(span, said) if taken else self._take(said)
        return row, (*where, step, *_call(said, span, agent, identity, facts))

    def _take(self, said: dict[str, str]) -> Facts:
        """The facts of a call that carries its content, as our SDK takes them."""
        arguments = said.get("gen_ai.tool.call.arguments", "")
        result = said.get("gen_ai.tool.call.result", "")
        secret = self._keys[0].secret
        found = introductions.argument_facts(secret, arguments) if arguments else {}
        if result:
            found |= introductions.result_facts(secret, arguments, result)
        return unpacked({name: str(value) for name, value in found.items()})._replace(
            values_in=self._values(conventions.unwrapped(arguments)),
            values_out=self._values(result),
        )

    def _values(self, text: str) -> tuple[int, ...]:
        """The fingerprints of all identifiers in a text; the SDK sends the first 64 of them."""
        found = identifiers_in(fingerprints.unescaped(text))
        return tuple(identifiers.fingerprints(self._keys[0].secret, found))


def brought(span: Any, said: dict[str, str]) -> Facts:
    """The facts that a call brought along."""
    lists = {
        attribute.key: tuple(int(one.string_value) for one in attribute.value.array_value.values)
        for attribute in span.attributes
        if attribute.key in (a.VALUES_IN, a.VALUES_OUT)
    }
    return unpacked(said)._replace(
        values_in=lists.get(a.VALUES_IN, ()), values_out=lists.get(a.VALUES_OUT, ())
    )


def unpacked(said: dict[str, str]) -> Facts:
    """The packed facts among the attributes of a call."""
    terms = base64.b64decode(said.get(a.ARGUMENT_TERMS, ""))
    records = base64.b64decode(said.get(a.RECORD_TERMS, ""))
    count = len(records) // 10
    numbers = struct.unpack(f"<{count}Q{count}H", records)
    head, _, packed = said.get(a.INTRODUCES, "").partition(":")
    forms: list[list[str]] = [form.split(" ") for form in head.split(",")]
    data = base64.b64decode(packed)
    found = len(data) // 11
    parts: tuple[int, ...] = struct.unpack(f"<{found}Q{found}H{found}B", data)
    return Facts(
        argument_terms=struct.unpack(f"<{len(terms) // 8}Q", terms),
        introduces=tuple(
            (value, forms[form - 1][0], forms[form - 1][1], record)
            for value, record, form in zip(
                parts[:found], parts[found : 2 * found], parts[2 * found :], strict=True
            )
        ),
        dropped=int(said.get(a.INTRODUCES_DROPPED, "0")),
        record_terms=tuple(zip(numbers[count:], numbers[:count], strict=True)),
    )


def _call(
    said: dict[str, str], span: Any, agent: str, identity: str, facts: Facts
) -> tuple[Any, ...]:
    operation = said.get(a.DATASET_OPERATION, "")
    datasets: list[tuple[str, str]] = []
    if a.DATASET_ID in said:
        datasets.append((said[a.DATASET_ID], operation))
    for event in span.events:
        if event.name == a.DATASET_ACCESS:
            texts, _types = read(event.attributes)
            datasets.append((texts[a.DATASET_ID], texts.get(a.DATASET_OPERATION, "") or operation))
    return (
        said.get("gen_ai.tool.name") or span.name,
        said.get("gen_ai.tool.call.id", ""),
        said.get("server.address", ""),
        agent,
        identity,
        said.get("user.id", ""),
        said.get(a.CREDENTIAL_ID, ""),
        said.get(a.APPROVAL_ID, ""),
        said.get(a.POLICY_ID, ""),
        said.get(a.POLICY_DECISION, ""),
        operation,
        datasets,
        *facts,
        span.status.code == 2,
        "load",
        "A1",
    )
