"""Registry files: what they say is loaded, shown and kept, and no file crashes the reader."""

import json
import re
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from partywall_collector.commands.registry import main
from partywall_collector.issuer_keys import new_key
from partywall_collector.registry import (
    FOREVER,
    KINDS,
    Canary,
    Principal,
    Record,
    Registry,
    Session,
    Tenant,
)
from partywall_collector.registry.load import RegistryRefused, current, load, write
from partywall_collector.registry.model import ALWAYS, SINGULAR, WHEN_LOADED
from partywall_collector.registry.read import read_files, refuse_unknown_tenants
from partywall_collector.registry.schema import Form, Slot, entry_of, record_of, row, slots
from partywall_collector.store import Store, open_store

EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "registry.yaml"
TENANTS = ("acme", "fjord", "no", "0012")

words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8)
tricky = st.sampled_from(["no", "0012", "1e3", "null", "~", "- x", "a: b", "#", "ø", "=", "[", "*"])
texts = tricky | words
times = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)).map(lambda t: t.isoformat())
patterns = st.sampled_from(["crm/*", "a?", "exact", "regex:^[a-z]+$", "[ab]*", "*@acme.example"])

HOSTILE = [
    b"\n",
    b"- ",
    b": ",
    b"{",
    b"]",
    b"&a ",
    b"*a",
    b"!!int ",
    b"|",
    b"'",
    b'"',
    b"\\",
    b"---",
]

VALUES: dict[Form, st.SearchStrategy[Any]] = {
    Form.TEXT: texts.filter(lambda text: text != "*"),
    Form.NAMES: st.lists(texts, min_size=1, max_size=3),
    Form.FLAG: st.booleans(),
    Form.DAYS: st.integers(1, 99999),
    Form.COUNT: st.integers(1, 999_999_999),
    Form.TIME: times,
    Form.TENANT: st.sampled_from(TENANTS),
    Form.GRANTEE: st.sampled_from([*TENANTS, "*"]),
    Form.TENANTS: st.lists(st.sampled_from(TENANTS), min_size=1) | st.just(["*"]),
    Form.PATTERN: patterns,
    Form.PATTERNS: st.lists(patterns, max_size=3),
    Form.TEMPLATES: st.lists(st.sampled_from(["a", "file/{path}", "{a}{b}"]), max_size=2),
    Form.OPERATION: st.sampled_from(["read", "{op}"]),
    Form.SPIFFE_ID: st.from_regex(r"\Aspiffe://[a-z0-9.-]{1,20}(/[a-z0-9]{1,9}){1,3}\Z"),
    Form.PUBLIC_KEY: st.builds(lambda: new_key()[1]),
    Form.DIGEST: st.binary(min_size=32, max_size=32).map(bytes.hex),
    Form.IDENTIFIERS: st.lists(st.fixed_dictionaries({"kind": texts, "value": texts}), max_size=2),
    Form.REQUEST: texts,
    Form.PLANTED: st.just("fingerprint:0123456789abcdef"),
}


def value_of(slot: Slot) -> st.SearchStrategy[Any]:
    if not slot.choices:
        return VALUES[slot.form]
    one = st.sampled_from(slot.choices)
    return st.lists(one, unique=True) if slot.form is Form.NAMES else one


@st.composite
def entries(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """A valid entry of a kind, drawn from the schema itself."""
    entry: dict[str, Any] = {}
    for slot in slots(KINDS[kind]):
        if slot.form is Form.DERIVED or not (slot.required or draw(st.booleans())):
            continue
        inside = entry
        *parents, last = slot.key.split(".")
        for parent in parents:
            inside = inside.setdefault(parent, {})
        inside[last] = draw(value_of(slot))
    for start, end in (("from", "until"), ("issued", "expires")):
        if end in entry:
            begins = entry.setdefault(start, "2026-01-01T00:00:00+00:00")
            later = datetime.fromisoformat(begins) + timedelta(seconds=1)
            entry[end] = later.isoformat()
    if kind == "datasets":
        ownership = entry.get("ownership", "tenant")
        if ownership == "tenant":
            entry["owner"] = draw(st.sampled_from(TENANTS))
        elif ownership == "commons":
            entry.pop("owner", None)
    if kind == "approvals" and not (entry.get("datasets") or entry.get("parties")):
        entry["parties"] = ["*"]
    if kind == "tools" and set(entry.get("party", ())) != {"kind", "arguments"}:
        entry.pop("party", None)
    if entry.get("result", {}).get("except"):
        entry["result"]["outsiders"] = ["*"]
    if kind == "principals" and set(entry.get("jwt", ())) != {"issuer", "subject"}:
        entry.pop("jwt", None)
    return entry


@st.composite
def registries(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    registry: dict[str, list[dict[str, Any]]] = {}
    for kind, record in KINDS.items():
        identity = [slot for slot in slots(record) if slot.identifies]

        def key(entry: dict[str, Any], identity: list[Slot] = identity) -> tuple[Any, ...]:
            return tuple(entry.get(slot.key, slot.default) for slot in identity)

        registry[kind] = draw(st.lists(entries(kind), max_size=3, unique_by=key))
    registry["tenants"] = [{"id": tenant} for tenant in TENANTS]
    return registry


def write_yaml(folder: Path, registry: dict[str, list[dict[str, Any]]]) -> Path:
    path = folder / "registry.yaml"
    path.write_text(yaml.safe_dump(registry, allow_unicode=True), "utf-8")
    return path


def json_line(kind: str, entry: dict[str, Any]) -> str:
    named = dict(entry)
    if "kind" in named:
        named[f"{SINGULAR[kind]}_kind"] = named.pop("kind")
    return json.dumps({"kind": SINGULAR[kind], **named})


def write_json_lines(folder: Path, registry: dict[str, list[dict[str, Any]]]) -> Path:
    path = folder / "registry.jsonl"
    lines = [json_line(kind, entry) for kind, found in registry.items() for entry in found]
    path.write_text("\n".join(lines), "utf-8")
    return path


def rows_of(path: Path) -> list[tuple[str, dict[str, Any], str]]:
    reads, problems = read_files([path])
    problems += refuse_unknown_tenants(reads, [])
    assert not problems, "\n".join(map(str, problems))
    found = [(read.record.kind, row(read.record), read.text) for read in reads]
    return sorted(found, key=repr)


@settings(deadline=None, max_examples=50)
@given(registry=registries())
def test_yaml_and_json_lines_say_the_same(registry: dict[str, list[dict[str, Any]]]) -> None:
    """Any valid registry gives the same rows from both formats, each value as it was written."""
    with tempfile.TemporaryDirectory() as folder:
        ours = rows_of(write_yaml(Path(folder), registry))
        assert ours == rows_of(write_json_lines(Path(folder), registry))
    assert len(ours) == sum(map(len, registry.values()))
    assert {row["tenant_id"] for kind, row, _ in ours if kind == "tenants"} == set(TENANTS)


@settings(deadline=None, max_examples=50)
@given(registry=registries())
def test_what_is_shown_can_be_loaded_again(registry: dict[str, list[dict[str, Any]]]) -> None:
    """`show --json` speaks the language of the files."""
    with tempfile.TemporaryDirectory() as folder:
        reads, _ = read_files([write_yaml(Path(folder), registry)])
        shown: dict[str, list[dict[str, Any]]] = {}
        for read in reads:
            shown.setdefault(read.record.kind, []).append(entry_of(read.record))
        again, problems = read_files([write_yaml(Path(folder), shown)])
    assert not problems
    assert {read.record for read in again} == {read.record for read in reads}


@settings(deadline=None, max_examples=50)
@given(
    registry=registries(),
    data=st.data(),
    json_lines=st.booleans(),
)
def test_a_mistake_is_told_with_its_line_and_key(
    registry: dict[str, list[dict[str, Any]]], data: st.DataObject, json_lines: bool
) -> None:
    """Whichever entry has an unknown key: its line and the key are named, and nothing else is."""
    kind = data.draw(st.sampled_from([kind for kind, found in registry.items() if found]))
    index = data.draw(st.integers(0, len(registry[kind]) - 1))
    registry[kind][index]["colour"] = "blue"
    lines: list[str] = []
    expected = 0
    for name, found in registry.items():
        if not json_lines:
            lines.append(f"{name}:" + ("" if found else " []"))
        for place, entry in enumerate(found):
            text = json_line(name, entry)
            lines.append(text if json_lines else f"  - {json.dumps(entry, ensure_ascii=False)}")
            if (name, place) == (kind, index):
                expected = len(lines)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("r.jsonl" if json_lines else "r.yaml")
        path.write_text("\n".join(lines), "utf-8")
        _, problems = read_files([path])
    assert [(problem.line, problem.where.rpartition(".")[2]) for problem in problems] == [
        (expected, "colour")
    ]


@settings(deadline=None)
@given(data=st.data(), suffix=st.sampled_from([".yaml", ".jsonl"]))
def test_no_file_crashes_the_reader(data: st.DataObject, suffix: str) -> None:
    """Whatever stands in a file, each byte sequence ends in records or in mistakes."""
    content = bytearray(EXAMPLE.read_bytes() if suffix == ".yaml" else b'{"kind": "tenant"}\n' * 3)
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(content)))
        end = start + data.draw(st.integers(0, 5))
        content[start:end] = data.draw(st.sampled_from(HOSTILE) | st.binary(max_size=4))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"r{suffix}"
        path.write_bytes(content)
        reads, problems = read_files([path])
        problems += refuse_unknown_tenants(reads, [])
    assert reads or problems
    assert all(str(problem).isprintable() for problem in problems)


def test_the_example_is_loaded_and_read_back(store: Store) -> None:
    """Every kind comes back from the engine as it was read; a second load writes nothing."""
    reads, _ = read_files([EXAMPLE])
    first = load([EXAMPLE], store)
    assert first.read == first.written
    assert set(first.read) == set(KINDS)
    for kind in KINDS.values():
        ours = [read.record for read in reads if isinstance(read.record, kind)]
        theirs = [plain(record) for record in current(store, kind)]
        assert sorted(map(repr, theirs)) == sorted(map(repr, ours))
    assert set(load([EXAMPLE], store).written.values()) == {0}
    owner = Registry.read(store).owner("postgres://crm/acme.orders")
    assert owner is not None
    assert owner.tenant == "acme"


def plain(record: Record) -> Record:
    """A record without what depends on the store's key."""
    if isinstance(record, Canary):
        assert record.fingerprints
        return replace(record, fingerprints=())
    if not isinstance(record, Session):
        return record
    return record_of(Session, {**row(record), "facts": "{}"})


def test_a_change_is_appended_and_in_force_even_if_the_clock_went_back(
    store: Store, tmp_path: Path
) -> None:
    """History stays; the newest row counts."""
    load([EXAMPLE], store)
    ahead = datetime.now(UTC) + timedelta(days=1)
    store.insert(
        "tenants",
        [{"tenant_id": "acme", "name": "Later", "placement": "own-acme", "recorded_at": ahead}],
    )
    change = tmp_path / "change.jsonl"
    change.write_text('{"kind": "tenant", "id": "acme", "name": "New"}')
    assert load([change], store).written == {"tenants": 1}
    names = {tenant.id: tenant.name for tenant in current(store, Tenant)}
    assert names["acme"] == "New"
    assert store.rows("SELECT count() AS n FROM tenants WHERE tenant_id = 'acme'") == [{"n": 3}]


def test_one_mistake_keeps_all_files_out(store: Store, tmp_path: Path) -> None:
    """All of them or nothing."""
    bad = tmp_path / "bad.yaml"
    bad.write_text("tenants:\n- {id: other, colour: blue}")
    with pytest.raises(RegistryRefused):
        load([EXAMPLE, bad], store)
    assert not current(store, Tenant)


def test_a_tenant_of_the_store_may_be_named_without_being_repeated(
    store: Store, tmp_path: Path
) -> None:
    """A file of approvals alone is checked against what is registered."""
    load([EXAMPLE], store)
    more = tmp_path / "more.yaml"
    more.write_text("parties:\n- {tenant: acme, kind: user, pattern: ann}")
    assert load([more], store).written == {"parties": 1}
    more.write_text("parties:\n- {tenant: acmee, kind: user, pattern: ann}")
    with pytest.raises(RegistryRefused, match="did you mean 'acme'"):
        load([more], store)


def test_tenants_beyond_the_limit_share_pools_and_keep_their_place(
    store: Store, tmp_path: Path
) -> None:
    """The first 100 have a partition of their own; nobody ever moves."""
    path = tmp_path / "many.jsonl"
    names = [f"t{index:03d}" for index in range(150)]
    path.write_text("\n".join(json.dumps({"kind": "tenant", "id": name}) for name in names))
    load([path], store)
    placed = placements(store)
    own = [name for name in names if placed[name] == f"own-{name}"]
    assert own == names[:100]
    pools = {placed[name] for name in names[100:]}
    assert 1 < len(pools) <= 16
    assert all(re.fullmatch(r"pool-[0-9]{2}", pool) for pool in pools)
    renamed = "\n".join(json.dumps({"kind": "tenant", "id": n, "name": "x"}) for n in names[::-1])
    path.write_text(renamed)
    assert load([path], store).written == {"tenants": 150}
    assert placements(store) == placed


def placements(store: Store) -> dict[str, str]:
    rows = store.rows("SELECT tenant_id, placement FROM current_tenants")
    return {found["tenant_id"]: found["placement"] for found in rows}


def test_a_requests_text_is_read_and_not_stored(store: Store, tmp_path: Path) -> None:
    """What it names and asks is kept; its words are nowhere in the store."""
    path = tmp_path / "sessions.jsonl"
    lines = [
        {"kind": "tenant", "id": "acme"},
        {
            "kind": "session",
            "request": "REQ-1",
            "tenant": "acme",
            "opened": 1_788_292_287,
            "text": "Mail the xylophone figures to ann@partner.example",
            "named": [{"kind": "user", "value": "Bob"}],
        },
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    load([path], store)
    [session] = current(store, Session)
    assert session.named == (("user", "bob"), ("email", "ann@partner.example"))
    assert json.loads(session.facts)["items"]
    assert "xylophone" not in repr(store.rows("SELECT * FROM sessions"))


def test_the_command_loads_shows_and_mints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The way of an operator, from a check to a token."""
    url = f"chdb://{tmp_path}/home"
    assert main(["load", str(EXAMPLE), "--check", "--store", url]) == 0
    assert main(["show", "--store", url]) == 2
    assert main(["load", str(EXAMPLE), "--store", url, "--json"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert json.loads(out[-1])["written"]["tenants"] == 3
    assert main(["show", "tools", "--store", url, "--json"]) == 0
    assert "send_email" in capsys.readouterr().out
    assert main(["show", "--store", url]) == 0
    assert main(["show", "sessions", "--store", url]) == 0
    assert "partner.example" in capsys.readouterr().out

    assert main(["token", "new", "--tenant", "acme", "--tenant", "fjord", "--store", url]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("pw_")
    assert captured.out.count("\n") == 1
    assert main(["token", "new", "--store", url]) == 0
    assert "no longer valid" in capsys.readouterr().err
    with open_store(url) as store:
        principal = Registry.read(store).principals["new"]
        assert principal.tenants == ("acme", "fjord")
    assert main(["token", "other", "--tenant", "acmee", "--store", url]) == 2
    assert "did you mean 'acme'" in capsys.readouterr().err
    assert main(["token", "other", "--store", url]) == 2


def test_a_sender_is_admitted_by_certificate_and_jwt_and_loses_its_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`principal` sets what is named and leaves the rest; a token can be taken away."""
    path = tmp_path / "r.yaml"
    path.write_text("tenants: [{id: a}, {id: b}]")
    url = f"chdb://{tmp_path}/home"
    assert main(["load", str(path), "--store", url]) == 0

    def run(*words: str) -> tuple[int, str]:
        code = main([words[0], "desk@msp", *words[1:], "--store", url])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    assert "It cannot send yet" in run("principal", "--tenant", "a")[1]
    assert run("token")[0] == 0
    code, said = run("principal", "--spiffe-id", "spiffe://msp/desk", "--role", "gateway")
    assert (code, "known by its token or its certificate" in said) == (0, True)
    assert "roles: gateway" in said
    code, said = run("principal", "--jwt", "https://idp", "desk", "--revoke-token", "--json")
    assert json.loads(said) == {
        "principal": "desk@msp",
        "tenants": ["a"],
        "roles": ["gateway"],
        "known_by": ["JWT", "certificate"],
    }
    code, said = run("principal", "--spiffe-id", "", "--jwt", "", "", "--role", "none")
    assert (code, "It cannot send yet" in said) == (0, True)
    code, said = run("principal", "--spiffe-id", "https://msp/desk")
    assert (code, "spiffe_id: 'https://msp/desk' is no SPIFFE ID" in said) == (2, True)
    with open_store(url) as store:
        left = Registry.read(store).principals["desk@msp"]
    assert left == Principal(id="desk@msp", tenants=("a",))


def test_loading_a_file_leaves_a_minted_token_valid(store: Store, tmp_path: Path) -> None:
    """A file that names a principal without its token does not lock the sender out."""
    path = tmp_path / "r.yaml"
    path.write_text("tenants: [id: a]\nprincipals: [{id: p, tenants: [a]}]")
    load([path], store)
    write([Principal(id="p", tenants=("a",), token_sha256="0" * 64)], store)
    assert load([path], store).written == {"tenants": 0, "principals": 0}
    assert Registry.read(store).principals["p"].token_sha256 == "0" * 64


def test_the_page_lists_every_kind_and_key() -> None:
    """docs/registry.md says what the schema says, word for word."""
    page = (EXAMPLE.parent.parent / "registry.md").read_text("utf-8")
    for kind in KINDS:
        section = page.split(f"\n## {kind}\n")[1].split("\n## ")[0]
        listed = [line for line in section.splitlines() if line.startswith("| `")]
        assert listed == [
            documented(slot) for slot in slots(KINDS[kind]) if slot.form is not Form.DERIVED
        ]


def documented(slot: Slot) -> str:
    """The line of a key in the page."""
    if slot.required:
        default = "required"
    elif slot.default == FOREVER:
        default = "never"
    elif slot.default == ALWAYS:
        default = "always"
    elif slot.default == WHEN_LOADED:
        default = "when it is loaded"
    else:
        default = "" if slot.default in ("", (), "{}") else f"`{str(slot.default).lower()}`"
    value = ", ".join(f"`{choice}`" for choice in slot.choices) or slot.form.value
    if slot.choices and slot.form is Form.NAMES:
        value = f"list of {value}"
    return f"| `{slot.key}` | {value} | {default} | {slot.doc} |"
