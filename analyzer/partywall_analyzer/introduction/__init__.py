"""Who introduced a party, and had the request pointed at that? The question behind a foreign party.

Works on facts that were taken when the call was loaded and when the request was registered; no
content is needed. `docs/parties.md` has the decision table.
"""

from partywall_analyzer.introduction.facts import CallFacts, Introduced
from partywall_analyzer.introduction.history import History
from partywall_analyzer.introduction.judge import Introduction, judge_introduction
from partywall_analyzer.introduction.sources import Source, source_calls

__all__ = [
    "CallFacts",
    "History",
    "Introduced",
    "Introduction",
    "Source",
    "judge_introduction",
    "source_calls",
]
