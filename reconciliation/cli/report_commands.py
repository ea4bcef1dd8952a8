"""`ekpay report`: reports of nights, papers of a period. Heavy modules are imported when a command runs."""

import asyncio
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.terminal import complain, screen, show_table
from ekpay_switch.ports.finance import Finance
from reconciliation.cli.night_option import typed_night
from reconciliation.cli.papers import (
    bank_commands,
    book_commands,
    statement_commands,
    tax_commands,
    withholding_commands,
)
from reconciliation.cli.refusals import FAILED, refusals

if TYPE_CHECKING:
    from reconciliation.results.records import RunRecord

app = typer.Typer(no_args_is_help=True, help="Reports for finance: of nights, and of the books of a period.")
book_commands.register(app)
statement_commands.register(app)
bank_commands.register(app)
tax_commands.register_reports(app)
withholding_commands.register_reports(app)
_FORMAT = "%Y-%m-%d"


class Form(StrEnum):
    """What a report is written as."""

    XLSX = "xlsx"
    PDF = "pdf"
    JSON = "json"


@app.callback()
def _report() -> None:
    """Write reports for finance."""


@app.command("night")
def night(
    context: typer.Context,
    out: Annotated[Path, typer.Option(metavar="DIR", file_okay=False, help="The folder for the report.")],
    night: Annotated[
        date | None, typer.Option(parser=typed_night, metavar="NIGHT", help="The newest night by default.")
    ] = None,
    run: Annotated[
        int | None, typer.Option(min=1, help="A run by its number; the newest by default.")
    ] = None,
    form: Annotated[
        list[Form] | None, typer.Option("--format", help="All by default; may be given again.")
    ] = None,
) -> None:
    """Leave the workbook, the PDF and the JSON of one night as it stood after a run.

    Made again they have the same bytes: decisions of persons after the run are in a later report.
    """
    with refusals():
        from reconciliation.digests import sha256_of  # noqa: PLC0415 - needs the extra
        from reconciliation.nightly.night_configuration import NightRules  # noqa: PLC0415
        from reconciliation.reports.night_files import FORMS, read_report, write_report  # noqa: PLC0415
    finance: Finance = context.obj

    async def _leave() -> list[Path]:
        rules = NightRules.read(finance.config)
        connection = await finance.connect()
        try:
            run_record = await _chosen_run(connection, night, run)
            report = await read_report(finance.home_folder, connection, run_record, rules)
        finally:
            await connection.close()
        with screen().status("writing …"):
            return write_report(report, out, tuple(choice.value for choice in form) if form else FORMS)

    with refusals():
        written = asyncio.run(_leave())
    rows = [(path.name, str(path.stat().st_size), sha256_of(path.read_bytes())) for path in written]
    show_table(f"Left in {out}", ("file", ">bytes", "SHA-256"), rows)


@app.command("runs")
@prints_list
def runs(
    context: typer.Context,
    night: Annotated[date | None, typer.Option(parser=typed_night, metavar="NIGHT")] = None,
) -> PrintedList:
    """List the runs of nights, the newest last."""
    finance: Finance = context.obj

    async def _read() -> "list[RunRecord]":
        from reconciliation.results.runs import read_runs  # noqa: PLC0415

        connection = await finance.connect()
        try:
            return await read_runs(connection, night)
        finally:
            await connection.close()

    with refusals():
        records = asyncio.run(_read())
    rows = [
        (
            str(record.seq),
            record.night.strftime(_FORMAT),
            str(record.number),
            "hold" if record.holds else "BROKEN",
            record.findings_digest[:16],
            record.outcome_digest[:16],
        )
        for record in records
    ]
    if night is not None and not rows:
        complain("no run of that night")
        raise typer.Exit(FAILED)
    names = ("run", "night", "number", "holds", "findings_digest", "outcome_digest")
    lines = (
        (record.seq, record.night, record.number, record.holds, record.findings_digest, record.outcome_digest)
        for record in records
    )
    facts = (dict(zip(names, line, strict=True)) for line in lines)
    return PrintedList("Runs", (">run", "night", ">number", "invariants", "findings", "outcome"), rows, facts)


async def _chosen_run(connection: object, night: date | None, run: int | None) -> "RunRecord":
    """The chosen run.

    Raises:
        ReportError: there is none.
    """
    from reconciliation.errors import ReportError  # noqa: PLC0415
    from reconciliation.results.runs import latest_run, run_of  # noqa: PLC0415

    record = await (latest_run(connection, night) if run is None else run_of(connection, run))
    if record is None or (night is not None and record.night != night):
        raise ReportError("there is no such run: ekpay report runs lists them")
    return record
