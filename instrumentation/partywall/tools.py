"""Tool calls and the datasets they touch: the `tool` decorator and `dataset`.

The span says which tool ran, on what, and whether it failed. What was passed in and what came back
is content, and no part of it.
"""

import inspect
import logging
import re
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Literal, ParamSpec, TypeVar, get_args, overload

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from partywall import attributes, conventions, settings
from partywall._wrap import check_function, wrap
from partywall.errors import BindingError
from partywall.sessions import current_session

P = ParamSpec("P")
R = TypeVar("R")

Operation = Literal["read", "write", "delete", "admin", "list", "send"]
OPERATIONS: Final[tuple[str, ...]] = get_args(Operation)

SCOPE: Final = "partywall"
"""Name of our instrumentation scope."""

LONGEST_ID: Final = 1024
"""A dataset id is cut here: an argument of any length may stand in a template."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")

log = logging.getLogger("partywall")
_tracer = trace.get_tracer(SCOPE)


@overload
def tool(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def tool(
    *, name: str | None = None, dataset: str | None = None, operation: Operation | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def tool(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    dataset: str | None = None,
    operation: Operation | None = None,
) -> Callable[P, R] | Callable[[Callable[P, R]], Callable[P, R]]:
    """Record each call of a function as a tool call: `@tool`, or `@tool(name=..., dataset=...)`.

    `name` is the tool's name (default: the function's), `dataset` what it reads or writes, which
    may name arguments (`"postgres://crm/acme.{table}"`), `operation` what it does to it (default
    for a dataset: `read`). Works on plain functions, coroutines and generators of both kinds.
    Inside a framework's own span for the same call the facts go there, and no second span is made.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        check_function(function)
        return wrap(function, _Tool(function, name, dataset, operation).scope)

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


class _Tool:
    """What the decorator knows about one function."""

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None,
        dataset: str | None,
        operation: str | None,
    ) -> None:
        self.name = name or getattr(function, "__name__", "")
        if not self.name:
            raise BindingError(f"{function!r} has no name: partywall.tool(name=...)")
        if operation is not None:
            _check_operation(operation)
        self.dataset = dataset or ""
        self.operation = operation or ("read" if dataset else "")
        self._arguments = _PLACEHOLDER.findall(self.dataset)
        self._signature = inspect.signature(function) if self._arguments else None
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
        dataset_id = self._dataset_id(args, kwargs)
        if self._is_framework_span(current):
            return self._annotating(current, dataset_id)
        return self._span(dataset_id)

    @contextmanager
    def _span(self, dataset_id: str) -> Generator[Context]:
        facts = dict(self._attributes)
        if dataset_id:
            facts[attributes.DATASET_ID] = dataset_id
            facts[attributes.DATASET_OPERATION] = self.operation
        elif self.operation:
            facts[attributes.OPERATION] = self.operation
        span = _tracer.start_span(self._span_name, kind=SpanKind.INTERNAL, attributes=facts)
        try:
            yield trace.set_span_in_context(span)
        except BaseException as error:
            _record(span, error)
            raise
        finally:
            span.end()

    @contextmanager
    def _annotating(self, span: Span, dataset_id: str) -> Generator[Context]:
        if dataset_id:
            _add_access(span, dataset_id, self.operation)
        elif self.operation:
            span.set_attribute(attributes.OPERATION, self.operation)
        try:
            yield trace.set_span_in_context(span)
        except BaseException as error:
            _record(span, error)
            raise

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

    def _dataset_id(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        if self._signature is None:
            return self.dataset
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError:
            return ""  # wrong arguments: the call itself will say so
        bound.apply_defaults()
        values = dict(bound.arguments)
        for parameter in self._signature.parameters.values():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                values.update(values.pop(parameter.name, {}))
        try:
            filled = _PLACEHOLDER.sub(lambda match: str(values.get(match[1], "")), self.dataset)
        except Exception:  # whatever an argument's __str__ raises; the tool itself may still run
            log.warning("%s: dataset=%r could not be filled in", self._span_name, self.dataset)
            return ""
        return filled[:LONGEST_ID]

    def _check_template(self) -> None:
        if self._signature is None:
            return
        parameters = self._signature.parameters
        if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
            return
        for argument in self._arguments:
            if argument not in parameters:
                raise BindingError(
                    f"dataset={self.dataset!r} names {{{argument}}}, which is no parameter of "
                    f"{self.name}({', '.join(parameters)})"
                )


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
