"""What a body makes of itself when it is parsed is bounded, by its size and by turns."""

import threading

import pytest

from partywall_collector.receivers.parsing import LARGE, LEAST, SHARE, Parsing
from partywall_collector.receivers.refusals import Reason, Refused

LARGE_BODY, SMALL_BODY = bytes(LARGE), bytes(LARGE - 1)


@pytest.mark.parametrize("memory", [0, 2 * LEAST * SHARE])
def test_a_body_has_a_share_of_the_memory_and_never_less_than_exporters_send(memory: int) -> None:
    """One byte more is refused, without a retry; the most there is may come."""
    parsing = Parsing(memory)
    most = 2 * LEAST if memory else LEAST
    with parsing.turn(bytes(most), json=False):
        pass
    refused = pytest.raises(Refused, match=f"more than {most} bytes.*send smaller batches")
    with refused as caught, parsing.turn(bytes(most + 1), json=False):
        pytest.fail("it must not be parsed")
    assert caught.value.reason is Reason.TOO_LARGE
    with parsing.turn(LARGE_BODY, json=False):
        pass  # what was refused holds no turn


def entered(parsing: Parsing, body: bytes, *, json: bool) -> threading.Event:
    """Told when another thread has the turn."""
    has = threading.Event()

    def take() -> None:
        with parsing.turn(body, json=json):
            has.set()

    threading.Thread(target=take, daemon=True).start()
    return has


def test_of_large_bodies_one_is_parsed_at_a_time() -> None:
    """Small ones do not wait for it, nor do those of the other format."""
    parsing = Parsing(0)
    with parsing.turn(LARGE_BODY, json=True):
        waiting = entered(parsing, LARGE_BODY, json=True)
        assert entered(parsing, SMALL_BODY, json=True).wait(5)
        assert entered(parsing, LARGE_BODY, json=False).wait(5)
        assert not waiting.wait(0.1)
    assert waiting.wait(5)


def test_a_body_that_is_no_request_gives_its_turn_back() -> None:
    """An error while it is parsed must not keep out all that come after it."""
    parsing = Parsing(0)
    with pytest.raises(ValueError, match="broken"), parsing.turn(LARGE_BODY, json=False):
        raise ValueError("broken")
    assert entered(parsing, LARGE_BODY, json=False).wait(5)
