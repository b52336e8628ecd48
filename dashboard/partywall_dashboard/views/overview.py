"""Overview: how much went through the wall, between whom, since when, and where to start."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import altair as alt
import streamlit as st

from partywall_analyzer.findings import TenantPair, Totals, TrendPoint
from partywall_analyzer.model import Severity, Verdict
from partywall_collector.commands.options import store_url
from partywall_dashboard import reads, text
from partywall_dashboard.components import draw
from partywall_dashboard.scope import viewer
from partywall_dashboard.settings import SEVERITIES
from partywall_dashboard.tables import findings_table

# The table of tenants has at most so many rows and columns.
SIDES: Final = 20

FIRST_LINES: Final = """\
import partywall

partywall.instrument(endpoint="http://127.0.0.1:4318", token="...")  # once

with partywall.session(tenant="acme", request="REQ-7", identity="agent:triage@acme"):
    ...  # run the agent: every span in here is bound"""


def main() -> None:
    """The page."""
    url, scope = store_url(), viewer().scope
    since = reads.since(st.session_state.days or None)
    totals = reads.totals(url, scope, since)
    st.title("Overview")
    if not totals.findings:
        nothing_yet(totals, limited=since is not None)
        return
    pairs = reads.pairs(url, scope, since)
    numbers(totals, sum(pair.from_tenant != pair.to_tenant for pair in pairs))
    left, right = st.columns([5, 3], gap="large")
    with left:
        st.subheader("Who reached whom")
        st.caption(
            "Findings that nobody authorised. Row: whose session or data it was. Column: what it "
            "reached; on the diagonal, what is wrong within one tenant. Click a number."
        )
        cells, left_out = most_crossed(pairs)
        if cells:
            clicked = draw.matrix(cells, dark=st.context.theme.type == "dark")
            if clicked:
                st.switch_page(
                    "views/findings.py", query_params={"src": clicked[0], "dst": clicked[1]}
                )
            if left_out:
                st.caption(f"{text.count(left_out, 'pair')} of tenants with fewer are not shown.")
        else:
            st.success("All that was found was authorised.", icon=":material/verified_user:")
    with right:
        st.subheader("Trend")
        st.caption("By the day they were last seen, authorised ones included.")
        over_time(reads.trend(url, scope, since), st.session_state.days or 14)
    st.subheader("Start here")
    page = reads.found(url, scope, since=since, limit=6)
    chosen = findings_table(page.rows, key="start", whole_row=True)
    if chosen is not None:
        st.switch_page("views/chain.py", query_params={"finding": chosen.id})
    if page.total > len(page.rows):
        st.page_link(
            "views/findings.py",
            label=f"All {text.count(page.total, 'finding')}",
            icon=":material/arrow_forward:",
        )


def most_crossed(pairs: list[TenantPair]) -> tuple[list[tuple[str, str, int]], int]:
    """The pairs among the sides with the most findings, and how many pairs are left out."""
    sources, targets = Counter[str](), Counter[str]()
    for pair in pairs:
        sources[pair.from_tenant] += pair.n
        targets[pair.to_tenant] += pair.n
    rows = {name for name, _ in sources.most_common(SIDES)}
    columns = {name for name, _ in targets.most_common(SIDES)}
    cells = [
        (pair.from_tenant, pair.to_tenant, pair.n)
        for pair in pairs
        if pair.from_tenant in rows and pair.to_tenant in columns
    ]
    return cells, len(pairs) - len(cells)


def numbers(totals: Totals, pairs: int) -> None:
    """Four numbers."""
    open_ = totals.findings - totals.by_verdict[Verdict.AUTHORISED]
    urgent = totals.by_severity[Severity.CRITICAL] + totals.by_severity[Severity.HIGH]
    tiles: list[tuple[str, int, str]] = [
        ("Findings, not authorised", open_, f"of {totals.findings:,} in all"),
        ("Critical or high", urgent, f"{totals.by_severity[Severity.CRITICAL]:,} critical"),
        ("Pairs of tenants", pairs, f"{text.count(totals.tenants, 'tenant')} on record"),
        ("Spans recorded", totals.spans, f"{totals.quarantined:,} in quarantine"),
    ]
    with st.grid(4, min_column_width=180):
        for label, value, note in tiles:
            st.metric(
                label,
                f"{value:,}",
                delta=note,
                delta_color="off",
                delta_arrow="off",
                border=True,
                height="stretch",
            )


def nothing_yet(totals: Totals, *, limited: bool) -> None:
    """Why the page is empty, and what to do."""
    if not totals.spans and not totals.quarantined:
        st.info("No spans have arrived yet.", icon=":material/sensors_off:")
        st.write("An agent is bound to its tenant with these lines:")
        st.code(FIRST_LINES, language="python")
        st.write("Or feed recorded OTLP files in, or look at the example:")
        st.code("partywall replay FILE...\npartywall demo", language="bash")
        return
    looked_at = (
        f"{text.count(totals.spans, 'span')} with {text.count(totals.calls, 'tool call')} "
        f"of {text.count(totals.tenants, 'tenant')}"
    )
    if limited:
        st.info(
            f"Nothing crossed in this time range. {looked_at} are on record; choose All to "
            "look at all of them.",
            icon=":material/date_range:",
        )
    else:
        st.success(f"Nothing crossed. Looked at {looked_at}.", icon=":material/verified_user:")
        st.write("Calls that came in a moment ago are judged with the next analysis:")
        st.code("partywall analyze", language="bash")
    if totals.quarantined:
        st.warning(
            f"{text.count(totals.quarantined, 'span')} could not be tied to one tenant and sit in "
            "quarantine. What is in there was not looked at.",
            icon=":material/report:",
        )


def over_time(points: list[TrendPoint], days: int) -> None:
    """Stacked bars by day; days without findings are shown as such."""
    today = datetime.now(UTC).date()
    seen = [date.fromisoformat(point.day) for point in points]
    first = min([today - timedelta(days=days - 1), *seen])
    rows: list[dict[str, Any]] = [
        {
            "day": point.day,
            "severity": point.severity.value,
            "n": point.n,
            "rank": -point.severity.rank,
        }
        for point in points
    ]
    names = [name for name in SEVERITIES if any(row["severity"] == name for row in rows)]
    length = (max([today, *seen]) - first).days + 1
    bars = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar(size=max(2, min(26, 300 // length)))
        .encode(
            x=alt.X(
                "yearmonthdate(day):T",
                title=None,
                scale=alt.Scale(
                    domain=[first.isoformat(), (today + timedelta(days=1)).isoformat()]
                ),
                axis=alt.Axis(tickCount=5, format="%d %b", grid=False),
            ),
            y=alt.Y("n:Q", title=None, axis=alt.Axis(tickCount=4, format="d")),
            color=alt.Color(
                "severity:N",
                scale=alt.Scale(domain=names, range=[SEVERITIES[name][1] for name in names]),
                legend=alt.Legend(orient="top", title=None),
            ),
            order=alt.Order("rank:Q"),
            tooltip=["day:N", "severity:N", "n:Q"],
        )
        .properties(height=230)
    )
    st.altair_chart(bars, alt="Crossings per day by severity")


main()
