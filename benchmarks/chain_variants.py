"""Judges the recorded facts of all sessions again, with something taken away from them.

The facts are read once; a variant changes the requests or what the results brought in. Nothing but
who introduced the parties is judged, without the engine around it, and that is timed as well.
"""

import hashlib
import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from partywall import actions, request
from partywall.identifiers import Identifier
from partywall.request import RequestFacts
from partywall_analyzer.introduction import CallFacts, History, judge_introduction
from partywall_collector.registry import Registry
from partywall_collector.store import Store, statement

SESSIONS_AT_ONCE = 400

OfRequest = Callable[["Run"], RequestFacts | None]
OfCall = Callable[[CallFacts], CallFacts]


class Run(NamedTuple):
    """A session: its tenant, what was asked, and what was called."""

    tenant: str
    text: str
    asked: RequestFacts | None
    calls: tuple[CallFacts, ...]


class Recorded:
    """The facts of a store; `texts` are the requests' own, by tenant and id."""

    def __init__(self, store: Store, texts: Mapping[tuple[str, str], str]) -> None:
        self._registry = Registry.read(store)
        self._kinds: dict[tuple[str, Identifier], str | None] = {}
        self.runs = self._read(store, texts)

    def flagged(
        self, asked: OfRequest = lambda run: run.asked, seen: OfCall = lambda call: call
    ) -> tuple[dict[str, set[str]], float]:
        """The calls to parties that nobody stands behind, by trace, and the CPU seconds it took."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        changed = [
            (run.tenant, asked(run), [seen(call) for call in run.calls]) for run in self.runs
        ]
        begun = time.process_time()
        for tenant, wanted, calls in changed:
            history = History(wanted, calls)

            def is_own(party: Identifier, tenant: str = tenant) -> bool:
                return self._kind(tenant, party) == "own"

            for call in calls:
                for party in () if call.failed else call.parties:
                    if self._kind(tenant, party) == "foreign":
                        made = judge_introduction(history, call, party, is_own)
                        if made.verdict == "not delegated":
                            found[call.ref[0]].add(call.ref[1])
        return found, time.process_time() - begun

    def without_results(self, share: float) -> dict[str, set[str]]:
        """The results of a share of the calls were never recorded."""

        def seen(call: CallFacts) -> CallFacts:
            lot = int.from_bytes(hashlib.sha256(repr(call.ref).encode()).digest()[:4]) / 2**32
            if lot >= share:
                return call
            return replace(call, introduces=(), record_terms={}, values_out=frozenset())

        return self.flagged(seen=seen)[0]

    def without_words(self) -> dict[str, set[str]]:
        """Each tenant's requests are read without the action words that only they use."""
        using: defaultdict[str, set[str]] = defaultdict(set)
        for tenant, text in {(run.tenant, run.text) for run in self.runs}:
            for word in actions.REACH:
                if _words((word,)).search(text):
                    using[word].add(tenant)

        def asked(run: Run) -> RequestFacts | None:
            kept = [word for word in actions.REACH if using[word] != {run.tenant}]
            if run.asked is None or len(kept) == len(actions.REACH):
                return run.asked
            pattern = _words(kept)
            parts = request.parts(run.text)
            items = run.asked.items
            if len(parts) != len(items):
                return run.asked
            return replace(
                run.asked,
                items=tuple(
                    replace(item, reaches=item.reaches and bool(pattern.search(part)))
                    for item, part in zip(items, parts, strict=True)
                ),
            )

        return self.flagged(asked)[0]

    def _kind(self, tenant: str, party: Identifier) -> str | None:
        key = (tenant, party)
        if key not in self._kinds:
            self._kinds[key] = self._registry.party(tenant, party.kind, party.value)
        return self._kinds[key]

    def _read(self, store: Store, texts: Mapping[tuple[str, str], str]) -> list[Run]:
        opened = {
            (session.tenant, name): session
            for session in self._registry.sessions
            for name in (session.session, session.request)
            if name
        }
        rows = store.rows(
            "SELECT DISTINCT tenant_id, session_id, request_id FROM calls ORDER BY ALL"
        )
        sql = statement("partywall_analyzer.sql", "calls_of_sessions")
        calls: defaultdict[tuple[str, str], list[CallFacts]] = defaultdict(list)
        for first in range(0, len(rows), SESSIONS_AT_ONCE):
            batch = rows[first : first + SESSIONS_AT_ONCE]
            parameters = {
                "tenants": sorted({row["tenant_id"] for row in batch}),
                "sessions": sorted({row["session_id"] for row in batch}),
            }
            for row in store.rows(sql, parameters):
                calls[row["tenant_id"], row["session_id"]].append(CallFacts.from_row(row))
        runs: list[Run] = []
        for row in rows:
            tenant, name = row["tenant_id"], row["request_id"]
            session = opened.get((tenant, name)) or opened.get((tenant, row["session_id"]))
            asked = RequestFacts.from_json(session.facts) or RequestFacts(()) if session else None
            if asked and session:
                asked = replace(asked, listed=tuple(Identifier(*one) for one in session.named))
            ours = calls.pop((tenant, row["session_id"]), [])
            runs.append(Run(tenant, texts.get((tenant, name), ""), asked, tuple(ours)))
        return runs


def _words(words: "tuple[str, ...] | list[str]") -> re.Pattern[str]:
    return re.compile(rf"(?i)(?<![a-z-])(?:{'|'.join(words) or '(?!)'})(?![a-z])")
