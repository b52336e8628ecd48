"""The frame of every page: navigation, time range, scope, and what to do if the store is away."""

from pathlib import Path

import streamlit as st

from partywall_collector.store import StoreError
from partywall_dashboard import reads, text
from partywall_dashboard.scope import viewer
from partywall_dashboard.text import ASSETS

# Not `pages`: whoever opened a link before anybody had seen the start page would get it bare.
VIEWS = Path(__file__).parent / "views"

RANGES = {0: "All", 1: "Last 24 hours", 7: "Last 7 days", 30: "Last 30 days"}


def main() -> None:
    """One run of the script."""
    st.set_page_config("Partywall", ASSETS / "icon.svg", layout="wide", initial_sidebar_state=240)
    dark = st.context.theme.type == "dark"
    st.logo(
        ASSETS / ("logo-dark.svg" if dark else "logo.svg"),
        icon_image=ASSETS / ("icon-dark.svg" if dark else "icon.svg"),
        size="large",
    )
    text.style()
    page = st.navigation(
        [
            st.Page(
                VIEWS / "overview.py",
                title="Overview",
                icon=":material/grid_on:",
                default=True,
            ),
            st.Page(VIEWS / "findings.py", title="Findings", icon=":material/rule:"),
            st.Page(VIEWS / "who.py", title="Who", icon=":material/person_search:"),
            st.Page(VIEWS / "identities.py", title="Identities", icon=":material/badge:"),
            st.Page(VIEWS / "coverage.py", title="Coverage", icon=":material/percent:"),
            st.Page(
                VIEWS / "chain.py",
                title="Chain",
                icon=":material/conversion_path:",
                visibility="hidden",
            ),
        ]
    )
    with st.sidebar:
        st.selectbox(
            "Time range",
            list(RANGES),
            format_func=RANGES.__getitem__,
            key="days",
            bind="query-params",
        )
        who = viewer()
        text.quiet(f"{who.name} · {who.sees}")
    try:
        page.run()
    except StoreError as error:
        reads.reopen()
        st.error("The store does not answer.", icon=":material/cloud_off:")
        text.quiet(str(error))
        st.write("Start the process that owns it, then load this page again:")
        st.code("partywall up", language="bash")


main()
