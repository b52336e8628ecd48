"""Coverage: how much of each tenant's calls can be answered for, and what would mend the rest."""

import streamlit as st

from partywall_analyzer.covering import MEASURES, TenantCoverage
from partywall_collector.commands.options import store_url
from partywall_dashboard import reads, text
from partywall_dashboard.scope import viewer
from partywall_dashboard.tables import coverage_table, gaps_table


def main() -> None:
    """The page."""
    url, scope = store_url(), viewer().scope
    st.title("Coverage")
    since = reads.since(st.session_state.days or None)
    tenants = reads.coverage(url, scope, since=since)
    if not tenants:
        st.info("No tool calls and no refused spans in this time.", icon=":material/info:")
        return
    st.caption("Of each tenant's tool calls, how many have what an answer needs.")
    # Spans that claimed no tenant come last.
    chosen = coverage_table(sorted(tenants, key=lambda each: not each.tenant), key="coverage")
    if chosen is not None:
        missing(chosen)
    with st.expander("What is counted"):
        for measure in MEASURES.values():
            text.quiet(f"{measure.name}: the call is {measure.doc}")


def missing(tenant: TenantCoverage) -> None:
    """What the calls of a tenant lack, by tool and agent, and the way out."""
    text.heading(tenant.tenant or "No tenant claimed", small=True)
    for line in tenant.losses():
        text.quiet(line)
    shown = tenant.gaps[: reads.SHOWN]
    if len(shown) < len(tenant.gaps):
        text.quiet(f"The largest {len(shown)} of {text.count(len(tenant.gaps), 'gap')}.")
    if shown:
        gaps_table(shown)
    elif tenant.calls:
        st.success("Nothing that an answer needs is missing.", icon=":material/check:")


main()
