"""The command `ekpay`: its commands put together, and the one place where an error becomes a line."""

import errno
import gc
import os
import sys
from collections.abc import Sequence
from pkgutil import resolve_name

import asyncpg
import typer
from sqlalchemy.exc import DBAPIError
from typer.exceptions import Abort, TyperException

from ekpay_switch.cli.operations.plugin_commands import add_plugin_commands, installed_apps
from ekpay_switch.cli.terminal import complain

TRACEBACK_VARIABLE = "EKPAY_TRACEBACK"
FAILED = 1
# Where each command stands. Only the one that is typed is imported: all of them take more than a second.
COMMANDS = {
    "serve": "ekpay_switch.cli.operations.serve:serve",
    "worker": "ekpay_switch.cli.operations.serve:worker",
    "migrate": "ekpay_switch.cli.operations.database:migrate",
    "backup": "ekpay_switch.cli.operations.backup:backup",
    "audit": "ekpay_switch.cli.operations.database:audit",
    "doctor": "ekpay_switch.cli.operations.doctor:doctor",
    "partner-crypto": "ekpay_switch.cli.parties.partner_crypto:partner_crypto",
}
GROUPS = {
    "payments": "ekpay_switch.cli.payments.commands:app",
    "refunds": "ekpay_switch.cli.refunds.commands:app",
    "disputes": "ekpay_switch.cli.disputes.commands:app",
    "receipts": "ekpay_switch.cli.payments.receipts:app",
    "partners": "ekpay_switch.cli.parties.partners:app",
    "merchants": "ekpay_switch.cli.merchants.commands:app",
    "notifications": "ekpay_switch.cli.notifications.commands:app",
    "alarms": "ekpay_switch.cli.alarms.commands:app",
    "decide": "ekpay_switch.cli.decisions.commands:app",
    "staff": "ekpay_switch.cli.parties.staff:app",
    "access": "ekpay_switch.cli.parties.access:app",
    "billers": "ekpay_switch.cli.billers.commands:app",
    "bills": "ekpay_switch.cli.payments.bills:app",
    "connectors": "ekpay_switch.cli.connectors.commands:app",
    "routing": "ekpay_switch.cli.routing.commands:app",
    "restore": "ekpay_switch.cli.operations.restore:app",
    "db": "ekpay_switch.cli.operations.database:app",
}
# What a wing's command gets as its context's object.
FINANCE = "ekpay_switch.cli.ledger.finance:OpenedFinance"
CORE = frozenset(COMMANDS | GROUPS)


def build(arguments: Sequence[str]) -> typer.Typer:
    """The application for these arguments: the command that leads them, or all where none does."""
    app = typer.Typer(
        name="ekpay",
        help="The payment switch: serve it, look into it, prove its books.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    # With a callback, a single command keeps its name.
    app.callback()(_take_no_options)
    leading = arguments[0] if arguments else ""
    points = () if leading in CORE else installed_apps()
    named = [point for point in points if point.name == leading]
    wanted = {leading} if leading in CORE or named else CORE
    for name, place in COMMANDS.items():
        if name in wanted:
            app.command(name)(resolve_name(place))
    for name, place in GROUPS.items():
        if name in wanted:
            app.add_typer(resolve_name(place), name=name)
    add_plugin_commands(app, named or points, CORE)
    return app


def _take_no_options() -> None:
    pass


def run() -> None:
    """Do what the command line says and leave: 0 done, 1 failed, 2 misused, each failure with one line."""
    arguments = sys.argv[1:]
    sys.exit(carry_out(build_without_collector(arguments), arguments))


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
        if problem.format_message().strip():
            complain(problem.format_message())
        return problem.exit_code
    except Abort:
        complain("stopped before anything was done")
        return FAILED
    except Exception as problem:  # noqa: BLE001 - the outermost place: nothing else would make a line of it
        return _report(problem)


def _exit_code(app: typer.Typer, arguments: Sequence[str]) -> int:
    command = typer.main.get_command(app)
    is_core = bool(arguments) and arguments[0] in CORE
    handed = None if is_core else resolve_name(FINANCE)()
    code = command.main(list(arguments), prog_name="ekpay", standalone_mode=False, obj=handed)
    return code if isinstance(code, int) else 0


def _report(problem: Exception) -> int:
    if isinstance(problem, OSError) and problem.errno == errno.EPIPE:
        # `ekpay payments list | head` has closed the pipe. Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    complain(error_line(problem))
    return FAILED


def error_line(problem: Exception) -> str:
    """An error as one line for the person who typed the command."""
    cause = problem.orig.__cause__ if isinstance(problem, DBAPIError) and problem.orig else problem
    if isinstance(cause, asyncpg.UndefinedTableError):
        return "the database has no tables yet: run ekpay migrate"
    if isinstance(cause, asyncpg.PostgresError | asyncpg.InterfaceError):
        # The first line only: the details that follow quote rows.
        return f"the database says: {str(cause).splitlines()[0]}"
    if isinstance(cause, ConnectionError | TimeoutError):
        return f"the database cannot be reached: {cause}"
    text = str(problem).strip() or _meaning(problem)
    if _is_own_error(problem) or isinstance(problem, OSError):
        return text
    return f"{type(problem).__name__}: {text} (set {TRACEBACK_VARIABLE}=1 to see where)"


def _is_own_error(problem: Exception) -> bool:
    return type(problem).__module__.startswith("ekpay_switch.") and bool(type(problem).__doc__)


def _meaning(problem: Exception) -> str:
    return (type(problem).__doc__ or type(problem).__name__).split("\n", 1)[0]
