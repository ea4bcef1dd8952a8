"""`ekpay bills`: what payers owe, fetched in bulk from a file of bill names."""

import csv
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ekpay_switch.cli.scrolls import bill_notices, issuers, raise_bills
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import complain, taka
from ekpay_switch.composition.switch import open_switch
from ekpay_switch.domain.bill import Bill
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.spreadsheet_cells import without_formula
from ekpay_switch.flows.bills.fetch_in_bulk import BulkFetchRequest, BulkFetchResult, fetch_in_bulk

app = typer.Typer(help="What payers owe.", no_args_is_help=True)
raise_bills.register(app)
bill_notices.register(app)
issuers.register(app)

_BILLER = "biller"
_LINES_MAX = 200_000
_COLUMNS = (
    "line", "biller", "bill_number", "account", "amount", "vat", "late_fee", "total", "due_on", "is_paid",
    "unpaid_bills", "why_not",
)  # fmt: skip


class UnreadableListError(SwitchError):
    """The file is no list of bills: CSV in UTF-8, a heading `biller` and headings named like parameters."""


@app.command("fetch")
def fetch(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A CSV file.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; stdout if not given.")] = None,
) -> None:
    """Fetch every bill that a CSV file names, and write what is owed, a line each, as CSV.

    The file has a column `biller` and one for each parameter (`ekpay billers list --json`); cells of other
    billers' parameters stay empty. Each biller's rate and hours are respected, and one whose fetch locks the
    bill is not asked. Exit code 1 if a line brought no bill.
    """
    requests = read_list(file)
    session = open_session()
    with _target(out) as target:
        missing = session.run(lambda _: _fetch_all(session, requests, target))
    if missing:
        complain(f"{missing} of {len(requests)} lines brought no bill")
        raise typer.Exit(1)


def read_list(file: Path) -> list[BulkFetchRequest]:
    """The lines of a list of bills.

    Raises:
        UnreadableListError: no CSV in UTF-8, no column `biller`, a line with more cells than headings, or
            more than 200,000 lines.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as source:
            rows = csv.DictReader(source, strict=True)
            if _BILLER not in (rows.fieldnames or ()):
                raise UnreadableListError(f"{file.name}: line 1: no column {_BILLER}")
            requests = [_bill_request(file.name, rows.line_num, row) for row in rows]
    except (UnicodeDecodeError, csv.Error) as problem:
        raise UnreadableListError(f"{file.name}: no CSV in UTF-8: {problem}") from problem
    if len(requests) > _LINES_MAX:
        raise UnreadableListError(f"{file.name}: more than {_LINES_MAX} lines")
    return requests


def _bill_request(file: str, line: int, row: Mapping[str | None, str | list[str] | None]) -> BulkFetchRequest:
    cells = {name: text.strip() for name, text in row.items() if name and isinstance(text, str)}
    if None in row:
        raise UnreadableListError(f"{file}: line {line}: more cells than headings")
    parameters = {name: text for name, text in cells.items() if text and name != _BILLER}
    return BulkFetchRequest(line, cells.get(_BILLER, ""), parameters)


@contextmanager
def _target(out: Path | None) -> Iterator[IO[str]]:
    if out is None:
        yield sys.stdout
        return
    with out.open("w", encoding="utf-8", newline="") as target:
        yield target


async def _fetch_all(session: Session, requests: list[BulkFetchRequest], target: IO[str]) -> int:
    """Write a line for each request; returns how many brought no bill."""
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(_COLUMNS)
    missing = 0
    async with open_switch(session.settings, session.database) as switch:
        with _progress() as bar:
            task = bar.add_task("fetching bills", total=len(requests))
            async for fetched in fetch_in_bulk(requests, switch.world):
                writer.writerow(_row(fetched))
                missing += fetched.bill is None
                bar.advance(task)
    return missing


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def _row(fetched: BulkFetchResult) -> list[str]:
    request, bill = fetched.request, fetched.bill
    cells = _bill_cells(bill) if bill else [""] * (len(_COLUMNS) - 3)
    cells = [str(request.line), request.biller_id, *cells, fetched.why]
    return [without_formula(cell) for cell in cells]


def _bill_cells(bill: Bill) -> list[str]:
    amounts = (bill.amount, bill.vat, bill.late_fee, bill.total + bill.rounding)
    return [
        bill.bill_number,
        bill.account,
        *(taka(amount.minor) for amount in amounts),
        bill.due_on.isoformat() if bill.due_on else "",
        "yes" if bill.is_paid else "no",
        str(bill.unpaid_count),
    ]
