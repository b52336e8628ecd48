"""How urgent a finding is: a table, not a formula."""

from partywall_analyzer.model import Proof, Severity, Verdict


def severity(
    verdict: Verdict,
    proof: Proof,
    *,
    moves: bool,
    sensitive: bool = False,
    direct: bool = False,
    suspect: bool = False,
    ceiling: Severity = Severity.CRITICAL,
) -> Severity:
    """The severity of a crossing.

    `moves`: it writes, sends or deletes. `direct`: one record shows the crossing itself. `suspect`:
    it would be unauthorised if its facts were more than claims, and weighs as much.
    """
    weight = _weight(verdict, proof, moves or sensitive, direct, suspect)
    return weight if ceiling.at_least(weight) else ceiling


def _weight(verdict: Verdict, proof: Proof, grave: bool, direct: bool, suspect: bool) -> Severity:
    match verdict:
        case Verdict.AUTHORISED:
            return Severity.INFO
        case Verdict.INDETERMINATE if not suspect:
            return Severity.MEDIUM if grave else Severity.LOW
        case _ if proof == Proof.P0:
            return Severity.MEDIUM
        case _ if grave and (direct or proof >= Proof.P3):
            return Severity.CRITICAL
        case _:
            return Severity.HIGH
