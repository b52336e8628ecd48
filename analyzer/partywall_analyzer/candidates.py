"""Runs the rules' SQL and reads what it finds."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, cast

from partywall_analyzer.model import Candidate, Crossing, Ref, moment
from partywall_analyzer.rule import Rule, RuleError
from partywall_analyzer.rules import own
from partywall_analyzer.tables import Tables
from partywall_collector.store import StoreUnavailable


def find(
    tables: Tables, rules: Sequence[Rule], tell: Callable[[Rule, int], None]
) -> tuple[list[Candidate], list[RuleError]]:
    """The candidates of all rules in a fixed order, and which added rules failed.

    `tell` is told of each rule, and how many are done.
    """
    errors: list[RuleError] = []

    def run(done: int, rule: Rule) -> None:
        tell(rule, done)
        with _blamed(rule, errors):
            tables.find_crossings(rule)

    tables.together(*(partial(run, done, rule) for done, rule in enumerate(rules)))
    order = {rule.id: done for done, rule in enumerate(rules)}
    errors.sort(key=lambda error: order[error.rule])
    failed = {error.rule for error in errors}
    ours = [rule for rule in rules if rule in own()]
    found = list(_found(tables, ours))
    for rule in rules:
        if rule not in ours and rule.id not in failed:
            with _blamed(rule, errors):
                found += list(_found(tables, [rule]))
    return found, errors


@contextmanager
def _blamed(rule: Rule, errors: list[RuleError]) -> Generator[None]:
    """What an added rule does wrong is its author's to read, and leaves the others alone."""
    try:
        yield
    except StoreUnavailable:
        raise
    except Exception as error:
        if rule in own():
            raise
        errors.append(rule.failed(error))


def _found(tables: Tables, rules: Sequence[Rule]) -> Iterator[Candidate]:
    for row in tables.candidates_of(rules):
        yield from _by_source(_candidate(row))


def _candidate(row: Mapping[str, Any]) -> Candidate:
    session, agent, identity, tool = _fields(row["facts"])
    return Candidate(
        rule=row["rule"],
        subject=row["subject"],
        from_tenant=row["from_tenant"],
        to_tenant=row["to_tenant"],
        session_tenant=row["tenant_id"],
        crossings=tuple(_crossing(entry) for entry in row["crossings"]),
        count=int(row["n"]),
        first_seen=moment(row["first_us"]),
        last_seen=moment(row["last_us"]),
        session_id=session,
        request_id=row["request_id"],
        agent=agent,
        identity=identity,
        credential_id=row["credential_id"],
        approval_id=row["approval_id"],
        policy_id=row["policy_id"],
        policy_decision=row["policy_decision"],
        dataset=row["dataset"],
        party_kind=row["party_kind"],
        party=row["party"],
        operation=row["act"],
        tool=tool,
        attestation=row["attestation"],
        sensitive=bool(row["sensitive"]),
    )


def _crossing(entry: Any) -> Crossing:
    time, trace, span, source_trace, source_span, source_dataset, carried = _fields(entry)
    return Crossing(
        cast(datetime, time),
        Ref(trace, span),
        Ref(source_trace, source_span) if source_span else None,
        source_dataset,
        tuple(carried),
    )


def _by_source(candidate: Candidate) -> list[Candidate]:
    """Take apart what came from different datasets: a grant may cover one and not the other."""
    parts: dict[str, list[Crossing]] = {}
    for crossing in candidate.crossings:
        parts.setdefault(crossing.source_dataset, []).append(crossing)
    return [candidate.only(part) for part in parts.values()] if len(parts) > 1 else [candidate]


def _fields(entry: Any) -> Sequence[Any]:
    """A tuple, which a driver hands over as a mapping if its fields have names."""
    if isinstance(entry, Mapping):
        return list(cast("Mapping[str, Any]", entry).values())
    return cast("Sequence[Any]", entry)
