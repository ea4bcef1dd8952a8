"""`ekpay report invoices` and `vat-return`, and `ekpay reconcile issue-invoices`: papers of fees and VAT."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ekpay_switch.cli.terminal import complain, passphrase, show_table, taka
from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.cli.papers.month_commands import WhichMonth
from reconciliation.cli.papers.paper_options import (
    OutIfAny,
    chosen_period,
    run_in_snapshot,
    show_files,
)
from reconciliation.cli.refusals import refusals

if TYPE_CHECKING:
    from reconciliation.papers.period import Period
    from reconciliation.papers.tax.month_documents import MonthDocuments
    from reconciliation.papers.tax.vat_return import VatReturn

_ISSUER = "EKPAY_STAFF_PASSPHRASE"


class TaxForm(StrEnum):
    """What papers of fees and VAT are written as."""

    CSV = "csv"
    PDF = "pdf"


_Forms = Annotated[list[TaxForm] | None, typer.Option("--format", help="All by default; may be given again.")]


def register_reports(app: typer.Typer) -> None:
    """Add the commands to those of reports."""
    app.command("invoices")(invoices)
    app.command("vat-return")(vat_return)


def register(app: typer.Typer) -> None:
    """Add the command to those of reconciliation."""
    app.command("issue-invoices")(issue_invoices)


def invoices(context: typer.Context, month: WhichMonth, out: OutIfAny = None, forms: _Forms = None) -> None:
    """Fee invoices and credit notes of a month, one for each partner or merchant, and their register.

    On the screen before they are issued, too; written once they are (`ekpay reconcile issue-invoices`), with
    the same bytes ever after.
    """
    period = chosen_period(month, None, None)
    finance: Finance = context.obj

    async def _read(connection: Connection) -> "MonthDocuments":
        from reconciliation.papers.tax.month_documents import read_month_documents  # noqa: PLC0415 - heavy

        return await read_month_documents(
            connection, finance.config, period, is_rehearsal=finance.is_rehearsal
        )

    result = run_in_snapshot(context, _read)
    if out is None:
        _show(result)
        return
    with refusals():
        paths = _write_documents(result, out, [choice.value for choice in forms or list(TaxForm)])
    show_files(out, paths)


def issue_invoices(
    context: typer.Context,
    month: WhichMonth,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who issues them, of finance.")],
) -> None:
    """Issue the fee invoices and credit notes of a month, once all its business dates are closed.

    They are numbered without a gap and never change; a repeat changes nothing.
    """
    period = chosen_period(month, None, None)
    phrase = passphrase(_ISSUER, f"Passphrase of {by}")
    finance: Finance = context.obj

    async def _issue() -> "MonthDocuments":
        from reconciliation.papers.tax.month_documents import issue_documents  # noqa: PLC0415 - heavy

        await finance.persons.verify(by, phrase)
        return await issue_documents(finance, period, issued_by=by)

    with refusals():
        result = asyncio.run(_issue())
    _show(result)


def vat_return(context: typer.Context, month: WhichMonth, out: OutIfAny = None, forms: _Forms = None) -> None:
    """Output VAT of a month by rate, as the return (Mushak 9.1) wants it; what our books lack is listed."""
    period = chosen_period(month, None, None)
    finance: Finance = context.obj

    async def _read(connection: Connection) -> "VatReturn":
        return await _read_vat_return(connection, finance.config, period)

    result = run_in_snapshot(context, _read)
    if out is None:
        _show_vat_return(result)
    else:
        with refusals():
            paths = _write_vat_return(result, finance, out, forms or list(TaxForm))
        show_files(out, paths)
    if not result.earnings.vat_report.trial_balance.is_final:
        complain("provisional: a business date of the month, or before it, is not closed yet")


async def _read_vat_return(connection: Connection, config: Path, period: "Period") -> "VatReturn":
    from reconciliation.papers.tax.earned_parts import (  # noqa: PLC0415 - heavy
        configured_rates,
        read_month_earnings,
    )
    from reconciliation.papers.tax.issuer import read_invoice_settings  # noqa: PLC0415 - heavy
    from reconciliation.papers.tax.vat_return import vat_return_of  # noqa: PLC0415 - heavy
    from reconciliation.papers.trial_balance import read_trial_balance  # noqa: PLC0415 - heavy
    from reconciliation.papers.vat_report import read_vat_report  # noqa: PLC0415 - heavy

    report = await read_vat_report(connection, await read_trial_balance(connection, period))
    earnings = await read_month_earnings(connection, report, configured_rates(config))
    return vat_return_of(earnings, read_invoice_settings(config).standard_basis_points)


def _write_documents(result: "MonthDocuments", out: Path, forms: Sequence[str]) -> list[Path]:
    from reconciliation.papers.tax.document_paper import write_documents_of  # noqa: PLC0415 - heavy
    from reconciliation.papers.written_files import written_files  # noqa: PLC0415 - heavy

    with written_files(out) as files:
        write_documents_of(result, files, forms)
    return files.paths


def _write_vat_return(
    result: "VatReturn", finance: Finance, out: Path, forms: Sequence[TaxForm]
) -> list[Path]:
    from reconciliation.papers.tax import vat_return_paper as paper  # noqa: PLC0415 - heavy
    from reconciliation.papers.tax.issuer import read_invoice_settings  # noqa: PLC0415 - heavy
    from reconciliation.papers.written_files import written_files  # noqa: PLC0415 - heavy

    settings = read_invoice_settings(finance.config)
    period = result.earnings.vat_report.trial_balance.period
    with written_files(out) as files:
        for form in forms:
            path = files.path(f"vat-return_{period}.{form}")
            if form is TaxForm.CSV:
                paper.write_vat_return_csv(result, path)
            else:
                paper.write_vat_return_pdf(result, settings, path, is_rehearsal=finance.is_rehearsal)
    return files.paths


def _show(result: "MonthDocuments") -> None:
    month = f"{result.period.first:%Y-%m}"
    if not result.documents:
        typer.echo(f"payments of {month} earned nothing: there is nothing to invoice")
        return
    rows = [
        (
            document.name if result.is_issued else "not issued",
            document.kind.value.replace("_", " "),
            document.party,
            document.content["party"]["name"],
            *(taka(paisa) for paisa in (*document.sums, document.total)),
        )
        for document in result.documents
    ]
    headings = ("number", "kind", "party", "name", ">charges", ">fees", ">VAT", ">total")
    show_table(f"Fee invoices and credit notes of {month}", headings, rows)
    first = result.documents[0]
    if result.is_issued:
        typer.echo(f"issued by {first.issued_by} at {first.issued_at}")
    else:
        typer.echo(f"not issued yet: ekpay reconcile issue-invoices {month} --by NAME")


def _show_vat_return(result: "VatReturn") -> None:
    from reconciliation.papers.tax.vat_return import UNKNOWN_TO_US, rate_words  # noqa: PLC0415 - heavy

    report = result.earnings.vat_report
    rows = [
        (line.words.en, line.part, line.note, rate_words(line), taka(line.value), taka(line.vat))
        for line in result.lines
    ]
    rows.append(("output tax", "3", "9", "", taka(result.output_value), taka(result.output_vat)))
    month = f"{report.trial_balance.period.first:%Y-%m}"
    headings = ("what", "part", "note", ">rate", ">value", ">VAT")
    show_table(f"Output VAT of {month}, for the VAT return", headings, rows)
    typer.echo(f"VAT owed before {taka(report.vat_before)}, after {taka(report.vat_after)}")
    for words in UNKNOWN_TO_US:
        typer.echo(f"not in our books: {words.en}")
