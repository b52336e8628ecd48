"""What a span holds, read and stamped in one step; the SDK's own way goes over it item by item.

Where the SDK holds it in another way than it does today, its own way is taken.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from opentelemetry.sdk.trace import Event, ReadableSpan, Span
from opentelemetry.trace import Link
from opentelemetry.util.types import AttributeValue

_NONE: Final[dict[str, AttributeValue]] = {}


def said(span: ReadableSpan) -> Mapping[str, AttributeValue]:
    """The attributes of a span that has ended, which nobody changes any more."""
    values = getattr(getattr(span, "_attributes", None), "_dict", None)
    return span.attributes or _NONE if values is None else values


def events(span: ReadableSpan) -> Sequence[Event]:
    """The events of a span; most have none."""
    held: Any = getattr(span, "_events", None)
    return span.events if held is None or len(held) else ()


def links(span: ReadableSpan) -> Sequence[Link]:
    """The links of a span; most have none."""
    held: Any = getattr(span, "_links", None)
    return span.links if held is None or len(held) else ()


def stamp(span: Span, facts: Mapping[str, AttributeValue]) -> None:
    """Put facts on a span that starts now: texts, whole numbers and tuples of texts."""
    held: Any = getattr(span, "_attributes", None)
    values: Any = getattr(held, "_dict", None)
    if isinstance(values, dict) and held.max_value_len is None:
        inside, room = cast(dict[str, AttributeValue], values), held.maxlen
        if room is None or len(inside) + len(facts) <= room:
            inside.update(facts)
            return
    span.set_attributes(facts)
