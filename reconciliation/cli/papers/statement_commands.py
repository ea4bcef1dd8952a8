"""`ekpay report statement`: what a partner, merchant or payee gets for a period."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ekpay_switch.ports.finance import Connection
from reconciliation.cli.papers.paper_options import (
    First,
    Last,
    Month,
    Out,
    chosen_period,
    run_in_snapshot,
    say_provisional,
    show_files,
)


class StatementForm(StrEnum):
    """What a statement is written as."""

    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"


def register(app: typer.Typer) -> None:
    """Add the command to those of reports."""
    app.command("statement")(statement)


def statement(
    context: typer.Context,
    party: Annotated[str, typer.Argument(help="partner:ID, merchant:ID, payee:MERCHANT:CODE or agent:ID.")],
    out: Out,
    month: Month = None,
    first: First = None,
    last: Last = None,
    *,
    form: Annotated[
        list[StatementForm] | None, typer.Option("--format", help="All by default; may be given again.")
    ] = None,
) -> None:
    """Leave a party's statement of a period in English and Bangla; it equals the ledger to the paisa."""
    period = chosen_period(month, first, last)
    forms = [choice.value for choice in form or list(StatementForm)]

    async def _leave(connection: Connection) -> tuple[bool, list[Path]]:
        from reconciliation.papers.statement import statement_of  # noqa: PLC0415 - heavy
        from reconciliation.papers.statement_paper import write_statement  # noqa: PLC0415 - heavy
        from reconciliation.papers.statement_party import find_party  # noqa: PLC0415 - heavy
        from reconciliation.papers.trial_balance import read_trial_balance  # noqa: PLC0415 - heavy
        from reconciliation.papers.written_files import written_files  # noqa: PLC0415 - heavy

        found = await find_party(connection, party)
        trial_balance = await read_trial_balance(connection, period)
        with written_files(out) as files:
            await write_statement(connection, statement_of(found, trial_balance), files, forms)
        return trial_balance.is_final, files.paths

    is_final, paths = run_in_snapshot(context, _leave)
    show_files(out, paths)
    say_provisional(is_final=is_final)
