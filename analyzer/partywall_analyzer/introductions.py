"""Asks, for each call with a foreign party, who introduced the party in that session."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from partywall.attributes import REQUEST_FACTS, SESSION_OPENED
from partywall.identifiers import Identifier
from partywall.request import RequestFacts, claimed
from partywall_analyzer.introduction import (
    CallFacts,
    History,
    Introduction,
    judge_introduction,
    source_calls,
)
from partywall_analyzer.model import Along, Candidate, Ref
from partywall_collector.registry import Registry, Session
from partywall_collector.store import Store, statement

_BATCH: Final = 400
_UNKNOWN: Final = Introduction("unknown", "what came before the call is not recorded")


class _Session(NamedTuple):
    """A session of one tenant: two tenants may use the same id."""

    tenant_id: str
    session_id: str


class Introductions:
    """The introductions of the parties of some candidates; sessions are read in batches."""

    def __init__(self, store: Store, registry: Registry, candidates: Sequence[Candidate]) -> None:
        """Only the sessions of candidates with a party will be read, in the candidates' order."""
        self._store = store
        self._registry = registry
        self._wanted = list(dict.fromkeys(_session(c) for c in candidates if c.party))
        self._place = {session: at for at, session in enumerate(self._wanted)}
        self._batch = -1
        self._calls: dict[_Session, dict[Ref, CallFacts]] = {}
        self._histories: dict[tuple[_Session, str], History] = {}
        self._opened = {
            (opened.tenant, name): opened
            for opened in registry.sessions
            for name in (opened.session, opened.request)
            if name
        }
        self._requests: dict[tuple[str, str], RequestFacts | None] = {}
        self._claimed: dict[_Session, RequestFacts | None] = {}

    def of(self, candidate: Candidate, call: Ref) -> Introduction:
        """How the party of a candidate came into the session before one of its calls."""
        tenant = candidate.session_tenant
        this = self._session_calls(_session(candidate)).get(call)
        if this is None or len(this.party_values) != len(this.parties):
            return _UNKNOWN
        party = Identifier(candidate.party_kind, candidate.party)

        def is_own(found: Identifier) -> bool:
            return self._registry.party(tenant, found.kind, found.value) == "own"

        return judge_introduction(self._history(candidate), this, party, is_own)

    def rests_on_agent(self, candidate: Candidate) -> bool:
        """Whether only the agent itself has told what was asked."""
        session = _session(candidate)
        self._session_calls(session)
        told = self._claimed.get(session)
        return told is not None and self._history(candidate).request is told

    def sources(self, candidate: Candidate, call: Ref) -> list[Along]:
        """Where the data came from that one of a candidate's calls sent to its party."""
        this = self._session_calls(_session(candidate)).get(call)
        if this is None:
            return []
        history = self._history(candidate)
        found = source_calls(history.earlier(this), this, history.request)
        return [Along(Ref(*source.call.ref), source.values) for source in found]

    def _history(self, candidate: Candidate) -> History:
        """The calls of the candidate's session beside its request, indexed once.

        Where the registry knows nothing that the request asks for, its agent's word is taken.
        """
        session, tenant = _session(candidate), candidate.session_tenant
        key = (session, candidate.request_id)
        if key not in self._histories:
            request = self._request(tenant, candidate.request_id) or self._request(
                tenant, candidate.session_id
            )
            if request is None or not (request.items or request.listed):
                request = self._claimed.get(session) or request
            self._histories[key] = History(request, list(self._calls[session].values()))
        return self._histories[key]

    def _request(self, tenant: str, name: str) -> RequestFacts | None:
        """What is known of a request, read when it is first asked for."""
        key = (tenant, name)
        if key not in self._requests:
            opened = self._opened.get(key)
            self._requests[key] = _facts(opened) if opened else None
        return self._requests[key]

    def _session_calls(self, session: _Session) -> dict[Ref, CallFacts]:
        batch = self._place[session] // _BATCH
        if batch != self._batch:
            self._batch = batch
            self._read(self._wanted[batch * _BATCH : (batch + 1) * _BATCH])
        return self._calls[session]

    def _read(self, sessions: Sequence[_Session]) -> None:
        self._calls = {session: {} for session in sessions}
        self._histories = {}
        self._claimed = {}
        parameters: dict[str, Any] = {
            "tenants": sorted({session.tenant_id for session in sessions}),
            "sessions": sorted({session.session_id for session in sessions}),
        }
        sql = statement("partywall_analyzer.sql", "calls_of_sessions")
        for row in self._store.rows(sql, parameters):
            session = _Session(row["tenant_id"], row["session_id"])
            if session in self._calls:
                facts = CallFacts.from_row(row)
                self._calls[session][Ref(*facts.ref)] = facts
        sql = statement("partywall_analyzer.sql", "requests_of_sessions")
        parameters |= {"opened_record": SESSION_OPENED, "facts": REQUEST_FACTS}
        for row in self._store.rows(sql, parameters):
            self._claimed[_Session(row["tenant_id"], row["session_id"])] = claimed(row["facts"])


def _facts(opened: Session) -> RequestFacts:
    facts = RequestFacts.from_json(opened.facts) or RequestFacts(())
    return replace(facts, listed=tuple(Identifier(*found) for found in opened.named))


def _session(candidate: Candidate) -> _Session:
    return _Session(candidate.session_tenant, candidate.session_id)
