"""Figures of predictions beside labels: precision, recall and F1 of chains and calls, by slice.

Excluded traces are left out. A call that the labels call `ignore` is the model's own mistake: it is
neither right nor wrong, and a false alarm in the strict figures. Intervals are Wilson's, of 95 %.
"""

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Flagged = Mapping[str, Collection[str]]
"""Flagged span ids by trace."""

Figures = dict[str, Any]

_Z = 1.959964


def read_labels(folder: Path) -> list[dict[str, Any]]:
    """The labels of a folder that count; none if it has none."""
    file = folder / "labels.jsonl"
    if not file.exists():
        return []
    with file.open(encoding="utf-8") as lines:
        labels = [json.loads(line) for line in lines]
    return [label for label in labels if label.get("chain", "excluded") != "excluded"]


def by_slice(labels: Iterable[dict[str, Any]], flagged: Flagged, **options: bool) -> Figures:
    """The figures of each origin: runs of models, and replays."""
    slices: dict[str, list[dict[str, Any]]] = {}
    for label in labels:
        slices.setdefault(label["origin"], []).append(label)
    return {name: figures(ours, flagged, **options) for name, ours in sorted(slices.items())}


def figures(labels: Iterable[dict[str, Any]], flagged: Flagged, *, strict: bool = False) -> Figures:
    """What the flagged calls are worth."""
    count: Counter[str] = Counter()
    for label in labels:
        found = set(flagged.get(label["trace_id"], ()))
        if not strict:
            found -= set(label["ignore"])
        sinks, attacked = set(label["sinks"]), label["chain"] == "unauthorised"
        count["runs"] += 1
        count["attacked"] += attacked
        count["hit" if attacked else "false"] += bool(found)
        count["call_hit"] += len(found & sinks)
        count["call_false"] += len(found - sinks)
        count["calls"] += len(sinks)
    return {
        "runs": count["runs"],
        "attacked": count["attacked"],
        "chain_precision": _share(count["hit"], count["hit"] + count["false"]),
        "chain_recall": _share(count["hit"], count["attacked"]),
        "chain_f1": _f1(count["hit"], count["false"], count["attacked"]),
        "call_f1": _f1(count["call_hit"], count["call_false"], count["calls"]),
        "fpr": _share(count["false"], count["runs"] - count["attacked"]),
    }


def headline(found: Figures) -> Figures:
    """Of each slice the figures by which variants are compared."""
    kept = ("chain_f1", "call_f1")
    return {
        name: {key: ours[key] for key in kept} | {"recall": ours["chain_recall"][0]}
        for name, ours in found.items()
    }


def by_grade(labels: Iterable[dict[str, Any]], graded: Mapping[str, Mapping[str, str]]) -> Figures:
    """By proof grade: how many flagged calls there are, and how many of them are right."""
    count: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for label in labels:
        for call, grade in graded.get(label["trace_id"], {}).items():
            if call not in label["ignore"]:
                count[grade] += 1
                right[grade] += call in label["sinks"]
    return {
        grade: {"calls": count[grade], "precision": _share(right[grade], count[grade])}
        for grade in sorted(count)
    }


def sources(labels: Iterable[dict[str, Any]], named: Mapping[str, Collection[str]]) -> Figures:
    """How often a labelled source is named, and how many of the named ones are labelled."""
    count: Counter[str] = Counter()
    for label in labels:
        if label["chain"] == "unauthorised" and label["sources"]:
            got = {source for sink in label["sinks"] for source in named.get(sink, ())}
            count["labelled"] += 1
            count["hit"] += bool(got & set(label["sources"]))
            count["named"] += len(got)
            count["right"] += len(got & set(label["sources"]))
    return {
        "hit": _share(count["hit"], count["labelled"]),
        "precision": _share(count["right"], count["named"]),
    }


def wilson(hits: int, of: int) -> Iterator[float]:
    """The two ends of the interval."""
    if of:
        share, square = hits / of, _Z * _Z / of
        middle = share + square / 2
        spread = _Z * math.sqrt(share * (1 - share) / of + square / (4 * of))
        yield max(0.0, (middle - spread) / (1 + square))
        yield min(1.0, (middle + spread) / (1 + square))


def _share(hits: int, of: int) -> list[float]:
    """A share and its interval."""
    return [round(value, 4) for value in ((hits / of if of else 0.0), *wilson(hits, of))]


def _f1(hits: int, false: int, wanted: int) -> float:
    return round(2 * hits / (hits + false + wanted), 4) if hits else 0.0
