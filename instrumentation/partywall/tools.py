"""Tool calls and the datasets they touch: the `tool` decorator and `dataset`.

The span says which tool ran, on what, for whom, and whether it failed. What was passed in and what
came back is content and no part of it: keyed fingerprints of the identifiers in it are.
"""

import inspect
import logging
import re
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar, cast, get_args, overload

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from partywall import (
    attributes,
    conventions,
    fingerprints,
    identifiers,
    introductions,
    objects,
    settings,
    tool_rules,
)
from partywall import policy as policies
from partywall._wrap import check_function, wrap
from partywall.datasets import LONGEST_ID, Operation
from partywall.errors import BindingError
from partywall.facts import add_values
from partywall.fingerprint_keys import in_force
from partywall.sessions import current_session
from partywall.tool_rules import MOST_PARTIES, PARTY_KINDS, Arguments, ToolRule

P = ParamSpec("P")
R = TypeVar("R")

OPERATIONS: Final[tuple[str, ...]] = get_args(Operation)

SCOPE: Final = "partywall"
"""Name of our instrumentation scope."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")

_ARGUMENTS: Final = context_api.create_key("partywall-arguments")
"""What the tool that runs was given, for as long as it runs."""

log = logging.getLogger("partywall")
_tracer = trace.get_tracer(SCOPE)


@overload
def tool(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def tool(
    *,
    name: str | None = None,
    dataset: str | None = None,
    operation: Operation | None = None,
    party: str | None = None,
    party_kind: str | None = None,
    policy: policies.Policy | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def tool(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    dataset: str | None = None,
    operation: Operation | None = None,
    party: str | None = None,
    party_kind: str | None = None,
    policy: policies.Policy | None = None,
) -> Callable[P, R] | Callable[[Callable[P, R]], Callable[P, R]]:
    """Record each call of a function as a tool call: `@tool`, or `@tool(name=..., dataset=...)`.

    `name` is the tool's name (default: the function's), `dataset` what it reads or writes, which
    may name arguments (`"postgres://crm/acme.{table}"`), `operation` what it does to it (default
    for a dataset: `read`, for a party: `send`). `party` is whom it sends to or fetches from
    (`"{recipient}"`, where the argument may be a list), of the kind `party_kind` (`email`, `iban`,
    `url`, `phone`, `user`), `policy` what must allow a call before it runs.
    Works on plain functions, coroutines and generators of both kinds.
    Inside a framework's own span for the same call the facts go there, and no second span is made.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        check_function(function)
        declared = _Tool(function, name, dataset, operation, party, party_kind, policy)
        return wrap(function, declared.scope, declared.returned)

    return decorate if function is None else decorate(function)


def dataset(id: str, operation: Operation = "read") -> None:
    """Say that the current span reads or writes the dataset `id`; call it once for each dataset."""
    if not id.strip():
        raise BindingError("the dataset's id is empty: partywall.dataset('postgres://host/table')")
    _check_operation(operation)
    span = trace.get_current_span()
    if span.get_span_context().is_valid:
        _add_access(span, id, operation)
    else:
        log.warning(
            "partywall.dataset(%r) was called where no span is current, so it is not recorded: "
            "call it inside a function decorated with @partywall.tool",
            id,
        )


class _Call(NamedTuple):
    """What one call does, to which datasets, and whom it reaches."""

    operation: str
    datasets: tuple[str, ...]
    parties: tuple[str, ...]
    party_kind: str


class _Tool:
    """What the decorator knows about one function."""

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None,
        dataset: str | None,
        operation: str | None,
        party: str | None,
        party_kind: str | None,
        policy: policies.Policy | None,
    ) -> None:
        self.name = name or getattr(function, "__name__", "")
        if not self.name:
            raise BindingError(f"{function!r} has no name: partywall.tool(name=...)")
        if operation is not None:
            _check_operation(operation)
        if policy is not None:
            policies.check_policy(policy)
        self.policy = policy
        self.dataset = dataset or ""
        self.party = party or ""
        self.party_kind = party_kind or ""
        if bool(self.party) != bool(self.party_kind):
            raise BindingError(
                f"{self.name}: party and party_kind go together: "
                'partywall.tool(party="{recipient}", party_kind="email")'
            )
        if self.party and self.party_kind not in PARTY_KINDS:
            raise BindingError(
                f"party_kind={party_kind!r} is not one of {', '.join(map(repr, PARTY_KINDS))}"
            )
        self.operation = operation or ("read" if dataset else "send" if party else "")
        self._function = function
        self._is_template = bool(_PLACEHOLDER.search(self.dataset + self.party))
        self._check_template()
        self._span_name = f"execute_tool {self.name}"
        self._attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": self.name,
            "gen_ai.tool.type": "function",
        }

    def scope(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AbstractContextManager[Context]:
        """The block in which one call runs."""
        if settings.STRICT.flag() and current_session() is None:
            raise BindingError(
                f"tool {self.name!r} was called outside a session, which strict mode refuses: "
                "open partywall.session(tenant=...) around the agent's run"
            )
        current = trace.get_current_span()
        call = self._call(args, kwargs)
        said = [value for value in (*args, *kwargs.values()) if objects.is_said(value)]
        facts = self._facts(call, said)
        context = context_api.set_value(_ARGUMENTS, said)
        if self._is_framework_span(current):
            return self._annotating(current, context, call, facts)
        return self._span(context, call, facts)

    def returned(self, context: Context, result: object) -> None:
        """Take the fingerprints of what a call returned, and whom it brings in."""
        keys = in_force()
        span = trace.get_current_span(context)
        if isinstance(keys, str) or not span.is_recording():
            return
        try:
            facts: dict[str, AttributeValue] = {}
            values = fingerprints.of_object((keys.results,), result)
            add_values(facts, attributes.VALUES_OUT, values, keys)
            if before := _number(span, attributes.VALUES_DROPPED):
                dropped = cast(int, facts.get(attributes.VALUES_DROPPED, 0))
                facts[attributes.VALUES_DROPPED] = before + dropped
            arguments = objects.as_json(context_api.get_value(_ARGUMENTS, context))
            brought = objects.as_json(result)
            rule = tool_rules.rule_of(self.name)
            writers = rule.writers if rule else introductions.NOBODY
            facts |= introductions.result_facts(keys.results.secret, arguments, brought, writers)
            facts[attributes.VALUES_EPOCH] = keys.epochs
            span.set_attributes(facts)
        except Exception:  # nothing of ours may break the tool
            span.set_attribute(attributes.VALUES_MISSING, "error")

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call:
        """What one call touches: as the decorator says, and where it is silent, the registry."""
        rule = tool_rules.rule_of(self.name)
        values = self._bound(args, kwargs) if self._is_template or rule else {}
        dataset_id = self._filled("dataset", self.dataset, values)[:LONGEST_ID]
        said = _Call(
            self.operation,
            (dataset_id,) if dataset_id else (),
            tuple(self._parties(values)),
            self.party_kind,
        )
        return self._ruled(rule, said, values) if rule else said

    def _ruled(self, rule: ToolRule, said: _Call, values: dict[str, Any]) -> _Call:
        given = {name: values[name] for name in rule.arguments if name in values}
        arguments = Arguments(objects.as_json(given))
        operation = said.operation or rule.done(arguments)
        if not self.dataset:
            accesses = rule.accesses(arguments, operation)
            said = said._replace(datasets=tuple(access.dataset for access in accesses))
        if not self.party:
            parties = tuple(rule.parties(arguments))
            said = said._replace(parties=parties, party_kind=rule.party_kind)
        return said._replace(operation=operation)

    def _facts(self, call: _Call, said: list[Any]) -> dict[str, AttributeValue]:
        """The party, the fingerprints of the arguments and the terms in them."""
        facts: dict[str, AttributeValue] = {}
        if call.parties:
            facts[attributes.PARTY_KIND] = call.party_kind
            one = len(call.parties) == 1
            facts[attributes.PARTY_ID] = call.parties[0] if one else call.parties
        keys = in_force()
        if isinstance(keys, str):
            facts[attributes.VALUES_MISSING] = keys
            return facts
        if said:
            try:
                taken = fingerprints.of_object(keys.arguments, said)
                add_values(facts, attributes.VALUES_IN, taken, keys)
                words = objects.as_json(said)
                facts |= introductions.argument_facts(keys.results.secret, words)
                facts[attributes.VALUES_EPOCH] = keys.epochs
            except Exception:  # nothing of ours may break the tool
                facts[attributes.VALUES_MISSING] = "error"
        return facts

    @contextmanager
    def _span(
        self, context: Context, call: _Call, found: dict[str, AttributeValue]
    ) -> Generator[Context]:
        facts = self._attributes | found
        if call.datasets:
            facts[attributes.DATASET_ID] = call.datasets[0]
            facts[attributes.DATASET_OPERATION] = call.operation
        elif call.operation:
            facts[attributes.OPERATION] = call.operation
        span = _tracer.start_span(self._span_name, kind=SpanKind.INTERNAL, attributes=facts)
        for dataset_id in call.datasets[1:]:
            _add_access(span, dataset_id, call.operation)
        try:
            self._ask_policy(span, call)
            yield trace.set_span_in_context(span, context)
        except BaseException as error:
            _record(span, error)
            raise
        finally:
            span.end()

    @contextmanager
    def _annotating(
        self, span: Span, context: Context, call: _Call, facts: dict[str, AttributeValue]
    ) -> Generator[Context]:
        for dataset_id in call.datasets:
            _add_access(span, dataset_id, call.operation)
        if call.operation and not call.datasets:
            span.set_attribute(attributes.OPERATION, call.operation)
        span.set_attributes(facts)
        try:
            self._ask_policy(span, call)
            yield trace.set_span_in_context(span, context)
        except BaseException as error:
            _record(span, error)
            raise

    def _ask_policy(self, span: Span, call: _Call) -> None:
        # Where the template could not be filled in, no policy takes it for a call without one.
        for dataset_id in call.datasets or (self.dataset,):
            policies.check(
                tool=self.name,
                dataset=dataset_id,
                operation=call.operation,
                parties=call.parties,
                policy=self.policy,
                span=span,
            )

    def _is_framework_span(self, span: Span) -> bool:
        """Whether the framework has opened a span for this very call already."""
        if not isinstance(span, ReadableSpan) or not span.is_recording():
            return False
        scope = span.instrumentation_scope
        if scope is not None and scope.name == SCOPE:
            return False  # our own span of that name: a tool that calls itself
        known = span.attributes or {}
        return (
            conventions.step(span.name, known) == "tool"
            and conventions.first(known, conventions.TOOL_NAME) == self.name
        )

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name, where a template or a rule needs them."""
        try:
            bound = self._signature.bind(*args, **kwargs)
        except (TypeError, ValueError):
            return {}  # wrong arguments, of which the call itself will say so; or no signature
        bound.apply_defaults()
        values = dict(bound.arguments)
        for parameter in self._signature.parameters.values():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                values.update(values.pop(parameter.name, {}))
        return values

    def _parties(self, values: dict[str, Any]) -> list[str]:
        """Whom the call reaches; each item of a list is one text."""
        whole = _PLACEHOLDER.fullmatch(self.party)
        value = values.get(whole[1]) if whole else None
        if isinstance(value, list | tuple | set):
            items = [str(item) for item in list(cast(list[object], value))[:MOST_PARTIES]]
        else:
            items = [self._filled("party", self.party, values)]
        found = [
            party[:LONGEST_ID]
            for item in items
            for party in identifiers.values_of(self.party_kind, item[: fingerprints.LONGEST])
        ]
        return list(dict.fromkeys(found))[:MOST_PARTIES]

    def _filled(self, what: str, template: str, values: dict[str, Any]) -> str:
        """The template with its arguments; empty where it names some and none is there."""
        named = _PLACEHOLDER.findall(template)
        if named and not values:
            return ""
        try:
            return _PLACEHOLDER.sub(lambda match: _text(values.get(match[1])), template)
        except Exception:  # whatever an argument's __str__ raises; the tool itself may still run
            log.warning("%s: %s=%r could not be filled in", self._span_name, what, template)
            return ""

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self._function)

    def _check_template(self) -> None:
        if not self._is_template:
            return
        parameters = self._signature.parameters
        if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
            return
        for what, template in (("dataset", self.dataset), ("party", self.party)):
            for argument in _PLACEHOLDER.findall(template):
                if argument not in parameters:
                    raise BindingError(
                        f"{what}={template!r} names {{{argument}}}, which is no parameter of "
                        f"{self.name}({', '.join(parameters)})"
                    )


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _number(span: Span, name: str) -> int:
    said = span.attributes if isinstance(span, ReadableSpan) else None
    value = (said or {}).get(name)
    return value if isinstance(value, int) else 0


def _add_access(span: Span, dataset_id: str, operation: str) -> None:
    span.add_event(
        attributes.DATASET_ACCESS,
        {attributes.DATASET_ID: dataset_id, attributes.DATASET_OPERATION: operation},
    )


def _record(span: Span, error: BaseException) -> None:
    """Mark the span as failed; the exception's message is content, its type is not."""
    if isinstance(error, GeneratorExit):
        return  # the consumer has had enough
    kind = type(error)
    full_name = kind.__qualname__
    if kind.__module__ != "builtins":
        full_name = f"{kind.__module__}.{full_name}"
    span.set_attribute("error.type", full_name)
    span.set_status(Status(StatusCode.ERROR))


def _check_operation(operation: str) -> None:
    if operation not in OPERATIONS:
        raise BindingError(
            f"operation={operation!r} is not one of {', '.join(map(repr, OPERATIONS))}"
        )
