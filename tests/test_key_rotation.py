"""A rotation of the fingerprint key: what the collector and the analyzer make of it."""

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from partywall import attributes, fingerprints
from partywall.fingerprint_keys import Keys, parse, shown
from partywall_analyzer import Finding, Proof, analyze
from partywall_collector.commands import fingerprint_key
from partywall_collector.envelope import Envelope, frame
from partywall_collector.registry import DatasetOwner, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store, StoreUnavailable, open_store
from partywall_collector.store.home import Home

OLD, NEW = "5a" * 32, "a5" * 32
RECORD = "ann@example.com, DE89 3704 0044 0532 0130 00"
HOUR = 3_600

_numbers = count(1)


def keys_in(phase: str) -> Keys:
    """The keys of a rotation with an overlap of two hours, as they are seen now from a phase."""
    begins = time.time() - {"before": -9, "first": 0.5, "second": 1.5, "after": 2.5}[phase] * HOUR
    if phase == "before":
        return parse(OLD)
    return parse(f"{OLD} until {shown(begins + 2 * HOUR)}\n{NEW} from {shown(begins)}")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all tests of this file."""
    home = Home(tmp_path_factory.mktemp("rotation"))
    home.write_fingerprint_keys(parse(OLD))
    with open_store(f"chdb://{home.path}", role="owner") as store:
        tenants = [Tenant(id="acme"), Tenant(id="fjord")]
        owners = [DatasetOwner(pattern=f"crm/{who.id}/*", owner=who.id) for who in tenants]
        write([*tenants, *owners], store)
        yield store


def at(store: Store, phase: str) -> Keys:
    """Move the store into a phase of the rotation."""
    keys = keys_in(phase)
    store.command("TRUNCATE TABLE fingerprint_keys")  # also back, which a real store refuses
    Home(store.home).write_fingerprint_keys(keys)
    store.put_keys()
    return keys


def call(store: Store, session: str, dataset: str, operation: str, **said: str) -> None:
    """Load one tool call of acme's agent."""
    number = next(_numbers)
    values = {
        attributes.TENANT_ID: "acme",
        attributes.SESSION_ID: session,
        attributes.DATASET_ID: dataset,
        attributes.DATASET_OPERATION: operation,
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": operation,
    } | {f"gen_ai.tool.call.{name}": text for name, text in said.items()}
    moment = time.time_ns()
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.append(
        Span(
            trace_id=session.encode().rjust(16, b"-"),
            span_id=number.to_bytes(8, "big"),
            name=operation,
            start_time_unix_nano=moment,
            end_time_unix_nano=moment + 1,
            attributes=[
                KeyValue(key=key, value=AnyValue(string_value=value))
                for key, value in values.items()
            ],
        )
    )
    envelope = Envelope("agents", ("*",), "A1", moment, request.SerializeToString())
    store.load(b"".join(frame(envelope)), token=str(number))


@pytest.mark.parametrize("phase", ["before", "first", "second", "after"])
def test_python_and_clickhouse_take_the_same_fingerprints_in_each_phase(
    engine: Store, phase: str
) -> None:
    """Arguments under both keys of an overlap, results under one."""
    keys = at(engine, phase).at(time.time())
    assert keys is not None
    call(engine, phase, "crm/acme/1", "write", arguments=RECORD, result=RECORD)
    (row,) = engine.rows(
        "SELECT values_in, values_out FROM calls WHERE session_id = {id:String}", {"id": phase}
    )
    taken = fingerprints.of_text(keys.arguments, RECORD).numbers
    assert list(map(str, row["values_in"])) == list(taken)
    assert len(taken) == 2 * len(keys.arguments)
    taken = fingerprints.of_text((keys.results,), RECORD).numbers
    assert list(map(str, row["values_out"])) == list(taken)


ACROSS = {
    ("before", "before"): True,
    ("before", "first"): True,
    ("first", "second"): True,
    ("second", "after"): True,
    ("before", "after"): False,
}
"""When acme's record is read and when it is written to fjord: whether values prove it."""

WITHIN = ("first", "second")
"""When one identifier alone is carried."""


@pytest.fixture(scope="module")
def flows(engine: Store) -> dict[str, Finding]:
    """The findings that data of acme was carried to fjord, by session."""
    for read, written in ACROSS:
        at(engine, read)
        call(engine, f"{read}-{written}", "crm/acme/1", "read", result=RECORD)
        at(engine, written)
        call(engine, f"{read}-{written}", "crm/fjord/1", "write", arguments=RECORD)
    for phase in WITHIN:
        at(engine, phase)
        call(engine, f"one-{phase}", "crm/acme/1", "read", result="bob@example.com")
        call(engine, f"one-{phase}", "crm/fjord/1", "write", arguments="bob@example.com")
    return {found.session_id: found for found in analyze(engine).findings if found.rule == "flow"}


@pytest.mark.parametrize(("read", "written"), ACROSS)
def test_a_flow_is_proven_across_a_rotation_as_without_one(
    flows: dict[str, Finding], read: str, written: str
) -> None:
    """Two identifiers of one record are two, under whichever keys; without overlap they are 0."""
    finding = flows[f"{read}-{written}"]
    proven = ACROSS[read, written]
    assert len(finding.evidence.values) == (2 if proven else 0)
    assert (finding.proof is Proof.P3) == proven


@pytest.mark.parametrize("phase", WITHIN)
def test_one_identifier_in_an_overlap_is_no_proof(flows: dict[str, Finding], phase: str) -> None:
    """Its two fingerprints are not taken for two values."""
    assert len(flows[f"one-{phase}"].evidence.values) == 1
    assert flows[f"one-{phase}"].proof is not Proof.P3


def test_older_keys_than_those_of_the_engine_are_refused(engine: Store) -> None:
    """A collector that was left out of a rotation must not load beside those that took part."""
    at(engine, "first")
    Home(engine.home).write_fingerprint_keys(parse(OLD))
    with pytest.raises(StoreUnavailable, match="copy that file"):
        engine.put_keys()
    at(engine, "before")


def test_an_agent_with_a_key_of_its_own_shows(
    engine: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its fingerprints match no others, which nobody would see otherwise."""
    at(engine, "before")
    call(engine, "foreign", "crm/acme/1", "read", result="x")
    engine.command(
        "INSERT INTO spans SELECT * REPLACE (mapUpdate(attributes, map({name:String}, 'feedbeef'))"
        " AS attributes) FROM spans WHERE session_id = 'foreign'",
        {"name": attributes.VALUES_EPOCH},
    )
    seen = fingerprint_key.calls_by_epoch(engine)
    assert seen == {"feedbeef": 1}
    keys = Home(engine.home).fingerprint_keys()
    fingerprint_key.show(keys, seen, Path("fingerprint.key"))
    shown = capsys.readouterr().out
    assert "feedbeef" in shown
    assert "not in the file" in shown
