"""Opens the spans that findings are woven of: whole traces, and of very large ones what is near.

Anybody may send a trace without end. Of one with more spans than `PARTYWALL_WEAVE_SPANS` only the
calls that a finding names are opened, with what stands above them. What is opened for a finding
depends on nothing but the finding and the store, so every split of a stream opens the same.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from partywall_analyzer.canaries import Period
from partywall_analyzer.folding import fold_spans
from partywall_analyzer.limits import Limits
from partywall_analyzer.model import Ref
from partywall_analyzer.observations import Calls
from partywall_analyzer.spans import Span, fetch, fetch_some
from partywall_analyzer.weave import Weave
from partywall_collector.store import Store

ABOVE: Final = 100
"""So many spans above a call are opened in a trace that is not opened whole."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Spans by trace, one for each call; of the traces in `cut` only what is near some calls."""

    spans: Mapping[str, Sequence[Span]]
    cut: frozenset[str] = frozenset()

    @classmethod
    def read(
        cls, store: Store, calls: Calls, traces: Collection[str], named: Iterable[Ref]
    ) -> "Opened":
        """Read these traces; of very large ones the named calls and what stands above them."""
        most = Limits.read().weave_spans
        fetched = fetch(store, traces, most)
        cut = frozenset(trace for trace in fetched if len(fetched[trace]) > most)
        for trace in cut:
            fetched[trace] = []
        if cut:
            for span in _climb(store, calls, {ref for ref in named if ref.trace_id in cut}):
                fetched[span.trace_id].append(span)
        return cls({trace: fold_spans(fetched[trace], calls) for trace in fetched}, cut)

    def near(self, trace: str, calls: Iterable[Ref]) -> list[Span]:
        """Some calls of a trace with what stands above them."""
        known = {span.ref: span for span in self.spans.get(trace, ())}
        kept: dict[Ref, Span] = {}
        for ref in calls:
            span = known.get(ref)
            for _ in range(ABOVE + 1):
                if not span:
                    break
                kept[span.ref] = span
                span = known.get(Ref(trace, span.parent_span_id))
        return list(kept.values())


def _climb(store: Store, calls: Calls, named: Collection[Ref]) -> list[Span]:
    """Some spans and those above them, each with the other observations of its call."""
    found: dict[Ref, Span] = {}
    asked = set(named)
    for _ in range(ABOVE + 1):
        wanted = {each for ref in asked for each in _observed(calls, ref)} - found.keys()
        if not wanted:
            break
        level = fetch_some(store, wanted)
        found |= {span.ref: span for span in level}
        asked = {Ref(span.trace_id, span.parent_span_id) for span in level if span.parent_span_id}
    return list(found.values())


def _observed(calls: Calls, ref: Ref) -> Sequence[Ref]:
    call = calls.by_span.get(ref)
    return call.spans if call else (ref,)


class Weaves:
    """The weaves of some findings: whole traces are shared, of a cut one each has its own."""

    def __init__(
        self, opened: Opened, ignored: Collection[int], canaries: Mapping[int, Period]
    ) -> None:
        """Values in `ignored` carry nothing, `canaries` prove all."""
        self._opened = opened
        self._canaries = canaries
        self._ignored = frozenset(ignored)
        self._skew = Limits.read().clock_skew * 10**9
        self._shared: dict[tuple[str, ...], Weave] = {}
        self._own: dict[tuple[str, ...], Weave] = {}
        self._near: defaultdict[str, list[Ref]] = defaultdict(list)

    def begin(self, named: Iterable[Ref]) -> None:
        """Begin a finding that names these calls."""
        self._own.clear()
        self._near.clear()
        for ref in named:
            self._near[ref.trace_id].append(ref)

    def whole(self, *refs: Ref) -> bool:
        """Whether all spans of the traces of these calls are woven."""
        return not self._opened.cut.intersection(ref.trace_id for ref in refs)

    def of(self, *refs: Ref, later: str = "") -> Weave:
        """The traces of these calls; the clock of one may be put forward, as clocks differ."""
        traces = tuple(sorted({ref.trace_id for ref in refs}))
        kept = self._shared if self.whole(*refs) else self._own
        key = (*traces, "later", later) if later else traces
        if key not in kept:
            lines = (
                self._moved(trace) if trace == later else self._lines(trace) for trace in traces
            )
            kept[key] = Weave(
                (span for spans in lines for span in spans),
                commonplace=self._ignored,
                canaries=self._canaries,
            )
        return kept[key]

    def _lines(self, trace: str) -> Sequence[Span]:
        if trace in self._opened.cut:
            return self._opened.near(trace, self._near[trace])
        return self._opened.spans.get(trace, ())

    def _moved(self, trace: str) -> Sequence[Span]:
        by = self._skew
        return [replace(s, start=s.start + by, end=s.end + by) for s in self._lines(trace)]
