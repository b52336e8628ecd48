"""Findings: filter, pick one, read why."""

import streamlit as st

from partywall_analyzer.findings import Scope
from partywall_analyzer.model import Finding, Severity, Verdict
from partywall_collector.commands.options import store_url
from partywall_dashboard import reads, text
from partywall_dashboard.judged import finding_tags
from partywall_dashboard.scope import viewer
from partywall_dashboard.tables import findings_table


def main() -> None:
    """The page."""
    url, scope = store_url(), viewer().scope
    st.title("Findings")
    sources, targets = tenants(url, scope)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        search = st.text_input(
            "Search",
            key="q",
            type="search",
            placeholder="agent, dataset, trace, id",
            bind="query-params",
            width=200,
        )
        severities = st.pills(
            "Severity",
            [severity.value for severity in reversed(Severity)],
            selection_mode="multi",
            key="severity",
            bind="query-params",
        )
        verdict = st.selectbox(
            "Verdict",
            [Verdict.UNAUTHORISED.value, Verdict.INDETERMINATE.value, Verdict.AUTHORISED.value],
            index=None,
            key="verdict",
            bind="query-params",
            placeholder="any",
            width=160,
        )
        source = st.selectbox(
            "From",
            sources,
            index=None,
            key="src",
            bind="query-params",
            placeholder="any",
            width=160,
        )
        target = st.selectbox(
            "Reached",
            targets,
            index=None,
            key="dst",
            bind="query-params",
            placeholder="any",
            width=160,
        )
    page = reads.found(
        url,
        scope,
        since=reads.since(st.session_state.days or None),
        severities=tuple(severities),
        verdicts=(verdict,) if verdict else (),
        from_tenant=source or "",
        to_tenant=target or "",
        search=search or "",
    )
    if not page.rows:
        nothing(filtered=bool(search or severities or verdict or source or target))
        return
    shown = f", the {len(page.rows)} most urgent are shown" if page.total > len(page.rows) else ""
    st.caption(text.count(page.total, "finding") + shown)
    left, right = st.columns([8, 5], gap="medium")
    with left:
        chosen = findings_table(page.rows, key="findings", height=600 if page.total > 15 else None)
    if chosen is not None:
        with right, st.container(border=True):
            detail(chosen)


def tenants(url: str, scope: Scope) -> tuple[list[str], list[str]]:
    """What may be chosen as the two sides of a crossing."""
    seen = {(pair.from_tenant, pair.to_tenant) for pair in reads.pairs(url, scope, None)}
    seen |= {(row.from_tenant, row.to_tenant) for row in reads.found(url, scope).rows}
    return sorted({source for source, _ in seen}), sorted({target for _, target in seen})


def detail(finding: Finding) -> None:
    """The chosen finding beside the table."""
    finding_tags(finding)
    text.heading(finding.title, finding.sentence, small=True)
    text.answers(finding.evidence.answers)
    text.quiet(f"{finding.id} · {text.clock(finding.last_seen)}")
    if st.button("Open chain", type="primary", icon=":material/conversion_path:"):
        st.switch_page("views/chain.py", query_params={"finding": finding.id})


def nothing(*, filtered: bool) -> None:
    """Why the table is empty, and what to do."""
    if filtered or st.session_state.days:
        st.info(
            "Nothing matches. Remove a filter, or choose All as the time range.",
            icon=":material/filter_alt_off:",
        )
        return
    st.info("No findings. The overview says what was looked at.", icon=":material/info:")
    st.page_link("views/overview.py", label="Overview", icon=":material/grid_on:")


main()
