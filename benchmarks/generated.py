"""Scores the product on generated worlds: what it finds of what was planted, and what else it says.

    python benchmarks/generated.py --value-noise 0.3 --span-loss 0.05 --clock-skew 30
    python benchmarks/generated.py --folder DIR    # a folder of labelled traces, as for chains.py

A world of `partywall generate` is replayed over the wire into a collector of this process and
analyzed. A crossing call is found if an unauthorised finding lists it, or one of a rule that always
leaves its verdict open. Only crossings that the telemetry can show count, a twin must not be
flagged, and every other flagged call is a false one of the kind in whose scene it lies. Of twins
there is a second figure: of those of which all arrived that makes them benign. Intervals are
Wilson's, at 95 %. The last line on stdout is one JSON object.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import chains
from catalogue import NotABenchmark, registry_lines

from partywall_analyzer.engine import analyze
from partywall_analyzer.generator.kinds import kinds
from partywall_analyzer.generator.knobs import KnobError, Knobs, Range
from partywall_analyzer.generator.writing import generate, write
from partywall_analyzer.model import Finding, Verdict
from partywall_analyzer.rules import rules
from partywall_collector.otlp_files import OtlpFile
from partywall_collector.registry.load import load
from partywall_collector.store import open_store

IDLE: Final = "no scene"
Z: Final = 1.959964


@dataclass(slots=True)
class Score:
    """What was found of one kind; `twins` are its benign twins, `flagged_twins` those flagged.

    `whole_twins` are those of which all arrived that makes them benign.
    """

    found: int = 0
    missed: int = 0
    false: int = 0
    twins: int = 0
    flagged_twins: int = 0
    whole_twins: int = 0
    flagged_whole_twins: int = 0
    hidden: int = 0
    hidden_found: int = 0

    def told(self) -> dict[str, Any]:
        """The figures, with intervals."""
        f1 = 2 * self.found / max(1, 2 * self.found + self.missed + self.false)
        return {
            "f1": round(f1, 4),
            "recall": interval(self.found, self.found + self.missed),
            "precision": interval(self.found, self.found + self.false),
            "twins_flagged": interval(self.flagged_twins, self.twins),
            "whole_twins_flagged": interval(self.flagged_whole_twins, self.whole_twins),
            "not_visible": self.hidden,
            "not_visible_found": self.hidden_found,
        }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = _parser().parse_args(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="partywall-generated-") as scratch:
            result = _folder(options, Path(scratch)) if options.folder else _world(options, scratch)
    except (KnobError, NotABenchmark) as error:
        print(f"generated: {error}", file=sys.stderr)
        return 2
    for name, score in result["kinds"].items():
        low, high = score["recall"][1:]
        print(
            f"{name:26} F1 {score['f1']:.3f}  recall {score['recall'][0]:.3f} "
            f"({low:.3f}-{high:.3f})  precision {score['precision'][0]:.3f}  "
            f"twins flagged {score['twins_flagged'][0]:.3f}, "
            f"of whole ones {score['whole_twins_flagged'][0]:.3f}",
            file=sys.stderr,
        )
    print(json.dumps(result))
    return 0


def interval(hits: int, of: int) -> list[float]:
    """A share and its Wilson interval; of nothing, it may be anything."""
    if not of:
        return [0.0, 0.0, 1.0]
    share, z2 = hits / of, Z * Z / of
    middle = (share + z2 / 2) / (1 + z2)
    half = Z * math.sqrt(share * (1 - share) / of + z2 / (4 * of)) / (1 + z2)
    return [round(value, 4) for value in (share, max(0, middle - half), min(1, middle + half))]


def score(
    labels: Iterable[Mapping[str, Any]], flagged: Mapping[str, str]
) -> tuple[dict[str, Score], dict[str, Any]]:
    """The score of each kind, and the share of true ones among flagged calls by proof grade.

    `flagged` gives the proof grade of each flagged span as `trace:span`.
    """
    scores: defaultdict[str, Score] = defaultdict(Score)
    kind_of: dict[str, str] = {}
    true: set[str] = set()
    ignored: set[str] = set()
    flagged_traces = {name.partition(":")[0] for name in flagged}
    spans = {name.partition(":")[2]: name for name in flagged}
    for label in labels:
        told = scores[label["kind"]]
        kind_of.update(dict.fromkeys(label["traces"], label["kind"]))
        if not label["unauthorised"]:
            is_flagged = not flagged_traces.isdisjoint(label["traces"])
            told.twins += 1
            told.flagged_twins += is_flagged
            if label.get("detectable", True):
                told.whole_twins += 1
                told.flagged_whole_twins += is_flagged
            continue
        for sink in label["sinks"]:
            hit = sink in spans
            if label.get("detectable", True):
                told.found += hit
                told.missed += not hit
            else:
                told.hidden += 1
                told.hidden_found += hit
            if hit:
                true.add(spans[sink])
        ignored |= {spans[span] for span in label.get("ignore", ()) if span in spans}
    for name in flagged:
        if name not in true | ignored:
            scores[kind_of.get(name.partition(":")[0], IDLE)].false += 1
    grades = Counter(grade for name, grade in flagged.items() if name not in ignored - true)
    right = Counter(flagged[name] for name in true)
    return dict(sorted(scores.items())), {
        grade: interval(right[grade], count) for grade, count in sorted(grades.items())
    }


def left_open() -> set[str]:
    """The rules that never say more than that something must be looked at."""
    bound = {each.id: each.broken for each in rules() if each.broken}
    return {name for name in bound if bound[name].verdict is Verdict.INDETERMINATE}


def flagged_by(findings: Iterable[Finding], also: Collection[str] = ()) -> dict[str, str]:
    """The calls of unauthorised findings, each with the best grade of those that list it.

    Of the rules in `also`, findings count whose verdict is open.
    """
    flagged: dict[str, str] = {}
    for finding in findings:
        if finding.verdict is Verdict.UNAUTHORISED or (
            finding.verdict is Verdict.INDETERMINATE and finding.rule in also
        ):
            for ref in finding.calls:
                name = f"{ref.trace_id}:{ref.span_id}"
                flagged[name] = max(flagged.get(name, ""), finding.proof.value)
    return flagged


def _world(options: argparse.Namespace, scratch: str) -> dict[str, Any]:
    knobs = Knobs(**{k.name: getattr(options, k.name) for k in _knobs()})
    made = generate(knobs)
    traces, registry, _ = write(made, Path(scratch) / "world")
    with open_store(f"chdb://{scratch}/home", role="owner") as store:
        load([registry], store)
        summary = chains.send([OtlpFile(traces)], store)
        begun = time.monotonic()
        findings = analyze(store).findings
        seconds = time.monotonic() - begun
    # Where content is not recorded, a tool is silent, whatever was planted.
    also = left_open() - ({"silent-tool"} if knobs.content_off else set())
    told = _told(made.labels, flagged_by(findings, also)) | {"analysis_seconds": round(seconds, 2)}
    return told | {"spans": summary.read_spans, "quarantined": sum(summary.quarantined.values())}


def _folder(options: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    files = [OtlpFile(path) for path in sorted(options.folder.glob("traces*.binpb.gz"))]
    lines = registry_lines(options.folder, chains.tools_of(files))
    registry = scratch / "registry.jsonl"
    registry.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    with open_store(f"chdb://{scratch}/home", role="owner") as store:
        load([registry], store)
        chains.send(files, store)
        found = analyze(store).findings
    with (options.folder / "labels.jsonl").open(encoding="utf-8") as lines:
        return _told([json.loads(line) for line in lines], flagged_by(found))


def _told(labels: Sequence[Mapping[str, Any]], flagged: Mapping[str, str]) -> dict[str, Any]:
    by_kind, grades = score(labels, flagged)
    known = kinds()
    groups: defaultdict[str, Score] = defaultdict(Score)
    for name, each in by_kind.items():
        for group in {"all", known[name].group if name in known else "other"}:
            for one in fields(Score):
                total = getattr(groups[group], one.name) + getattr(each, one.name)
                setattr(groups[group], one.name, total)
    return {
        "groups": {name: each.told() for name, each in sorted(groups.items())},
        "kinds": {name: each.told() for name, each in by_kind.items()},
        "precision_by_proof": grades,
    }


def _knobs() -> list[Any]:
    return [knob for knob in fields(Knobs) if knob.name != "kinds"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="generated.py", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--folder", type=Path, help="a labelled folder instead of a new world")
    for knob in _knobs():
        default: Any = knob.default
        number = float if isinstance(default, float) else int
        parser.add_argument(
            f"--{knob.name.replace('_', '-')}",
            type=_range if isinstance(default, Range) else number,
            default=default,
        )
    return parser


def _range(text: str) -> Range:
    least, _, most = text.partition("-")
    return Range(int(least), int(most or least))


if __name__ == "__main__":
    sys.exit(main())
