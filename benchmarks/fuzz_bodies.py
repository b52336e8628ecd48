"""Requests for `fuzz.py` that are wrong in one layer: bytes, nesting, compression or headers.

The same seed gives the same requests. Each has a mark of its own, so that no two are repeats.
"""

import gzip
import json
import random
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import poison
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from partywall import attributes

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PROTOBUF, JSON = "application/x-protobuf", "application/json"
LIMIT: Final = 64 << 20
TENANTS: Final = ("acme", "acme", "acme", "fjord", "stranger", "")
SPLICED: Final = (
    b"\x00", b"\xff" * 10, b"\x80" * 11, b"\x0a\xff\xff\xff\xff\x0f", b"\x0b", b"\x0c", b"\x12\x00",
    b"\xed\xa0\x80", b"NaN", b"null", b"[", b"{", b'"', b"\\u0000", b"\\ud800", b"1e999", b"-0",
)  # fmt: skip
"""Pieces that readers disagree about: lengths without end, groups, half characters, odd numbers."""

ODD: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 2**63, 2**64, 1e308, "", "x", "\u0000", "NaN", "Infinity", [], {}, [[]],
    {"stringValue": 7}, {"intValue": "1.5"}, {"bytesValue": "!"}, {"kvlistValue": {"values": [1]}},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """One request as it is sent, and what it is once it is opened."""

    how: str
    content: bytes
    sent: bytes
    is_json: bool = False
    over_grpc: bool = False
    squeezed: bool = False
    """Whether gRPC compresses it."""
    path: str = "/v1/traces"
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def too_large(self) -> bool:
        """More bytes than a request may have before it is opened."""
        return len(self.sent) > LIMIT


def fuzzed(pick: random.Random, count: int) -> Iterator[Fuzzed]:
    """So many requests; of bombs, which cost the most, one in a hundred."""
    for number in range(count):
        content, is_json = _content(pick, number)
        how, changed = pick.choice((*BYTES, *TREES) if is_json else (*BYTES, _nested))(
            pick, content
        )
        body = Fuzzed(how, changed, changed, is_json)
        if not is_json and pick.random() < 0.4:
            yield replace(body, over_grpc=True, squeezed=pick.random() < 0.3)
            continue
        headers = {"Content-Type": JSON if is_json else PROTOBUF}
        layer = BOMBS if pick.random() < 0.01 else LAYERS
        yield pick.choice(layer)(pick, replace(body, headers=headers))


def _content(pick: random.Random, number: int) -> tuple[bytes, bool]:
    """A request that could be good, and whether it is JSON."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="mark").value.int_value = number
    spans = resource.scope_spans.add().spans
    for _ in range(pick.choice((0, 1, 1, 2, 5))):
        span = spans.add(name="execute_tool x", kind=3)
        span.trace_id = pick.randbytes(pick.choice((16, 16, 16, 16, 0, 15, 17)))
        span.span_id = pick.randbytes(pick.choice((8, 8, 8, 8, 0, 9)))
        span.start_time_unix_nano = pick.getrandbits(pick.choice((1, 63, 64)))
        span.end_time_unix_nano = pick.getrandbits(64)
        _put(span, attributes.TENANT_ID, AnyValue(string_value=pick.choice(TENANTS)))
        _put(span, "gen_ai.operation.name", AnyValue(string_value="execute_tool"))
        text = '[{"id": "INV-12345", "to": "ann@b.example"}]'
        _put(span, "gen_ai.tool.call.result", AnyValue(string_value=text))
        _put(span, "double", AnyValue(double_value=pick.uniform(-1e300, 1e300)))
        span.events.add(name="e", time_unix_nano=pick.getrandbits(64))
        span.links.add(trace_id=pick.randbytes(16), span_id=pick.randbytes(8))
    if pick.random() < 0.6:
        return request.SerializeToString(), False
    document = MessageToDict(request, use_integers_for_enums=True)
    for span in document["resourceSpans"][0]["scopeSpans"][0].get("spans", ()):
        for holder in (span, *span["links"]):
            for key in ("traceId", "spanId"):
                holder[key] = pick.randbytes(pick.choice((16, 8, 8, 3))).hex()
    return json.dumps(document).encode(), True


def _put(span: Any, key: str, value: AnyValue) -> None:
    span.attributes.add(key=key).value.CopyFrom(value)


Change = Callable[[random.Random, bytes], tuple[str, bytes]]


def _as_it_is(_: random.Random, raw: bytes) -> tuple[str, bytes]:
    return "as it is", raw


def _cut_off(pick: random.Random, raw: bytes) -> tuple[str, bytes]:
    return "cut off", raw[: pick.randrange(len(raw))]


def _flipped(pick: random.Random, raw: bytes) -> tuple[str, bytes]:
    changed = bytearray(raw)
    for _ in range(pick.choice((1, 1, 2, 4, 16))):
        changed[pick.randrange(len(changed))] ^= 1 << pick.randrange(8)
    return "bits flipped", bytes(changed)


def _spliced(pick: random.Random, raw: bytes) -> tuple[str, bytes]:
    at = pick.randrange(len(raw))
    piece = pick.choice(SPLICED)
    return f"{piece[:4]!r} put in", raw[:at] + piece + raw[at + pick.choice((0, len(piece))) :]


def _repeated(pick: random.Random, raw: bytes) -> tuple[str, bytes]:
    start, end = sorted(pick.randrange(len(raw) + 1) for _ in range(2))
    return "a piece twice", raw[:end] + raw[start:]


def _nested(pick: random.Random, raw: bytes) -> tuple[str, bytes]:
    """A second resource whose span has arrays in arrays; readers allow about a hundred levels."""
    depth = pick.choice((1, 20, 30, 40, 44, 45, 46, 50, 90, 5000))
    span = poison.GOOD + poison.attribute(b"deep", poison.nested(depth))
    return f"{depth} arrays", raw + poison.body(span)


def _random(pick: random.Random, raw: bytes) -> tuple[str, bytes]:
    return "random bytes", pick.randbytes(len(raw))


def _other_value(pick: random.Random, raw: bytes) -> tuple[str, bytes]:
    """JSON in which one value, anywhere, is another one."""
    document: Any = json.loads(raw)
    places = list(_places(document))
    holder, key = pick.choice(places)
    odd = pick.choice(ODD)
    holder[key] = odd
    return f"{key} is {odd!r}"[:60], json.dumps(document).encode()


def _key_twice(pick: random.Random, raw: bytes) -> tuple[str, bytes]:
    at = pick.choice([i for i, byte in enumerate(raw) if byte == ord("{")])
    return "a key twice", raw[: at + 1] + b'"name": 1, "name": {}, ' + raw[at + 1 :]


def _very_deep(pick: random.Random, raw: bytes) -> tuple[str, bytes]:
    opening, closing = pick.choice(((b"[", b"]"), (b'{"arrayValue":', b"}")))
    depth = pick.choice((50, 500, 100_000))
    return "very deep", raw[:-1] + b', "x": ' + opening * depth + b"1" + closing * depth + b"}"


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    items: list[tuple[Any, Any]] = []
    if isinstance(node, dict):
        items = list(node.items())  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]  # JSON is anything
    elif isinstance(node, list):
        items = list(enumerate(node))  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]  # the same
    for key, value in items:
        yield node, key
        yield from _places(value)


BYTES: Final[tuple[Change, ...]] = (
    _as_it_is, _cut_off, _flipped, _flipped, _spliced, _repeated, _random,
)  # fmt: skip
TREES: Final[tuple[Change, ...]] = (
    _other_value,
    _other_value,
    _other_value,
    _key_twice,
    _very_deep,
)

Layer = Callable[[random.Random, Fuzzed], Fuzzed]


def _with(body: Fuzzed, how: str, sent: bytes, **headers: str) -> Fuzzed:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(body, how=f"{body.how}, {how}", sent=sent, headers={**body.headers, **named})


def _plain(_: random.Random, body: Fuzzed) -> Fuzzed:
    return body


def _gzipped(pick: random.Random, body: Fuzzed) -> Fuzzed:
    parts = [body.content]
    if pick.random() < 0.3:
        at = pick.randrange(len(body.content) + 1)
        parts = [body.content[:at], body.content[at:]]
    sent = b"".join(gzip.compress(part) for part in parts)
    return _with(body, f"{len(parts)} gzip parts", sent, Content_Encoding="gzip")


def _zstd(_: random.Random, body: Fuzzed) -> Fuzzed:
    return _with(body, "zstd", zstd.compress(body.content), Content_Encoding="zstd")


def _broken(pick: random.Random, body: Fuzzed) -> Fuzzed:
    """Compressed, and then wrong in its bytes; a checksum tells, or the length."""
    name, pack = pick.choice((("gzip", gzip.compress), ("zstd", zstd.compress)))
    packed = pack(body.content)
    sent = packed[: pick.randrange(1, len(packed))]
    return _with(body, f"broken {name}", sent, Content_Encoding=name)


def _said_wrongly(pick: random.Random, body: Fuzzed) -> Fuzzed:
    said = pick.choice(("gzip", "zstd", "deflate", "br", "gzip, gzip", "x" * 300))
    return _with(body, f"said to be {said[:12]}", body.content, Content_Encoding=said)


def _twice(_: random.Random, body: Fuzzed) -> Fuzzed:
    sent = gzip.compress(gzip.compress(body.content))
    return _with(body, "gzip in gzip", sent, Content_Encoding="gzip")


def _other_type(pick: random.Random, body: Fuzzed) -> Fuzzed:
    said = pick.choice((JSON, PROTOBUF, "text/plain", "", "application/json; charset=utf-16", "%"))
    is_json = said.partition(";")[0] == JSON
    return replace(_with(body, f"as {said}", body.sent, Content_Type=said), is_json=is_json)


def _elsewhere(pick: random.Random, body: Fuzzed) -> Fuzzed:
    path = pick.choice(("/v1/logs", "/v1/registry", "/v1/metrics", "/", "/v1/traces/", "/%00"))
    method = pick.choice(("POST", "POST", "PUT", "GET"))
    return replace(body, how=f"{body.how}, {method} {path}", path=path, method=method)


def _stranger(pick: random.Random, body: Fuzzed) -> Fuzzed:
    said = pick.choice(("Bearer", "Bearer x", "Basic Y3Jhc2g6", "Bearer " + "x" * 9000, "\x7f"))
    return _with(body, "from a stranger", body.sent, Authorization=said)


LAYERS: Final[tuple[Layer, ...]] = (
    _plain, _plain, _plain, _gzipped, _zstd, _broken, _said_wrongly, _twice, _other_type,
    _elsewhere, _stranger,
)  # fmt: skip


def _gzip_bomb(pick: random.Random, body: Fuzzed) -> Fuzzed:
    """A megabyte that would be more than the limit."""
    packer = zlib.compressobj(wbits=31)
    room = bytes(1 << 20)
    size = pick.choice((LIMIT >> 20, (LIMIT >> 20) + 40))
    sent = b"".join(packer.compress(room) for _ in range(size)) + packer.flush()
    return _with(body, "gzip bomb", sent, Content_Encoding="gzip")


def _zstd_bomb(_: random.Random, body: Fuzzed) -> Fuzzed:
    sent = zstd.compress(bytes(LIMIT + 1))
    return _with(body, "zstd bomb", sent, Content_Encoding="zstd")


def _large(_: random.Random, body: Fuzzed) -> Fuzzed:
    return _with(body, "too large as it is", bytes(LIMIT + 1))


def _many_parts(_: random.Random, body: Fuzzed) -> Fuzzed:
    sent = gzip.compress(b"") * 1000
    return _with(body, "a thousand gzip parts", sent, Content_Encoding="gzip")


BOMBS: Final[tuple[Layer, ...]] = (_gzip_bomb, _zstd_bomb, _large, _many_parts)
