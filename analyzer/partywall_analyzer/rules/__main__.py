"""Prints docs/rules.md: `python -m partywall_analyzer.rules > docs/rules.md`."""

from collections.abc import Iterator

from partywall_analyzer.model import Proof, Verdict
from partywall_analyzer.rules import Rule, rules
from partywall_analyzer.severity import severity
from partywall_analyzer.verdict import REASONS

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

ASI: OWASP Top 10 for Agentic Applications 2026. T: OWASP Agentic AI, Threats and Mitigations v1.1.
NHI: OWASP Non-Human Identities Top 10 2025. MAESTRO-v1: CSA MAESTRO of February 2025, layers L1 to
L7 and X for what spans them. NIST-AI-RMF: version 1.0. SOC2: Trust Services Criteria 2017 with the
points of focus of 2022. ISO42001: ISO/IEC 42001:2023, Annex A.
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD, *(_rule(each) for each in rules())]
    parts += [_SEVERITY + "\n" + "\n".join(_severities()) + "\n", _REASONS + "\n" + _reasons()]
    return "\n".join([*parts, _FRAMEWORKS])


def _rule(each: Rule) -> str:
    proof = f"{each.direct}: {each.direct.meaning}" if each.direct else "graded by the witness path"
    facts = (
        ("title", f"`{each.title}`"),
        ("proof", proof),
        ("severity", f"at most {each.ceiling}"),
        ("frameworks", ", ".join(each.frameworks)),
    )
    table = "\n".join(f"| {name} | {said} |" for name, said in facts)
    return f"## {each.id}\n\n{each.about.strip()}\n\n| | |\n|---|---|\n{table}\n"


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
    rows = "\n".join(f"| `{code}` | {words} |" for code, words in sorted(REASONS.items()))
    return f"| code | in words |\n|---|---|\n{rows}\n"


if __name__ == "__main__":
    print(page(), end="")
