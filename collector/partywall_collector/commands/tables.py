"""Prints a table on the terminal; in a pipe, a row is a line."""

import sys
from collections.abc import Sequence

WIDE = 4000


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below a bold head."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    # In a pipe a row is a line, so that it can be searched.
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)
