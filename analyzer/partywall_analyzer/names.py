"""Names from spans, which anybody may have written, made safe to print.

They are cleaned of everything that could move a cursor, break a line or turn text around, and cut
to a length that fits a line.
"""

import unicodedata
from typing import Final

LONGEST: Final = 120


def clean(text: str, longest: int = LONGEST) -> str:
    """A name that is safe in a sentence, a terminal and a log line."""
    if len(text) <= longest and text.isprintable() and "  " not in text:
        return text.strip()
    marked = "".join(
        " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}" if _unsafe(letter) else letter
        for letter in text[: 4 * longest]
    )
    joined = " ".join(marked.split())
    return joined if len(joined) <= longest else joined[: longest - 1] + "…"


def _unsafe(letter: str) -> bool:
    """Controls, format characters (which turn text around), surrogates, private and unassigned."""
    return unicodedata.category(letter).startswith("C")
