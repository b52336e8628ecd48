"""Reads files of OTLP trace requests, one request at a time, however large the file is.

Two formats, each plain or gzip: length-delimited protobuf (`.binpb`: a varint length, then an
ExportTraceServiceRequest, and so on) and JSON lines as the OpenTelemetry Collector's file exporter
writes them (`.json`, `.jsonl`: one request a line, ids in hex).
"""

import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from partywall_collector.canonical import Canonical, NotOtlp, from_json, from_protobuf

CHUNK = 256 << 10
RECORD_LIMIT = 16 << 20
"""Bytes of one request after decompression; it bounds memory, whatever the file claims."""

PROTOBUF = (".binpb", ".pb", ".bin")
JSON_LINES = (".json", ".jsonl", ".ndjson")
GZIP_MAGIC = b"\x1f\x8b"


class DamagedFile(Exception):
    """A file cannot be read further; what stood before was whole. Met by whoever replays it."""

    def __init__(self, path: Path, place: str, what: str) -> None:
        super().__init__(f"{path}: {place}: {what}" if place else f"{path}: {what}")
        self.path = path


class OtlpFile:
    """One file of requests; `position` says how many of its `size` bytes are read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0
        self._broken = ""
        suffix = [part for part in path.suffixes if part != ".gz"][-1:]
        if suffix and suffix[0] in PROTOBUF:
            self._lines = False
        elif suffix and suffix[0] in JSON_LINES:
            self._lines = True
        else:
            known = ", ".join((*PROTOBUF, *JSON_LINES))
            raise DamagedFile(path, "", f"what format is it? Known endings: {known}, each also .gz")
        try:
            self.size = path.stat().st_size
        except OSError as error:
            raise DamagedFile(path, "", f"cannot be read: {error.strerror}") from None

    def requests(self) -> Iterator[Canonical]:
        """Yield each request; raise `DamagedFile` behind the last one that was whole."""
        try:
            with self.path.open("rb") as file:
                chunks = self._chunks(file)
                yield from self._json_lines(chunks) if self._lines else self._delimited(chunks)
        except OSError as error:
            raise DamagedFile(self.path, "", f"cannot be read: {error.strerror}") from None

    def _chunks(self, file: BufferedReader) -> Iterator[bytes]:
        """Yield the content; of a gzip file that is cut off, all that can be had."""
        if file.peek(2)[:2] != GZIP_MAGIC:
            while chunk := file.read(CHUNK):
                self.position += len(chunk)
                yield chunk
            return
        member = None
        while raw := file.read(CHUNK):
            self.position += len(raw)
            while raw:
                member = member or zlib.decompressobj(wbits=31)
                try:
                    yield member.decompress(raw, CHUNK)
                except zlib.error as error:
                    self._broken = f"the gzip data is broken: {error}"
                    return
                raw = member.unconsumed_tail
                if member.eof:
                    # Some writers pad with zeros.
                    raw, member = member.unused_data.lstrip(b"\0"), None
        if member is not None:
            yield member.flush()
            if not member.eof:
                self._broken = "the gzip data ends in the middle"

    def _delimited(self, chunks: Iterator[bytes]) -> Iterator[Canonical]:
        buffer, at, offset, record = b"", 0, 0, 1

        def damage(what: str) -> DamagedFile:
            return DamagedFile(self.path, f"request {record} at byte {offset + at:,}", what)

        for chunk in chunks:
            buffer, offset, at = buffer[at:] + chunk, offset + at, 0
            while (header := _length(buffer, at)) is not None:
                start, length = header
                if length > RECORD_LIMIT:
                    raise damage(f"a length of {length:,} bytes; at most {RECORD_LIMIT:,} are read")
                if start + length > len(buffer):
                    break
                try:
                    yield from_protobuf(buffer[start : start + length])
                except NotOtlp as error:
                    raise damage(str(error)) from None
                at, record = start + length, record + 1
        if self._broken or at < len(buffer):
            raise damage(self._broken or "the file ends in the middle of it")

    def _json_lines(self, chunks: Iterator[bytes]) -> Iterator[Canonical]:
        rest, line = b"", 1

        def damage(what: str) -> DamagedFile:
            return DamagedFile(self.path, f"line {line}", what)

        for chunk in chunks:
            *whole, rest = (rest + chunk).split(b"\n")
            for text in whole:
                if text.strip():
                    try:
                        yield from_json(text)
                    except NotOtlp as error:
                        raise damage(f"{error} (one request a line is expected)") from None
                line += 1
            if len(rest) > RECORD_LIMIT:
                raise damage(f"longer than {RECORD_LIMIT:,} bytes; one request a line is expected")
        if self._broken:
            raise damage(self._broken)
        if rest.strip():
            try:
                yield from_json(rest)
            except NotOtlp:
                raise damage("the file ends in the middle of it") from None


def _length(buffer: bytes, at: int) -> tuple[int, int] | None:
    """Return where a request starts and its length; None if its length is not all there.

    A varint of more than ten bytes comes out above any limit.
    """
    value = 0
    for index in range(at, min(at + 10, len(buffer))):
        byte = buffer[index]
        value |= (byte & 0x7F) << 7 * (index - at)
        if byte < 0x80:
            return index + 1, value
    return (at, value | 1 << 70) if len(buffer) - at >= 10 else None
