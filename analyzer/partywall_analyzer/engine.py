"""Analyzes a store: finds candidates, weaves their traces, judges, explains, and keeps the ledger.

Every crossing is found where tenants meet, in SQL; only the traces that a candidate names become a
graph. The first analysis opens every key, each later one those that came to be dirty since: it is
the same function, and a stream in any order and any parts leaves the ledger that one analysis of
all of it leaves.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from partywall_analyzer.assemble import Assembler, carried, named, needed, traces, woven
from partywall_analyzer.canaries import planted
from partywall_analyzer.candidates import find
from partywall_analyzer.chunked import chunked
from partywall_analyzer.dirty import TOO_MANY, News
from partywall_analyzer.drills import Drills
from partywall_analyzer.explain import Speaker
from partywall_analyzer.folding import fold, traces_of
from partywall_analyzer.introductions import Introductions
from partywall_analyzer.judged import by_finding
from partywall_analyzer.kept import Kept
from partywall_analyzer.ledger import Changes, record, recorded
from partywall_analyzer.model import Candidate, Finding
from partywall_analyzer.observations import Calls
from partywall_analyzer.opening import Opened, Weaves
from partywall_analyzer.parts import Part, judged
from partywall_analyzer.rules import RuleError, failures, rules
from partywall_analyzer.source_tools import with_source_tools
from partywall_analyzer.tables import Tables
from partywall_analyzer.verdict import Judge
from partywall_analyzer.watermark import Watermark
from partywall_collector.registry import Registry
from partywall_collector.registry.load import credentials_named
from partywall_collector.store import Store, statement

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""

_SQL: Final = "partywall_analyzer.sql"
_CHUNK: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What an analysis derived anew at the keys it opened, and what it changed in the ledger.

    `spans` is the number of spans that it opened, `whole` whether that was all there are. `errors`
    are of added rules that could not be used; what they had found before stands.
    """

    findings: list[Finding]
    new: list[Finding]
    changed: list[Finding]
    withdrawn: list[Finding]
    spans: int
    seconds: float
    whole: bool
    errors: tuple[RuleError, ...] = ()


def analyze(store: Store, *, whole: bool = False, progress: Progress | None = None) -> Analysis:
    """Bring the ledger of findings up to date with what came since the last analysis.

    All is opened if there was none with these rules, or if `whole` asks for it.
    """
    begun = time.monotonic()
    tell = progress or _silent
    tell("reading calls", 0, 1)
    earlier = None if whole else Watermark.last(store)
    seen = Watermark.look(store, earlier)
    news = _news(store, seen, earlier)
    errors = list(failures())
    if news and news.empty:
        return _told(Changes([], [], []), [], 0, begun, errors, whole=False)
    kept = Kept.take(store, earlier, news)
    told = (kept.registry, kept.datasets, kept.spread)
    with Tables(store, *told, seen.at, news, overdue=seen.overdue) as tables:
        spans = int(tables.rows(statement(_SQL, "count_open_spans"))[0]["n"])
        candidates, wrong = find(
            tables, rules(), lambda rule, done: tell(f"rule {rule.id}", done, len(rules()))
        )
        errors += wrong
        known = recorded(tables)
        found = by_finding(candidates)
        standing = kept.judged.standing(found, known, tables.dirty_traces())
        for name in standing:
            del found[name]
        candidates = list(chain.from_iterable(found.values()))
        calls = Calls.read(tables, traces_of(candidates))
        candidates = fold(candidates, calls)
        cited = {each.credential_id for each in candidates} - {""}
        registry = kept.registry.with_credentials(credentials_named(store, cited))
        candidates = with_source_tools(candidates, registry, tables, calls)
        findings = _findings(store, registry, tables, candidates, calls, tell)
        tell("writing the ledger", 0, 1)
        failed = {error.rule for error in errors}
        changes = record(store, known, findings, standing=standing, failed=failed)
    analysis = _told(changes, findings, spans, begun, errors, whole=news is None)
    if len(errors) == len(failures()):
        seen = seen.keep(store, whole=analysis.whole, spans=spans, seconds=analysis.seconds)
        kept.judged.note(found, findings)
        kept.give(store, seen)
    return analysis  # where a statement failed, the next analysis looks at the same again


def _news(store: Store, seen: Watermark, earlier: Watermark | None) -> News | None:
    """What came since an earlier look; None if everything must be opened."""
    loads = seen.news(earlier) if earlier else None
    if earlier is None or loads is None:
        return None
    overdue = (earlier.overdue, seen.overdue)
    news = News.read(store, loads, before=earlier.at, at=seen.at, overdue=overdue)
    return news if news.names <= TOO_MANY else None


def _told(
    changes: Changes,
    findings: list[Finding],
    spans: int,
    begun: float,
    errors: Sequence[RuleError],
    *,
    whole: bool,
) -> Analysis:
    return Analysis(
        findings=findings,
        new=changes.new,
        changed=changes.changed,
        withdrawn=changes.withdrawn,
        spans=spans,
        seconds=time.monotonic() - begun,
        whole=whole,
        errors=tuple(errors),
    )


def _findings(
    store: Store,
    registry: Registry,
    tables: Tables,
    candidates: Sequence[Candidate],
    calls: Calls,
    tell: Progress,
) -> list[Finding]:
    judge, speaker = Judge(registry), Speaker(registry)
    introductions = Introductions(store, registry, candidates)
    drilled = Drills(store, candidates)
    canaries = planted(registry)
    by_id: defaultdict[str, list[Part]] = defaultdict(list)
    for candidate in candidates:
        for part in judged(judge, introductions, calls, candidate):
            by_id[candidate.id].append(part)

    made: list[Finding] = []
    for ids in chunked(list(by_id), _CHUNK):
        tell("weaving", len(made), len(by_id))
        chunk = [by_id[finding] for finding in ids]
        crossings = [needed(parts, calls) for parts in chunk]
        within = set[str]().union(*map(traces, crossings))
        refs = (ref for each in crossings for ref in named(each))
        opened = Opened.read(store, calls, within, refs)
        told = [part.candidate for parts in chunk for part in parts]
        values = carried(opened.spans, {trace for each in told for trace in woven(each)})
        weaves = Weaves(opened, tables.ignored_among(values), canaries)
        assembler = Assembler(weaves, speaker, calls)
        found = filter(None, map(assembler.finding, chunk))
        made += map(drilled.marked, found)
    return sorted(made, key=lambda finding: finding.id)


def _silent(what: str, done: int, of: int) -> None:
    """Tell nobody."""
