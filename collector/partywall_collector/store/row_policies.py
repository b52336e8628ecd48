"""Which rows of which table who may see: one rule a table, derived from its columns.

The embedded engine knows a caller by the `log_comment` of the handle; see ADR 010. On a server the
same rules are roles and row policies; see `access.py`.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from partywall_collector.store.callers import READER_WORD, TENANT_WORD, WRITER_WORD
from partywall_collector.store.statements import SQL, statements

SECRETS: Final = frozenset({"fingerprint_keys", "principals", "readers"})
"""Tables that no reader sees: they hold what proves who somebody is."""

OWNERS: Final = {"datasets": "owner"}
"""Tables without a `tenant_id`, whose rows belong to the tenant in another column."""

_COMMENT: Final = re.compile(r"--[^\n]*")
_KEEPS_NOTHING: Final = re.compile(r"\bENGINE\s*=\s*Null\b")
_CALLER: Final = "getSettingOrDefault('log_comment', '')"


@dataclass(frozen=True, slots=True)
class Visibility:
    """Who sees the rows of one table: with a tenant column, each tenant its own."""

    table: str
    tenant_column: str
    secret: bool

    @property
    def filter(self) -> str:
        """The rows of a handle, by what it says it is. Nobody is nobody: no word, no row."""
        if self.secret:
            return f"{_CALLER} = '{WRITER_WORD}'"
        seen = f"{_CALLER} IN ('{WRITER_WORD}', '{READER_WORD}')"
        if not self.tenant_column:
            return seen
        tenant = f"substring({_CALLER}, {len(TENANT_WORD) + 1})"
        own = f"startsWith({_CALLER}, '{TENANT_WORD}') AND {self.tenant_column} = {tenant}"
        return f"{seen} OR ({own})"


@cache
def tables() -> tuple[Visibility, ...]:
    """Every table that keeps rows; one that says nothing of tenants is the operator's alone."""
    found: list[Visibility] = []
    for name, text in statements(SQL, "tables").items():
        ddl = _COMMENT.sub("", text)
        if _KEEPS_NOTHING.search(ddl):
            continue
        own = "tenant_id" if re.search(r"[(,]\s*tenant_id\s", ddl) else OWNERS.get(name, "")
        found.append(Visibility(name, "" if name in SECRETS else own, name in SECRETS))
    return tuple(found)


@cache
def views() -> tuple[str, ...]:
    """Views that a person reads; each shows what its reader sees of the tables below it."""
    return tuple(
        name
        for name, text in statements(SQL, "views").items()
        if re.search(r"^CREATE VIEW\b", text, re.MULTILINE)
    )


def engine_configuration(home: Path) -> str:
    """The configuration of the embedded engine of a home folder."""
    policies = "".join(
        f"\n                    <{each.table}><filter>{escape(each.filter)}</filter></{each.table}>"
        for each in tables()
    )
    text = (files(SQL) / "engine.xml").read_text("utf-8")
    return text.replace("{home}", escape(str(home))).replace("{policies}", policies)
