"""What the wing refuses, as one line and exit code 1.

Nothing heavy is imported: commands use this before they import what may be missing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ekpay_switch.cli.terminal import complain
from reconciliation.errors import ReconciliationError, UnreadableFileError

FAILED = 1


@contextmanager
def refusals(through: tuple[type[ReconciliationError], ...] = ()) -> Iterator[None]:
    """Turn a refusal of the wing, or a missing extra, into one line and exit code 1.

    What is to go `through` is reported by the command itself, such as a name that was typed wrongly.
    """
    try:
        yield
    except through:
        raise
    except ReconciliationError as problem:
        file = problem.file if isinstance(problem, UnreadableFileError) else ""
        complain(f"{file}: {problem}" if file else str(problem))
        raise typer.Exit(FAILED) from problem
    except ModuleNotFoundError as problem:
        complain(f"the extra reconciliation is not installed ({problem.name} is missing): run make setup")
        raise typer.Exit(FAILED) from problem
