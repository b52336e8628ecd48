"""The drawings as Streamlit components: chain, waterfall, matrix; each a script and a style."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any, cast

import streamlit as st
from streamlit.components.v2 import component

from partywall_dashboard.layout import Picture


def _component(name: str, html: str) -> Any:
    here = files(__package__ or "")
    return component(
        f"partywall_{name}",
        html=html,
        css=here.joinpath(f"{name}.css").read_text(encoding="utf-8"),
        js=here.joinpath(f"{name}.js").read_text(encoding="utf-8"),
    )


_chain = _component(
    "chain", '<div class="chain"><div class="scroll"></div><div class="legend"></div></div>'
)
_waterfall = _component("waterfall", '<div class="waterfall"></div>')
_matrix = _component("matrix", '<div class="matrix"></div>')


def _watched() -> None:
    """Streamlit reports a value back only where somebody listens."""


def chain(picture: Picture, *, judged: str, label: str, key: str, first: str | None) -> str | None:
    """Draw a chain; returns the id of the step that was chosen, which is `first` to begin with."""
    state = cast("dict[str, str | None]", st.session_state.get(key) or {})
    data = {
        "picture": picture.to_dict(),
        "selected": state.get("selected") or first,
        "judged": judged,
        "label": label,
    }
    drawn = _chain(data=data, key=key, on_selected_change=_watched)
    return cast("str | None", drawn.selected) or first


def waterfall(rows: Sequence[dict[str, Any]], colours: dict[str, str], *, trace: str) -> None:
    """Draw the spans of a trace; times are milliseconds since its start."""
    total = max((row["end"] for row in rows), default=0.0) or 1.0
    data = {"rows": list(rows), "total": total, "colours": colours, "trace": trace}
    _waterfall(data=data, key=f"waterfall-{trace}")


def matrix(cells: Sequence[tuple[str, str, int]], *, dark: bool) -> tuple[str, str] | None:
    """Draw who reached whom; returns the pair whose number was clicked."""
    data = {
        "from": sorted({source for source, _, _ in cells}),
        "to": sorted({target for _, target, _ in cells}),
        "cells": [list(cell) for cell in cells],
        "dark": dark,
    }
    clicked = cast(
        "list[str] | None", _matrix(data=data, key="matrix", on_cell_change=_watched).cell
    )
    return (clicked[0], clicked[1]) if clicked else None
