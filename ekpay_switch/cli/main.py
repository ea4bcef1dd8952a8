"""The command `ekpay`: its commands put together, and the one place where an error becomes a line."""

import errno
import gc
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pkgutil import resolve_name
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from ekpay_switch.cli.command_table import CORE, FINANCE, FREQUENT, GROUPS, Heading
from ekpay_switch.cli.misuse import misuse_line
from ekpay_switch.cli.operations.plugin_commands import (
    Listing,
    add_plugin_commands,
    installed_apps,
    is_reserved,
    listing_of,
)
from ekpay_switch.cli.terminal import complain

TRACEBACK_VARIABLE = "EKPAY_TRACEBACK"
FAILED = 1
ERROR_LINE = "ekpay_switch.cli.error_lines:error_line"
# Where the completion of a shell passes on what is typed so far: bash, then the other shells.
_COMPLETING = "_EKPAY_COMPLETE"
_TYPED_SO_FAR = ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")


def build(arguments: Sequence[str]) -> typer.Typer:
    """The application for these arguments: the command that leads them, or the list where none does."""
    leading = arguments[0] if arguments else ""
    app = _empty_app()
    if tuple(arguments[:2]) in FREQUENT:
        _add_frequent_command(app, *arguments[:2])
        return app
    if leading in CORE:
        _add_core_command(app, leading)
        return app
    points = installed_apps()
    named = [point for point in points if point.name == leading]
    if named:
        add_plugin_commands(app, named, CORE)
        return app
    _list_commands(app)
    return app


def _empty_app() -> typer.Typer:
    app = typer.Typer(
        name="ekpay",
        help="The payment switch: serve it, look into it, prove its books.",
        epilog="ekpay COMMAND --help explains each. To begin: ekpay run",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    # With a callback, a single command keeps its name.
    app.callback()(_take_options)
    return app


def _add_core_command(app: typer.Typer, name: str) -> None:
    loaded = resolve_name(CORE[name].place)
    if name in GROUPS:
        app.add_typer(loaded, name=name)
    else:
        app.command(name)(loaded)


def _add_frequent_command(app: typer.Typer, group: str, name: str) -> None:
    of_group = typer.Typer()
    of_group.callback()(_take_nothing)
    of_group.command(name)(resolve_name(FREQUENT[group, name]))
    app.add_typer(of_group, name=group)


def _list_commands(app: typer.Typer) -> None:
    """Add each command by its name and summary alone, in the order of the headings."""
    listed = {name: Listing(known.heading, known.summary) for name, known in CORE.items()}
    for point in installed_apps():
        if not is_reserved(point, CORE):
            listed[point.name] = listing_of(point)
    order = {str(heading): place for place, heading in enumerate(Heading)}
    for name, listing in sorted(listed.items(), key=lambda item: order.get(item[1].heading, len(order))):
        app.command(name, help=listing.summary, rich_help_panel=listing.heading)(_not_loaded)


def _take_nothing() -> None:
    pass


def _not_loaded() -> None:
    raise AssertionError("whoever types the command has it loaded")


def _print_version(is_wanted: bool) -> None:  # noqa: FBT001 - typer hands the option's value over
    if is_wanted:
        typer.echo(f"ekpay {version('ekpay_switch')}")
        raise typer.Exit


def _take_options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def typed_arguments(arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """What was typed behind `ekpay`; where a shell asks for a completion, what is typed so far."""
    for name in _TYPED_SO_FAR:
        if _COMPLETING in environment and environment.get(name):
            return _words(environment[name])[1:]
    return list(arguments)


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quote that is still open
        return line.split()


def run() -> None:
    """Do what the command line says and leave: 0 done, 1 failed, 2 misused, each failure with one line."""
    arguments = sys.argv[1:]
    typed = typed_arguments(arguments, os.environ)
    sys.exit(carry_out(build_without_collector(typed), arguments))


def build_without_collector(arguments: Sequence[str]) -> typer.Typer:
    """`build` for a process that does one command: the garbage collector passes over all that is imported.

    What is imported stays until the process ends. Walks over it took a seventh of the start of a command.
    """
    gc.disable()
    try:
        return build(arguments)
    finally:
        gc.freeze()
        gc.enable()


def carry_out(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run one command and say how it ended, as an exit code."""
    if os.environ.get(TRACEBACK_VARIABLE):
        return _exit_code(app, arguments)
    try:
        return _exit_code(app, arguments)
    except TyperException as problem:
        # Without arguments the help was the answer, and there is nothing to add.
        line = misuse_line(problem)
        if line.strip():
            complain(line)
        return problem.exit_code
    except Abort:
        complain("stopped before anything was done")
        return FAILED
    except Exception as problem:  # noqa: BLE001 - the outermost place: nothing else would make a line of it
        return _report(problem)


def _exit_code(app: typer.Typer, arguments: Sequence[str]) -> int:
    command = typer.main.get_command(app)
    leading = arguments[0] if arguments else "--help"
    is_plugin = leading not in CORE and not leading.startswith("-")
    handed = resolve_name(FINANCE)() if is_plugin else None
    code = command.main(list(arguments), prog_name="ekpay", standalone_mode=False, obj=handed)
    return code if isinstance(code, int) else 0


def _report(problem: Exception) -> int:
    if isinstance(problem, OSError) and problem.errno == errno.EPIPE:
        # `ekpay payments list | head` has closed the pipe. Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    # Imported for an error alone: SQLAlchemy takes longer than the whole list of commands.
    complain(resolve_name(ERROR_LINE)(problem))
    return FAILED
