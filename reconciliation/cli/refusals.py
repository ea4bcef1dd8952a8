"""What the wing refuses, as one line and an exit code.

Nothing heavy is imported: commands use this before they import what may be missing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ekpay_switch.cli.terminal import complain
from reconciliation.errors import ReconciliationError, UnreadableFileError

FAILED = 1


@contextmanager
def refusals(
    through: tuple[type[ReconciliationError], ...] = (),
    *,
    others: tuple[type[Exception], ...] = (),
    ending: str = "",
    exit_code: int = FAILED,
) -> Iterator[None]:
    """Turn a refusal of the wing, or a missing extra, into one line and an exit code.

    What is to go `through` is reported by the command itself, such as a name that was typed wrongly. `others`
    are refusals of what the command stands on, such as the core, the disk or the database. `ending` stands
    behind every refusal, to say what stands all the same.
    """
    refused: tuple[type[Exception], ...] = (ReconciliationError, *others)
    try:
        yield
    except through:
        raise
    except refused as problem:
        complain(f"{_wording(problem)}{ending}")
        raise typer.Exit(exit_code) from problem
    except ModuleNotFoundError as problem:
        complain(f"the extra reconciliation is not installed ({problem.name} is missing): run make setup")
        raise typer.Exit(exit_code) from problem


def _wording(problem: Exception) -> str:
    if isinstance(problem, UnreadableFileError) and problem.file:
        return f"{problem.file}: {problem}"
    # The first line only: what a database adds below it quotes rows.
    return next(iter(str(problem).splitlines()), type(problem).__name__)
