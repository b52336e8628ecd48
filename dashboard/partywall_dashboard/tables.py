"""The tables of the pages: names in them are data, never markup."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

import streamlit as st

from partywall_analyzer.covering import MEASURES, Gap, TenantCoverage
from partywall_analyzer.inventory import Identity
from partywall_analyzer.lookup import WhoRow
from partywall_analyzer.model import Finding
from partywall_analyzer.standing import Response
from partywall_dashboard.settings import SEVERITIES

PILLS = {name: f"{shape} {name}" for name, (shape, _) in SEVERITIES.items()}
SHORT_ID = 10

_Row = TypeVar("_Row")


def findings_table(
    rows: Sequence[Finding], *, key: str, whole_row: bool = False, height: int | None = None
) -> Finding | None:
    """Show findings; returns the one that was chosen. `whole_row`: a click anywhere chooses."""
    table: dict[str, list[Any]] = {
        "severity": [[PILLS[finding.severity]] for finding in rows],
        "title": [finding.title for finding in rows],
        "verdict": [finding.verdict.value for finding in rows],
        "agent": [finding.agent for finding in rows],
        "seen": [finding.last_seen for finding in rows],
        "id": [finding.id[:SHORT_ID] for finding in rows],
    }
    if not whole_row:
        del table["agent"], table["id"]
    return _pick(
        rows,
        table,
        key=key,
        height=height,
        whole_row=whole_row,
        columns={
            "severity": st.column_config.MultiselectColumn(
                "Severity",
                options=list(PILLS.values()),
                color=[colour for _, colour in SEVERITIES.values()],
                width=95,
            ),
            "title": st.column_config.TextColumn("What happened", width=None if whole_row else 310),
            "verdict": st.column_config.TextColumn("Verdict", width=100),
            "agent": st.column_config.TextColumn("Agent", width=130),
            "seen": st.column_config.DatetimeColumn(
                "Seen", format="distance", timezone="UTC", width=120
            ),
            "id": st.column_config.TextColumn("Finding", width=95),
        },
        alt="Findings, most urgent first",
    )


def calls_table(rows: Sequence[WhoRow], *, key: str, height: int | None = None) -> WhoRow | None:
    """Show calls, each with how many of its answers lack their proof; returns the chosen one."""
    unproven = [sum(not answer.proven for answer in call.answers) for call in rows]
    table: dict[str, list[Any]] = {
        "time": [call.time for call in rows],
        "tenant": [call.tenant_id for call in rows],
        "who": [call.answers[0].answer for call in rows],
        "tool": [call.tool for call in rows],
        "asset": [call.answers[2].answer for call in rows],
        "unproven": [str(count or "") for count in unproven],
    }
    return _pick(
        rows,
        table,
        key=key,
        height=height,
        columns={
            "time": st.column_config.DatetimeColumn(
                "Time", format="YYYY-MM-DD HH:mm:ss", timezone="UTC", width=140
            ),
            "tenant": st.column_config.TextColumn("For tenant", width=90),
            "who": st.column_config.TextColumn("Who", width=130),
            "tool": st.column_config.TextColumn("Tool", width=105),
            "asset": st.column_config.TextColumn("Asset", width=145),
            "unproven": st.column_config.TextColumn(
                "\N{WARNING SIGN}", width=45, help="answers that lack their proof"
            ),
        },
        alt="Calls, latest first",
    )


def identities_table(rows: Sequence[Identity]) -> None:
    """Show identities with what is to be said of them."""
    table: dict[str, list[Any]] = {
        "kind": [one.kind for one in rows],
        "name": [one.name for one in rows],
        "notes": [list(one.notes) for one in rows],
        "owners": [", ".join(one.owners) for one in rows],
        "tenants": [", ".join(one.tenants) for one in rows],
        "calls": [one.calls for one in rows],
        "seen": [one.last_seen for one in rows],
        "until": [f"{one.ended:%Y-%m-%d %H:%M}" if one.ended else "" for one in rows],
    }
    st.dataframe(  # pyright: ignore[reportUnknownMemberType]  # pandas has no types
        table,
        hide_index=True,
        height=600 if len(rows) > 15 else "content",
        column_config={
            "kind": st.column_config.TextColumn("Kind", width=80),
            "name": st.column_config.TextColumn("Name", width=300),
            "owners": st.column_config.TextColumn("Of", width=100),
            "tenants": st.column_config.TextColumn("Acted for", width=125),
            "calls": st.column_config.NumberColumn("Calls", format="localized", width=58),
            "seen": st.column_config.DatetimeColumn(
                "Last seen", format="distance", timezone="UTC", width=120
            ),
            "until": st.column_config.TextColumn("Good until", width=125),
            "notes": st.column_config.ListColumn("Notes", width=200),
        },
        alt="Identities, the most worrying and most used first",
    )


def coverage_table(rows: Sequence[TenantCoverage], *, key: str) -> TenantCoverage | None:
    """Show tenants with the share of their calls that has each measure; returns the chosen one."""
    table: dict[str, list[Any]] = {
        "tenant": [each.tenant or "(none)" for each in rows],
        "calls": [each.calls for each in rows],
        **{
            name: [each.percent(name) if each.calls else None for each in rows] for name in MEASURES
        },
        "lost": [each.lost for each in rows],
        "refused": [sum(each.quarantined.values()) for each in rows],
    }
    return _pick(
        rows,
        table,
        key=key,
        height=400 if len(rows) > 10 else None,
        columns={
            "tenant": st.column_config.TextColumn("Tenant", width=105),
            "calls": st.column_config.NumberColumn("Calls", format="localized", width=58),
            **{
                name: st.column_config.ProgressColumn(
                    name.capitalize(), help=measure.doc, format="%.0f %%", max_value=100, width=79
                )
                for name, measure in MEASURES.items()
            },
            "lost": st.column_config.NumberColumn(
                "Lost", help="numbered spans that never came", format="localized", width=45
            ),
            "refused": st.column_config.NumberColumn(
                "Refused", help="spans in quarantine", format="localized", width=62
            ),
        },
        alt="Coverage by tenant",
    )


def gaps_table(rows: Sequence[Gap]) -> None:
    """Show what calls lack, by tool and agent, and what would mend it."""
    st.dataframe(  # pyright: ignore[reportUnknownMemberType]  # pandas has no types
        {
            "Calls": [gap.calls for gap in rows],
            "Tool": [gap.tool or "an unnamed tool" for gap in rows],
            "Agent": [gap.agent for gap in rows],
            "Which": [MEASURES[gap.measure].lacks for gap in rows],
            "The way out": [MEASURES[gap.measure].mend for gap in rows],
        },
        hide_index=True,
        height=400 if len(rows) > 10 else "content",
        alt="What is missing, most calls first",
    )


def responses_table(rows: Sequence[Response]) -> None:
    """Show what was done about a finding, oldest first."""
    st.dataframe(  # pyright: ignore[reportUnknownMemberType]  # pandas has no types
        {
            "When": [each.at for each in rows],
            "For": [each.tenant or "operator" for each in rows],
            "What": [
                each.kind.value + (f" {each.outcome}" if each.outcome != "done" else "")
                for each in rows
            ],
            "By": [each.actor for each in rows],
            "Said": ["; ".join(filter(None, (e.target, e.reason, e.note))) for e in rows],
        },
        hide_index=True,
        height=300 if len(rows) > 7 else "content",
        column_config={
            "When": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss", timezone="UTC")
        },
        alt="What was done, oldest first",
    )


def _pick(
    rows: Sequence[_Row],
    table: Mapping[str, list[Any]],
    *,
    key: str,
    height: int | None,
    columns: Mapping[str, Any],
    alt: str,
    whole_row: bool = False,
) -> _Row | None:
    """Show rows of which one is chosen, the first if none was yet; none yet with `whole_row`."""
    state = st.dataframe(  # pyright: ignore[reportUnknownMemberType]  # pandas has no types
        table,
        hide_index=True,
        key=key,
        height=height or "content",
        on_select="rerun",
        selection_mode="single-cell" if whole_row else "single-row-required",
        column_config=columns,
        alt=alt,
    )
    selection = cast("dict[str, list[Any]]", cast("dict[str, Any]", state)["selection"])
    cells: list[int] = [row for row, _ in selection["cells"]]
    chosen: list[int] = cells if whole_row else selection["rows"] or [0]
    return rows[chosen[0]] if chosen and chosen[0] < len(rows) else None
