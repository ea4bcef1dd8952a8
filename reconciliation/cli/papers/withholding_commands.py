"""Withheld tax: `report withholding-return`, `report certificates`, `reconcile issue-certificates`."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ekpay_switch.cli.terminal import complain, passphrase, show_table, taka
from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.cli.papers.month_commands import WhichMonth
from reconciliation.cli.papers.paper_options import chosen_period, run_in_snapshot, show_files
from reconciliation.cli.refusals import refusals

if TYPE_CHECKING:
    from reconciliation.papers.withholding.month_certificates import MonthCertificates
    from reconciliation.papers.withholding.monthly_return import WithholdingReturn

_ISSUER = "EKPAY_STAFF_PASSPHRASE"
_OutIfAny = Annotated[
    Path | None, typer.Option(metavar="DIR", file_okay=False, help="The screen if left out.")
]


class ReturnForm(StrEnum):
    """What the return is written as."""

    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"


class CertificateForm(StrEnum):
    """What certificates are written as: their register, and each of them."""

    CSV = "csv"
    PDF = "pdf"


def register_reports(app: typer.Typer) -> None:
    """Add the commands to those of reports."""
    app.command("withholding-return")(withholding_return)
    app.command("certificates")(certificates)


def register(app: typer.Typer) -> None:
    """Add the command to those of reconciliation."""
    app.command("issue-certificates")(issue_certificates)


def withholding_return(
    context: typer.Context,
    month: WhichMonth,
    out: _OutIfAny = None,
    forms: Annotated[
        list[ReturnForm] | None, typer.Option("--format", help="All by default; may be given again.")
    ] = None,
) -> None:
    """Tax withheld from payouts of a month by section and rate, equal to its account to the paisa."""
    period = chosen_period(month, None, None)
    finance: Finance = context.obj

    async def _read(connection: Connection) -> "WithholdingReturn":
        from reconciliation.papers.trial_balance import read_trial_balance  # noqa: PLC0415 - heavy
        from reconciliation.papers.withholding.monthly_return import (  # noqa: PLC0415 - heavy
            read_withholding_return,
        )

        return await read_withholding_return(connection, await read_trial_balance(connection, period))

    result = run_in_snapshot(context, _read)
    if out is None:
        _show_return(result)
    else:
        with refusals():
            paths = _write_return(result, finance, out, forms or list(ReturnForm))
        show_files(out, paths)
    if not result.trial_balance.is_final:
        complain("provisional: a business date of the month, or before it, is not closed yet")


def certificates(
    context: typer.Context,
    month: WhichMonth,
    out: _OutIfAny = None,
    forms: Annotated[
        list[CertificateForm] | None, typer.Option("--format", help="All by default; may be given again.")
    ] = None,
) -> None:
    """Certificates of withheld tax of a month, one for each payee, and their register.

    On the screen before they are issued, too; written once they are (`ekpay reconcile issue-certificates`),
    with the same bytes ever after.
    """
    period = chosen_period(month, None, None)
    finance: Finance = context.obj

    async def _read(connection: Connection) -> "MonthCertificates":
        from reconciliation.papers.withholding.month_certificates import (  # noqa: PLC0415 - heavy
            read_month_certificates,
        )

        return await read_month_certificates(
            connection, finance.config, period, is_rehearsal=finance.is_rehearsal
        )

    result = run_in_snapshot(context, _read)
    if out is None:
        _show_certificates(result)
        return
    with refusals():
        paths = _write_certificates(result, out, [form.value for form in forms or list(CertificateForm)])
    show_files(out, paths)


def issue_certificates(
    context: typer.Context,
    month: WhichMonth,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who issues them, of finance.")],
) -> None:
    """Issue the certificates of withheld tax of a month, once all its business dates are closed.

    They are numbered without a gap and never change; a repeat changes nothing. Sweep the tax first, and they
    name the sweep.
    """
    period = chosen_period(month, None, None)
    phrase = passphrase(_ISSUER, f"Passphrase of {by}")
    finance: Finance = context.obj

    async def _issue() -> "MonthCertificates":
        from reconciliation.papers.withholding.month_certificates import (  # noqa: PLC0415 - heavy
            issue_certificates as issue,
        )

        await finance.persons.verify(by, phrase)
        return await issue(finance, period, issued_by=by)

    with refusals():
        result = asyncio.run(_issue())
    _show_certificates(result)


def _write_return(
    result: "WithholdingReturn", finance: Finance, out: Path, forms: Sequence[ReturnForm]
) -> list[Path]:
    from reconciliation.papers.tax.issuer import read_invoice_settings  # noqa: PLC0415 - heavy
    from reconciliation.papers.withholding import return_paper as paper  # noqa: PLC0415 - heavy
    from reconciliation.papers.written_files import written_files  # noqa: PLC0415 - heavy

    settings = read_invoice_settings(finance.config)
    with written_files(out) as files:
        for form in forms:
            path = files.path(f"withholding-return_{result.trial_balance.period}.{form}")
            if form is ReturnForm.CSV:
                paper.write_return_csv(result, path)
            elif form is ReturnForm.XLSX:
                paper.write_return_workbook(result, path, path.parent)
            else:
                paper.write_return_pdf(result, settings, path, is_rehearsal=finance.is_rehearsal)
    return files.paths


def _write_certificates(result: "MonthCertificates", out: Path, forms: Sequence[str]) -> list[Path]:
    from reconciliation.papers.withholding.certificate_paper import (  # noqa: PLC0415 - heavy
        write_certificates_of,
    )
    from reconciliation.papers.written_files import written_files  # noqa: PLC0415 - heavy

    with written_files(out) as files:
        write_certificates_of(result, files, forms)
    return files.paths


def _show_return(result: "WithholdingReturn") -> None:
    from reconciliation.papers.withholding.monthly_return import UNKNOWN_TO_US  # noqa: PLC0415 - heavy
    from reconciliation.papers.withholding.return_paper import account_lines  # noqa: PLC0415 - heavy

    rows = [
        (
            line.section, taka(line.basis_points), str(line.payees),
            *map(taka, (line.gross, line.withheld, line.restored, line.tax, line.since_july)),
        )
        for line in result.lines
    ]  # fmt: skip
    headings = ("section", ">rate, %", ">payees", ">paid", ">withheld", ">restored", ">tax", ">since July")
    month = f"{result.trial_balance.period.first:%Y-%m}"
    show_table(f"Tax withheld from payouts of {month}", headings, rows)
    for words, paisa in account_lines(result):
        typer.echo(f"{words.en}: {taka(paisa)}")
    for words in UNKNOWN_TO_US:
        typer.echo(f"not in our books: {words.en}")


def _show_certificates(result: "MonthCertificates") -> None:
    month = f"{result.period.first:%Y-%m}"
    if not result.certificates:
        typer.echo(f"nothing was withheld in {month}: there is nothing to certify")
        return
    rows = [
        (
            item.name if result.is_issued else "not issued", item.payee, item.content["payee"]["name"],
            item.content["payee"]["tin"] or "not known", taka(item.gross), taka(item.tax),
        )
        for item in result.certificates
    ]  # fmt: skip
    headings = ("number", "payee", "name", "TIN", ">paid", ">tax")
    show_table(f"Certificates of withheld tax of {month}", headings, rows)
    first = result.certificates[0]
    if result.is_issued:
        typer.echo(f"issued by {first.issued_by} at {first.issued_at}")
    else:
        typer.echo(f"not issued yet: ekpay reconcile issue-certificates {month} --by NAME")
