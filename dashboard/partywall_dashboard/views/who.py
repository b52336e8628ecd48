"""Who: which calls touched an asset, used an identity or served a request, each with its proof."""

from typing import Final

import streamlit as st

from partywall_analyzer.lookup import WhoRow
from partywall_collector.commands.options import store_url
from partywall_dashboard import reads, text
from partywall_dashboard.scope import viewer
from partywall_dashboard.tables import calls_table

KEYS: Final = {
    "dataset": "postgres://crm/*",
    "party": "*@example.com",
    "identity": "spiffe://...",
    "credential": "id of a credential",
    "agent": "name of an agent",
    "session": "id of a session",
    "request": "id of a request",
    "trace": "32 hex digits",
}
"""By what a call is looked for, and how that looks."""


def main() -> None:
    """The page."""
    url, scope = store_url(), viewer().scope
    st.title("Who")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        key = st.selectbox(
            "By", list(KEYS), key="by", bind="query-params", format_func=str.capitalize, width=150
        )
        wanted = st.text_input(
            "Is",
            key="is",
            type="search",
            placeholder=KEYS[key],
            bind="query-params",
            width=380,
            help="`*` stands for any text in a dataset or a party; the others are named whole.",
        )
        tenant = st.text_input(
            "For tenant", key="tenant", placeholder="any", bind="query-params", width=180
        )
    since = reads.since(st.session_state.days or None)
    asked = ((key, wanted.strip()), ("tenant", tenant.strip()))
    calls = reads.who(url, scope, tuple(pair for pair in asked if pair[1]), since=since)
    if not calls:
        st.info("No call matches.", icon=":material/search_off:")
        return
    more = ", the latest that match" if len(calls) == reads.CALLS else ", latest first"
    st.caption(text.count(len(calls), "call") + more)
    left, right = st.columns([9, 5], gap="medium")
    with left:
        chosen = calls_table(calls, key="calls", height=600 if len(calls) > 15 else None)
    if chosen is not None:
        with right, st.container(border=True):
            detail(chosen)


def detail(call: WhoRow) -> None:
    """The answers about the chosen call, each with the line that proves it."""
    text.heading(f"{call.tool or 'a call'}{' (failed)' if call.failed else ''}", small=True)
    text.answers(call.answers)
    spans = f" and {text.count(len(call.observations), 'more span')}" if call.observations else ""
    text.quiet(f"{text.clock(call.time)} · trace {call.trace_id} · span {call.span_id}{spans}")
    if st.button("Findings of this trace", icon=":material/rule:"):
        st.switch_page("views/findings.py", query_params={"q": call.trace_id})


main()
