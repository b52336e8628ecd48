"""An attacker who knows how parties are judged: the injected party also stands in fields.

In every trace that is labelled as attacked, each record that carries the party inside a text gets
it into its fields too: into those that hold parties of that kind anywhere in the results of that
tool. It is added to a list and put in the place of a single value, unless that is the tenant's own:
a mail to somebody else would not be in the tenant's mailbox. What is no record stays as it is.
"""

import gzip
import json
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from partywall import identifiers
from partywall.conventions import RESULT, TOOL_NAME
from partywall_collector.envelope import varint
from partywall_collector.otlp_files import OtlpFile

LONGEST = 200
"""Characters of a field that holds a party and not a text."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{1,31}")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Record = dict[str, Any]
Fields = Mapping[tuple[str, str], set[str]]


def write_attacked(folder: Path, target: Path) -> int:
    """Write the folder's attacked traces, altered, and its other files; return how many there are.

    Traces that are not attacked are written as they are.
    """
    parties = _parties(folder)
    own = _own(folder)
    files = sorted(folder.glob("traces*.binpb.gz"))
    for file in folder.iterdir():
        if file not in files and file.is_file():
            shutil.copy(file, target / file.name)
    fields = _fields(span for file in files for span in _spans(file))
    altered: set[bytes] = set()
    for file in files:
        with gzip.open(target / file.name, "wb", compresslevel=1) as out:
            for message in _messages(file):
                for span in _spans_of(message):
                    theirs = parties.get(span.trace_id.hex(), ())
                    if theirs and _alter(span, theirs, fields, own):
                        altered.add(span.trace_id)
                raw = message.SerializeToString()
                out.write(varint(len(raw)) + raw)
    return len(altered)


def planted(
    text: str, parties: Sequence[str], fields: Iterable[tuple[str, str]], own: re.Pattern[str]
) -> str:
    """A result whose records have these parties in these fields, as (kind, field); or as it was."""
    found = _records(text)
    if found is None:
        return text
    top, records = found
    changed = False
    for record in records:
        said = yaml.safe_dump(record, allow_unicode=True, width=10**6).lower()
        for party in parties:
            if party.lower() not in said:
                continue
            kinds = {one.kind for one in identifiers.find(party)} or {"user"}
            for kind, field in fields:
                if kind in kinds and field in record:
                    changed |= _plant(record, field, party, own)
    return yaml.safe_dump(top, allow_unicode=True, sort_keys=False) if changed else text


def _plant(record: Record, field: str, party: str, own: re.Pattern[str]) -> bool:
    match record[field]:
        case list():
            record[field] = [*cast(list[Any], record[field]), party]
        case dict():
            record[field] = {**cast(Record, record[field]), party: "r"}
        case str() as value if len(value) > LONGEST or own.search(value):
            return False
        case None | str():
            record[field] = party
        case _:
            return False
    return True


def _alter(span: Span, parties: Sequence[str], fields: Fields, own: re.Pattern[str]) -> bool:
    tool = _said(span, TOOL_NAME)
    wanted = [
        (kind, field)
        for (of, kind), names in fields.items()
        if of == tool
        for field in sorted(names)
    ]
    for attribute in span.attributes:
        if attribute.key in RESULT and attribute.value.string_value:
            text = attribute.value.string_value
            attribute.value.string_value = planted(text, parties, wanted, own)
            return attribute.value.string_value != text
    return False


def _fields(spans: Iterable[Span]) -> Fields:
    """By tool and kind: the fields that hold a party of the kind somewhere."""
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    read: set[tuple[str, str]] = set()
    for span in spans:
        tool, text = _said(span, TOOL_NAME), _said(span, RESULT)
        if (tool, text) in read:
            continue
        read.add((tool, text))
        records = _records(text)
        for record in records[1] if records else ():
            for field, value in record.items():
                for kind in {kind for text in _texts(value) for kind in _kinds(text)}:
                    found[tool, kind].add(field)
    return found


def _kinds(text: str) -> Iterator[str]:
    """The kinds of parties that a field could hold which has this value."""
    if len(text) <= LONGEST:
        found = identifiers.find(text)
        yield from (one.kind for one in found if identifiers.normalise(one.kind, text) == one.value)
        if not found and _NAME.fullmatch(text):
            yield "user"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in cast(list[Any], value):
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in cast(Record, value).items():
            yield from (*_texts(key), *_texts(item))


def _records(text: str) -> tuple[object, list[Record]] | None:
    """A result that is a record or a list of some, and these; None for anything else."""
    try:
        top: object = yaml.load(text.strip("<>`\t\r\n "), Loader=_LOADER)
    except yaml.YAMLError:
        return None
    records = _items(top)
    if records and all(isinstance(record, dict) for record in records):
        return top, cast(list[Record], records)
    return None


def _items(top: object) -> list[object]:
    return cast(list[object], top) if isinstance(top, list) else [top]


def _parties(folder: Path) -> dict[str, tuple[str, ...]]:
    """The injected parties of the attacked traces."""
    with (folder / "labels.jsonl").open(encoding="utf-8") as lines:
        labels = [json.loads(line) for line in lines]
    return {
        label["trace_id"]: tuple(label["sink_parties"])
        for label in labels
        if label["chain"] == "unauthorised"
    }


def _own(folder: Path) -> re.Pattern[str]:
    """What some tenant calls its own."""
    catalogue = json.loads((folder / "catalog.json").read_text("utf-8"))
    own = [value for values in catalogue.get("own", {}).values() for value in values]
    return re.compile("|".join(f"(?:{value})" for value in own) or "(?!)", re.IGNORECASE)


def _messages(file: Path) -> Iterator[ExportTraceServiceRequest]:
    for request in OtlpFile(file).requests():
        yield ExportTraceServiceRequest.FromString(request.body)


def _spans_of(message: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            yield from scope.spans


def _spans(file: Path) -> Iterator[Span]:
    for message in _messages(file):
        yield from _spans_of(message)


def _said(span: Span, names: Iterable[str]) -> str:
    given = {a.key: a.value.string_value for a in span.attributes}
    return next((given[name] for name in names if given.get(name)), "")
