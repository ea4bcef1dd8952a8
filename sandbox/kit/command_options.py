"""Options of a command as a dataclass, for commands that take more of them than a function should."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

Options = TypeVar("Options")


def with_options(options: type[Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Let Typer read the options of a command from the fields of a dataclass.

    Each field is annotated as a parameter would be; the command gets one object that holds them all.
    """

    def decorate(command: Callable[[Options], None]) -> Callable[..., None]:
        def decorated(**chosen: Any) -> None:  # noqa: ANN401 - Typer has checked them by the fields
            command(options(**chosen))

        # Where Typer looks; `functools.wraps` would show it the one parameter instead.
        decorated.__name__ = command.__name__
        decorated.__doc__ = command.__doc__
        decorated.__annotations__ = get_type_hints(options, include_extras=True)
        vars(decorated)["__signature__"] = inspect.signature(options)
        return decorated

    return decorate
