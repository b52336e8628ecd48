"""How much memory there is, and what share of it each part of the collector may take."""

from pathlib import Path
from typing import Final

import psutil

MIB: Final = 1 << 20
LEAST_LOAD_MIB: Final = 256
"""A request of 512 spans with content takes a hundred; what every request can have is not small."""

OF_CONTAINER: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where Linux says how much a container may have: cgroup 2, cgroup 1."""


def of_machine() -> int:
    """The memory in bytes that this machine has, or this container may have."""
    sizes = [psutil.virtual_memory().total]
    for path in OF_CONTAINER:
        try:
            sizes.append(int(path.read_text()))
        except (OSError, ValueError):  # not there, or `max`
            continue
    return min(sizes)


def load_bytes(memory: int) -> int:
    """How much the engine may take for one load where there is so much memory."""
    return max(LEAST_LOAD_MIB * MIB, memory // 4)


def segment_bytes(load: int) -> int:
    """How large a segment may become whose load may take so much: it takes six times its size."""
    return min(192 * MIB, max(16 * MIB, load // 8))


def reader_bytes(memory: int) -> int:
    """How much one statement of a tenant's reader may take where there is so much memory."""
    return min(2048 * MIB, max(LEAST_LOAD_MIB * MIB, memory // 16))
