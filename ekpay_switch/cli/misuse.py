"""What was typed wrongly as one line: all that is missing with an example, or the form of a wrong value.

Typer's own words stop at the first thing that is missing, and show what a parser says of a value.
"""

from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import typer
from typer.exceptions import TyperException

# Names of before, each with the one name that the idea has now (docs/adr/0110).
FORMER_NAMES: Final = {
    "--as": "--by", "--asked-by": "--by", "--rejected-by": "--by", "--approved-by": "--by",
    "--from": "--since", "--to": "--until", "--count": "--limit", "--why": "--reason",
    "--form": "--format", "--pdf": "--out",
}  # fmt: skip
# What an example says for a value whose option names no form of its own.
_PLACEHOLDERS: Final = {"--by": "NAME", "--approved-by": "NAME", "--out": "FILE"}
_FORMS: Final = {
    UUID: ("ID", "an id such as 01a226cb-60f6-7084-ab82-1d332c5cb031"),
    datetime: ("DATE", "a date such as 2026-04-05"),
    Path: ("FILE", "the name of a file"),
    int: ("NUMBER", "a whole number"),
    float: ("NUMBER", "a number"),
}
_PLAIN: Final = ("TEXT", "a text")
# More choices than these are left to the help.
_CHOICES_MAX: Final = 12
_PYDANTIC_PREFIX: Final = "Value error, "


def misuse_line(problem: TyperException) -> str:
    """The line for somebody who typed a command wrongly; never what a parser has said of a value."""
    former = getattr(problem, "option_name", None)
    context: Any = getattr(problem, "ctx", None)
    if former is not None and context is not None and _is_renamed(former, context):
        return f"No such option: {former}; it is {FORMER_NAMES[former]} now"
    if not isinstance(problem, typer.BadParameter) or problem.param is None or context is None:
        return problem.format_message()
    if not problem.message and problem.param.required:
        return _missing_line(context)
    if type(problem.__cause__).__name__ == "ValidationError" and problem.param.type_descriptor is not None:
        problem.message = _wrong_value(problem.param, problem.message)
    return problem.format_message()


def _is_renamed(former: str, context: Any) -> bool:  # noqa: ANN401 - Typer's own context has no public type
    return any(FORMER_NAMES.get(former) in param.opts for param in context.command.params)


def _missing_line(context: Any) -> str:  # noqa: ANN401
    """Everything that is missing, and how the whole command is typed."""
    required = [param for param in context.command.params if param.required]
    missing = [usage_of(param) for param in required if param.name not in context.params]
    example = " ".join([context.command_path, *map(usage_of, required)])
    return f"Missing {', '.join(missing)}. Type: {example}"


def usage_of(param: Any) -> str:  # noqa: ANN401
    """How a parameter is typed in an example: `PAYMENT`, or `--by NAME`."""
    if param.param_type_name == "argument":
        return str(param.metavar or param.name.upper())
    return f"{param.opts[0]} {param.metavar or _placeholder(param)}"


def _placeholder(param: Any) -> str:  # noqa: ANN401
    descriptor = param.type_descriptor
    if descriptor.is_choice:
        return "|".join(_choices(descriptor))
    return _PLACEHOLDERS.get(param.opts[0], _FORMS.get(_one_type(descriptor), _PLAIN)[0])


def _wrong_value(param: Any, message: str) -> str:  # noqa: ANN401
    descriptor = param.type_descriptor
    if descriptor.is_choice:
        choices = _choices(descriptor)
        known = ", ".join(choices[:_CHOICES_MAX])
        return f"not one of {known}{', … (see --help)' if len(choices) > _CHOICES_MAX else ''}"
    kind = _one_type(descriptor)
    if kind not in _FORMS:
        return message.removeprefix(_PYDANTIC_PREFIX)
    return f"not {_FORMS[kind][1]}{_time_form(descriptor) if kind is datetime else _bounds(descriptor)}"


def _choices(descriptor: Any) -> list[str]:  # noqa: ANN401
    return [str(getattr(choice, "value", choice)) for choice in descriptor.choices]


def _one_type(descriptor: Any) -> Any:  # noqa: ANN401
    """The type of one value, also of an option that may be given again."""
    return descriptor.annotation.__args__[0] if descriptor.is_list else descriptor.annotation


def _time_form(descriptor: Any) -> str:  # noqa: ANN401
    """Whether a time of day may follow the date."""
    formats = descriptor.parameter_info.formats or ()
    return " or 2026-04-05T10:30:00" if any("%H" in form for form in formats) else ""


def _bounds(descriptor: Any) -> str:  # noqa: ANN401
    least, most = descriptor.parameter_info.min, descriptor.parameter_info.max
    words = (f"at least {least}" if least is not None else "", f"at most {most}" if most is not None else "")
    named = " and ".join(word for word in words if word)
    return f" of {named}" if named else ""
