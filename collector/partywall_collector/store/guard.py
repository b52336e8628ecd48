"""What a reader's statement may be: the engine's own parser says what is in it.

`readonly = 1` lets a statement read files, call addresses and kill queries (ADR 008), and a tenant
could learn of others from what surrounds the rows (ADR 010). So a statement is taken apart first,
and what runs is what was taken apart.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from partywall_collector.store.callers import Caller
from partywall_collector.store.row_policies import tables, views

NOT_ALLOWED: Final = 497
SYNTAX_ERROR: Final = 62

_STATEMENTS: Final = ("Select", "Show", "Exists", "Describe", "Explain")
_TENANT_STATEMENTS: Final = ("SelectWithUnionQuery", "SelectIntersect", "DescribeQuery")
_TABLE_FUNCTIONS: Final = frozenset(
    {
        "format", "generaterandom", "generateseries", "generate_series", "input", "null",
        "numbers", "numbers_mt", "primes", "values", "view", "zeros", "zeros_mt",
    }
)  # fmt: skip
_OPERATOR_TABLE_FUNCTIONS: Final = _TABLE_FUNCTIONS | {"merge", "mergetreeindex"}
# Functions that leave the tables: for files, addresses, programs, dictionaries and logs.
_FUNCTIONS_OUTSIDE: Final = (
    "SELECT lower(name) FROM system.functions WHERE hasAny(splitByString(', ', categories), "
    "['AI', 'Dictionary', 'Embedded Dictionary', 'Introspection', 'Machine Learning']) "
    "OR origin IN ('ExecutableUserDefined', 'WasmUserDefined') "
    "OR lower(name) IN ('file', 'joinget', 'joingetornull', 'generateserialid', 'showcertificate') "
    "OR match(name, '(?i)^(ai[A-Z]|filesystem|dictGet)')"
)
# Functions that show how rows lie among those of others, or hold a connection.
_TENANT_FUNCTIONS: Final = frozenset(
    {
        "blocknumber", "blockserializedsize", "blocksize", "dumpcolumnstructure",
        "getmaxtablenamelengthfordatabase", "getmergetreesetting", "getserversetting",
        "gettypeserializationstreams", "hascolumnintable", "indexhint", "lowcardinalityindices",
        "lowcardinalitykeys", "rownumberinallblocks", "rownumberinblock", "sleep",
        "sleepeachrow", "transactionlatestsnapshot", "transactionoldestsnapshot",
    }
)  # fmt: skip
_TENANT_SYSTEM_TABLES: Final = frozenset(
    {
        "system.one", "system.numbers", "system.numbers_mt", "system.zeros", "system.zeros_mt",
        "system.settings", "system.formats", "system.functions", "system.data_type_families",
        "system.time_zones",
    }
)  # fmt: skip
# Of a column transformer the tree does not show the function, of a matcher not the columns.
_OPAQUE: Final = {"ColumnsApplyTransformer": "APPLY"}
_TENANT_OPAQUE: Final = {"ColumnsRegexpMatcher": "COLUMNS('pattern')"}


class Refused(Exception):
    """The engine, or the endpoint itself, refuses a request."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class Guard:
    """Looks at the statements of readers, on a handle that is read-only already."""

    def __init__(self, handle: Any) -> None:
        functions = query_json(handle, "SELECT lower(name) FROM system.table_functions")
        self._table_functions = {str(row[0]) for row in functions}
        self._outside = {str(row[0]) for row in query_json(handle, _FUNCTIONS_OUTSIDE)}
        self._shown = {each.table for each in tables() if each.tenant_column} | {*views()}

    def checked(
        self, handle: Any, sql: str, params: Mapping[str, str], caller: Caller
    ) -> tuple[str, str]:
        """What may run of a statement, and the kind of it; raises `Refused`."""
        text: str = query_json(
            handle, "SELECT formatQuerySingleLine({sql:String})", {"sql": escaped(sql)}
        )[0][0]
        if "INTO OUTFILE" in text:
            raise not_allowed("INTO OUTFILE")
        tree = str(handle.query(f"EXPLAIN AST {text}", "TSVRaw", params=dict(params)))
        lines = [line.strip().partition(" ") for line in tree.splitlines() if line.strip()]
        allowed = _TENANT_STATEMENTS if caller.tenant else _STATEMENTS
        if not lines or not lines[0][0].startswith(allowed):
            raise not_allowed("this statement")
        nodes = [(kind, _name(rest)) for kind, _, rest in lines]
        self._check_functions(nodes, caller)
        if caller.tenant:
            self._check_tables(handle, nodes)
        return text, lines[0][0]

    def _check_functions(self, nodes: Iterable[tuple[str, str]], caller: Caller) -> None:
        harmless = _TABLE_FUNCTIONS if caller.tenant else _OPERATOR_TABLE_FUNCTIONS
        denied = (self._table_functions - harmless) | self._outside
        opaque = _OPAQUE
        if caller.tenant:
            denied |= _TENANT_FUNCTIONS
            opaque = _OPAQUE | _TENANT_OPAQUE
        for kind, name in nodes:
            if kind in opaque:
                raise not_allowed(opaque[kind])
            # A function can be an argument too, as in arrayMap(file, paths).
            called = kind == "Function" or (kind == "Identifier" and name.lower() in self._outside)
            if called and (name.lower() in denied or (caller.tenant and name.startswith("__"))):
                raise not_allowed(f"{name}()")

    def _check_tables(self, handle: Any, nodes: Iterable[tuple[str, str]]) -> None:
        """Refuse what is not a table of tenants' rows, by whatever name; `WITH` names may stand."""
        found = query_json(handle, "SELECT database, name FROM system.tables")
        existing = {(str(database), str(name)) for database, name in found}
        databases = {database for database, _ in existing} | {"information_schema"}
        hidden = {name for database, name in existing if database == "default"} - self._shown
        for kind, name in nodes:
            first, _, rest = name.rpartition(".")
            if kind == "TableIdentifier":
                shown = rest in self._shown if first == "default" else name in self._shown
                alias = not first and name not in hidden
                if not (shown or alias or name in _TENANT_SYSTEM_TABLES):
                    raise not_allowed(f"the table {name}", f"; you see {', '.join(self._all())}")
            elif kind == "Identifier":
                # What stands after IN may be a table; what begins with _ is how rows are stored.
                outside = name.split(".")[0].lower() in databases and (first and first != "default")
                if rest in hidden or outside or rest.startswith("_"):
                    raise not_allowed(f"the name {name}")

    def _all(self) -> list[str]:
        return sorted(self._shown)


def query_json(handle: Any, sql: str, params: Mapping[str, str] | None = None) -> list[list[Any]]:
    """The rows of a query of our own."""
    result = handle.query(f"{sql} FORMAT JSONCompact", "JSONCompact", params=dict(params or {}))
    return json.loads(result.bytes())["data"]


def not_allowed(what: str, way_out: str = "") -> Refused:
    """The refusal of something that a reader asks for."""
    return Refused(
        f"Code: {NOT_ALLOWED}. DB::Exception: reader: {what} is not allowed here{way_out}. "
        "(ACCESS_DENIED)",
        NOT_ALLOWED,
    )


def escaped(text: str) -> str:
    """A text as ClickHouse reads a query parameter."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _name(rest: str) -> str:
    """The name in a line of the tree, without its alias and its number of children."""
    return rest.partition(" (")[0].strip()
