"""Fingerprint keys: what a file may say, which key is in force when, and a file that changes."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partywall import fingerprint_keys, settings
from partywall.fingerprint_keys import BadKeys, InForce, Keys, in_force, line, parse

OLD, NEW = "5a" * 32, "a5" * 32
JANUARY, FEBRUARY = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
DAY = 86_400


def rotated(begins: float, overlap: float) -> Keys:
    """The old key and the new one, as a rotation leaves them."""
    shown = fingerprint_keys.shown
    return parse(f"{OLD} until {shown(begins + overlap)}\n{NEW} from {shown(begins)}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it holds no key"),
        ("# nothing", "it holds no key"),
        ("abcd", "line 1 is no key of at least 32 bytes"),
        (f"# ours\n{OLD} since {JANUARY}", "line 2: after the key stand only"),
        (f"{OLD} from", "line 1: a time is written as"),
        (f"{OLD} from 2026-01-01T00:00:00", "line 1: a time is written as"),
        (f"{OLD} until {JANUARY} until {JANUARY}", "line 1: after the key stand only"),
        (f"{OLD} from {FEBRUARY} until {JANUARY}", "line 1: the key ends before it begins"),
        (f"{OLD}\n{NEW}", "line 2: a key that follows another begins"),
        (f"{OLD} until {JANUARY}\n{NEW}", "line 2: a key that follows another begins"),
        (f"{OLD} until {JANUARY}\n{OLD} from {JANUARY}", "line 2: the key stands in an earlier"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_line_and_without_the_key(
    text: str, said: str
) -> None:
    with pytest.raises(BadKeys, match=said) as raised:
        parse(text)
    assert OLD not in str(raised.value)


def test_a_third_key_waits_until_the_first_has_ended() -> None:
    """More than two would be in force at one moment."""
    text = f"{OLD} until {FEBRUARY}\n{NEW} from {JANUARY} until {FEBRUARY}\n{'cc' * 32} from "
    with pytest.raises(BadKeys, match="line 3: more than two keys"):
        parse(text + "2026-01-15T00:00:00Z")
    assert len(parse(text.replace(FEBRUARY, "2026-01-10T00:00:00Z", 1) + "2026-01-15T00:00:00Z"))


def test_a_key_is_written_as_it_is_read() -> None:
    """And its `repr`, which may stand in a log, does not tell it."""
    keys = rotated(1_767_225_600, 14 * DAY)
    assert parse("\n".join(map(line, keys))) == keys
    assert OLD not in repr(keys)
    assert repr(bytes.fromhex(OLD)) not in repr(keys)


MOMENTS = st.floats(-20 * DAY, 40 * DAY)


@given(first=MOMENTS, apart=st.floats(-0.999, 0.999), overlap=st.integers(2, 14 * DAY))
def test_what_lies_less_than_half_the_overlap_apart_meets_under_exactly_one_key(
    first: float, apart: float, overlap: int
) -> None:
    """A result and an argument, whichever came first: found, and never counted twice."""
    begins = 1_767_225_600
    keys = rotated(begins, overlap)
    result = keys.at(begins + first)
    argument = keys.at(begins + first + apart * (overlap // 2))
    assert result is not None
    assert argument is not None
    common = {result.results.epoch} & {key.epoch for key in argument.arguments}
    assert len(common) == 1


def test_in_a_gap_there_is_no_key() -> None:
    """The keys of a file need not overlap; it is the operator's choice."""
    keys = parse(f"{OLD} until {JANUARY}\n{NEW} from {FEBRUARY}")
    assert keys.at(1_768_000_000) is None
    assert keys.at(0) == InForce(keys[0], (keys[0],))
    assert keys.at(1_900_000_000) == InForce(keys[1], (keys[1],))


def test_a_file_that_changes_is_read_again_and_a_damaged_one_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An agent that runs for weeks follows a rotation without a restart."""
    now = [time.time()]
    monkeypatch.setattr(fingerprint_keys.time, "time", lambda: now[0])
    monkeypatch.setattr(fingerprint_keys, "_sources", {})
    file = tmp_path / "fingerprint.key"
    monkeypatch.delenv(settings.FINGERPRINT_KEY.name, raising=False)
    monkeypatch.setenv(settings.FINGERPRINT_KEY_FILE.name, str(file))

    def after(text: str | None) -> str:
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
            os.utime(file, (now[0], now[0]))
        now[0] += fingerprint_keys.LOOK_AGAIN + 1
        found = in_force()
        return found if isinstance(found, str) else found.epochs

    old, new = parse(OLD)[0].epoch, parse(NEW)[0].epoch
    assert after("") == "bad key"
    assert after(OLD) == old
    assert after("\n".join(map(line, rotated(int(now[0]) - 60, DAY)))) == f"{old} {new}"
    caplog.clear()
    assert [after(text) for text in (f"{NEW[:10]}", None, f"{OLD} {NEW}")] == [f"{old} {new}"] * 3
    assert caplog.text.count(settings.FINGERPRINT_KEY_FILE.name) == 3
    assert NEW[:10] not in caplog.text
    assert after(NEW) == new
