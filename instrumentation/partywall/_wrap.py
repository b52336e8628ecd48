"""Runs a function of any kind inside a scope: plain, coroutine, generator or async generator.

A scope is a context manager that yields the OpenTelemetry context to run in. A generator's code
runs only while it is being advanced, so its context is attached for each step and taken off before
the yield: attached once, it would leak into the caller.
"""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ParamSpec, TypeVar, cast

from opentelemetry import context as context_api
from opentelemetry.context import Context

from partywall.errors import BindingError

P = ParamSpec("P")
R = TypeVar("R")

OpenScope = Callable[[tuple[Any, ...], dict[str, Any]], AbstractContextManager[Context]]
Returned = Callable[[Context, object], None]
"""Is told what a function returned, still inside the scope; a generator's items are not told."""


def _ignore(context: Context, result: object) -> None:
    """Nobody wants to know."""


@contextmanager
def attached(context: Context) -> Generator[None]:
    """Make `context` the current one inside the block."""
    token = context_api.attach(context)
    try:
        yield
    finally:
        context_api.detach(token)


def check_function(function: object) -> None:
    """Refuse what looks like a function and is not: it would run outside the scope."""
    kind = type(function)
    if not callable(function) or issubclass(kind, type | staticmethod | classmethod):
        raise BindingError(
            f"a {kind.__name__} is not a function: put the decorator right "
            "above the `def`, below @staticmethod, @classmethod and a framework's own decorator"
        )


def wrap(
    function: Callable[P, R], open_scope: OpenScope, returned: Returned = _ignore
) -> Callable[P, R]:
    """`function`, each call of it inside the scope that `open_scope(args, kwargs)` opens."""
    check_function(function)
    if inspect.isasyncgenfunction(function):
        wrapped = _async_generator(function, open_scope)
    elif inspect.isgeneratorfunction(function):
        wrapped = _generator(function, open_scope)
    elif inspect.iscoroutinefunction(function):
        wrapped = _coroutine(function, open_scope, returned)
    else:
        wrapped = _plain(function, open_scope, returned)
    return cast(Callable[P, R], functools.wraps(function)(wrapped))


def _plain(
    function: Callable[..., Any], open_scope: OpenScope, returned: Returned
) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with open_scope(args, kwargs) as context, attached(context):
            result = function(*args, **kwargs)
            returned(context, result)
            return result

    return call


def _coroutine(
    function: Callable[..., Any], open_scope: OpenScope, returned: Returned
) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with open_scope(args, kwargs) as context, attached(context):
            result = await function(*args, **kwargs)
            returned(context, result)
            return result

    return call


def _generator(function: Callable[..., Any], open_scope: OpenScope) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with open_scope(args, kwargs) as context:
            generator = function(*args, **kwargs)
            advance: Callable[[Any], Any] = generator.send
            value: Any = None
            while True:
                with attached(context):
                    try:
                        item = advance(value)
                    except StopIteration as stop:
                        return stop.value
                    # Spans that the generator keeps open over the yield stay current inside it.
                    context = context_api.get_current()
                try:
                    value = yield item
                    advance = generator.send
                except GeneratorExit:
                    with attached(context):
                        generator.close()
                    raise
                except BaseException as error:
                    advance, value = generator.throw, error

    return call


def _async_generator(function: Callable[..., Any], open_scope: OpenScope) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        with open_scope(args, kwargs) as context:
            generator = function(*args, **kwargs)
            advance: Callable[[Any], Any] = generator.asend
            value: Any = None
            while True:
                with attached(context):
                    try:
                        item = await advance(value)
                    except StopAsyncIteration:
                        return
                    context = context_api.get_current()
                try:
                    value = yield item
                    advance = generator.asend
                except GeneratorExit:
                    with attached(context):
                        await generator.aclose()
                    raise
                except BaseException as error:
                    advance, value = generator.athrow, error

    return call
