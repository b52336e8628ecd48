"""The table of findings that two pages share."""

from collections.abc import Sequence
from typing import Any, cast

import streamlit as st

from partywall_analyzer.model import Finding
from partywall_dashboard.settings import SEVERITIES

PILLS = {name: f"{shape} {name}" for name, (shape, _) in SEVERITIES.items()}
SHORT_ID = 10


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
    state = st.dataframe(  # pyright: ignore[reportUnknownMemberType]  # pandas has no types
        table,
        hide_index=True,
        key=key,
        height=height or "content",
        on_select="rerun",
        selection_mode="single-cell" if whole_row else "single-row-required",
        column_config={
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
    selection = cast("dict[str, list[Any]]", cast("dict[str, Any]", state)["selection"])
    cells: list[int] = [row for row, _ in selection["cells"]]
    chosen: list[int] = cells if whole_row else selection["rows"] or [0]
    return rows[chosen[0]] if chosen and chosen[0] < len(rows) else None
