"""Rules that wait for what is still on the way: time alone can make their findings."""

import time
from pathlib import Path

import pytest
from bindings import closes

from partywall_analyzer import Verdict, analyze
from partywall_analyzer.testing import Log
from partywall_collector.registry import Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import open_store


def test_a_session_is_looked_at_once_nothing_of_it_is_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time alone makes the finding: nothing new has come, and a whole analysis agrees."""
    monkeypatch.setenv("PARTYWALL_SETTLE", "3")
    with open_store(f"chdb://{tmp_path / 'home'}", role="owner") as store:
        write([Tenant(id="acme")], store)
        log = Log(store)
        closes(log, "s", 1, 3, count=4)
        log.write()
        begun = time.monotonic()
        assert analyze(store).findings == []
        time.sleep(max(0.0, 4 - (time.monotonic() - begun)))
        later = analyze(store)
        assert ([each.rule for each in later.new], later.whole) == (["sequence-gap"], False)
        assert analyze(store).new == []
        assert analyze(store, whole=True).changed == []


def test_a_session_that_fell_silent_is_told_when_later_spans_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the loads, whatever the spans say of the time; a close that comes late withdraws it."""
    monkeypatch.setenv("PARTYWALL_SESSION_LIFE", "2")
    monkeypatch.setenv("PARTYWALL_SETTLE", "0")
    with open_store(f"chdb://{tmp_path / 'home'}", role="owner") as store:
        write([Tenant(id="acme")], store)
        log = Log(store)
        log.call("acme", session="silent", request="one", sequence=1)
        closes(log, "over", 1, count=2)
        log.write()
        assert analyze(store).findings == []
        time.sleep(4)
        assert analyze(store).new == [], "nothing came, so nobody knows how late it is"
        log.call("acme", session="other", request="two", at=9)
        log.write()
        later = analyze(store)
        assert [(each.rule, each.session_id) for each in later.new] == [
            ("unclosed-session", "silent")
        ]
        (found,) = later.new
        assert (found.verdict, found.reasons) == (Verdict.INDETERMINATE, ("session.never_closed",))
        assert later.whole is False
        again = analyze(store, whole=True)
        assert (again.new, again.changed, again.withdrawn) == ([], [], [])
        log.close("acme", session="silent", request="one", sequence=2)
        log.write()
        assert [each.id for each in analyze(store).withdrawn] == [found.id]
