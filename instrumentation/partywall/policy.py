"""Policy decisions: made before a tool runs, obeyed or observed, recorded so as to be repeated.

A policy is anything with `decide(request) -> Decision`; `partywall.cedar.CedarPolicy` is one.
Whatever goes wrong with a policy is a decision too: `indeterminate`, which lets nothing run.
"""

import json
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Literal, Protocol, cast, get_args

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span
from opentelemetry.util.types import AttributeValue

from partywall import attributes
from partywall.errors import BindingError, PolicyDenied, PolicyError
from partywall.sessions import Session, current_session

log = logging.getLogger("partywall")

Effect = Literal["allow", "warn", "indeterminate", "deny"]
EFFECTS: Final[tuple[str, ...]] = get_args(Effect)
"""From the mildest to the strictest."""

RUNS: Final = ("allow", "warn")
"""What lets a tool run."""

LONGEST_REQUEST: Final = 16_384
"""Characters of a request; a longer one could not be recorded whole, so nothing decides on it."""

LONGEST_REASON: Final = 256
LONGEST_ID: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a policy decides on: the call and its session, no argument and no secret."""

    tool: str
    operation: str = ""
    dataset: str = ""
    parties: tuple[str, ...] = ()
    """Whom the call sends to or fetches from."""
    tenant: str = ""
    session: str = ""
    request: str = ""
    identity: str = ""
    on_behalf_of: str = ""
    actors: tuple[str, ...] = ()
    agent: str = ""
    approval: str = ""
    credential: str = ""
    credential_expires: int = 0
    """Unix milliseconds, as `time`; 0: not known."""
    time: int = 0

    def to_json(self) -> str:
        """The record of it; what is empty is left out."""
        said = {name: value for name, value in asdict(self).items() if value or name == "tool"}
        return json.dumps(said, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Request":
        """The request that a span recorded, to be decided again."""
        try:
            said: object = json.loads(text)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise PolicyError(f"{attributes.POLICY_REQUEST} holds no JSON object")
        known = cast(dict[str, Any], said)
        for name, value in known.items():
            if name not in _KINDS or type(value) is not _KINDS[name]:
                raise PolicyError(f"{attributes.POLICY_REQUEST}: {name!r} is not of a request")
        if "tool" not in known:
            raise PolicyError(f"{attributes.POLICY_REQUEST} names no tool")
        for name, value in known.items():
            if isinstance(value, list):
                known[name] = tuple(str(item) for item in cast(list[object], value))
        return cls(**known)


_KINDS: Final[dict[str, type]] = {
    field.name: {int: int, str: str}.get(cast(type, field.type), list) for field in fields(Request)
}
"""What JSON has for each part of a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a policy says about a request."""

    effect: Effect
    policies: tuple[str, ...] = ()
    """The ids of the policies that decided."""
    reason: str = ""
    digest: str = ""
    """SHA-256 of the text of the policies."""
    data: str = ""
    """SHA-256 of what they were read with."""
    engine: str = ""


class Policy(Protocol):
    """Whatever decides about tool calls; called in the thread or event loop of the call."""

    def decide(self, request: Request, /) -> Decision: ...


@dataclass(frozen=True, slots=True)
class Observed:
    """A policy whose decisions are recorded and not obeyed."""

    policy: Policy

    def decide(self, request: Request, /) -> Decision:
        """What the policy says."""
        return self.policy.decide(request)


_lock = threading.Lock()
_of_process: list[Policy] = []


def use(policy: Policy | None) -> None:
    """Ask `policy` before every `partywall.tool` of this process; `None` asks nobody."""
    if policy is not None:
        check_policy(policy)
    with _lock:
        _of_process[:] = [] if policy is None else [policy]


def check_policy(policy: object) -> None:
    """Refuse what is no policy, where it is given."""
    if isinstance(policy, type) or not callable(getattr(policy, "decide", None)):
        raise BindingError(f"policy={policy!r} is no policy: it has no method decide(request)")


def check(
    *,
    tool: str,
    dataset: str = "",
    operation: str = "",
    parties: Sequence[str] = (),
    policy: Policy | None = None,
    span: Span | None = None,
) -> None:
    """Ask the policies about one call, before it: raises `PolicyDenied` if it must not run.

    `partywall.tool` does this by itself; a gateway or a framework's own hook calls it. Asked are
    the process's policy (`use`) and `policy`; both must let the call run. The decisions go on
    `span` (default: the current one).
    """
    policies = [*_of_process, *([] if policy is None else [policy])]
    if not policies:
        return
    target = trace.get_current_span() if span is None else span
    request = _request(tool, dataset, operation, tuple(parties), current_session())
    text = _text(request)
    denied: tuple[Policy, Decision] | None = None
    for asked in policies:
        decided = _ask(asked, request, text)
        obeyed = not isinstance(asked, Observed)
        _record(target, decided, "enforce" if obeyed else "observe", text or "")
        if obeyed and decided.effect not in RUNS and denied is None:
            denied = asked, decided
    if denied is not None:
        raise PolicyDenied(_refusal(denied[1], request))


def decision(
    *, policy: str, decision: Literal["allow", "deny", "warn"], reason: str | None = None
) -> None:
    """Record on the current span what a policy of your own decided about this call.

    `policy` is its id, `reason` why in a few words, without personal data. The strictest of
    several decisions stands on the span; each is an event of it.
    """
    if not isinstance(policy, str) or not policy.strip():  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without types
        raise BindingError("policy is empty: partywall.decision(policy='retention-7', ...)")
    if decision not in ("allow", "deny", "warn"):
        raise BindingError(f"decision={decision!r} is not one of 'allow', 'deny', 'warn'")
    span = trace.get_current_span()
    if not span.get_span_context().is_valid:
        log.warning(
            "partywall.decision(policy=%r) was called where no span is current, so it is not "
            "recorded: call it inside a function decorated with @partywall.tool",
            policy[:LONGEST_ID],
        )
        return
    _record(span, Decision(effect=decision, policies=(policy,), reason=str(reason or "")), "", "")


def _request(
    tool: str, dataset: str, operation: str, parties: tuple[str, ...], session: Session | None
) -> Request:
    now = time.time_ns() // 1_000_000
    call = Request(tool=tool, dataset=dataset, operation=operation, parties=parties, time=now)
    if session is None:
        return call
    return replace(
        call,
        tenant=session.tenant,
        session=session.id,
        request=session.request,
        identity=session.identity,
        on_behalf_of=session.on_behalf_of,
        actors=session.actors,
        agent=session.agent,
        approval=session.approval,
        credential=session.credential,
        credential_expires=session.credential_expires,
    )


def _text(request: Request) -> str | None:
    """The record of a request, or nothing where it is too long to be one."""
    strings = [value for value in asdict(request).values() if isinstance(value, str)]
    if sum(map(len, (*strings, *request.actors, *request.parties))) > LONGEST_REQUEST:
        return None
    text = request.to_json()
    return text if len(text) <= LONGEST_REQUEST else None


def _ask(policy: Policy, request: Request, text: str | None) -> Decision:
    if not request.tenant:
        return _unclear("no session is open, so there is no tenant to decide for")
    if text is None:
        return _unclear(f"the request is longer than {LONGEST_REQUEST} characters")
    try:
        decided = policy.decide(request)
    except Exception as error:  # a policy that breaks lets nothing run
        return _unclear(f"the policy raised {type(error).__name__}")
    if not isinstance(decided, Decision) or decided.effect not in EFFECTS:  # pyright: ignore[reportUnnecessaryIsInstance]  # a policy of any make
        return _unclear("the policy returned no Decision")
    return decided


def _unclear(reason: str) -> Decision:
    return Decision(effect="indeterminate", reason=reason)


def _refusal(decided: Decision, request: Request) -> str:
    who = f"policy {', '.join(decided.policies)}" if decided.policies else "the policy"
    verb = "denies" if decided.effect == "deny" else "cannot decide on"
    why = f": {decided.reason[:LONGEST_REASON]}" if decided.reason else ""
    return f"{who} {verb} tool {request.tool!r} for tenant {request.tenant!r}{why}"


def _record(span: Span, decided: Decision, mode: str, request: str) -> None:
    """One event with the whole decision; the strictest one's outline as attributes."""
    outline: dict[str, AttributeValue] = {
        attributes.POLICY_DECISION: decided.effect,
        attributes.POLICY_ID: ",".join(decided.policies)[:LONGEST_ID],
        attributes.POLICY_MODE: mode,
        attributes.POLICY_REASON: decided.reason[:LONGEST_REASON],
    }
    whole = {
        **outline,
        attributes.POLICY_DIGEST: decided.digest,
        attributes.POLICY_DATA: decided.data,
        attributes.POLICY_ENGINE: decided.engine,
        attributes.POLICY_REQUEST: request,
    }
    try:
        if not span.is_recording():
            return
        span.add_event(
            attributes.POLICY_DECIDED, {name: value for name, value in whole.items() if value}
        )
        before: Mapping[str, AttributeValue] = (
            span.attributes or {} if isinstance(span, ReadableSpan) else {}
        )
        if _strictness(decided.effect) >= _strictness(before.get(attributes.POLICY_DECISION)):
            span.set_attributes(
                {name: value for name, value in outline.items() if value or name in before}
            )
    except Exception:  # nothing of ours may break the agent
        log.exception("a policy decision could not be recorded")


def _strictness(effect: object) -> int:
    return EFFECTS.index(effect) if effect in EFFECTS else -1
