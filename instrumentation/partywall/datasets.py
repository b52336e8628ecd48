"""Which datasets and parties a span of a database, object store, HTTP client or file touched.

Names are those of OpenLineage: the data source as scheme and authority, then the path within it
(`postgres://host:5432/db.schema.table`, `s3://bucket/key`). `docs/datasets.md` has the table.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast
from urllib.parse import SplitResult, unquote, urlsplit

from partywall.conventions import first

Attributes = Mapping[str, object]
Operation = Literal["read", "write", "delete", "admin", "list", "send"]

LONGEST_ID: Final = 1024
"""A dataset id is cut here."""

LONGEST_STATEMENT: Final = 8_192
"""Characters of a statement that are read."""

MOST: Final = 16
"""Datasets of one span."""


@dataclass(frozen=True, slots=True)
class Access:
    """One dataset that was touched, and how."""

    dataset: str
    operation: str


@dataclass(frozen=True, slots=True)
class Touched:
    """What a span touched. `host` is where an HTTP request sent a body, a party of kind `url`."""

    accesses: tuple[Access, ...] = ()
    host: str = ""
    is_http: bool = False


NOTHING: Final = Touched()

SYSTEMS: Final[dict[str, str]] = {
    "postgresql": "postgres",
    "microsoft.sql_server": "mssql",
    "mssql": "mssql",
    "oracle.db": "oracle",
    "mariadb": "mysql",
    "aws.redshift": "redshift",
    "gcp.bigquery": "bigquery",
    "azure.cosmosdb": "azurecosmos",
}
"""OpenLineage's scheme of a database system, where it is not the system's own name."""

PORTS: Final[dict[str, str]] = {
    "postgres": "5432",
    "mysql": "3306",
    "mssql": "1433",
    "oracle": "1521",
    "mongodb": "27017",
    "redis": "6379",
    "cassandra": "9042",
    "redshift": "5439",
    "elasticsearch": "9200",
}
"""What a span leaves out where the port is the system's own."""

VERBS: Final[dict[str, Operation]] = {
    word: done
    for done, words in cast(
        tuple[tuple[Operation, str], ...],
        (
            (
                "read",
                "select get find findone aggregate search query fetch count scan read mget hget "
                "hgetall retrieve recommend download head similarity_search peek distinct show",
            ),
            (
                "write",
                "insert update upsert merge replace put set add write copy upload insertone "
                "insertmany updateone updatemany hset mset bulk index restore complete append "
                "post patch",
            ),
            ("delete", "delete remove del deleteone deletemany truncate purge unlink"),
            ("admin", "create drop alter grant revoke createindex flushall"),
            ("list", "list listcollections keys scroll"),
        ),
    )
    for word in words.split()
}
"""What a statement, a command or an action does, by its first word."""

METHODS: Final[dict[str, Operation]] = {
    "GET": "read",
    "HEAD": "read",
    "OPTIONS": "read",
    "POST": "send",
    "PUT": "write",
    "PATCH": "write",
    "DELETE": "delete",
}
"""What an HTTP method does."""

BODIES: Final = frozenset(("POST", "PUT", "PATCH"))
"""The methods that send something to the host."""

_SYSTEM = ("db.system.name", "db.system")
_HOST = ("server.address", "net.peer.name", "network.peer.address")
_PORT = ("server.port", "net.peer.port")
_NAMESPACE = ("db.namespace", "db.name")
_COLLECTION = (
    "db.collection.name",
    "db.sql.table",
    "db.mongodb.collection",
    "db.cassandra.table",
    "db.elasticsearch.path_parts.index",
)
_STATEMENT = ("db.query.text", "db.statement")
_VERB = ("db.operation.name", "db.operation", "db.query.summary")
_URL = ("url.full", "http.url")
_METHOD = ("http.request.method", "http.method")
_FILE = ("file.path", "code.file.accessed")
_OBJECT = ("aws.s3.bucket", "gcs.bucket", "gcp.storage.bucket")
_MARKS = frozenset((*_SYSTEM, *_OBJECT, *_URL, *_FILE, "mcp.resource.uri"))
"""A span that has none of these is no span of a data client."""

_NOISE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_NAME = (
    r"((?:[\w$]+|\"[^\"]+\"|`[^`]+`|\[[^\]]+\])(?:\.(?:[\w$]+|\"[^\"]+\"|`[^`]+`|\[[^\]]+\])){0,3})"
)
_TABLES = re.compile(
    rf"\b(delete\s+from|insert\s+(?:ignore\s+)?into|replace\s+into|merge\s+into|truncate(?:\s+table)?"
    rf"|(?:drop|alter|create)\s+table(?:\s+if\s+(?:not\s+)?exists)?|update(?:\s+only)?|from|join|into)"
    rf"\s+{_NAME}(\s*\()?",
    re.IGNORECASE,
)
_COMMON = re.compile(rf"(?:\bwith(?:\s+recursive)?|,)\s*{_NAME}\s*(?:\([^()]*\)\s*)?as\s*\(", re.I)
_QUOTES = str.maketrans("", "", '"`[]')
_FIRST_WORD = re.compile(r"[a-z_]+", re.IGNORECASE)
_S3_HOST = re.compile(r"(?:(?P<bucket>.+)\.)?s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com\Z")
_GCS_PATH = re.compile(
    r"/(?:upload/|download/)?storage/v1/b/(?P<bucket>[^/]+)(?:/o(?:/(?P<key>.+))?)?\Z"
)


def touched(attributes: Attributes) -> Touched:
    """What the span with these attributes touched; nothing where it is no span of a data client."""
    if _MARKS.isdisjoint(attributes):
        return NOTHING
    if system := first(attributes, _SYSTEM):
        return Touched(_database(system, attributes))
    if "aws.s3.bucket" in attributes:
        return Touched(_s3(attributes))
    if "gcs.bucket" in attributes or "gcp.storage.bucket" in attributes:
        bucket = first(attributes, ("gcs.bucket", "gcp.storage.bucket"))
        key = first(attributes, ("gcs.object", "gcp.storage.object"))
        action = first(attributes, ("rpc.method", "gcs.operation"))
        return Touched((_object("gs", bucket, key, operation(action)),))
    if uri := first(attributes, ("mcp.resource.uri",)):
        listing = "list" in first(attributes, ("mcp.method.name",))
        return Touched((Access(uri[:LONGEST_ID], "list" if listing else "read"),))
    if url := first(attributes, _URL):
        return _http(url, first(attributes, _METHOD).upper())
    if path := first(attributes, _FILE):
        action = first(attributes, ("file.operation",))
        return Touched((Access(f"file://{path}"[:LONGEST_ID], operation(action) or "read"),))
    return NOTHING


def operation(action: str) -> Operation | Literal[""]:
    """What a statement, command or API action does (`SELECT ...`, `PutObject`, `hset`)."""
    word = _FIRST_WORD.match(action.strip())
    if word is None:
        return ""
    whole = word[0].lower()
    if whole in VERBS:
        return VERBS[whole]
    camel = re.match(r"[A-Z]?[a-z]+", word[0])
    return VERBS.get(camel[0].lower() if camel else whole.partition("_")[0], "")


def tables(statement: str) -> list[tuple[str, Operation]]:
    """The tables that an SQL statement names, each with what is done to it.

    Names of common table expressions and functions are no tables. A statement that says it in
    another way (dynamic SQL, a procedure) names none.
    """
    text = _NOISE.sub(" '' ", statement[:LONGEST_STATEMENT])
    common = {match[1].lower() for match in _COMMON.finditer(text)}
    found: dict[str, Operation] = {}
    for match in _TABLES.finditer(text):
        clause, name = match[1].lower(), match[2].translate(_QUOTES)
        is_call = match[3] is not None and clause in ("from", "join")
        if is_call or name.lower() in common or name.lower() in ("select", "set", "lateral"):
            continue
        done = _clause(clause)
        if name not in found or found[name] == "read":
            found[name] = done
    return list(found.items())[:MOST]


def _clause(clause: str) -> Operation:
    if clause in ("from", "join"):
        return "read"
    word = clause.split()[0]
    return VERBS.get(word, "write")


def _database(system: str, attributes: Attributes) -> tuple[Access, ...]:
    scheme = SYSTEMS.get(system, system)
    host, port = first(attributes, _HOST), first(attributes, _PORT) or PORTS.get(scheme, "")
    authority = f"{host}:{port}" if host and port else host
    # PostgreSQL's namespace is `database|schema`.
    namespace = first(attributes, _NAMESPACE).replace("|", ".")
    statement = first(attributes, _STATEMENT)
    done = operation(first(attributes, _VERB)) or operation(statement) or "read"
    if collection := first(attributes, _COLLECTION):
        named = [(collection, done)]
    else:
        named = list(tables(statement)) or [("", done)]
    return tuple(
        Access(f"{scheme}://{authority}/{_within(namespace, name)}"[:LONGEST_ID], how)
        for name, how in named
        if host or namespace or name
    )


def _within(namespace: str, name: str) -> str:
    """The path of a table: the parts that its own name leaves out stand in front."""
    if not namespace or not name:
        return namespace or name
    outer, inner = namespace.split("."), name.split(".")
    if len(inner) >= 3 or inner[0] == outer[0]:
        return name
    if len(inner) == 2 and len(outer) == 2:
        return ".".join((outer[0], *inner))
    return f"{namespace}.{name}"


def _s3(attributes: Attributes) -> tuple[Access, ...]:
    action = first(attributes, ("rpc.method", "aws.operation", "aws.s3.operation"))
    bucket = first(attributes, ("aws.s3.bucket",))
    key = first(attributes, ("aws.s3.key",))
    done = operation(action) or "read"
    if action.startswith(("PutBucket", "CreateBucket", "DeleteBucket")):
        done = "admin"
    if key == "" and action.startswith(("ListObject", "ListMultipart")):
        done = "list"
    accesses = [_object("s3", bucket, key, done)]
    if source := first(attributes, ("aws.s3.copy_source",)):
        origin, _, origin_key = unquote(source).lstrip("/").partition("/")
        accesses.append(_object("s3", origin, origin_key, "read"))
    return tuple(accesses)


def _object(scheme: str, bucket: str, key: str, done: str) -> Access:
    name = f"{scheme}://{bucket}/{key}" if key else f"{scheme}://{bucket}"
    return Access(name[:LONGEST_ID], done or "read")


def _http(url: str, method: str) -> Touched:
    try:
        parts = urlsplit(url[:LONGEST_STATEMENT])
        host = (parts.hostname or "").lower()
        port = parts.port
    except ValueError:
        return NOTHING
    if parts.scheme not in ("http", "https") or not host:
        return NOTHING
    done = METHODS.get(method, "read")
    if stored := _stored(host, parts, method):
        return Touched((stored,))
    authority = host if port in (None, 80, 443) else f"{host}:{port}"
    access = Access(f"{parts.scheme}://{authority}"[:LONGEST_ID], done)
    is_here = host in ("localhost", "::1") or host.startswith("127.")
    return Touched((access,), "" if is_here or method not in BODIES else host, is_http=True)


def _stored(host: str, parts: SplitResult, method: str) -> Access | None:
    """The object that the REST address of an object store names."""
    done = "write" if method in BODIES else METHODS.get(method, "read")
    path = unquote(parts.path).strip("/")
    if found := _S3_HOST.match(host):
        bucket, key = found["bucket"] or "", path
        if not bucket:
            bucket, _, key = path.partition("/")
        return _object("s3", bucket, key, done) if bucket else None
    if host == "storage.googleapis.com":
        if found := _GCS_PATH.match(parts.path):
            return _object("gs", unquote(found["bucket"]), unquote(found["key"] or ""), done)
        bucket, _, key = path.partition("/")
        return _object("gs", bucket, key, done) if bucket else None
    return None
