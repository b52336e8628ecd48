"""The files of a spool: segments as they lie on disk, their recovery, and writes that last."""

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from partywall_collector.envelope import TornFrame, read

log = logging.getLogger("partywall.spool")
SEALED, RETIRED = ".sealed", ".retired"
IOV_MAX = 512


@dataclass(frozen=True, slots=True)
class Segment:
    """A sealed file that waits for the loader. The counts are 0 where another process wrote it."""

    path: Path
    size: int
    requests: int
    spans: int
    since: float
    """When it began to wait, on the monotonic clock."""
    recovered: bool = False
    """Written by an earlier process, or a half: it may have been loaded before."""

    @property
    def id(self) -> str:
        return self.path.stem

    @property
    def retired(self) -> bool:
        """A load failed for good; its id is not to be used again."""
        return self.path.suffix == RETIRED


def envelopes_of(path: Path) -> tuple[list[bytes], bytes]:
    """The whole frames of a segment file, and the bytes behind them that are none."""
    data = path.read_bytes()
    frames, end = list[bytes](), 0
    with contextlib.suppress(TornFrame):
        for behind, _ in read(data):
            frames.append(data[end:behind])
            end = behind
    return frames, data[end:]


def recover(folder: Path) -> Iterator[Segment]:
    """The segments that an earlier process left, oldest first, with torn tails cut off."""
    for path in folder.glob("*.open"):
        frames, torn = envelopes_of(path)
        if torn:
            log.warning("%s: a torn tail of %d bytes was cut off", path, len(torn))
        if not frames:
            path.unlink()
            continue
        with path.open("r+b") as file:
            file.truncate(sum(map(len, frames)))
            os.fsync(file.fileno())
        path.rename(path.with_suffix(SEALED))
    for path in folder.glob("*.part"):
        path.unlink()
    retired = list(folder.glob("*" + RETIRED))
    names = {path.stem for path in retired}
    for path in folder.glob("*" + SEALED):
        if path.stem.rpartition(".")[0] in names:  # a half whose whole is still there
            path.unlink()
    sync_folder(folder)
    for path in sorted([*retired, *folder.glob("*" + SEALED)]):
        yield Segment(path, path.stat().st_size, 0, 0, time.monotonic(), recovered=True)


def write_all(descriptor: int, pieces: list[bytes]) -> None:
    """Every byte of the pieces, in one call where the kernel takes them."""
    for at in range(0, len(pieces), IOV_MAX):
        part = pieces[at : at + IOV_MAX]
        written = os.writev(descriptor, part)
        if written < sum(map(len, part)):  # a short write: the rest goes in one piece
            rest = memoryview(b"".join(part))[written:]
            while rest:
                rest = rest[os.write(descriptor, rest) :]


def write_whole(path: Path, frames: list[bytes]) -> int:
    """A file that is there whole or not at all."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.writelines(frames)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    return sum(map(len, frames))


def sync_folder(folder: Path) -> None:
    """Make what was created, renamed or deleted in a folder last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
