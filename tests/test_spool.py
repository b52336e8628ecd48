"""What is acknowledged stays; what is torn goes; one spool has one writer."""

import contextlib
import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partywall_collector import spool as spool_module
from partywall_collector.envelope import Envelope, GrantedSession, TornFrame, frame, read
from partywall_collector.spool import (
    PATIENCE,
    POURING,
    Limits,
    Spool,
    SpoolError,
    SpoolFull,
    SpoolInUse,
)
from partywall_collector.spool_files import envelopes_of

LAZY = Limits(segment_age=3600)
ENVELOPES = st.lists(
    st.builds(
        Envelope,
        principal=st.text(min_size=1, max_size=20),
        tenants=st.lists(st.text(max_size=10), max_size=4).map(tuple),
        attestation=st.just("A1"),
        received_at=st.integers(0, 2**64 - 1),
        request=st.binary(max_size=300),
        grants=st.lists(st.builds(GrantedSession, *[st.text(max_size=9)] * 4), max_size=3).map(
            tuple
        ),
    ),
    max_size=6,
)


def requests_of(path: Path) -> list[bytes]:
    return [envelope.request for _, envelope in read(path.read_bytes())]


@given(ENVELOPES)
def test_an_envelope_is_read_as_it_was_written(envelopes: list[Envelope]) -> None:
    """Every field comes back, for any text and any body."""
    data = b"".join(b"".join(frame(envelope)) for envelope in envelopes)
    assert [envelope for _, envelope in read(data)] == envelopes


@given(ENVELOPES.filter(bool), st.data())
def test_a_truncated_stream_gives_the_whole_envelopes_and_nothing_else(
    envelopes: list[Envelope], data: st.DataObject
) -> None:
    """Wherever the bytes end, what was whole is read and the rest is a torn frame."""
    frames = [b"".join(frame(envelope)) for envelope in envelopes]
    stream = b"".join(frames)
    cut = data.draw(st.integers(0, len(stream)))
    got: list[Envelope] = []
    torn = False
    try:
        for _, envelope in read(stream[:cut]):
            got.append(envelope)
    except TornFrame:
        torn = True
    whole = sum(1 for n in range(1, len(frames) + 1) if sum(map(len, frames[:n])) <= cut)
    assert got == envelopes[:whole]
    assert torn == (cut != sum(map(len, frames[:whole])))


@given(st.binary(max_size=200))
def test_any_bytes_are_either_envelopes_or_torn(noise: bytes) -> None:
    """Hostile bytes raise nothing but TornFrame."""
    with contextlib.suppress(TornFrame):
        list(read(noise))


def test_a_field_of_a_newer_version_is_passed_over() -> None:
    """After a downgrade an acknowledged envelope is still an envelope."""
    head, body = frame(Envelope("agents", ("acme",), "A1", 7, b"body"))
    extra = b"\x4a\x02hi" + b"\x40\x96\x01" + b"\x49" + bytes(8) + b"\x55" + bytes(4)
    longer = bytes((head[0] + len(extra),)) + extra + head[1:] + body
    [(_, envelope)] = read(longer)
    assert envelope == Envelope("agents", ("acme",), "A1", 7, b"body")


@settings(max_examples=40, deadline=None)
@given(bodies=st.lists(st.binary(max_size=200), min_size=1, max_size=8), data=st.data())
def test_a_torn_tail_keeps_exactly_the_acknowledged_envelopes(
    bodies: list[bytes], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """After a crash in the middle of a write, a new collector finds what was acknowledged."""
    folder = tmp_path_factory.mktemp("spool")
    data_on_disk = b""
    whole = 0
    unacknowledged = data.draw(st.integers(0, len(bodies)))
    for number, body in enumerate(bodies):
        data_on_disk += b"".join(frame(Envelope("agent", ("acme",), "A1", number, body)))
        if number + unacknowledged < len(bodies):
            whole = len(data_on_disk)
    cut = data.draw(st.integers(whole, len(data_on_disk)))
    zeros = data.draw(st.integers(0, 64))  # a file's length can outlive its pages
    (folder / "1.open").write_bytes(data_on_disk[:cut] + bytes(zeros))
    spool = Spool(folder, LAZY)
    segment = spool.next(0)
    found = requests_of(segment.path) if segment else []
    spool.close()
    assert found == bodies[: len(found)]
    assert len(found) >= len(bodies) - unacknowledged
    assert not list(folder.glob("*.open"))


def test_an_acknowledged_request_is_in_a_file(tmp_path: Path) -> None:
    """When the future is done, the bytes are there."""
    spool = Spool(tmp_path, LAZY)
    spool.append("agents", ("acme", "fjord"), "A1", b"body", 3).result(5)
    (path,) = tmp_path.glob("*.open")
    [(_, envelope)] = read(path.read_bytes())
    assert (envelope.principal, envelope.tenants) == ("agents", ("acme", "fjord"))
    assert envelope.request == b"body"
    spool.close()
    (path,) = tmp_path.glob("*.sealed")
    assert requests_of(path) == [b"body"]


def test_requests_of_many_threads_share_syncs_and_none_is_lost(tmp_path: Path) -> None:
    """Eight senders, one writer: each request once, in segments within their limit."""
    spool = Spool(tmp_path, Limits(segment_spans=50, segment_age=3600))

    def send(sender: int) -> None:
        for number in range(25):
            spool.append("agents", ("*",), "A1", f"{sender}:{number}".encode(), 10).result(10)

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spool.close()
    segments = [requests_of(path) for path in sorted(tmp_path.glob("*.sealed"))]
    assert sorted(body for segment in segments for body in segment) == sorted(
        f"{sender}:{number}".encode() for sender in range(8) for number in range(25)
    )
    assert max(map(len, segments)) <= 5


def test_a_lone_request_is_sealed_by_its_age(tmp_path: Path) -> None:
    """Nobody has to send a second request to make the first one visible."""
    spool = Spool(tmp_path, Limits(segment_age=0.05))
    spool.append("agents", ("acme",), "A1", b"alone", 1).result(5)
    segment = spool.next(5)
    assert segment is not None
    assert (segment.requests, segment.spans) == (1, 1)
    spool.remove(segment)
    assert spool.wait_loaded(1)
    assert not list(tmp_path.glob("*.sealed"))
    spool.close()


def test_while_spans_pour_in_a_segment_waits_for_more_of_them(tmp_path: Path) -> None:
    """A load has a price of its own; but no span waits longer than a few times the age."""
    spool = Spool(tmp_path, Limits(segment_age=0.3, segment_spans=10**9))
    began = time.monotonic()
    sealed: list[float] = []
    while len(sealed) < 1 and time.monotonic() < began + 10:
        spool.append("p", ("t",), "A1", b"x", POURING).result(5)
        sealed = [time.monotonic() - began for _ in spool.files()]
        time.sleep(0.005)
    assert sealed
    assert sealed[0] >= 0.3 * PATIENCE
    (segment,) = spool.files()
    assert len(envelopes_of(segment)[0]) > 1
    spool.close()


def test_while_the_loader_is_behind_a_segment_grows(tmp_path: Path) -> None:
    """Age alone seals nothing while a sealed segment waits: big loads are cheap loads."""
    spool = Spool(tmp_path, Limits(segment_age=0.02))
    spool.append("agents", ("acme",), "A1", b"first", 1).result(5)
    first = spool.next(5)
    assert first is not None
    for number in range(5):
        spool.append("agents", ("acme",), "A1", b"%d" % number, 1).result(5)
        time.sleep(0.03)
    assert spool.backlog()[0] == 2
    spool.remove(first)
    second = spool.next(5)
    assert second is not None
    assert second.requests == 5
    spool.close()


def test_a_full_spool_refuses_and_takes_again_once_there_is_room(tmp_path: Path) -> None:
    """The disk is bounded; the answer is one that a sender retries."""
    spool = Spool(tmp_path, Limits(segment_age=0.02, disk_bytes=1000))
    spool.append("agents", ("acme",), "A1", bytes(800), 1).result(5)
    with pytest.raises(SpoolFull, match="store"):
        spool.append("agents", ("acme",), "A1", bytes(800), 1)
    segment = spool.next(5)
    assert segment is not None
    spool.remove(segment)
    spool.append("agents", ("acme",), "A1", bytes(800), 1).result(5)
    spool.close()


def test_the_spool_leaves_room_on_the_disk_for_the_tables(tmp_path: Path) -> None:
    """It would fill the disk that they share, and then nothing of it could ever be loaded."""
    disk = os.statvfs(tmp_path)
    free = disk.f_bavail * disk.f_frsize
    for name, reserve in (("short", free + (1 << 30)), ("enough", 1)):
        spool = Spool(tmp_path / name, Limits(free_bytes=reserve))
        if name == "short":
            with pytest.raises(SpoolFull, match="the disk is full"):
                spool.append("p", ("acme",), "A1", b"x", 1)
        else:
            spool.append("p", ("acme",), "A1", b"x", 1).result(10)
        spool.close()


def test_a_disk_error_refuses_the_request_and_keeps_what_was_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed sync acknowledges nothing, and nothing is written behind it in the same file."""
    spool = Spool(tmp_path, LAZY)
    spool.append("agents", ("acme",), "A1", b"before", 1).result(5)

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool_module, "sync_data", fail)
    with pytest.raises(SpoolError, match="No space"):
        spool.append("agents", ("acme",), "A1", b"lost", 1).result(5)
    monkeypatch.undo()
    spool.append("agents", ("acme",), "A1", b"after", 1).result(5)
    spool.close()
    found = [requests_of(path) for path in sorted(tmp_path.glob("*.sealed"))]
    assert found == [[b"before"], [b"after"]]


def test_a_short_write_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may take a part; the rest follows before the acknowledgement."""
    real = os.writev

    def three_bytes(descriptor: int, pieces: list[bytes]) -> int:
        return real(descriptor, [pieces[0][:3]])

    monkeypatch.setattr(os, "writev", three_bytes)
    spool = Spool(tmp_path, LAZY)
    spool.append("agents", ("acme",), "A1", bytes(1000), 1).result(5)
    spool.close()
    (path,) = tmp_path.glob("*.sealed")
    assert requests_of(path) == [bytes(1000)]


def test_a_folder_that_refuses_the_seal_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was acknowledged stays in its file until it can be sealed."""
    spool = Spool(tmp_path, LAZY)
    spool.append("agents", ("acme",), "A1", b"body", 1).result(5)

    def refuse(*_: object) -> Path:
        monkeypatch.undo()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "rename", refuse)
    assert not spool.wait_loaded(0.2)
    segment = spool.next(5)
    assert segment is not None
    assert requests_of(segment.path) == [b"body"]
    spool.close()


def test_a_second_collector_on_a_spool_is_refused(tmp_path: Path) -> None:
    """Two writers would share segment files; the second one is told so."""
    spool = Spool(tmp_path)
    with pytest.raises(SpoolInUse, match=str(tmp_path)):
        Spool(tmp_path)
    spool.close()
    Spool(tmp_path).close()


def test_after_close_a_request_is_refused(tmp_path: Path) -> None:
    """Nothing is acknowledged that nobody would write."""
    spool = Spool(tmp_path)
    spool.close()
    with pytest.raises(SpoolError, match="stopping"):
        spool.append("agents", ("acme",), "A1", b"late", 1)


def spool_with(folder: Path, *bodies: bytes) -> Spool:
    data = [b"".join(frame(Envelope("a", ("t",), "A1", n, body))) for n, body in enumerate(bodies)]
    (folder / "7.sealed").write_bytes(b"".join(data))
    return Spool(folder, LAZY)


def test_a_segment_is_split_into_two_halves_that_hold_it_all(tmp_path: Path) -> None:
    """The halves take the place of the whole, in order."""
    spool = spool_with(tmp_path, b"1", b"2", b"3")
    whole = spool.next(0)
    assert whole is not None
    spool.split(spool.retire(whole))
    found = [requests_of(path) for path in sorted(tmp_path.glob("*.sealed"))]
    assert found == [[b"1", b"2"], [b"3"]]
    half = spool.next(0)
    assert half is not None
    assert (half.id, half.requests) == ("7.a", 2)
    spool.close()


def test_halves_are_forgotten_while_the_whole_is_still_there(tmp_path: Path) -> None:
    """A crash in the middle of a split leaves each envelope in one segment."""
    (tmp_path / "7.a.sealed").write_bytes(b"half")
    (tmp_path / "7.retired").write_bytes(b"whole")
    spool = Spool(tmp_path, LAZY)
    segment = spool.next(0)
    assert segment is not None
    assert (segment.path.name, segment.retired) == ("7.retired", True)
    assert not list(tmp_path.glob("*.sealed"))
    spool.close()


def test_damage_in_a_segment_is_kept_apart_and_the_rest_is_loaded(tmp_path: Path) -> None:
    """Bytes that are no envelope do not stop those before them, and are not thrown away."""
    spool = spool_with(tmp_path, b"1", b"2")
    with (tmp_path / "7.sealed").open("ab") as file:
        file.write(b"\xff\xff garbage")
    whole = spool.next(0)
    assert whole is not None
    spool.split(spool.retire(whole))
    assert [requests_of(path) for path in sorted(tmp_path.glob("*.sealed"))] == [[b"1"], [b"2"]]
    assert (tmp_path / "7.damaged").read_bytes() == b"\xff\xff garbage"
    spool.close()


def test_frames_of_a_file_are_the_bytes_as_written(tmp_path: Path) -> None:
    """Splitting copies frames; it never writes an envelope anew."""
    frames = [b"".join(frame(Envelope("a", (), "", 1, body))) for body in (b"1", b"2")]
    (tmp_path / "x").write_bytes(b"".join(frames) + b"\x05")
    assert envelopes_of(tmp_path / "x") == (frames, b"\x05")
