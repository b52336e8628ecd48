"""Which tenants the spans of a request claim, as `decode.sql` will find it at load."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from partywall import attributes
from partywall.conventions import TENANT, first

NAMES: Final = frozenset(name.partition(":")[0] for name in TENANT)


def count_claims(request: ExportTraceServiceRequest) -> Mapping[str, int]:
    """Tenant -> how many spans claim it; a span that claims two is counted once."""
    found: Counter[str] = Counter()
    for resource_spans in request.resource_spans:
        own_of_resource, of_resource = _said(resource_spans.resource.attributes)
        for scope in resource_spans.scope_spans:
            for span in scope.spans:
                own, of_span = _said(span.attributes)
                claim = (
                    own or own_of_resource or first(of_span, TENANT) or first(of_resource, TENANT)
                )
                found[claim] += 1
    del found[""]
    return found


def _said(pairs: Iterable[KeyValue]) -> tuple[str, Mapping[str, object]]:
    """What our own key says; where it says nothing, the attributes that others name a tenant in."""
    said: dict[str, object] = {}
    for pair in pairs:
        name = pair.key
        if name in NAMES:
            value = getattr(pair.value, pair.value.WhichOneof("value") or "string_value")
            if name == attributes.TENANT_ID and value != "":
                return str(value), {}
            said.setdefault(name, value)
    return "", said
