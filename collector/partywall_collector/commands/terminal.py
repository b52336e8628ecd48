"""Foreign names for a terminal: whatever they hold must not move the cursor."""

LONGEST = 48


def plain(text: str) -> str:
    """The text with every sign that is not printable escaped."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def short(text: str) -> str:
    """The same, cut to what a column has room for."""
    text = plain(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
