"""Files of trace requests: read whole, read streaming, and honest about where they end."""

import base64
import gzip
import json
import tempfile
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from partywall_collector.otlp_files import RECORD_LIMIT, DamagedFile, OtlpFile

requests = st.lists(
    st.lists(
        st.builds(
            Span,
            trace_id=st.binary(min_size=16, max_size=16),
            span_id=st.binary(min_size=8, max_size=8),
            name=st.text(max_size=5),
            start_time_unix_nano=st.integers(0, 2**63),
        ),
        max_size=3,
    ).map(
        lambda spans: ExportTraceServiceRequest(
            resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])]
        )
    ),
    max_size=5,
)


def delimited(messages: Sequence[ExportTraceServiceRequest]) -> list[bytes]:
    records: list[bytes] = []
    for message in messages:
        body = message.SerializeToString()
        length, prefix = len(body), bytearray()
        while length > 127:
            prefix.append(length & 127 | 128)
            length >>= 7
        records.append(bytes([*prefix, length]) + body)
    return records


def json_lines(messages: Sequence[ExportTraceServiceRequest]) -> list[bytes]:
    """As the file exporter writes them: ids in hex, 64-bit numbers as text."""
    lines: list[bytes] = []
    for message in messages:
        tree = MessageToDict(message, use_integers_for_enums=True)
        for resource in tree.get("resourceSpans", []):
            for scope in resource.get("scopeSpans", []):
                for span in scope.get("spans", []):
                    for key in ("traceId", "spanId"):
                        span[key] = base64.b64decode(span[key]).hex()
        lines.append(json.dumps(tree).encode() + b"\n")
    return lines


def read(path: Path) -> tuple[list[bytes], str]:
    """The requests that were whole, and what was said about the file."""
    found: list[bytes] = []
    try:
        file = OtlpFile(path)
        for request in file.requests():
            found.append(request.body)
        assert file.position == file.size
    except DamagedFile as damage:
        return found, str(damage).replace(f"{path}: ", "")
    return found, ""


@settings(deadline=None, max_examples=60)
@given(messages=requests, zipped=st.booleans(), lines=st.booleans())
def test_what_was_written_is_read(
    messages: list[ExportTraceServiceRequest], zipped: bool, lines: bool
) -> None:
    """Both formats, plain and gzip, give the same requests in their order."""
    content = b"".join(json_lines(messages) if lines else delimited(messages))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("t.jsonl" if lines else "t.binpb")
        path.write_bytes(gzip.compress(content) if zipped else content)
        found, said = read(path)
    assert said == ""
    assert found == [message.SerializeToString(deterministic=True) for message in messages]


@settings(deadline=None, max_examples=150)
@given(messages=requests, lines=st.booleans(), zipped=st.booleans(), data=st.data())
def test_a_file_that_ends_in_the_middle_gives_what_was_whole(
    messages: list[ExportTraceServiceRequest], lines: bool, zipped: bool, data: st.DataObject
) -> None:
    """Cut anywhere: whole requests come in order, then an error if the cut fell inside one."""
    records = json_lines(messages) if lines else delimited(messages)
    content = b"".join(records)
    cut = data.draw(st.integers(0, len(content)))
    ends = [sum(map(len, records[:count])) for count in range(len(records) + 1)]
    whole = sum(end <= cut for end in ends) - 1
    # The last line of JSON lines may lack its line feed.
    unfinished = cut not in ends and not (lines and cut + 1 in ends)
    whole += lines and cut + 1 in ends[1:]
    stored = content[:cut]
    if zipped:
        stored = gzip.compress(stored)[: -data.draw(st.integers(1, 8))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("t.json.gz" if lines else "t.binpb.gz")
        path.write_bytes(stored)
        found, said = read(path)
    expected = [message.SerializeToString(deterministic=True) for message in messages[:whole]]
    if zipped:
        assert found in (expected, expected[: whole - 1] if whole else [])
        assert "the gzip data ends in the middle" in said
    else:
        assert found == expected
        assert bool(said) == unfinished
        if said:
            place = f"line {whole + 1}" if lines else f"request {whole + 1} at byte {ends[whole]:,}"
            assert said == f"{place}: the file ends in the middle of it"


@settings(deadline=None, max_examples=200)
@given(messages=requests, data=st.data(), name=st.sampled_from(["t.binpb", "t.jsonl", "t.pb.gz"]))
def test_no_file_crashes_the_reader(
    messages: list[ExportTraceServiceRequest], data: st.DataObject, name: str
) -> None:
    """Bytes changed at random: requests, or a sentence that names the place."""
    records = json_lines(messages) if name.endswith("l") else delimited(messages)
    content = bytearray(b"".join(records))
    if name.endswith(".gz"):
        content = bytearray(gzip.compress(content))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        content[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        found, said = read(path)
    assert len(found) <= len(content)
    assert not said or " at byte " in said or said.startswith("line ")


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_name_that_tells_no_format_is_refused(tmp_path: Path) -> None:
    """Nothing is guessed from content."""
    assert "Known endings: .binpb" in read(write(tmp_path, "spans.csv", b"x"))[1]
    assert "cannot be read: No such file" in read(tmp_path / "none.binpb")[1]
    (tmp_path / "folder.binpb").mkdir()
    assert "cannot be read" in read(tmp_path / "folder.binpb")[1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x05\xff\xff\xff\xff\xff", "request 1 at byte 0: the body is not an OTLP"),
        (b"\x00\x00\x02\xff", "request 3 at byte 2: the file ends in the middle of it"),
        (b"\xff" * 20, "request 1 at byte 0: a length of"),
        (b"\x80\x80\x80\x09" + b"\0" * 9, "at most 16,777,216 are read"),
        (b'{"resourceSpans": []}\n' * 20, "request 1 at byte 0: the body is not an OTLP"),
        (b"\x80", "the file ends in the middle of it"),
    ],
)
def test_a_damaged_record_is_told_with_its_place(tmp_path: Path, content: bytes, said: str) -> None:
    """Which request, at which byte, and what is wrong."""
    assert said in read(write(tmp_path, "t.binpb", content))[1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{}\n\n{}\nno\n{}\n", "line 4: the body is not an OTLP trace request in JSON"),
        (b"{\n", "line 1: the body is not"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}\n', "line 1"),
        (b"[" * 100_000 + b"\n", "line 1"),
        (b"\xff\n", "line 1"),
    ],
)
def test_a_damaged_line_is_told_with_its_number(tmp_path: Path, content: bytes, said: str) -> None:
    """Requests before it are read."""
    found, damage = read(write(tmp_path, "t.jsonl", content))
    assert said in damage
    assert len(found) == (2 if b"no" in content else 0)


def test_lines_of_other_signals_are_requests_without_spans(tmp_path: Path) -> None:
    """A file exporter that also writes metrics and logs is no obstacle."""
    path = write(tmp_path, "t.json", b'{"resourceMetrics": [{}]}\n{"resourceLogs": []}\n')
    assert [request.spans for request in OtlpFile(path).requests()] == [0, 0]


def test_broken_gzip_is_told(tmp_path: Path) -> None:
    """A flipped byte, or zeros after the end, which some tools write."""
    content = b"".join(delimited([request_with_value("x")]))
    good = gzip.compress(content)
    bad = bytearray(good)
    bad[-6] ^= 1
    assert "the gzip data is broken" in read(write(tmp_path, "bad.binpb.gz", bytes(bad)))[1]
    padded = write(tmp_path, "padded.binpb.gz", good + gzip.compress(content) + b"\0" * 512)
    found, said = read(padded)
    assert (len(found), said) == (2, "")


def test_a_bomb_and_a_large_file_take_constant_memory(tmp_path: Path) -> None:
    """200 MB of zeros in one line, and 64 MB of honest requests: a few records' worth of memory."""
    bomb = tmp_path / "bomb.jsonl.gz"
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        for _ in range(50):
            file.write(b" " * (4 << 20))
    large = tmp_path / "large.binpb.gz"
    [record] = delimited([request_with_value("x" * (1 << 20))])
    with gzip.open(large, "wb", compresslevel=1) as file:
        for _ in range(64):
            file.write(record)
    tracemalloc.start()
    try:
        found, said = read(bomb)
        assert not found
        assert f"longer than {RECORD_LIMIT:,} bytes" in said
        assert sum(1 for _ in OtlpFile(large).requests()) == 64
        assert tracemalloc.get_traced_memory()[1] < 4 * RECORD_LIMIT
    finally:
        tracemalloc.stop()


def request_with_value(text: str) -> ExportTraceServiceRequest:
    resource = Resource(attributes=[KeyValue(key="k", value=AnyValue(string_value=text))])
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=resource)])
