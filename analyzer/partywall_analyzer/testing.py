"""For tests of rules: writes agents' steps straight into a store, without a wire.

log = Log(store)
run = log.agent("acme")
log.call("acme", parent=run, tool="read_file", reads=["file/a.txt"], values_out=[1, 2])
log.write()
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from partywall.attributes import SESSION_CLOSE
from partywall_analyzer.model import Ref
from partywall_collector.registry.placement import own
from partywall_collector.store import Store

START: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""Second 0 of every log."""

_NONE: Final = b"\0" * 8


class Log:
    """Steps to be written at once. Ids count upward, so the same log gives the same rows."""

    def __init__(self, store: Store, *, first: int = 1) -> None:
        """Ids begin at `first`: a second log over one store needs another one."""
        self._store = store
        self._next = first
        self._spans: list[dict[str, Any]] = []
        self._calls: list[dict[str, Any]] = []

    def agent(self, tenant: str, *, at: float = 0, lasts: float = 600, **more: Any) -> Ref:
        """An agent's run, or a sub-agent's if `parent` is given."""
        return self._span(tenant, "agent", "invoke_agent", at, lasts, **more)[0]

    def step(self, tenant: str, name: str, *, at: float, lasts: float = 1, **more: Any) -> Ref:
        """A span that is no step of an agent, such as one of a transport."""
        return self._span(tenant, "", name, at, lasts, **more)[0]

    def call(
        self,
        tenant: str,
        *,
        tool: str = "tool",
        at: float = 1,
        lasts: float = 1,
        reads: Sequence[str] = (),
        writes: Sequence[str] = (),
        sends: Sequence[tuple[str, str]] = (),
        operation: str = "",
        values_in: Sequence[int] = (),
        values_out: Sequence[int] = (),
        failed: bool = False,
        credential: str = "",
        approval: str = "",
        policy: str = "",
        decision: str = "",
        columns: Mapping[str, Any] = MappingProxyType({}),
        **more: Any,
    ) -> Ref:
        """A tool call; `columns` are more columns of the table `calls`."""
        ref, row = self._span(tenant, "tool", f"execute_tool {tool}", at, lasts, **more)
        act = operation or ("send" if sends else "write" if writes else "read")
        shared = (
            *("tenant_id", "placement", "session_id", "request_id", "trace_id", "span_id"),
            *("parent_span_id", "start_time", "end_time", "received_at", "step", "agent"),
            *("identity", "principal", "attestation"),
        )
        acts = [(name, "read") for name in reads] + [(name, "write") for name in writes]
        datasets = [{"id": name, "operation": act} for name, act in acts]
        parties = [{"kind": kind, "value": value} for kind, value in sends]
        self._calls.append(
            {name: row[name] for name in shared}
            | {"tool": tool, "operation": act, "datasets": datasets, "parties": parties}
            | {"values_in": list(values_in), "values_out": list(values_out), "failed": failed}
            | {"credential_id": credential, "approval_id": approval, "subject": ""}
            | {"policy_id": policy, "policy_decision": decision}
            | dict(columns)
        )
        return ref

    def close(self, tenant: str, *, sequence: int, at: float = 500, **more: Any) -> Ref:
        """The record that ends a session of so many numbered spans, itself the last of them."""
        return self._span(tenant, "", SESSION_CLOSE, at, 0, sequence=sequence, **more)[0]

    def write(self) -> None:
        """Put the steps into the store."""
        spans, calls = self.take()
        self._store.insert("spans", spans)
        self._store.insert("calls", calls)

    def take(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The rows of `spans` and `calls` that are still to be written, for a test that does."""
        taken = self._spans, self._calls
        self._spans, self._calls = [], []
        return taken

    def _span(
        self,
        tenant: str,
        step: str,
        name: str,
        at: float,
        lasts: float,
        *,
        parent: Ref | None = None,
        trace: int | None = None,
        session: str = "s-1",
        request: str = "REQ-1",
        agent: str = "assistant",
        identity: str = "agent:assistant",
        attestation: str = "A1",
        sequence: int = 0,
        principal: str = "",
        scope: str = "",
        kind: int = 0,
        links: Sequence[Ref] = (),
    ) -> tuple[Ref, dict[str, Any]]:
        number, self._next = self._next, self._next + 1
        trace_id = parent.trace_id if parent and trace is None else f"{trace or number:032x}"
        ref = Ref(trace_id, f"{number:016x}")
        start = START + timedelta(seconds=at)
        row: dict[str, Any] = {
            "tenant_id": tenant,
            "placement": own(tenant),
            "session_id": session,
            "request_id": request,
            "trace_id": bytes.fromhex(trace_id),
            "span_id": bytes.fromhex(ref.span_id),
            "parent_span_id": bytes.fromhex(parent.span_id) if parent else _NONE,
            "start_time": start,
            "end_time": start + timedelta(seconds=lasts),
            "received_at": start + timedelta(seconds=lasts),
            "name": name,
            "step": step,
            "agent": agent,
            "identity": identity,
            "principal": principal or f"agents@{tenant}",
            "attestation": attestation,
            "sequence": sequence,
            "scope_name": scope,
            "span_kind": kind,
            "links": [
                {
                    "trace_id": bytes.fromhex(link.trace_id),
                    "span_id": bytes.fromhex(link.span_id),
                    "trace_state": "",
                    "attributes": {},
                    "attribute_types": {},
                }
                for link in links
            ],
        }
        self._spans.append(row)
        return ref, row
