"""Turns registry files into records; every mistake is told with its file, line and key."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partywall.identifiers import BUILT_IN, Kinds
from partywall_collector.registry.document import (
    JSON_LIMIT,
    PROBLEMS_SHOWN,
    Document,
    Entry,
    Items,
    Keys,
    Node,
    Problem,
    Scalar,
    UnreadableFile,
    decoded,
    read_json,
    read_json_lines,
    read_text,
    read_yaml,
)
from partywall_collector.registry.model import ANY, KINDS, SINGULAR, Record, Tenant, Tool
from partywall_collector.registry.patterns import REGEX
from partywall_collector.registry.schema import Form, Slot, slots
from partywall_collector.registry.values import close_to, read_pattern, read_value, unknown

JSON_LINES = (".jsonl", ".ndjson")
YAML = (".yaml", ".yml", ".json")

_PLURAL = {singular: kind for kind, singular in SINGULAR.items()} | {kind: kind for kind in KINDS}
_ORDER = (("valid_from", "valid_until"), ("issued", "expires"))


@dataclass(frozen=True, slots=True)
class Read:
    """A record and where it was read."""

    record: Record
    entry: Entry
    document: Document
    text: str = ""
    """A session's request, or a planted value; held until its facts are taken, never stored."""


def read_files(paths: Sequence[Path], kinds: Kinds = BUILT_IN) -> tuple[list[Read], list[Problem]]:
    """Read registry files; entries that repeat an id of another are a mistake.

    `kinds` are the identifiers that are looked for in the texts of requests.
    """
    reads: list[Read] = []
    documents = [_document(path) for path in paths]
    for document in documents:
        found = (read_entry(entry, document, kinds) for entry in document.entries)
        reads += [read for read in found if read]
        if not document.entries and not document.problems:
            document.problem(0, "", "holds no entries; known kinds: " + ", ".join(KINDS))
    _refuse_repeated(reads)
    return reads, [problem for document in documents for problem in document.problems]


def read_entry(entry: Entry, document: Document, kinds: Kinds = BUILT_IN) -> Read | None:
    """Read one entry, with the identifiers in its text; mistakes are noted in the document."""
    values = _values(entry, document)
    if values is None:
        return None
    text = values.pop("facts", "")
    if text:
        found = ((one.kind, one.value) for one in kinds.find(text))
        values["named"] = tuple(dict.fromkeys((*values.get("named", ()), *found)))
    if isinstance(planted := values.get("fingerprints"), str):
        text, values["fingerprints"] = planted, ()
        if len(kinds.find(planted)) != 1:
            known = ", ".join(kind.name for kind in kinds.formed)
            why = f"must hold one identifier that is looked for in calls; known kinds: {known}"
            document.problem(_line(entry.node, "value"), f"{entry.where}.value", why)
            return None
    return Read(KINDS[entry.kind](**values), entry, document, text)


def refuse_unknown_tenants(reads: Iterable[Read], registered: Iterable[str]) -> list[Problem]:
    """Return a problem for each tenant that is named but neither registered nor in the files."""
    reads = list(reads)
    known = {read.record.id for read in reads if isinstance(read.record, Tenant)}
    known.update(registered)
    problems: list[Problem] = []
    for read in reads:
        for slot in slots(type(read.record)):
            if slot.form not in (Form.TENANT, Form.GRANTEE, Form.TENANTS):
                continue
            value: str | tuple[str, ...] = getattr(read.record, slot.name)
            for name in (value,) if isinstance(value, str) else value:
                if not name or name in known or (name == ANY and slot.form is not Form.TENANT):
                    continue
                # Looking for a near name among thousands takes a while: not for every mistake.
                meant = close_to(name, known) if len(problems) < PROBLEMS_SHOWN else ""
                problems.append(
                    Problem(
                        read.document.file,
                        _line(read.entry.node, slot.key),
                        f"{read.entry.where}.{slot.key}",
                        f"no tenant '{name}' is registered{meant}; add it below `tenants:`",
                    )
                )
    return problems


def _document(path: Path) -> Document:
    document = Document(str(path))
    try:
        if path.suffix in JSON_LINES:
            _json_lines(document, read_text(path, JSON_LIMIT))
        elif path.suffix in YAML:
            _entries(document, read_yaml(path))
        else:
            known = ", ".join((*YAML, *JSON_LINES))
            document.problem(0, "", f"what format is it? Known endings: {known}")
    except UnreadableFile as error:
        document.problem(error.problem_line, "", str(error))
    return document


def read_body(body: bytes, *, lines: bool) -> Document:
    """Read the entries of a JSON text, or of JSON lines, that came over the wire."""
    document = Document("")
    try:
        if lines:
            _json_lines(document, decoded(body))
        else:
            _entries(document, read_json(decoded(body)))
    except UnreadableFile as error:
        document.problem(error.problem_line, "", str(error))
    return document


def _json_lines(document: Document, text: str) -> None:
    for line, node in read_json_lines(text):
        if isinstance(node, str):
            document.problem(line, "", node)
        else:
            _json_line(document, line, node)


def _json_line(document: Document, line: int, node: Node) -> None:
    """One object a line; `kind` is the registry's, an entry's own `kind` is `party_kind`, ..."""
    named = node.keys.get("kind") if isinstance(node, Keys) else None
    if not isinstance(node, Keys) or named is None:
        document.problem(line, "", 'expected {"kind": "tenant", ...}: an object with its kind')
        return
    name = named.text if isinstance(named, Scalar) else ""
    if name not in _PLURAL:
        document.problem(line, "kind", unknown("kind", name, SINGULAR.values()))
        return
    kind = _PLURAL[name]
    own = f"{SINGULAR[kind]}_kind"
    keys = {
        "kind" if key == own and _has_kind(kind) else key: value
        for key, value in node.keys.items()
        if key != "kind"
    }
    entry = Keys(keys, dict.fromkeys(keys, line), line)
    document.entries.append(Entry(kind, SINGULAR[kind], entry, line))


def _has_kind(kind: str) -> bool:
    return any(slot.key == "kind" for slot in slots(KINDS[kind]))


def _entries(document: Document, root: Node) -> None:
    if not isinstance(root, Keys):
        if not (isinstance(root, Scalar) and root.type == "empty"):
            document.problem(root.line, "", "expected the kinds as keys: " + ", ".join(KINDS))
        return
    for kind, value in root.keys.items():
        line = root.lines[kind]
        if kind not in KINDS:
            document.problem(line, kind, unknown("kind", kind, KINDS))
        elif isinstance(value, Items):
            document.entries += [
                Entry(kind, f"{kind}[{index}]", item, item.line)
                for index, item in enumerate(value.items)
            ]
        elif not (isinstance(value, Scalar) and value.type == "empty"):
            document.problem(line, kind, "expected a list of entries, each behind a dash")


def _values(entry: Entry, document: Document) -> dict[str, Any] | None:
    """Read the fields of one entry; None after a mistake in it."""
    count = len(document.problems)
    if not isinstance(entry.node, Keys):
        document.problem(entry.line, entry.where, "expected keys and values")
        return None
    record = KINDS[entry.kind]
    known = [slot for slot in slots(record) if slot.form is not Form.DERIVED]
    _refuse_unknown_keys(entry, entry.node, known, document)
    values: dict[str, Any] = {}
    for slot in known:
        value = _slot_value(slot, entry, entry.node, document)
        if value is not None:
            values[slot.name] = value
    if len(document.problems) > count:
        return None
    _refuse_contradictions(entry, values, document)
    if len(document.problems) > count:
        return None
    if record is Tool:
        _tell_operation_from_argument(values)
    return values


def _slot_value(slot: Slot, entry: Entry, keys: Keys, document: Document) -> Any:
    key = slot.key

    def say(line: int, inside: str, what: str) -> None:
        document.problem(line, f"{entry.where}.{key}{inside}", what)

    node = _find(keys, key)
    if slot.form is Form.PATTERN and (regex := keys.keys.get("regex")) is not None:
        if node is not None:
            say(keys.lines["regex"], "", "give `pattern` or `regex`, not both")
            return None
        key = "regex"
        return read_pattern(regex, say, prefix=REGEX)
    if node is None:
        if slot.required:
            document.problem(entry.line, entry.where, f"the key '{slot.key}' is missing")
        return None
    if not slot.required and isinstance(node, Scalar) and (node.type, node.text) == ("text", ""):
        return None
    return read_value(slot, node, say)


def _find(keys: Keys, path: str) -> Node | None:
    node: Node = keys
    for key in path.split("."):
        if not isinstance(node, Keys) or key not in node.keys:
            return None
        node = node.keys[key]
    return node


def _line(node: Node, path: str) -> int:
    """Return the line of a key, or of what is nearest to it."""
    line = node.line
    for key in path.split("."):
        if not isinstance(node, Keys) or key not in node.keys:
            return line
        line, node = node.lines[key], node.keys[key]
    return line


def _refuse_unknown_keys(
    entry: Entry, node: Keys, known: Sequence[Slot], document: Document
) -> None:
    paths = [slot.key for slot in known]
    if any(slot.form is Form.PATTERN for slot in known):
        paths.append("regex")
    heads = {path.partition(".")[0]: "." in path for path in paths}
    for key, value in node.keys.items():
        where, line = f"{entry.where}.{key}", node.lines[key]
        if entry.kind == "principals" and key == "token":
            document.problem(
                line,
                where,
                "a token does not belong in a file; `partywall registry token NAME --tenant ID` "
                "makes one, shows it once and stores its SHA-256; or write that as token_sha256",
            )
        elif key not in heads:
            document.problem(line, where, unknown("key", key, heads))
        elif heads[key]:
            inner = [path.partition(".")[2] for path in paths if path.startswith(f"{key}.")]
            if not isinstance(value, Keys):
                document.problem(line, where, f"expected {{{', '.join(inner)}}}")
                continue
            for name in value.keys:
                if name not in inner:
                    document.problem(
                        value.lines[name], f"{where}.{name}", unknown("key", name, inner)
                    )


def _refuse_contradictions(entry: Entry, values: dict[str, Any], document: Document) -> None:
    """Refuse keys that are each right and together wrong."""

    def say(name: str, what: str) -> None:
        slot = next(slot for slot in slots(KINDS[entry.kind]) if slot.name == name)
        document.problem(_line(entry.node, slot.key), f"{entry.where}.{slot.key}", what)

    for start, end in _ORDER:
        if start in values and end in values and values[start] >= values[end]:
            say(end, "ends before it begins")
    if entry.kind == "datasets":
        ownership = values.get("ownership", "tenant")
        if ownership == "tenant" and not values.get("owner"):
            say("owner", "is missing; name the tenant, or write `ownership: commons`")
        elif ownership == "commons" and values.get("owner"):
            say("owner", "`commons` datasets have no owner; leave one of the two out")
    if entry.kind == "tools" and bool(values.get("party_kind")) != bool(
        values.get("party_arguments")
    ):
        say("party_kind", "`party` needs both `kind` and `arguments`")
    if values.get("other_fields") and "*" not in values.get("outsider_fields", ()):
        say("other_fields", 'stands beside `outsiders: ["*"]` only')
    if entry.kind == "principals":
        tenants = values["tenants"]
        if not tenants:
            say("tenants", "is empty; name its tenants, or write [*] for all registered ones")
        elif ANY in tenants and len(tenants) > 1:
            say("tenants", "`*` stands alone: it is every registered tenant")
        if bool(values.get("jwt_issuer")) != bool(values.get("jwt_subject")):
            say("jwt_issuer", "`jwt` needs both `issuer` and `subject`")
    if entry.kind == "approvals" and not (values.get("datasets") or values.get("parties")):
        say("datasets", "is missing, and so is `parties`; what does it approve?")
    for name in ("id", "tenant", "owner"):
        if values.get(name) == ANY and entry.kind != "principals":
            say(name, "`*` is no name here")


def _tell_operation_from_argument(values: dict[str, Any]) -> None:
    operation: str = values.get("operation", "")
    if operation.startswith("{"):
        values["operation"], values["operation_argument"] = "", operation[1:-1]


def _refuse_repeated(reads: Iterable[Read]) -> None:
    first: dict[tuple[str, ...], Read] = {}
    for read in reads:
        names = [slot.name for slot in slots(type(read.record)) if slot.identifies]
        key = (read.record.kind, *(getattr(read.record, name) for name in names))
        before = first.setdefault(key, read)
        if before is not read:
            label = ", ".join(part for part in key[1:] if part)
            read.document.problem(
                read.entry.line,
                read.entry.where,
                f"'{label}' is already in {before.document.file}:{before.entry.line}",
            )
