"""Mistakes in registry files: each is told where it stands, with the way out."""

import json
from pathlib import Path

import pytest

from partywall_collector.commands.registry import main
from partywall_collector.registry import PARTY_KINDS
from partywall_collector.registry.document import PROBLEMS_SHOWN
from partywall_collector.registry.load import RegistryRefused, load


def refused(folder: Path, text: str | bytes, name: str = "r.yaml") -> list[str]:
    """What is said about a file, without its folder."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RegistryRefused) as error:
        load([path], None)
    return str(error.value).replace(f"{folder}/", "").splitlines()


MISTAKE_IN_LINE_7 = """\
tenants:
  - {id: acme}
tools:
  - tool: send_email
    operation: send
    party:
      kind: emial
      arguments: [to]
"""


def test_a_mistake_in_line_7_is_reported_at_line_7(tmp_path: Path) -> None:
    """File, line, the way to the key, what is wrong, and what would be right."""
    assert refused(tmp_path, MISTAKE_IN_LINE_7) == [
        "r.yaml:7: tools[0].party.kind: unknown kind 'emial'; did you mean 'email'? "
        f"Known: {', '.join(PARTY_KINDS)}"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tenant: []", "r.yaml:1: tenant: unknown kind 'tenant'; did you mean 'tenants'?"),
        ("tenants: {id: a}", "r.yaml:1: tenants: expected a list of entries"),
        ("tenants:\n- a", "r.yaml:2: tenants[0]: expected keys and values"),
        ("tenants:\n- {name: a}", "r.yaml:2: tenants[0]: the key 'id' is missing"),
        ("tenants:\n- {id: a, ID: a}", "tenants[0].ID: unknown key 'ID'; did you mean 'id'?"),
        ("tenants:\n- id: yes", "tenants[0].id: expected text, got yes; put it in quotes"),
        ("tenants:\n- id: ", "tenants[0].id: is empty"),
        ("tenants:\n- id: [a]", "tenants[0].id: expected text, got a list"),
        ("tenants:\n- id: {}", "tenants[0].id: expected text, got a mapping"),
        ("tenants:\n- id: '*'", "tenants[0].id: `*` is no name here"),
        ('tenants:\n- id: "a\\0"', "holds a character that is no text"),
        (f"tenants:\n- id: {'a' * 5000}", "longer than 4096"),
        ("tenants:\n- {id: a, store_content: 2}", "store_content: expected true or false"),
        ("tenants:\n- id: a\n- id: a", "r.yaml:3: tenants[1]: 'a' is already in"),
        ("tenants:\n- id: a\n  id: b", "r.yaml:3: the key 'id' is already in line 2"),
        ("datasets:\n- pattern: a", "owner: is missing; name the tenant"),
        ("datasets:\n- {pattern: a, owner: a, ownership: commons}", "have no owner"),
        ("datasets:\n- {pattern: a, regex: b, owner: a}", "not both"),
        ("datasets:\n- {regex: a+, owner: a}", "datasets[0].regex: 'a+'"),
        ("parties:\n- {tenant: b, kind: email, pattern: x}", "no tenant 'b' is registered; add"),
        ("tools:\n- {tool: a, datasets: b}", "datasets: expected a list; write [b]"),
        ("tools:\n- {tool: a, datasets: ['{b']}", "datasets[0]: '{b': write an argument as"),
        ("tools:\n- {tool: a, operation: 'x{b}'}", "an operation is one word"),
        ("tools:\n- {tool: a, result: {except: [b]}}", "result.except: stands beside"),
        ("tools:\n- {tool: a, party: b}", "party: expected {kind, arguments}"),
        ("tools:\n- {tool: a, party: {kind: email}}", "needs both"),
        ("tools:\n- {tool: a, party: {kind: email, argument: [b]}}", "mean 'arguments'?"),
        ("principals:\n- {id: a, tenants: ['*'], token: x}", "partywall registry token"),
        ("principals:\n- {id: a, tenants: []}", "is empty; name its tenants"),
        ("principals:\n- {id: a, tenants: ['*', a]}", "`*` stands alone"),
        ("principals:\n- {id: a, tenants: ['*'], token_sha256: x}", "64 hex digits"),
        ("principals:\n- {id: a, tenants: ['*'], roles: [gate]}", "did you mean 'gateway'?"),
        ("principals:\n- {id: a, tenants: ['*'], jwt: {subject: x}}", "both `issuer` and"),
        ("principals:\n- {id: a, tenants: ['*'], spiffe_id: 'spiffe://a/../b'}", "no SPIFFE ID"),
        ("principals:\n- {id: a, tenants: ['*'], spiffe_id: 'https://a/b'}", "no SPIFFE ID"),
        (
            "approvals:\n- {id: a, tenant: a, grantee: a, request: a, from: 1}",
            "approvals[0].datasets: is missing, and so is `parties`",
        ),
        ('tenants:\n- {id: a, "\\e[2J": b}', "tenants[0].\\x1b[2J: unknown key"),
        ("sessions:\n- {request: a, tenant: a, opened: soon}", "'soon' is no time"),
        ("sessions:\n- {request: a, tenant: a, opened: .}", "is no time"),
        ("sessions:\n- {request: a, tenant: a, opened: 1788292287000}", "between 1970 and 2299"),
        ("sessions:\n- {request: a, tenant: a, opened: 1, named: [a]}", "expected {kind: ..."),
        ("credentials:\n- {id: a, tenant: a, issued: 2, expires: 2}", "ends before it begins"),
        ("tenants: &a\n- id: *a", "r.yaml:2: *a is inside itself"),
        ("tenants: *a", "r.yaml:1: "),
        ("tenants: !!python/object:os.system {}", "r.yaml:1: tags"),
        ("tenants: []\n---\ntenants: []", "a second document"),
        ("? [a]\n: b", "a key must be plain text"),
        ("tenants: [", ": not YAML"),
        ("a: b: c", "r.yaml:1: not YAML"),
        ("tenants: " + "[" * 5000, "nested deeper than 16 levels"),
        ("- a", "expected the kinds as keys"),
        ("", "holds no entries"),
        ("tenants:", "holds no entries"),
        (b"tenants:\n- id: \xff\xfe", "r.yaml:2: not UTF-8"),
        (b"\x00", "r.yaml"),
    ],
)
def test_each_mistake_is_named_with_the_way_out(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    """Nothing is guessed, nothing crashes."""
    assert said in refused(tmp_path, text)[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"kind": "tenant", "id": "a"}\n{"id": "b"}', 'r.jsonl:2: expected {"kind": "tenant"'),
        ('{"kind": "tennant", "id": "a"}', "r.jsonl:1: kind: unknown kind 'tennant'"),
        ('{"kind": "tenant", "id": true}', "tenant.id: expected text, got true"),
        ('{"kind": "tenant", "id": null}', "tenant.id: is empty"),
        ('{"kind": "tenant", "id": "\\ud800"}', "no text"),
        ('{"kind": "tenant", "id": "a", "id": "b"}', "the key 'id' is there twice"),
        ('{"kind": "tenant", "id": NaN}', "NaN"),
        ('{"kind": "tenant"', "r.jsonl:1: not JSON"),
        ("[" * 100_000, "nested deeper"),
        ("[" * 50 + "]" * 50, "nested deeper"),
        ('"' + "a" * (1 << 20) + '"', "longer than 1 MiB"),
        ("[1]", "an object with its kind"),
    ],
)
def test_a_mistake_in_json_lines_names_its_line(tmp_path: Path, text: str, said: str) -> None:
    """The same promise for JSON lines."""
    assert said in refused(tmp_path, text, "r.jsonl")[0]


def test_other_files_are_refused_by_their_name(tmp_path: Path) -> None:
    """A format is not guessed, and a file that is not there is named."""
    assert "Known endings" in refused(tmp_path, "tenants: []", "r.txt")[0]
    with pytest.raises(RegistryRefused, match="cannot be read: No such file"):
        load([tmp_path / "none.yaml"], None)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """100 MB of YAML end in a sentence with the way out."""
    path = tmp_path / "r.yaml"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    with pytest.raises(RegistryRefused, match="larger than 16 MiB; write it as JSON lines"):
        load([path], None)


def test_aliases_are_read_but_cannot_grow_without_limit(tmp_path: Path) -> None:
    """A list may be used twice; ten levels of ten are refused at once."""
    path = tmp_path / "good.yaml"
    path.write_text(
        "tenants: [{id: a}]\nprincipals: [{id: p, tenants: &x [a]}, {id: q, tenants: *x}]"
    )
    assert load([path], None).read == {"tenants": 1, "principals": 2}
    bomb = "a0: &a0 [x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 11)
    )
    assert "more than 2,000,000 values" in refused(tmp_path, bomb)[0]


def test_the_first_20_mistakes_of_a_file_are_told_and_the_rest_counted(tmp_path: Path) -> None:
    """A screen of mistakes is enough; none is hidden."""
    text = "tenants:\n" + "- {id: a, x: 1}\n" * 50
    said = refused(tmp_path, text)
    assert len(said) == PROBLEMS_SHOWN + 1
    assert said[-1] == "r.yaml: and 30 more"


def test_the_command_lists_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A check ends with 1, a load that loads nothing with 2; a line each, or an object."""
    path = tmp_path / "r.yaml"
    path.write_text(MISTAKE_IN_LINE_7)
    url = f"chdb://{tmp_path}/home"
    assert main(["load", str(path), "--check", "--store", url]) == 1
    assert "r.yaml:7: tools[0].party.kind" in capsys.readouterr().err
    assert main(["load", str(path), "--check", "--json", "--store", url]) == 1
    [problem] = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["line"], problem["key"]) == (7, "tools[0].party.kind")
    assert main(["load", str(path), "--store", url]) == 2
    assert "nothing is loaded: 1 mistake" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["load", "gone.yaml"],
        ["identifiers", "gone.jsonl"],
        ["grant-key", "x", "--public-key", "gone"],
    ],
)
def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """Without the number of an error."""
    assert main([*words, "--store", f"chdb://{tmp_path}/home"]) == 2
    said = capsys.readouterr().err
    assert "gone" in said
    assert "No such file or directory" in said
    assert "Errno" not in said
