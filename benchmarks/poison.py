"""Bodies that a sender may get wrong or make up: 39 by hand, and as many as one likes by chance.

    uv run python benchmarks/poison.py --bodies 10000 --seed 7

Each body goes the way of a request: it is refused, or it is written again as protobuf understood it
and loaded between good neighbours. No load may fail, and every neighbour must be in the tables. The
last line is JSON: `bodies`, `refused`, `failed_loads`, `lost_neighbours`.
"""

import argparse
import json
import random
import struct
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from partywall import attributes
from partywall_collector.canonical import NotOtlp, from_protobuf
from partywall_collector.envelope import Envelope, frame, varint
from partywall_collector.store import Store, StoreError, open_store

TRACE, SPAN = b"\x01" * 16, b"\x02" * 8
LOAD: Final = 200
"""Bodies of one load."""


def field(number: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def fixed64(number: int, value: int) -> bytes:
    """A fixed64 field."""
    return varint(number << 3 | 1) + struct.pack("<Q", value)


def integer(number: int, value: int) -> bytes:
    """A varint field."""
    return varint(number << 3) + varint(value)


def attribute(key: bytes, *values: bytes) -> bytes:
    """An attribute of a span, with any number of values."""
    return field(9, field(1, key) + b"".join(field(2, value) for value in values))


def text(value: bytes) -> bytes:
    """An AnyValue that is a string."""
    return field(1, value)


TENANT = attribute(attributes.TENANT_ID.encode(), text(b"acme"))
IDS = field(1, TRACE) + field(2, SPAN)


def body(span: bytes, resource: bytes = b"", behind: bytes = b"") -> bytes:
    """A request of one span that is written by hand."""
    return field(1, field(1, resource) + field(2, field(2, span))) + behind


def nested(depth: int) -> bytes:
    """Arrays in arrays."""
    value = text(b"deep")
    for _ in range(depth):
        value = field(5, field(1, value))
    return value


def times(start: int, end: int) -> bytes:
    """When a span began and ended."""
    return fixed64(7, start) + fixed64(8, end)


GOOD: Final = IDS + field(5, b"work") + TENANT
CASES: Final[dict[str, bytes]] = {
    "an empty body": b"",
    "no spans": field(1, b""),
    "a span of no bytes": body(b""),
    "bytes that are no message": b"\xff" * 40,
    "a torn body": body(GOOD)[:-5],
    "an unknown field": body(GOOD + integer(900, 7)),
    "an unknown group": body(GOOD + varint(900 << 3 | 3) + varint(900 << 3 | 4)),
    "an open group": body(GOOD + varint(900 << 3 | 3)),
    "field number 0": body(GOOD + b"\x02\x01x"),
    "a wrong wire type for the name": body(IDS + TENANT + integer(5, 7)),
    "a wrong wire type for a time": body(GOOD + field(7, b"now")),
    "a wrong wire type for the spans": field(1, integer(2, 1)) + body(GOOD),
    "a trace id that is too long": body(field(1, b"t" * 17) + field(2, SPAN) + TENANT),
    "a span id that is too long": body(field(1, TRACE) + field(2, b"s" * 300) + TENANT),
    "a short trace id": body(field(1, b"t") + field(2, SPAN) + TENANT),
    "no ids": body(TENANT),
    "ids of zeros": body(field(1, bytes(16)) + field(2, bytes(8)) + TENANT),
    "a parent id that is too long": body(GOOD + field(4, b"p" * 9)),
    "a link with long ids": body(GOOD + field(13, field(1, b"t" * 40) + field(2, b"s" * 40))),
    "a link without ids": body(GOOD + field(13, b"")),
    "a name that is no UTF-8": body(IDS + TENANT + field(5, b"\xff\xfe")),
    "a key that is no UTF-8": body(GOOD + attribute(b"\xff", text(b"x"))),
    "a value that is no UTF-8": body(GOOD + attribute(b"k", text(b"\xc3\x28"))),
    "NUL in a name and a value": body(
        IDS + TENANT + field(5, b"a\0b") + attribute(b"k", text(b"\0"))
    ),
    "a kind that does not exist": body(GOOD + integer(6, 77)),
    "a negative kind": body(GOOD + integer(6, 2**64 - 1)),
    "a status that does not exist": body(GOOD + field(15, integer(3, 9))),
    "the year 1970": body(GOOD + times(0, 0)),
    "the year 2262": body(GOOD + times(2**63 - 1, 2**63 - 1)),
    "a time beyond 2262": body(GOOD + times(2**64 - 1, 2**64 - 1)),
    "an end before the start": body(GOOD + times(2**60, 1)),
    "an attribute without a value": body(GOOD + attribute(b"k")),
    "an attribute with two values": body(GOOD + attribute(b"k", text(b"a"), text(b"b"))),
    "a value of two kinds": body(GOOD + attribute(b"k", text(b"a") + integer(3, 5))),
    "one of our keys twice": body(GOOD + TENANT),
    "any key twice": body(GOOD + attribute(b"k", text(b"a")) + attribute(b"k", text(b"b"))),
    "10,000 attributes": body(
        GOOD + b"".join(attribute(b"k%d" % number, text(b"v")) for number in range(10_000))
    ),
    "an attribute of a megabyte": body(GOOD + attribute(b"k", text(b"x" * (1 << 20)))),
    "arrays 90 deep": body(GOOD + attribute(b"k", nested(90))),
}


def neighbour(number: int) -> bytes:
    """A good request."""
    request = ExportTraceServiceRequest()
    span = Span(trace_id=TRACE, span_id=number.to_bytes(8), name=f"good {number}")
    span.attributes.append(KeyValue(key=attributes.TENANT_ID, value=AnyValue(string_value="acme")))
    request.resource_spans.add().scope_spans.add().spans.append(span)
    return request.SerializeToString()


def mutated(pick: random.Random) -> bytes:
    """A plausible tool call with a few bytes, fields or pieces changed."""
    values = [AnyValue(string_value=str(pick.getrandbits(64))) for _ in range(pick.randrange(4))]
    said = {
        attributes.TENANT_ID: AnyValue(string_value=pick.choice(("acme", "acme", "", "b"))),
        "gen_ai.operation.name": AnyValue(string_value="execute_tool"),
        "gen_ai.tool.call.arguments": AnyValue(string_value='{"to": ["a@b.example"], "n": 1}'),
        "gen_ai.tool.call.result": AnyValue(string_value='[{"id": "INV-12345", "x": {}}]'),
        attributes.VALUES_IN: AnyValue(array_value=ArrayValue(values=values)),
        "n": AnyValue(int_value=pick.randrange(-(2**63), 2**63)),
        "d": AnyValue(double_value=pick.uniform(-1e300, 1e300)),
    }
    span = Span(
        trace_id=pick.randbytes(pick.choice((16, 16, 16, 0, 15, 17))),
        span_id=pick.randbytes(pick.choice((8, 8, 8, 0, 9))),
        name="execute_tool x",
        start_time_unix_nano=pick.getrandbits(64),
        end_time_unix_nano=pick.getrandbits(pick.choice((1, 63, 64))),
        attributes=[KeyValue(key=key, value=value) for key, value in said.items()],
        events=[Span.Event(name="e", time_unix_nano=pick.getrandbits(64))],
        links=[Span.Link(trace_id=pick.randbytes(16), span_id=pick.randbytes(8))],
        status=Status(code=pick.choice((0, 1, 2)), message="m"),  # pyright: ignore[reportArgumentType]  # a number is one
    )
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.append(span)
    raw = bytearray(request.SerializeToString())
    for _ in range(pick.choice((0, 1, 1, 2, 4))):
        at = pick.randrange(len(raw))
        match pick.randrange(4):
            case 0:
                raw[at] = pick.getrandbits(8)
            case 1:
                raw[at] ^= 1 << pick.randrange(8)
            case 2:
                raw[at:at] = raw[at : at + pick.randrange(12)]
            case _:
                del raw[at : at + pick.randrange(1, 4)]
    return bytes(raw)


def load_between_neighbours(store: Store, bodies: Sequence[bytes], token: str) -> dict[str, int]:
    """Load what is not refused of these bodies, a good request before and behind each."""
    refused = failed = 0
    segment = bytearray()
    good = 0
    began = time.time_ns()

    def add(raw: bytes) -> None:
        at = began + len(segment)
        segment.extend(b"".join(frame(Envelope("agents", ("*",), "A1", at, raw))))

    for raw in bodies:
        try:
            canonical = from_protobuf(raw)
        except NotOtlp:
            refused += 1
            continue
        for piece in (neighbour(good + 1), canonical.body, neighbour(good + 2)):
            add(piece)
        good += 2
    try:
        store.load(bytes(segment), token=token)
    except StoreError:
        failed = 1
    (row,) = store.rows(
        "SELECT uniqExact(name) AS found FROM spans WHERE startsWith(name, 'good ')"
        " AND received_at >= fromUnixTimestamp64Nano({began:Int64}, 'UTC')",
        {"began": began},
    )
    return {
        "bodies": len(bodies),
        "refused": refused,
        "failed_loads": failed,
        "lost_neighbours": good - row["found"],
    }


def run(store: Store, bodies: Iterator[bytes]) -> dict[str, int]:
    """Load all bodies, a few at a time; the counts of all loads."""
    now = datetime(2020, 1, 1, tzinfo=UTC)
    tenant = {"tenant_id": "acme", "placement": "acme", "store_content": True, "recorded_at": now}
    store.insert("tenants", [tenant])
    total: dict[str, int] = {}
    waiting = list(bodies)
    for at in range(0, len(waiting), LOAD):
        counts = load_between_neighbours(store, waiting[at : at + LOAD], f"poison-{at}")
        total = {name: total.get(name, 0) + count for name, count in counts.items()}
    return total


def main(argv: Sequence[str] | None = None) -> int:
    """The cases and as many mutated bodies; exit code 1 where a load failed or lost a neighbour."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bodies", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    pick = random.Random(options.seed)
    bodies = [*CASES.values(), *(mutated(pick) for _ in range(options.bodies))]
    with (
        tempfile.TemporaryDirectory(prefix="partywall-poison-") as folder,
        open_store(f"chdb://{folder}/home", role="owner") as store,
    ):
        result = run(store, iter(bodies))
    print(json.dumps(result))
    return 1 if result["failed_loads"] or result["lost_neighbours"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
