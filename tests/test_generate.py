"""Generated worlds: one seed gives the same bytes, labels are true, what is planted is found."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import generated as benchmark
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from partywall_analyzer import analyze
from partywall_analyzer.commands import generate as command
from partywall_analyzer.generator.kinds import GROUPS, WITHOUT, kinds
from partywall_analyzer.generator.knobs import LIMITS, Knobs, Range
from partywall_analyzer.generator.writing import Generated, generate, write
from partywall_analyzer.rules import rules
from partywall_collector.otlp_files import OtlpFile
from partywall_collector.registry.load import load
from partywall_collector.store import Store

HARD: dict[str, Any] = {
    "value_noise": 0.3,
    "span_loss": 0.05,
    "clock_skew": 30.0,
    "unbound": 0.02,
    "repeats": 0.1,
    "disorder": 0.3,
    "late": 0.1,
    "links": 0.3,
    "hops": Range(2, 8),
    "depth": Range(1, 4),
    "relays": Range(2, 5),
    "delay": Range(60, 14 * 86_400),
}


def spans(made: Generated) -> Iterator[Span]:
    """Every span of every request."""
    for request in made.requests:
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                yield from scope.spans


@pytest.mark.parametrize("knobs", [{}, HARD], ids=["easy", "hard"])
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, knobs: dict[str, Any]) -> None:
    """In both formats, which hold the same requests; another seed gives others."""
    small = Knobs(sessions=60, **knobs)
    bodies: dict[str, list[bytes]] = {}
    for form in ("protobuf", "json"):
        one, two = (write(generate(small), tmp_path / f"{form}{n}", form) for n in "12")
        assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]
        bodies[form] = [request.body for request in OtlpFile(one[0]).requests()]
    assert bodies["protobuf"] == bodies["json"]
    other = write(generate(Knobs(sessions=60, seed=8, **knobs)), tmp_path / "other")
    assert gzip.decompress(other[0].read_bytes()) != gzip.decompress(one[0].read_bytes())


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 1000),
    loss=st.floats(0, 0.1),
    noise=st.floats(0, 0.6),
    unbound=st.floats(0, 0.5),
)
def test_a_crossing_that_shows_has_arrived(
    seed: int, loss: float, noise: float, unbound: float
) -> None:
    """Its sinks are among the spans, bound to a tenant; without noise and loss every one shows."""
    some = Knobs(seed=seed, sessions=46, planted=1)
    made = generate(replace(some, span_loss=loss, value_noise=noise, unbound=unbound))
    bound = {
        span.span_id.hex()
        for span in spans(made)
        if sum(a.key in ("partywall.tenant.id", "tenant.id") for a in span.attributes) == 1
    }
    for label in made.labels:
        assert bool(label["shown_by"]) == label["detectable"]
        if label["detectable"]:
            assert {*label["sinks"]} <= bound
            assert label["hops"][-1]["span_id"] in label["sinks"] or label["kind"] == "handoff"
    quiet = generate(some)
    assert all(label["detectable"] for label in quiet.labels)


def test_every_kind_is_planted_and_has_a_twin() -> None:
    """All are told of in the help, and belong to a group that is scored."""
    made = generate(Knobs(sessions=40 * len(kinds()), planted=1))
    for name, (planted, seen, twins) in made.counts()["kinds"].items():
        assert planted == seen > 0, name
        assert twins, name
    assert {label["kind"] for label in made.labels} == set(kinds())
    assert {kind.group for kind in kinds().values()} == set(GROUPS)


def test_every_rule_has_a_kind_or_a_reason_why_not() -> None:
    """A rule that nothing measures is one that nobody would miss."""
    made = generate(Knobs(sessions=4 * len(kinds()), planted=1))
    planted = {label["rule"] for label in made.labels}
    assert planted | set(WITHOUT) == {rule.id for rule in rules()}
    assert not planted & set(WITHOUT)


def test_content_that_is_not_recorded_shows_nothing() -> None:
    """No argument and no result is there; what a call says beside them still shows."""
    made = generate(Knobs(sessions=8 * len(kinds()), planted=1, positives=1, content_off=1))
    told = {a.key for span in spans(made) for a in span.attributes}
    assert not [key for key in told if "arguments" in key or "result" in key]
    shown = {way for label in made.labels for way in label["shown_by"]}
    assert shown == {"credential", "parent", "span"}


def test_what_a_world_shows_is_found_and_no_twin_is_flagged(store: Store, tmp_path: Path) -> None:
    """Replayed over the wire and analyzed; hard knobs may cost a little, and never a crash.

    A twin that lost the very span that makes it benign is one no more.
    """
    made = generate(Knobs(sessions=200, planted=0.9, tenants=20, **HARD))
    traces, registry, _ = write(made, tmp_path / "world")
    load([registry], store)
    benchmark.chains.send([OtlpFile(traces)], store)
    findings = analyze(store).findings
    lost = {t for each in made.labels if not each["detectable"] for t in each["traces"]}
    flagged = benchmark.flagged_by(findings, benchmark.left_open())
    shown = {name: grade for name, grade in flagged.items() if name.partition(":")[0] not in lost}
    by_kind, grades = benchmark.score(made.labels, shown)
    assert set(by_kind) >= set(kinds())
    assert set(grades) <= {"P0", "P1", "P2", "P3"}
    assert sum(each.found for each in by_kind.values()) > 40
    for each in by_kind.values():
        assert each.missed + each.flagged_twins + each.false <= 2


def test_a_score_counts_misses_and_false_alarms() -> None:
    """One found, one missed, a flagged twin, a call in no scene, and one that cannot show."""
    told = {"kind": "flow", "unauthorised": True, "detectable": True}
    labels = [
        told | {"traces": ["a"], "sinks": ["1"]},
        told | {"traces": ["b"], "sinks": ["2"]},
        told | {"traces": ["c"], "sinks": ["3"], "detectable": False},
        told | {"traces": ["d"], "sinks": ["4"], "unauthorised": False},
    ]
    flagged = {"a:1": "P3", "d:4": "P2", "e:5": "P2"}
    by_kind, grades = benchmark.score(labels, flagged)
    flow = by_kind["flow"]
    assert (flow.found, flow.missed, flow.hidden, flow.twins, flow.flagged_twins) == (1, 1, 1, 1, 1)
    assert (flow.false, by_kind[benchmark.IDLE].false) == (1, 1)
    assert (grades["P3"][0], grades["P2"][0]) == (1, 0)
    assert benchmark.interval(8, 10) == [0.8, 0.4902, 0.9433]  # Wilson, as in any table
    assert benchmark.interval(0, 0) == [0.0, 0.0, 1.0]


def test_the_command_writes_lists_and_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A world as JSON lines, the list of kinds, and knobs that cannot be, each by its flag."""
    folder = tmp_path / "world"
    options = [str(folder), "--sessions", "20", "--format", "json", "--hops", "3", "--json"]
    assert command.main(options) == 0
    told = json.loads(capsys.readouterr().out)
    assert [Path(file).name for file in told["files"]] == [
        "traces.jsonl.gz",
        "registry.yaml",
        "labels.jsonl",
    ]
    assert command.main([str(folder), "--kinds", "relay", "--sessions", "9"]) == 0
    assert "relay" in capsys.readouterr().out
    assert command.main(["--list", "--json"]) == 0
    assert [each["kind"] for each in json.loads(capsys.readouterr().out)] == list(kinds())
    assert command.main(["--list"]) == 0
    assert "published before" in capsys.readouterr().out
    for wrong, says in (
        (["--span-loss", "0.5"], "--span-loss: from 0 to 0.1"),
        (["--hops", "9-3"], "--hops: from 2 to 8"),
        (["--kinds", "none"], "there is no kind 'none'"),
    ):
        assert command.main([str(folder), *wrong]) == 2
        assert says in capsys.readouterr().err
    assert command.main([]) == 2
    assert command.main([str(folder / "labels.jsonl")]) == 2


def test_every_knob_is_documented() -> None:
    """In the table of docs/detection.md, with its limits' flag; so is every kind."""
    page = (Path(__file__).parent.parent / "docs" / "detection.md").read_text("utf-8")
    for knob in fields(Knobs):
        assert f"`--{knob.name.replace('_', '-')}`" in page, knob.name
    for kind in kinds().values():
        assert f"| {kind.name} | {kind.says} | {kind.twin} |" in page, kind.name
    assert set(LIMITS) <= {knob.name for knob in fields(Knobs)}
