"""Words on a page. Names come from spans that anybody may write, so they are escaped here."""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import streamlit as st

from partywall_analyzer.model import Answer

ASSETS = Path(__file__).parent / "assets"


def style() -> None:
    """The rules for the few elements below; once a page."""
    st.html(ASSETS / "page.css")


def heading(text: str, sentence: str = "", *, small: bool = False) -> None:
    """A title out of foreign words, and a sentence under it."""
    below = f'<p class="pw-sentence">{escape(sentence)}</p>' if sentence else ""
    level, look = ("h3", "pw-title pw-small") if small else ("h1", "pw-title")
    st.html(f'<{level} class="{look}">{escape(text)}</{level}>{below}')


def quiet(text: str) -> None:
    """A small grey line."""
    st.html(f'<p class="pw-quiet">{escape(text)}</p>')


def tags(tags: Iterable[tuple[str, str, str]]) -> None:
    """A row of badges: (look, word, what it means on hover)."""
    st.html(
        '<div class="pw-tags">'
        + "".join(
            f'<span class="pw-tag pw-{escape(look)}" title="{escape(meaning)}">'
            f"{escape(word)}</span>"
            for look, word, meaning in tags
            if word
        )
        + "</div>"
    )


def answers(rows: Iterable[Answer]) -> None:
    """Question, answer and what the answer rests on; a missing proof is marked."""
    lines: list[str] = []
    for row in rows:
        mark = "" if row.proven else '<span class="pw-missing" title="no proof">⚠</span> '
        proof = f'<div class="pw-proof">{escape(row.proof)}</div>' if row.proof else ""
        lines.append(f"<dt>{escape(row.question)}</dt><dd>{mark}{escape(row.answer)}{proof}</dd>")
    st.html(f'<div class="pw-wide"><dl class="pw-facts">{"".join(lines)}</dl></div>')


def clock(moment: datetime) -> str:
    """A moment in UTC, as it is written everywhere on the pages."""
    at = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def count(number: int, one: str, many: str = "") -> str:
    """`1 finding`, `2,310 findings`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
