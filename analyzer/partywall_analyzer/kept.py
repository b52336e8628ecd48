"""What a process keeps of one analysis of a store for the next one.

It holds only if the newest analysis of the store is the one that it was kept from. What came since
is then what the watermarks tell, and only that is read. After a whole analysis is asked for, after
one of another process and after one that failed, all is read anew.
"""

from dataclasses import dataclass, field
from threading import Lock
from typing import Final
from weakref import WeakKeyDictionary

from partywall_analyzer.datasets import Datasets
from partywall_analyzer.dirty import News
from partywall_analyzer.judged import Judged
from partywall_analyzer.spread import Spread
from partywall_analyzer.watermark import Watermark
from partywall_collector.registry import Credential, Principal, Registry, Session
from partywall_collector.store import Store

_NOT_READ: Final = (Credential, Principal)
"""There may be a credential for every session, so they are read by name; no rule asks who sends."""

_OF_CALLS: Final = frozenset((Credential.kind, Session.kind))
"""A change of these makes dirty whatever it is about, so that a finding that is not is the same."""


@dataclass(slots=True)
class Kept:
    """The registry, whose the datasets of calls are, and from what findings were derived."""

    seen: Watermark | None = None
    registry: Registry = field(default_factory=lambda: Registry(()))
    datasets: Datasets = field(default_factory=Datasets)
    judged: Judged = field(default_factory=Judged)
    spread: Spread = field(default_factory=Spread)

    @classmethod
    def take(cls, store: Store, earlier: Watermark | None, news: News | None) -> "Kept":
        """What holds now; whoever takes it has it alone, and gives it back for the next."""
        with _LOCK:
            kept = _KEPT.pop(store, None)
        if kept is None or kept.seen != earlier:
            kept, news = cls(), None
        elif news is None:
            kept = cls()
        if news is None or news.records - {Credential.kind}:
            kept.registry = Registry.read(store, without=_NOT_READ)
        if news is None or news.records - _OF_CALLS:
            kept.judged, kept.spread = Judged(), Spread()
        kept.datasets.update(store, kept.registry, news)
        return kept

    def give(self, store: Store, seen: Watermark) -> None:
        """Keep it for the analysis after the one that saw this."""
        self.seen = seen
        self.spread.trim()
        with _LOCK:
            _KEPT[store] = self


_LOCK: Final = Lock()
_KEPT: Final[WeakKeyDictionary[Store, Kept]] = WeakKeyDictionary()
