"""Cases for rules: each is planted in a session of its own, all in one store, and analyzed once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from partywall_analyzer import Finding, analyze
from partywall_analyzer.testing import START, Log
from partywall_collector.registry import Approval, Record
from partywall_collector.registry.load import write
from partywall_collector.registry.model import WHEN_LOADED
from partywall_collector.store import open_store

Plant = Callable[[Log, str], object]
Findings = dict[str, list[Finding]]
YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """So many seconds after the start of the log."""
    return START + timedelta(seconds=seconds)


@dataclass(frozen=True)
class Case:
    """What is planted in a session of its own, and the rules that must speak of it."""

    name: str
    plant: Plant
    found: tuple[str, ...]


class Cases(list[Case]):
    """The cases of a test file."""

    def case(self, name: str, *found: str) -> Callable[[Plant], Plant]:
        """Plant a case; with no rule named, nothing may be found."""

        def add(plant: Plant) -> Plant:
            self.append(Case(name, plant, found))
            return plant

        return add

    def analyzed(self, home: Path, registry: Sequence[Record]) -> Findings:
        """The findings of every case by its session: all cases lie in one store."""
        with open_store(f"chdb://{home}", role="owner") as store:
            write(list(map(on_record, registry)), store)
            log = Log(store)
            for each in self:
                each.plant(log, each.name)
            log.write()
            by_session: Findings = {each.name: [] for each in self}
            for finding in analyze(store).findings:
                by_session.setdefault(finding.session_id, []).append(finding)
        return by_session


def on_record(record: Record) -> Record:
    """An approval that nobody dated was on record before the log begins."""
    if isinstance(record, Approval) and record.recorded == WHEN_LOADED:
        return replace(record, recorded=YEAR)
    return record


def only(findings: Findings, name: str, rule: str) -> Finding:
    """The one finding of a rule in a case."""
    (found,) = [finding for finding in findings[name] if finding.rule == rule]
    return found
