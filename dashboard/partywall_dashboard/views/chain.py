"""Chain: one finding as a picture, the answers, what they rest on, and the trace."""

from collections import defaultdict
from typing import Any

import streamlit as st

from partywall_analyzer import answered
from partywall_analyzer.model import Answer, Chain, Finding, Hop
from partywall_analyzer.waterfall import TraceSpan
from partywall_collector.commands.options import store_url
from partywall_dashboard import reads, text
from partywall_dashboard.components import draw
from partywall_dashboard.judged import finding_tags
from partywall_dashboard.layout import FOLD_ABOVE, colours, fold, lane_of, place
from partywall_dashboard.scope import viewer
from partywall_dashboard.tables import responses_table


def main() -> None:
    """The page."""
    url, scope = store_url(), viewer().scope
    wanted = st.query_params.get("finding", "")
    finding = reads.finding(url, scope, wanted) if wanted else None
    if finding is None:
        st.error("No such finding.", icon=":material/search_off:")
        st.page_link("views/findings.py", label="All findings", icon=":material/rule:")
        return
    finding_tags(finding)
    text.heading(finding.title, finding.sentence)
    text.quiet(f"{finding.id} · first seen {text.clock(finding.first_seen)}")
    traces = list(dict.fromkeys([finding.trace_id, *(ref.trace_id for ref in finding.calls)]))
    tenants = [node.tenant for node in finding.chain.nodes]
    picture(finding, colours(tenants))
    done_about(finding)
    st.subheader("Trace")
    trace_id = traces[0]
    if len(traces) > 1:
        trace_id = st.selectbox("Trace", traces, key="trace", width=360)
    spans = reads.trace(url, scope, trace_id)
    if spans:
        draw.waterfall(
            waterfall_rows(spans),
            colours([*tenants, *(span.tenant_id for span in spans)]),
            trace=trace_id,
        )
    else:
        st.info("No spans of this trace are kept.", icon=":material/timeline:")


@st.fragment
def picture(finding: Finding, lanes: dict[str, str]) -> None:
    """The lanes, and beside the answers what was chosen in them; a click runs this part alone."""
    chain = finding.chain
    if len(chain.nodes) > FOLD_ABOVE and st.toggle(
        "Only the steps next to the wall", value=True, key=f"fold-{finding.id}"
    ):
        chain = fold(chain)
    chosen = None
    if chain.nodes:
        chosen = draw.chain(
            place(chain, lanes),
            judged=finding.verdict.value,
            label=f"Chain of finding {finding.id}, one lane for each tenant",
            key=f"chain-{finding.id}",
            first=next((hop.target for hop in chain.hops if hop.crossing), None),
        )
    left, right = st.columns([3, 2], gap="medium")
    with left, st.container(border=True):
        st.subheader("Why this is a crossing")
        text.answers(finding.evidence.answers)
        rests_on(finding)
    with right, st.container(border=True):
        step_details(chain, chosen)


def rests_on(finding: Finding) -> None:
    """The records that the verdict consulted, and the facts that nobody recorded."""
    evidence = finding.evidence
    if evidence.records:
        with st.expander(f"Records consulted ({len(evidence.records)})"):
            text.answers(
                Answer(f"{record.kind} {record.id}", record.says, "", True)
                for record in evidence.records
            )
    if evidence.missing:
        text.quiet("Not recorded: " + "; ".join(evidence.missing))
    if evidence.frameworks:
        text.quiet(" · ".join(evidence.frameworks))


def done_about(finding: Finding) -> None:
    """Where each tenant stands with it, and what was done; nothing where nobody did anything."""
    if not finding.responses:
        return
    st.subheader("What was done")
    for standing in finding.standings:
        text.quiet(answered.stands(standing))
    responses_table(finding.responses)
    for tenant, taken in answered.times_to_revoke(finding.responses).items():
        text.quiet(f"Revoked for {tenant or 'the operator'} after {answered.span(taken)}.")


def step_details(chain: Chain, chosen: str | None) -> None:
    """The chosen step and the hops at it."""
    node = next((node for node in chain.nodes if node.id == chosen), None)
    if node is None:
        st.subheader("Step details")
        st.caption("Choose a step in the picture to see what it rests on.")
        return
    text.heading(node.label, f"{node.kind}, {lane_of(node.tenant)}", small=True)
    names = {node.id: node.label for node in chain.nodes}
    into = [("From", names.get(hop.source, "?"), hop) for hop in chain.hops if hop.target == chosen]
    out = [("To", names.get(hop.target, "?"), hop) for hop in chain.hops if hop.source == chosen]
    text.answers(
        Answer(way, f"{other}: {hop.label}" if hop.label else other, ground(hop), True)
        for way, other, hop in into + out
    )


def ground(hop: Hop) -> str:
    """What one hop rests on."""
    parts = [
        f"{hop.proof.value} {hop.proof.meaning}",
        f"span {hop.span_id}" if hop.span_id else "",
        hop.time[11:].removesuffix("Z"),
        "through the wall" if hop.crossing else "",
    ]
    return " · ".join(part for part in parts if part)


def waterfall_rows(spans: list[TraceSpan]) -> list[dict[str, Any]]:
    """The spans as a tree, parents before children, each generation in order of time."""
    ids = {span.span_id for span in spans}
    children: dict[str, list[TraceSpan]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.start_time, reverse=True):
        children[span.parent_span_id if span.parent_span_id in ids else ""].append(span)
    start = min(span.start_time for span in spans)
    rows: list[dict[str, Any]] = []
    left = set(ids)
    waiting = [(span, 0) for span in children[""]]
    while waiting or left:
        if not waiting:  # spans that are each other's parents: begin anywhere
            waiting = [(next(span for span in spans if span.span_id in left), 0)]
        span, depth = waiting.pop()
        if span.span_id not in left:
            continue
        left.discard(span.span_id)
        rows.append(
            {
                "id": span.span_id,
                "parent": span.parent_span_id,
                "depth": depth,
                "name": span.name,
                "lane": lane_of(span.tenant_id),
                "start": (span.start_time - start) / 1e6,
                "end": (max(span.end_time, span.start_time) - start) / 1e6,
                "failed": span.failed,
                "crossing": span.crossing,
            }
        )
        waiting += [(child, depth + 1) for child in children[span.span_id]]
    return rows


main()
