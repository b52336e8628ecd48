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
