"""Sessions of other processes: they arrive as they were, and only as far as they are believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import partywall
from partywall import attributes, parts, remote, settings
from partywall.sessions import LONGEST_CHAIN


@given(
    st.dictionaries(st.sampled_from(sorted(settings.BINDING.values())), st.text(max_size=40)),
    st.lists(st.text(min_size=1, max_size=20), max_size=20),
)
def test_what_is_sent_arrives_as_it_was(facts: dict[str, str], chain: list[str]) -> None:
    """For any text in any fact: the session of the other process says the same."""
    said = {name: text for name, text in facts.items() if text.strip()}
    said[attributes.TENANT_ID] = "acme"
    said[attributes.ACTOR_CHAIN] = settings.joined(tuple(chain))
    first = remote.adopt(said)
    assert first is not None
    sent = remote.wire(first)
    assert remote.adopt(sent) is first, "a message to itself finds its own session"
    del sent[attributes.SESSION_PART]
    again = remote.adopt(sent)
    assert again is not None
    assert dict(again.attributes) == dict(first.attributes)
    assert first.actors == tuple(chain)[:LONGEST_CHAIN]


def test_sessions_of_other_processes_are_kept_up_to_a_number(
    memory: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller that sends ever new sessions does not fill the memory."""
    monkeypatch.setattr(remote, "KEPT", 10)
    first = remote.adopt({attributes.TENANT_ID: "acme", attributes.SESSION_ID: "first"})
    assert first is not None
    with trace.use_span(
        trace.get_tracer("x").start_span("served", context=first.context()), end_on_exit=True
    ):
        pass
    for n in range(2000):
        remote.adopt({attributes.TENANT_ID: "acme", attributes.SESSION_ID: str(n)})
    assert len(remote._adopted) <= 1000  # pyright: ignore[reportPrivateUsage]: its size
    memory.clear()


def test_a_message_that_names_no_tenant_binds_nothing() -> None:
    assert remote.adopt({attributes.SESSION_ID: "s-1"}) is None
    assert remote.adopt({attributes.TENANT_ID: "  "}) is None


def test_part_ids_of_others_are_not_believed() -> None:
    """A part known here counts only together with its tenant."""
    with partywall.session(tenant="acme") as session:
        forged = remote.adopt(
            {attributes.TENANT_ID: "fjord", attributes.SESSION_PART: session.part.id}
        )
        assert forged is not None
        assert forged is not session
        assert forged.tenant == "fjord"
    assert parts.known(7) is None
