"""Accepted requests on disk until ClickHouse has them: append-only segments, one writer thread.

A request is acknowledged when its envelope is behind an `fdatasync`. The requests that arrive
during one sync share the next one. A segment grows as `<id>.open`, is renamed to `<id>.sealed` when
it is full or old enough (later while spans pour in), is loaded by the loader, and is deleted once
its rows are on disk. One that cannot be loaded as it is becomes `<id>.retired` before anything of
it is taken back or split: rows that are deleted must never meet the id under which they were once
loaded.
"""

import contextlib
import errno
import fcntl
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path

from partywall_collector.envelope import Envelope, GrantedSession, frame
from partywall_collector.spool_files import (
    RETIRED,
    SEALED,
    Segment,
    envelopes_of,
    recover,
    sync_folder,
    write_all,
    write_whole,
)

log = logging.getLogger("partywall.spool")
MIB = 1 << 20
POURING = 5_000
"""So many spans in a segment: they may pour in, and it waits for more of them."""

PATIENCE = 3
"""How many times its age a segment may reach while spans pour in."""

LULL = 0.1
"""Seconds without a span, after which they do not pour in."""

sync_data: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


class SpoolError(Exception):
    """The spool cannot take a request now; the sender should try again."""


class SpoolFull(SpoolError):
    """More waits for the store, or for the disk, than the configuration allows."""


class SpoolInUse(Exception):
    """Another process holds this spool."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a segment is sealed, and how much may wait."""

    segment_spans: int = 150_000
    segment_bytes: int = 64 * MIB
    segment_age: float = 0.5
    disk_bytes: int = 4096 * MIB
    free_bytes: int = 0
    """What must stay free on the disk, where the tables need room there to take a segment."""
    memory_bytes: int = 256 * MIB


@dataclass(slots=True)
class _Open:
    """The segment that is being written."""

    path: Path
    descriptor: int
    born: float
    fed: float = 0.0
    """When the last batch was on disk."""
    size: int = 0
    requests: int = 0
    spans: int = 0
    broken: bool = False
    """A write failed: what is behind `size` is not to be trusted, nothing may follow it."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request that is not yet on disk."""

    pieces: tuple[bytes, bytes]
    spans: int
    done: Future[None] = field(default_factory=Future[None])

    @property
    def size(self) -> int:
        return len(self.pieces[0]) + len(self.pieces[1])


class Spool:
    """The spool folder of one collector. Thread-safe."""

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self.folder = folder
        self.limits = limits or Limits()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)
        self._lock_file = _lock(folder)
        self._change = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        self._open: _Open | None = None
        self._sealed: list[Segment] = list(recover(folder))
        self._seal_asked = False
        self._closing = False
        self._last_stamp = 0
        self._writer = threading.Thread(target=self._write, name="partywall-spool", daemon=True)
        self._writer.start()

    def append(
        self,
        principal: str,
        tenants: tuple[str, ...],
        attestation: str,
        request: bytes,
        spans: int,
        grants: tuple[GrantedSession, ...] = (),
        *,
        sha256: bytes = b"",
        chosen_tenant: str = "",
    ) -> Future[None]:
        """Queue a request; the future is done when it is on disk, or holds a `SpoolError`.

        `sha256` is its digest, where the caller has it already.
        """
        with self._change:
            if self._closing:
                raise SpoolError("the collector is stopping")
            if self._on_disk() + self._waiting_bytes + len(request) > self.limits.disk_bytes:
                raise SpoolFull("the spool is full: the store does not keep up or is down")
            if self.limits.free_bytes and self._free() < self.limits.free_bytes + len(request):
                raise SpoolFull(
                    f"the disk is full: {self.limits.free_bytes // MIB} MiB of it"
                    " stay free, because without them nothing that waits could be loaded"
                )
            if self._waiting and self._waiting_bytes + len(request) > self.limits.memory_bytes:
                raise SpoolFull("too many requests wait for the disk")
            envelope = Envelope(
                principal,
                tenants,
                attestation,
                self.stamp(),
                request,
                grants,
                sha256,
                chosen_tenant,
            )
        waiting = _Waiting(frame(envelope), spans)
        with self._change:
            if self._closing:
                raise SpoolError("the collector is stopping")
            self._waiting.append(waiting)
            self._waiting_bytes += waiting.size
            self._change.notify_all()
        return waiting.done

    def stamp(self) -> int:
        """The time in nanoseconds, strictly rising: received_at names one envelope of a spool."""
        with self._change:
            self._last_stamp = max(self._last_stamp + 1, time.time_ns())
            return self._last_stamp

    def files(self) -> list[Path]:
        """The sealed segments, the oldest first."""
        with self._change:
            return [segment.path for segment in self._sealed]

    def next(self, timeout: float) -> Segment | None:
        """The oldest sealed segment, which stays in the spool until `remove` or `split`."""
        with self._change:
            self._change.wait_for(lambda: self._sealed, timeout)
            return self._sealed[0] if self._sealed else None

    def remove(self, segment: Segment) -> None:
        """Forget a segment whose rows are on disk in the store."""
        segment.path.unlink(missing_ok=True)
        sync_folder(self.folder)
        with self._change:
            self._sealed.remove(segment)
            self._change.notify_all()

    def retire(self, segment: Segment) -> Segment:
        """Mark on disk that a segment will not be loaded under its id again."""
        path = segment.path.rename(segment.path.with_suffix(RETIRED))
        sync_folder(self.folder)
        retired = replace(segment, path=path)
        with self._change:
            self._sealed[self._sealed.index(segment)] = retired
        return retired

    def split(self, segment: Segment, instead: Sequence[Envelope] = ()) -> None:
        """Replace a retired segment by its two halves, each a segment of its own.

        `instead` are the halves of its only envelope. The halves count only once the whole is gone:
        at the next start they are thrown away while the whole is still there, so that no envelope
        is ever in two segments.
        """
        frames, damage = envelopes_of(segment.path)
        frames = [b"".join(frame(envelope)) for envelope in instead] or frames
        middle = (len(frames) + 1) // 2
        halves: list[Segment] = []
        for name, part in (("a", frames[:middle]), ("b", frames[middle:])):
            if part:
                path = segment.path.with_name(f"{segment.id}.{name}{SEALED}")
                size = write_whole(path, part)
                halves.append(Segment(path, size, len(part), 0, segment.since, True))
        if damage:
            kept = segment.path.with_suffix(".damaged")
            write_whole(kept, [damage])
            log.error("%s: %d damaged bytes of a segment are kept there", kept, len(damage))
        sync_folder(self.folder)
        segment.path.unlink()
        sync_folder(self.folder)
        with self._change:
            at = self._sealed.index(segment)
            self._sealed[at : at + 1] = halves

    def wait_loaded(self, timeout: float) -> bool:
        """Whether everything that is acknowledged by now has been removed within the time."""
        with self._change:
            self._seal_asked = self._open is not None
            self._change.notify_all()
            before = self._names()
            return self._change.wait_for(lambda: not before & self._names(), timeout)

    def backlog(self) -> tuple[int, int, float]:
        """Segments that wait, bytes on disk, and the age in seconds of the oldest of them."""
        with self._change:
            born = [segment.since for segment in self._sealed[:1]]
            if not born and self._open:
                born = [self._open.born]
            age = time.monotonic() - born[0] if born else 0.0
            return len(self._sealed) + bool(self._open), self._on_disk(), age

    def close(self) -> None:
        """Write and seal what waits; what is sealed stays for the next start."""
        with self._change:
            first, self._closing = not self._closing, True
            self._change.notify_all()
        self._writer.join()
        if first:
            os.close(self._lock_file)

    def _names(self) -> set[str]:
        """The segments that hold something; a half goes by the name of its whole."""
        names = {segment.id.partition(".")[0] for segment in self._sealed}
        return names | ({self._open.path.stem} if self._open else set())

    def _free(self) -> int:
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize - self._waiting_bytes

    def _on_disk(self) -> int:
        open_bytes = self._open.size if self._open else 0
        return open_bytes + sum(segment.size for segment in self._sealed)

    def _write(self) -> None:
        while True:
            with self._change:
                while not (self._waiting or self._closing or self._ripe()):
                    self._change.wait(self._patience())
                batch = self._batch()
            if batch:
                self._commit(batch)
            with self._change:
                rest = bool(self._waiting)
                if self._open and (self._ripe() or (self._closing and not rest)):
                    self._seal_open(self._open)
                if self._closing and not rest:
                    return

    def _ripe(self) -> bool:
        """Whether the open segment is to be sealed: full, asked for, or old while none waits."""
        segment = self._open
        if segment is None:
            return False
        limits = self.limits
        if segment.spans >= limits.segment_spans or segment.size >= limits.segment_bytes:
            return True
        old = time.monotonic() >= self._due(segment)
        return segment.broken or self._seal_asked or (old and not self._sealed)

    def _due(self, segment: _Open) -> float:
        """When it is old: later while spans pour in, so that one load has more of them."""
        age = self.limits.segment_age
        due = segment.born + age
        if segment.spans >= POURING:
            due = max(due, min(segment.fed + LULL, segment.born + PATIENCE * age))
        return due

    def _patience(self) -> float | None:
        if self._open is None or self._sealed:
            return None  # a request, or the loader's `remove`, wakes the writer
        return max(0.001, self._due(self._open) - time.monotonic())

    def _batch(self) -> list[_Waiting]:
        """What the open segment has room for, in the order of arrival; at least one request."""
        room_bytes = self.limits.segment_bytes - (self._open.size if self._open else 0)
        room_spans = self.limits.segment_spans - (self._open.spans if self._open else 0)
        count = 0
        for waiting in self._waiting:
            room_bytes -= waiting.size
            room_spans -= waiting.spans
            if count and (room_bytes < 0 or room_spans < 0):
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    def _commit(self, batch: list[_Waiting]) -> None:
        """Write a batch, sync it, and only then acknowledge it."""
        failure: OSError | None = None
        try:
            segment = self._open or self._create()
            if segment.broken:
                raise OSError(errno.EIO, "an earlier write failed")
            write_all(segment.descriptor, [piece for item in batch for piece in item.pieces])
            sync_data(segment.descriptor)
        except OSError as error:
            failure = error
            log.error("%s: cannot write: %s", self.folder, error.strerror)
            self._cut_back()
        with self._change:
            self._waiting_bytes -= sum(item.size for item in batch)
            if self._open and not failure:
                self._open.size += sum(item.size for item in batch)
                self._open.requests += len(batch)
                self._open.spans += sum(item.spans for item in batch)
                self._open.fed = time.monotonic()
        for item in batch:
            if failure:
                item.done.set_exception(SpoolError(f"the spool cannot write: {failure.strerror}"))
            else:
                item.done.set_result(None)

    def _create(self) -> _Open:
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}.open"
        path = self.folder / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        sync_folder(self.folder)
        with self._change:
            self._open = _Open(path, descriptor, time.monotonic())
        return self._open

    def _cut_back(self) -> None:
        """After a failed write, end the segment at its last acknowledged byte.

        The next batch begins a new file: after a failed sync the pages of this one are not to be
        trusted a second time.
        """
        if self._open:
            with contextlib.suppress(OSError):
                os.ftruncate(self._open.descriptor, self._open.size)
            self._open.broken = True

    def _seal_open(self, segment: _Open) -> None:
        sealed: list[Segment] = []
        try:
            if segment.size:
                segment.path = segment.path.rename(segment.path.with_suffix(SEALED))
                sync_folder(self.folder)
                counts = (segment.size, segment.requests, segment.spans)
                sealed = [Segment(segment.path, *counts, since=segment.born)]
            else:
                segment.path.unlink()
        except OSError as error:
            log.error("%s: cannot seal: %s", segment.path, error.strerror)
            self._change.wait(1)
            return
        os.close(segment.descriptor)
        self._open, self._seal_asked = None, False
        self._sealed += sealed
        self._change.notify_all()


def _lock(folder: Path) -> int:
    """A descriptor that holds the folder for this process."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise SpoolInUse(
            f"another collector writes to the spool {folder}; stop it, or give this one a home of"
            " its own (`?home=` in the store's URL)"
        ) from None
    return descriptor
