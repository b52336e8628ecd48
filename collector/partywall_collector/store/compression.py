"""Takes the compression off requests, never making more than was allowed; puts it on answers."""

import sys
import zlib
from collections.abc import Callable
from typing import Any

import lz4.frame  # pyright: ignore[reportMissingTypeStubs]  # it ships none

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


class CannotDecompress(ValueError):
    """The body is damaged, or its encoding is one that is not read here."""


def decompressed(body: bytes, encoding: str, limit: int) -> bytes:
    """Return the first `limit` bytes of a body that was sent in this encoding."""
    if encoding in ("", "identity"):
        return body
    decompressor = _decompressor(encoding)
    try:
        plain: bytes = decompressor.decompress(body, limit)
    except (zlib.error, zstd.ZstdError, RuntimeError, EOFError) as error:
        raise CannotDecompress(str(error)) from error
    if not decompressor.eof and len(plain) < limit:
        raise CannotDecompress(f"the {encoding} body is cut off")
    return plain


def _decompressor(encoding: str) -> Any:
    match encoding:
        case "gzip":
            return zlib.decompressobj(31)
        case "lz4":
            return lz4.frame.LZ4FrameDecompressor()
        case "zstd":
            return zstd.ZstdDecompressor()
        case _:
            raise CannotDecompress(f"gzip, lz4 and zstd are read, not {encoding!r}")


def accepted(encodings: str) -> str:
    """The encoding of an answer for a client that accepts these; empty for none."""
    names = {
        name.strip().lower()
        for name, _, weight in (each.partition(";") for each in encodings.split(","))
        if weight.replace(" ", "") not in ("q=0", "q=0.0")
    }
    return next((name for name in ("zstd", "lz4", "gzip") if name in names), "")


class Compressor:
    """Compresses an answer piece by piece; `end` returns what is left."""

    def __init__(self, encoding: str) -> None:
        self.compress: Callable[[bytes], bytes]
        self.end: Callable[[], bytes]
        match encoding:
            case "gzip":
                gzip = zlib.compressobj(1, wbits=31)
                self.compress, self.end = gzip.compress, gzip.flush
            case "lz4":
                frame: Any = lz4.frame.LZ4FrameCompressor()
                head = [frame.begin()]
                self.compress = lambda piece: (head.pop() if head else b"") + frame.compress(piece)
                self.end = lambda: (head.pop() if head else b"") + frame.flush()
            case _:
                packed = zstd.ZstdCompressor(level=1)
                self.compress, self.end = packed.compress, packed.flush
