"""`ekpay report bank`: our bank account by our books against the statements of our banks."""

import asyncio
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ekpay_switch.cli.terminal import complain, show_table, taka
from reconciliation.cli.papers.paper_options import (
    FAILED,
    OutIfAny,
    SheetForm,
    SheetForms,
    business_date,
    show_files,
    write_sheets,
)
from reconciliation.cli.refusals import refusals

if TYPE_CHECKING:
    from reconciliation.papers.bank_items import BankReconciliation


def register(app: typer.Typer) -> None:
    """Add the command to those of reports."""
    app.command("bank")(bank)


def bank(
    context: typer.Context,
    at: Annotated[
        date,
        typer.Option("--at", parser=business_date, metavar="DATE", help="The end of this business date."),
    ],
    out: OutIfAny = None,
    form: SheetForms = None,
) -> None:
    """Compare our bank account by our books with the banks' statements; list what stands on one side only.

    Exits 1 where a statement in between was not read.
    """

    async def _read() -> "BankReconciliation":
        from reconciliation.papers.bank_reading import read_bank_reconciliation  # noqa: PLC0415 - heavy
        from reconciliation.settlement.current_state import open_work, read_setting  # noqa: PLC0415 - heavy

        async with open_work(read_setting(context.obj), "audit") as work:
            return await read_bank_reconciliation(work, at)

    with refusals():
        result = asyncio.run(_read())
    if out is None:
        _show(result)
    else:
        show_files(out, _write(result, out, form or list(SheetForm)))
    if result.unread_amount:
        complain(f"{taka(result.unread_amount)} taka are on statements that were not read")
        raise typer.Exit(FAILED)


def _write(result: "BankReconciliation", out: Path, forms: list[SheetForm]) -> list[Path]:
    from reconciliation.papers.bank_paper import write_bank_csv, write_bank_workbook  # noqa: PLC0415 - heavy

    name = f"bank-reconciliation_{result.at}"
    return write_sheets(
        out, name, forms, partial(write_bank_csv, result), partial(write_bank_workbook, result)
    )


def _show(result: "BankReconciliation") -> None:
    from reconciliation.papers.bank_paper import shown_name, summary_rows  # noqa: PLC0415 - heavy

    show_table(
        f"Bank reconciliation at {result.at}",
        ("figure", ">taka"),
        [(words.en, taka(paisa)) for words, paisa in summary_rows(result)],
    )
    headings = ("side", "name", "since", ">days", ">by books", ">by statement")
    rows = [
        (item.side.en, shown_name(item), str(item.since), str(item.age(result.at)), taka(item.by_books),
         taka(item.by_statement))
        for item in result.items
    ]  # fmt: skip
    show_table("Outstanding items", headings, rows)
