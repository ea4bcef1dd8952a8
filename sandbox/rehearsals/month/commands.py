"""`ekpay sandbox month`: write a month to reconcile."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from sandbox.rehearsals.month.files.row_slots import UnluckyMonthError
from sandbox.rehearsals.month.generator import KEY, PAYMENTS_MAX, PAYMENTS_MIN, write_month

_PIPE_WIDTH = 140


def month(
    payments: Annotated[
        int, typer.Option(min=PAYMENTS_MIN, max=PAYMENTS_MAX, help="How many payments the month has.")
    ],
    out: Annotated[Path, typer.Option(file_okay=False, help="A new or empty folder.")],
    seed: Annotated[int, typer.Option(min=0, help="Decides every payment and everything that is wrong.")] = 1,
) -> None:
    """Write a month: our books, what every institution sent each night, and a sealed key of what is wrong.

    docs/protocols/reconciliation-month.md says what is in it; `ekpay reconcile month` reads it.
    """
    try:
        if out.exists() and any(out.iterdir()):
            raise typer.BadParameter(f"{out} is not empty", param_hint="--out")
        with Progress(console=_console(), transient=True) as progress:
            task = progress.add_task("payments", total=payments)
            written = write_month(payments, seed, out, lambda count: progress.advance(task, count))
    except UnluckyMonthError as error:
        typer.echo(f"{error.__doc__}", err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(f"cannot write: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(
        f"{written.payments:,} payments in {written.ledger_rows:,} ledger rows; "
        f"{written.seeded:,} findings are sealed in {out / KEY}"
    )


def _console() -> Console:
    console = Console(stderr=True)
    return console if console.is_terminal else Console(stderr=True, width=_PIPE_WIDTH)
