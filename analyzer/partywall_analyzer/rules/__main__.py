"""Prints docs/rules.md: `python -m partywall_analyzer.rules > docs/rules.md`."""

from collections.abc import Iterator

from partywall_analyzer.frameworks import frameworks
from partywall_analyzer.model import Proof, Verdict
from partywall_analyzer.rule import Cover, Rule
from partywall_analyzer.rules import own
from partywall_analyzer.severity import severity
from partywall_analyzer.verdict import reasons

_HEAD = """\
# Rules

This page is printed by `python -m partywall_analyzer.rules`; a test compares the two.

A rule finds crossings, which are facts. Whether one was allowed is the verdict, how it is known
that data moved is the proof, and severity follows from both. The three are never one score.
"""

_SEVERITY = """\
## Severity

A table, not a formula. "Moves" means that the call writes, sends or deletes, or that the dataset is
marked `sensitive`. "Direct" crossings are shown by one record; a flow is not. What would be
unauthorised if it were more than a claim (attestation A0) weighs as if it were. A rule's ceiling
caps the result.
"""

_REASONS = """\
## Reason codes

`{grant}` stands for the approval or relation that comes nearest, `{owner}` for the tenant that
would have had to agree, `{cited}` for the approval id on the span.
"""

_FRAMEWORKS = """\
## Framework ids

Ids are looked up in `frameworks.toml`, which says where each list was published. A new version of a
framework gets ids of its own. Titles of OWASP and MAESTRO are theirs; the others are short forms of
ours, so read the text before you quote it.
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD, *(_rule(each) for each in own())]
    parts += [_SEVERITY + "\n" + "\n".join(_severities()) + "\n", _REASONS + "\n" + _reasons()]
    return "\n".join([*parts, _FRAMEWORKS + "\n" + _frameworks()])


def _rule(each: Rule) -> str:
    proof = f"{each.direct}: {each.direct.meaning}" if each.direct else "graded by the witness path"
    facts = (
        ("title", f"`{each.title}`"),
        ("proof", proof),
        ("verdict", _verdict(each)),
        ("severity", f"at most {each.ceiling}"),
        ("frameworks", ", ".join(each.frameworks)),
    )
    table = "\n".join(f"| {name} | {said} |" for name, said in facts)
    return f"## {each.id}\n\n{each.about.strip()}\n\n| | |\n|---|---|\n{table}\n"


def _verdict(each: Rule) -> str:
    if not each.broken:
        return "by the registry"
    healed = "" if each.covered_by is Cover.NOTHING else ", unless a grant covers it"
    return f"{each.broken.verdict}, `{each.broken.code}`{healed}"


def _frameworks() -> str:
    rows = ["| id | title | framework |", "|---|---|---|"]
    for each in frameworks():
        where = f"{each.name} {each.version} ({each.date})"
        rows += [f"| {name} | {title} | {where} |" for name, title in each.items.items()]
    return "\n".join(rows) + "\n"


def _severities() -> Iterator[str]:
    yield "| verdict | proof | looks only | moves or sensitive |"
    yield "|---|---|---|---|"
    for verdict, proof, direct, words in (
        (Verdict.AUTHORISED, Proof.P3, True, "any"),
        (Verdict.INDETERMINATE, Proof.P3, True, "any"),
        (Verdict.UNAUTHORISED, Proof.P0, False, "P0"),
        (Verdict.UNAUTHORISED, Proof.P1, False, "P1"),
        (Verdict.UNAUTHORISED, Proof.P2, False, "P2"),
        (Verdict.UNAUTHORISED, Proof.P3, False, "P3, P4"),
        (Verdict.UNAUTHORISED, Proof.P1, True, "direct"),
    ):
        found = [severity(verdict, proof, moves=moves, direct=direct) for moves in (False, True)]
        yield f"| {verdict} | {words} | {found[0]} | {found[1]} |"


def _reasons() -> str:
    rows = "\n".join(f"| `{code}` | {words} |" for code, words in sorted(reasons().items()))
    return f"| code | in words |\n|---|---|\n{rows}\n"


if __name__ == "__main__":
    print(page(), end="")
