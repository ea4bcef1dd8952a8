"""What commands of papers have in common: the period, the snapshot, and the list of the files left."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from ekpay_switch.cli.terminal import complain, screen, show_table
from ekpay_switch.domain.bangla import fold_bangla_digits
from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.cli.refusals import refusals
from reconciliation.errors import ReconciliationError

if TYPE_CHECKING:
    from reconciliation.papers.period import Period

FAILED = 1
_T = TypeVar("_T")


def business_date(text: str) -> date:
    """A business date as it is typed."""
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise typer.BadParameter("a business date is written 2026-04-05") from problem


Month = Annotated[
    str | None, typer.Option("--month", metavar="YYYY-MM", help="A whole month of business dates.")
]
First = Annotated[
    date | None,
    typer.Option(
        "--since", parser=business_date, metavar="DATE", help="The first business date, with --until."
    ),
]
Last = Annotated[
    date | None, typer.Option("--until", parser=business_date, metavar="DATE", help="The last business date.")
]
Out = Annotated[Path, typer.Option(metavar="DIR", file_okay=False, help="The folder for the files.")]
OutIfAny = Annotated[
    Path | None, typer.Option(metavar="DIR", file_okay=False, help="The screen if left out.")
]


class SheetForm(StrEnum):
    """What a paper of one table is written as."""

    CSV = "csv"
    XLSX = "xlsx"


SheetForms = Annotated[
    list[SheetForm] | None, typer.Option("--format", help="All by default; may be given again.")
]


def chosen_period(month: str | None, first: date | None, last: date | None) -> "Period":
    """The period by a month, or by both its ends.

    Raises:
        typer.BadParameter: neither, or both, or an end that is missing, or no month.
    """
    from reconciliation.papers.period import Period  # noqa: PLC0415 - only when a command runs

    try:
        if month is not None and first is None and last is None:
            return Period.of_month(fold_bangla_digits(month))
        if month is None and first is not None and last is not None:
            return Period(first, last)
    except ReconciliationError as problem:
        raise typer.BadParameter(str(problem), param_hint="--month" if month else "--until") from problem
    raise typer.BadParameter("give --month, or both --since and --until", param_hint="--month")


def run_in_snapshot(context: typer.Context, work: Callable[[Connection], Awaitable[_T]]) -> _T:
    """Do something with one snapshot of the database; a refusal is one line and exit code 1."""
    finance: Finance = context.obj

    async def _read() -> _T:
        from reconciliation.papers.snapshot import read_snapshot  # noqa: PLC0415 - the same

        async with read_snapshot(finance) as connection:
            return await work(connection)

    with refusals(), screen().status("reading …"):
        return asyncio.run(_read())


def write_sheets(
    out: Path,
    name: str,
    forms: Sequence[SheetForm],
    write_csv: Callable[[Path], None],
    write_workbook: Callable[[Path, Path], None],
) -> list[Path]:
    """Write one paper in each chosen form, all of them or none; returns the paths.

    The workbook's writer takes a folder for scratch as well.
    """
    from reconciliation.papers.written_files import written_files  # noqa: PLC0415 - heavy

    with written_files(out) as files:
        for chosen in forms:
            path = files.path(f"{name}.{chosen}")
            if chosen is SheetForm.CSV:
                write_csv(path)
            else:
                write_workbook(path, files.scratch)
    return files.paths


def say_provisional(*, is_final: bool) -> None:
    """Say so where the figures of a period may still change."""
    if not is_final:
        complain("provisional: a business date of the period, or before it, is not closed yet")


def show_files(out: Path, paths: Sequence[Path]) -> None:
    """Name the files that were left, with their sizes and digests."""
    from reconciliation.digests import file_digest  # noqa: PLC0415 - the same

    rows = [(path.name, str(path.stat().st_size), file_digest(path)) for path in paths]
    show_table(f"Left in {out}", ("file", ">bytes", "SHA-256"), rows)
