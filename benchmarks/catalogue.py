"""Turns the catalogue and the records of a benchmark folder into lines of a registry file.

A folder has `catalog.json` and one of two record files: `requests.jsonl` (a request a line) or
`governance.jsonl` (sessions, credentials, approvals and revocations, each with a `type`). Only the
names of fields are known here, nothing of what they hold:

- `owner`: dataset to tenant; `owners-*.json`: the same for ids that end a dataset's name;
- `sink`: tool to [operation, [arguments], party kind]; `dataset`: tool to a template;
- `own`, `standing`: regular expressions and values, by a part of the tenants' ids.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from partywall import identifiers

Line = dict[str, Any]

RECORDS = ("governance.jsonl", "requests.jsonl")
ANYTIME = 0
NO_SESSIONS = "has neither " + " nor ".join(RECORDS)


class NotABenchmark(Exception):
    """The folder lacks a file that a benchmark has. Met by whoever names the wrong folder."""


def registry_lines(folder: Path, tools: Iterable[tuple[str, frozenset[str]]]) -> list[Line]:
    """Return the registry of a folder; `tools` are those seen in its traces, with arguments."""
    try:
        catalogue = json.loads((folder / "catalog.json").read_text("utf-8"))
    except FileNotFoundError:
        raise NotABenchmark(f"{folder} has no catalog.json") from None
    records = list(_records(folder))
    owners = {**catalogue.get("owner", {})}
    for file in sorted(folder.glob("owners-*.json")):
        ids: dict[str, str] = json.loads(file.read_text("utf-8"))
        owners |= {f"*/{name}": tenant for name, tenant in ids.items()}
    tenants = sorted({*(record["tenant"] for record in records), *owners.values()})
    return [
        *({"kind": "tenant", "id": tenant, "name": tenant} for tenant in tenants),
        *({"kind": "dataset", "pattern": name, "owner": owner} for name, owner in owners.items()),
        *_tools(catalogue, tools),
        *party_lines(catalogue, tenants),
        *_governance(records),
    ]


def with_result_fields(lines: Iterable[Line], rules: Path) -> list[Line]:
    """The lines of a registry, its tools with what a registry file says of their results."""
    entries: list[Line] = yaml.safe_load(rules.read_text("utf-8"))["tools"]
    said = {entry["tool"]: entry["result"] for entry in entries}
    kept = list(lines)
    for line in kept:
        if line["kind"] == "tool" and line["tool"] in said:
            line["result"] = said[line["tool"]]
    known = {line["tool"] for line in kept if line["kind"] == "tool"}
    others = (entry for entry in entries if entry["tool"] not in known)
    return [*kept, *({"kind": "tool"} | entry for entry in others)]


def requests_of(folder: Path) -> dict[tuple[str, str], str]:
    """The texts of the folder's requests, by tenant and id."""
    return {
        (record["tenant"], record["request_id"]): record.get("text") or record.get("request") or ""
        for record in _records(folder)
        if record["type"] == "session"
    }


def _records(folder: Path) -> Iterator[Line]:
    for name in RECORDS:
        if (folder / name).exists():
            with (folder / name).open(encoding="utf-8") as lines:
                for line in lines:
                    yield {"type": "session", **json.loads(line)}
            return
    raise NotABenchmark(f"{folder} {NO_SESSIONS}")


def _tools(catalogue: Line, seen: Iterable[tuple[str, frozenset[str]]]) -> Iterator[Line]:
    """Tools of the catalogue; without one, an argument called `dataset` or `op` is taken at it."""
    sinks: dict[str, Any] = catalogue.get("sink", {})
    templates: dict[str, str] = catalogue.get("dataset", {})
    for tool in sorted({*sinks, *templates}):
        line: Line = {"kind": "tool", "tool": tool}
        if tool in sinks:
            operation, arguments, party = sinks[tool]
            line |= {"operation": operation, "party": {"kind": party, "arguments": arguments}}
        if tool in templates:
            line |= {"datasets": [templates[tool]]}
        yield line
    if sinks or templates:
        return
    for tool, arguments in sorted(seen):
        line = {"kind": "tool", "tool": tool}
        if "op" in arguments:
            line |= {"operation": "{op}"}
        if "dataset" in arguments:
            line |= {"datasets": ["{dataset}"]}
        yield line


def party_lines(catalogue: Line, tenants: Iterable[str]) -> Iterator[Line]:
    """Own and standing parties, for every tenant whose id holds the catalogue's key."""
    kinds = sorted({party for _, _, party in catalogue.get("sink", {}).values()})
    for tenant in tenants:
        for relation in ("own", "standing"):
            for part, values in catalogue.get(relation, {}).items():
                if part not in tenant:
                    continue
                for value in values:
                    for kind in kinds:
                        party = {"kind": "party", "tenant": tenant, "party_kind": kind}
                        party |= {"relation": relation}
                        if relation == "own":
                            yield party | {"regex": _whole(value)}
                        elif _could_be(kind, value):
                            yield party | {"pattern": value}


def _whole(expression: str) -> str:
    """A searched expression as one that matches the whole, as the registry wants it."""
    head = "" if expression.startswith("^") else "^.*"
    return head + expression + ("" if expression.endswith("$") else ".*$")


def _could_be(kind: str, value: str) -> bool:
    formed = {found.kind for found in identifiers.find(value)}
    return kind in formed or not formed


def _governance(records: Iterable[Line]) -> Iterator[Line]:
    revoked: dict[tuple[Any, ...], float] = {}
    kept: list[Line] = []
    for record in records:
        if record["type"] == "revocation":
            revoked[_grant(record)] = record["at"]
        else:
            kept.append(record)
    for number, record in enumerate(kept):
        match record["type"]:
            case "session":
                yield _given(
                    kind="session",
                    request=record["request_id"],
                    tenant=record["tenant"],
                    identity=record.get("identity"),
                    opened=record.get("opened", ANYTIME),
                    text=record.get("text") or record.get("request"),
                )
            case "credential":
                yield _given(
                    kind="credential",
                    id=record["credential"],
                    tenant=record["tenant"],
                    identity=record.get("identity"),
                    request=record.get("request_id"),
                    issued=record.get("issued", ANYTIME),
                    expires=record.get("expires"),
                )
            case "approval":
                line = _given(
                    kind="approval",
                    id=f"approval-{number}",
                    tenant=record["tenant"],
                    grantee=record["grantee"],
                    request=record["request_id"],
                    datasets=record.get("datasets"),
                    operations=record.get("ops"),
                    revoked=revoked.get(_grant(record)),
                )
                # The operator's systems had it before we loaded it; when, the records do not say.
                recorded = max(record["start"], 1)
                yield line | {
                    "from": record["start"],
                    "until": record["end"],
                    "recorded": recorded,
                }
            case other:
                raise NotABenchmark(f"a record of the unknown type '{other}'")


def _grant(record: Line) -> tuple[Any, ...]:
    return (
        *(record["request_id"], record["tenant"], record["grantee"]),
        *record.get("datasets", ()),
    )


def _given(**values: Any) -> Line:
    return {name: value for name, value in values.items() if value is not None}
