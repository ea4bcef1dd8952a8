"""Any error as one line for the person who typed the command."""

import asyncpg
from sqlalchemy.exc import DBAPIError

from ekpay_switch.cli.main import TRACEBACK_VARIABLE


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
