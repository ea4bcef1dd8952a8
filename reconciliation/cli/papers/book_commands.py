"""`ekpay report trial-balance`, `ledger` and `vat`: our books for accountants."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ekpay_switch.cli.terminal import show_table, taka
from ekpay_switch.ports.finance import Connection
from reconciliation.cli.papers.paper_options import (
    First,
    Last,
    Month,
    Out,
    OutIfAny,
    SheetForm,
    SheetForms,
    chosen_period,
    run_in_snapshot,
    say_provisional,
    show_files,
    write_sheets,
)

if TYPE_CHECKING:
    from reconciliation.papers.trial_balance import TrialBalance
    from reconciliation.papers.vat_report import VatReport


class LedgerForm(StrEnum):
    """What a general ledger is written as."""

    CSV = "csv"
    XLSX = "xlsx"
    JOURNAL = "journal"


def register(app: typer.Typer) -> None:
    """Add the commands to those of reports."""
    app.command("trial-balance")(trial_balance)
    app.command("ledger")(ledger)
    app.command("vat")(vat)


def trial_balance(
    context: typer.Context,
    month: Month = None,
    first: First = None,
    last: Last = None,
    out: OutIfAny = None,
    form: SheetForms = None,
) -> None:
    """Opening balance, debits, credits and closing balance of every account in a period; they sum to zero."""
    period = chosen_period(month, first, last)

    async def _read(connection: Connection) -> "TrialBalance":
        from reconciliation.papers.trial_balance import read_trial_balance  # noqa: PLC0415 - heavy

        return await read_trial_balance(connection, period)

    result = run_in_snapshot(context, _read)
    if out is None:
        _show(result)
    else:
        show_files(out, _write(result, out, form or list(SheetForm)))
    say_provisional(is_final=result.is_final)


def ledger(
    context: typer.Context,
    out: Out,
    month: Month = None,
    first: First = None,
    last: Last = None,
    form: Annotated[
        list[LedgerForm] | None, typer.Option("--format", help="All by default; may be given again.")
    ] = None,
) -> None:
    """Every posting of a period: by account as CSV and workbook, by entry as an hledger journal.

    Opening plus movements is the closing balance of each account, as the trial balance has it.
    """
    period = chosen_period(month, first, last)
    forms = form or list(LedgerForm)

    async def _leave(connection: Connection) -> "tuple[TrialBalance, list[Path]]":
        from reconciliation.papers import general_ledger_paper as paper  # noqa: PLC0415 - heavy
        from reconciliation.papers.trial_balance import read_trial_balance  # noqa: PLC0415 - heavy
        from reconciliation.papers.written_files import written_files  # noqa: PLC0415 - heavy

        balance = await read_trial_balance(connection, period)
        write = {
            LedgerForm.CSV: paper.write_ledger_csv,
            LedgerForm.XLSX: paper.write_ledger_workbook,
            LedgerForm.JOURNAL: paper.write_ledger_journal,
        }
        with written_files(out) as files:
            for chosen in forms:
                await write[chosen](connection, balance, files.path(f"general-ledger_{period}.{chosen}"))
        return balance, files.paths

    result, paths = run_in_snapshot(context, _leave)
    show_files(out, paths)
    say_provisional(is_final=result.is_final)


def vat(
    context: typer.Context,
    month: Month = None,
    first: First = None,
    last: Last = None,
    out: OutIfAny = None,
    form: SheetForms = None,
) -> None:
    """Charges, fees and VAT of a period by partner and merchant; the sums are those of the accounts."""
    period = chosen_period(month, first, last)

    async def _read(connection: Connection) -> "VatReport":
        from reconciliation.papers.trial_balance import read_trial_balance  # noqa: PLC0415 - heavy
        from reconciliation.papers.vat_report import read_vat_report  # noqa: PLC0415 - heavy

        return await read_vat_report(connection, await read_trial_balance(connection, period))

    report = run_in_snapshot(context, _read)
    if out is None:
        _show_vat(report)
    else:
        show_files(out, _write_vat(report, out, form or list(SheetForm)))
    say_provisional(is_final=report.trial_balance.is_final)


def _write_vat(report: "VatReport", out: Path, forms: list[SheetForm]) -> list[Path]:
    from reconciliation.papers.vat_paper import write_vat_csv, write_vat_workbook  # noqa: PLC0415 - heavy

    name = f"vat_{report.trial_balance.period}"
    return write_sheets(out, name, forms, partial(write_vat_csv, report), partial(write_vat_workbook, report))


def _show_vat(report: "VatReport") -> None:
    from reconciliation.papers.vat_paper import line_words  # noqa: PLC0415 - heavy

    rows = []
    for line in report.lines:
        amounts = (taka(line.charges), taka(line.fees), taka(line.vat))
        rows.append((line.party, line_words(line).en, str(line.payments), *amounts))
    rows.append(("total", "", "", taka(report.charges), taka(report.fees), taka(report.vat)))
    period = report.trial_balance.period
    headings = ("party", "what", ">payments", ">charges", ">fees", ">VAT")
    show_table(f"Charges, fees and VAT, {period.first} to {period.last}", headings, rows)
    typer.echo(f"VAT owed before {taka(report.vat_before)}, after {taka(report.vat_after)}")


def _write(result: "TrialBalance", out: Path, forms: list[SheetForm]) -> list[Path]:
    from reconciliation.papers import trial_balance_paper as paper  # noqa: PLC0415 - heavy

    write_csv = partial(paper.write_trial_balance_csv, result)
    write_workbook = partial(paper.write_trial_balance_workbook, result)
    return write_sheets(out, f"trial-balance_{result.period}", forms, write_csv, write_workbook)


def _show(result: "TrialBalance") -> None:
    from reconciliation.papers.trial_balance_paper import balance_columns, total_columns  # noqa: PLC0415 - heavy

    names = ("opening Dr", "opening Cr", "debit", "credit", "closing Dr", "closing Cr")
    rows = [(line.account, *map(taka, balance_columns(line))) for line in result.accounts]
    rows.append(("total", *map(taka, total_columns(result))))
    period = result.period
    show_table(
        f"Trial balance, {period.first} to {period.last}", ("account", *(f">{name}" for name in names)), rows
    )
