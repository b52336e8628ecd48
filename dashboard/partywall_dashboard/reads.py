"""What the pages read: the analyzer's functions, cached. The scope is part of every cache key."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import streamlit as st

from partywall_analyzer import covering, findings, inventory, lookup, waterfall
from partywall_analyzer.covering import TenantCoverage
from partywall_analyzer.findings import FindingPage, Scope, TenantPair, Totals, TrendPoint
from partywall_analyzer.inventory import Identity
from partywall_analyzer.lookup import WhoRow
from partywall_analyzer.model import Finding
from partywall_analyzer.waterfall import TraceSpan
from partywall_collector.store import Store, open_store

SHOWN: Final = 200
CALLS: Final = 100
FRESH: Final = 5
"""Seconds that a list may be old."""


def _close(store: Store) -> None:
    store.close()


@st.cache_resource(show_spinner=False, on_release=_close)
def _open(url: str) -> Store:
    return open_store(url, role="reader")


def reopen() -> None:
    """Let the connection go: the process that owned the store may have been started anew."""
    _open.clear()


def since(days: int | None) -> datetime | None:
    """The start of a range that ends now, on the full minute so that it can be a cache key."""
    if days is None:
        return None
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=days)


@st.cache_data(ttl=FRESH, max_entries=64, show_spinner=False)
def found(
    url: str,
    scope: Scope,
    *,
    since: datetime | None = None,
    severities: tuple[str, ...] = (),
    verdicts: tuple[str, ...] = (),
    from_tenant: str = "",
    to_tenant: str = "",
    search: str = "",
    limit: int = SHOWN,
) -> FindingPage:
    """The findings that match, most urgent first."""
    return findings.list_findings(
        _open(url),
        scope,
        since=since,
        severities=severities,
        verdicts=verdicts,
        from_tenant=from_tenant,
        to_tenant=to_tenant,
        search=search,
        limit=limit,
    )


@st.cache_data(ttl=FRESH, max_entries=256, show_spinner=False)
def finding(url: str, scope: Scope, id: str) -> Finding | None:
    """One finding; None where there is none in scope."""
    return findings.get_finding(_open(url), scope, id)


@st.cache_data(ttl=FRESH, max_entries=64, show_spinner=False)
def pairs(url: str, scope: Scope, since: datetime | None) -> list[TenantPair]:
    """Who reached whom, how often."""
    return findings.tenant_matrix(_open(url), scope, since=since)


@st.cache_data(ttl=FRESH, max_entries=64, show_spinner=False)
def trend(url: str, scope: Scope, since: datetime | None) -> list[TrendPoint]:
    """Findings by day and severity."""
    return findings.trend(_open(url), scope, since=since)


@st.cache_data(ttl=FRESH, max_entries=64, show_spinner=False)
def totals(url: str, scope: Scope, since: datetime | None) -> Totals:
    """The numbers at the head of the overview."""
    return findings.totals(_open(url), scope, since=since)


@st.cache_data(ttl=60, max_entries=64, show_spinner=False)
def trace(url: str, scope: Scope, trace_id: str) -> list[TraceSpan]:
    """The spans of a trace."""
    return waterfall.trace(_open(url), scope, trace_id)


@st.cache_data(ttl=FRESH, max_entries=64, show_spinner=False)
def who(
    url: str, scope: Scope, keys: tuple[tuple[str, str], ...], *, since: datetime | None
) -> list[WhoRow]:
    """The latest calls that match all of some keys of `partywall_analyzer.who`."""
    asked: dict[str, Any] = dict(keys)
    return lookup.who(_open(url), scope, since=since, limit=CALLS, **asked)


@st.cache_data(ttl=60, max_entries=16, show_spinner="Counting the calls")
def identities(url: str, scope: Scope, *, since: datetime | None) -> list[Identity]:
    """Every identity, the most worrying and most used first."""
    return inventory.identities(_open(url), scope, since=since)


@st.cache_data(ttl=60, max_entries=16, show_spinner="Counting the calls")
def coverage(url: str, scope: Scope, *, since: datetime | None) -> list[TenantCoverage]:
    """How much of each tenant's calls can be answered for."""
    return covering.coverage(_open(url), scope, since=since)
