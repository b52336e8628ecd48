"""SQL text that lies in packages as `.sql` files, one statement each."""

from functools import cache
from importlib.resources import files
from typing import Final

SQL: Final = "partywall_collector.sql"
"""The package of the store's own statements."""


@cache
def statement(package: str, name: str) -> str:
    """Return the text of `<name>.sql` in a package, such as ("partywall_analyzer.sql", "who")."""
    return files(package).joinpath(f"{name}.sql").read_text(encoding="utf-8")


@cache
def statements(package: str, folder: str) -> dict[str, str]:
    """Return the text of each statement in a folder of a package by its name, in name order."""
    found = (files(package) / folder).iterdir()
    names = sorted(file.name.removesuffix(".sql") for file in found if file.name.endswith(".sql"))
    return {name: (files(package) / folder / f"{name}.sql").read_text("utf-8") for name in names}
