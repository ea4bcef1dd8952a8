"""The command `ekpay`: its commands put together, and the one place where an error becomes a line."""

import errno
import os
import sys
from collections.abc import Sequence

import asyncpg
import typer
from sqlalchemy.exc import DBAPIError
from typer.exceptions import Abort, TyperException

from ekpay_switch.cli.billers import commands as billers
from ekpay_switch.cli.connectors import commands as connectors
from ekpay_switch.cli.ledger.finance import OpenedFinance
from ekpay_switch.cli.merchants import commands as merchants
from ekpay_switch.cli.notifications import commands as notifications
from ekpay_switch.cli.operations import database
from ekpay_switch.cli.operations import serve as serving
from ekpay_switch.cli.operations.doctor import doctor
from ekpay_switch.cli.operations.plugin_commands import add_plugin_commands, installed_apps
from ekpay_switch.cli.parties import partners, staff
from ekpay_switch.cli.parties.partner_crypto import partner_crypto
from ekpay_switch.cli.payments import bills, receipts
from ekpay_switch.cli.payments import commands as payments
from ekpay_switch.cli.refunds import commands as refunds
from ekpay_switch.cli.routing import commands as routing
from ekpay_switch.cli.terminal import complain

TRACEBACK_VARIABLE = "EKPAY_TRACEBACK"
FAILED = 1
_COMMANDS = {
    "serve": serving.serve,
    "worker": serving.worker,
    "migrate": database.migrate,
    "audit": database.audit,
    "doctor": doctor,
    "partner-crypto": partner_crypto,
}
_GROUPS = {
    "payments": payments.app,
    "refunds": refunds.app,
    "receipts": receipts.app,
    "partners": partners.app,
    "merchants": merchants.app,
    "notifications": notifications.app,
    "staff": staff.app,
    "billers": billers.app,
    "bills": bills.app,
    "connectors": connectors.app,
    "routing": routing.app,
    "db": database.app,
}
CORE = frozenset(_COMMANDS | _GROUPS)


def build(arguments: Sequence[str]) -> typer.Typer:
    """The application for these arguments; other packages are loaded unless the core's own word leads."""
    app = typer.Typer(
        name="ekpay",
        help="The payment switch: serve it, look into it, prove its books.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for name, command in _COMMANDS.items():
        app.command(name)(command)
    for name, group in _GROUPS.items():
        app.add_typer(group, name=name)
    if not arguments or arguments[0] not in CORE:
        add_plugin_commands(app, installed_apps(), CORE)
    return app


def run() -> None:
    """Do what the command line says and leave: 0 done, 1 failed, 2 misused, each failure with one line."""
    arguments = sys.argv[1:]
    sys.exit(carry_out(build(arguments), arguments))


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
    code = command.main(list(arguments), prog_name="ekpay", standalone_mode=False, obj=OpenedFinance())
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
