"""Takes the compression off a request body, and never makes more of it than was allowed."""

import sys
import zlib
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
    try:
        match encoding:
            case "" | "identity":
                return body
            case "gzip":
                return zlib.decompressobj(31).decompress(body, limit)
            case "lz4":
                decompressor: Any = lz4.frame.LZ4FrameDecompressor()
                return bytes(decompressor.decompress(body, limit))
            case "zstd":
                return zstd.ZstdDecompressor().decompress(body, limit)
            case _:
                raise CannotDecompress(f"gzip, lz4 and zstd are read, not {encoding!r}")
    except (zlib.error, zstd.ZstdError, RuntimeError, EOFError) as error:
        raise CannotDecompress(str(error)) from error
