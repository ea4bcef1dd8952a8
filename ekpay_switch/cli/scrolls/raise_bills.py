"""`ekpay bills raise` and `ekpay bills import`: an office without a system raises its bills here."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.billers.profiles import profile_of
from ekpay_switch.cli.listing import AsJson, PrintedList, show_listing
from ekpay_switch.cli.scrolls.bill_files import naming_of, problem_lines
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import complain, taka
from ekpay_switch.cli.typed_amounts import typed_taka
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.money import Money, format_taka
from ekpay_switch.domain.scrolls.bill_file_reading import RAISED, read_raised_bill, read_raised_bills
from ekpay_switch.domain.scrolls.bill_files import FiledBill, Problem
from ekpay_switch.domain.scrolls.bill_notices import grouped_code, instalments
from ekpay_switch.domain.spreadsheet_cells import without_formula
from ekpay_switch.persistence.bill_notices.raised_bills import PostgresRaisedBills
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.system_clock import SystemClock

BillerId = Annotated[str, typer.Argument(metavar="BILLER", help="Our id of the office.")]
_HEADINGS = ("bill", "due", ">taka", "late fee", "notice code")
_REPORT = ("line", "bill_no", "result", "notice_code")
_NOTHING: Any = "0"  # a default is a text, which the parser reads


def register(app: typer.Typer) -> None:
    """Add the commands to `ekpay bills`."""
    app.command("raise")(raise_bill)
    app.command("import")(import_bills)


def raise_bill(
    biller_id: BillerId,
    *,
    bill_no: Annotated[str, typer.Option(help="The office's number of the bill.")],
    fields: Annotated[
        list[str],
        typer.Option(
            "--field", metavar="NAME=VALUE", help="What a payer names it by; `billers show` lists it."
        ),
    ],
    amount: Annotated[Money, typer.Option(parser=typed_taka, metavar="TAKA", help="Taka, without VAT.")],
    due_on: Annotated[datetime, typer.Option("--due", formats=["%Y-%m-%d"], help="The last day, in Dhaka.")],
    customer: Annotated[str, typer.Option(help="Whose bill it is.")] = "",
    period: Annotated[str, typer.Option(help="What it is for, such as 2026.")] = "",
    vat: Annotated[Money, typer.Option(parser=typed_taka, metavar="TAKA", help="VAT on top.")] = _NOTHING,
    late_fee: Annotated[
        Money, typer.Option(parser=typed_taka, metavar="TAKA", help="On top from the day after the last.")
    ] = _NOTHING,
    count: Annotated[int, typer.Option("--instalments", help="How many bills it becomes.")] = 1,
    every_days: Annotated[int, typer.Option(help="Days from one instalment to the next.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Raise one bill, or one in instalments, and print the code of each notice.

    Where anything is wrong, nothing is raised. A bill with parts comes by `ekpay bills import`.
    """
    session = open_session()
    profile = profile_of(session.settings, biller_id)
    cells = {
        "bill_no": bill_no,
        "customer_name": customer,
        "period": period,
        "issued_on": business_date(SystemClock().now()).isoformat(),
        "due_on": due_on.date().isoformat(),
        "amount": format_taka(amount.minor),
        "vat": format_taka(vat.minor),
        "late_fee": format_taka(late_fee.minor),
        "lines": "",
        **_named(fields),
    }
    try:
        bills = instalments(_one_bill(cells, profile), count, every_days)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    codes = _raise(session, profile.id, bills)
    show_listing(_listing(bills, codes), as_json=as_json, as_csv=False)


def import_bills(
    biller_id: BillerId,
    path: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A CSV file.")],
    report: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Where a line for each row is written, as CSV.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Raise every bill of a CSV file, all or none, and print the code of each notice.

    Headings: bill_no, customer_name, period, issued_on, due_on, amount, vat, late_fee, lines, and then the
    names by which a payer names a bill.
    """
    session = open_session()
    profile = profile_of(session.settings, biller_id)
    content = path.read_bytes()
    read = read_raised_bills(content, naming_of(profile))
    problems = [entry for entry in read if isinstance(entry, Problem)]
    if problems:
        _write_report(report, _refused_rows(content, problems))
        for line in problem_lines(path.name, problems):
            complain(line)
        raise typer.Exit(1)
    bills = [entry for entry in read if isinstance(entry, FiledBill)]
    codes = _raise(session, profile.id, bills)
    rows = ((str(line), bill.bill_key, "raised", codes[bill.bill_key]) for line, bill in enumerate(bills, 2))
    _write_report(report, rows)
    show_listing(_listing(bills, codes), as_json=as_json, as_csv=False)


def _one_bill(cells: Mapping[str, str], profile: BillerProfile) -> FiledBill:
    """The bill of these cells, by the rules of a file."""
    read = read_raised_bill(cells, naming_of(profile))
    if isinstance(read, FiledBill):
        return read
    raise ValueError("; ".join(problem.description for problem in read))


def _raise(session: Session, biller_id: str, bills: Sequence[FiledBill]) -> Mapping[str, str]:
    async def work(_: AsyncEngine) -> Mapping[str, str]:
        async with ShortTransactions(session.database.connect) as transactions:
            today = business_date(SystemClock().now())
            return await PostgresRaisedBills(transactions).raise_bills(biller_id, bills, today)

    return session.run(work)


def _listing(bills: Sequence[FiledBill], codes: Mapping[str, str]) -> PrintedList:
    rows = (
        (
            bill.bill_key,
            bill.due_on.isoformat(),
            taka((bill.amount + bill.vat).minor),
            taka(bill.late_fee.minor),
            grouped_code(codes[bill.bill_key]),
        )
        for bill in bills
    )
    records = (
        {
            "bill_no": bill.bill_key,
            "due_on": bill.due_on,
            "amount_paisa": (bill.amount + bill.vat).minor,
            "late_fee_paisa": bill.late_fee.minor,
            "notice_code": codes[bill.bill_key],
        }
        for bill in bills
    )
    return PrintedList("Bills raised", _HEADINGS, rows, records)


def _refused_rows(content: bytes, problems: Sequence[Problem]) -> Iterator[tuple[str, ...]]:
    """A line for each row of a file of which nothing is raised."""
    by_line: dict[int, list[str]] = {}
    for problem in problems:
        by_line.setdefault(problem.line, []).append(problem.description)
    lines = content.decode("utf-8-sig", "replace").rstrip("\r\n").split("\n")
    for number, line in enumerate(lines, 1):
        if number in by_line:
            yield str(number), _first_cell(line), "; ".join(by_line[number]), ""
        elif number > 1:
            yield str(number), _first_cell(line), "not raised, since another line is wrong", ""


def _first_cell(line: str) -> str:
    return line.partition(",")[0].strip('"\r')


def _write_report(report: Path | None, rows: Iterator[tuple[str, ...]]) -> None:
    if report is None:
        return
    with report.open("w", encoding="utf-8-sig", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(_REPORT)
        writer.writerows([without_formula(cell) for cell in row] for row in rows)


def _named(fields: Sequence[str]) -> dict[str, str]:
    """What a payer names the bill by."""
    named: dict[str, str] = {}
    for text in fields:
        name, separator, value = text.partition("=")
        if not separator or name in RAISED:
            raise typer.BadParameter("NAME=VALUE, by the names of `ekpay billers show`", param_hint="--field")
        if name in named:
            raise typer.BadParameter(f"{name} stands twice", param_hint="--field")
        named[name] = value
    return named
