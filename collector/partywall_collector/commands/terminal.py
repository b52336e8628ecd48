"""Text for a terminal: tables, and foreign names that must not move the cursor."""

from collections.abc import Sequence

LONGEST = 48


def plain(text: str) -> str:
    """The text with every sign that is not printable escaped."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows below their columns, each as wide as its longest value, which is cut."""
    cells = [columns, *([_cut(plain(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in lines)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
