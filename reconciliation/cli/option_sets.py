"""Options of a command as a dataclass, for commands with many of them."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

Options = TypeVar("Options")


def takes_options(options: type[Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Let Typer read the parameters of a command from the fields of a dataclass, its context among them.

    Each field is annotated as a parameter would be; the command gets one object that holds them all.
    """

    def dress(command: Callable[[Options], None]) -> Callable[..., None]:
        def dressed(**chosen: Any) -> None:  # noqa: ANN401 - Typer has checked them by the fields
            command(options(**chosen))

        # Typer reads the signature; `functools.wraps` would show it only the one parameter.
        dressed.__name__ = command.__name__
        dressed.__doc__ = command.__doc__
        dressed.__annotations__ = get_type_hints(options, include_extras=True)
        vars(dressed)["__signature__"] = inspect.signature(options)
        return dressed

    return dress
