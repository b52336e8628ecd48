"""Identities: who acts, for how many tenants, whose it is, and what is odd about it."""

import streamlit as st

from partywall_analyzer.inventory import KINDS, NOTES
from partywall_collector.commands.options import store_url
from partywall_dashboard import reads, text
from partywall_dashboard.scope import viewer
from partywall_dashboard.tables import identities_table


def main() -> None:
    """The page."""
    url, scope = store_url(), viewer().scope
    st.title("Identities")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.text_input(
            "Search", key="q", type="search", placeholder="a part of a name", bind="query-params",
            width=200,
        )  # fmt: skip
        tenant = st.text_input(
            "Of or for tenant", key="tenant", placeholder="any", bind="query-params", width=160
        )
        kinds = st.pills(
            "Kind", list(KINDS), selection_mode="multi", key="kind", bind="query-params"
        )
        notes = st.pills(
            "Notes", list(NOTES), selection_mode="multi", key="note", bind="query-params"
        )
    found = reads.identities(url, scope, since=reads.since(st.session_state.days or None))
    matching = [
        one
        for one in found
        if (not kinds or one.kind in kinds)
        and name.strip().lower() in one.name.lower()
        and (not tenant.strip() or tenant.strip() in (*one.owners, *one.tenants))
        and set(notes) <= set(one.notes)
    ]
    if not matching:
        st.info("No identity matches.", icon=":material/search_off:")
        return
    shown = matching[: reads.SHOWN]
    more = f", the first {len(shown)} are shown" if len(shown) < len(matching) else ""
    st.caption(text.count(len(matching), "identity", "identities") + more)
    identities_table(shown)
    with st.expander("What the notes mean"):
        for note, meaning in NOTES.items():
            text.quiet(f"{note}: {meaning}")


main()
