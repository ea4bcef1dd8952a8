"""`ekpay billers load`: importing a file of bills, all or nothing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.billers.profiles import profile_of
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import complain
from ekpay_switch.domain.scrolls.bill_file_reading import NamingParameter, read_bill_file
from ekpay_switch.domain.scrolls.bill_files import BillFile, LoadResult, Problem
from ekpay_switch.flows.bills import raise_bills
from ekpay_switch.persistence.scrolls.bill_files import PostgresBillFiles
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.billers import BillerProfile

_PROBLEMS_MAX = 50


def register(app: typer.Typer) -> None:
    """Add the command to those of billers."""
    app.command("load")(load)


def load(
    biller_id: Annotated[str, typer.Argument(metavar="BILLER", help="Our id of the biller.")],
    path: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The bill file, CSV.")
    ],
) -> None:
    """Take over a biller's bill file, in the order of the files' numbers.

    Where anything in it is wrong, every line that is wrong is named and nothing is taken over.
    """
    session = open_session()
    file = _read(profile_of(session.settings, biller_id), path)

    async def _load(_: AsyncEngine) -> LoadResult:
        async with ShortTransactions(session.database.connect) as transactions:
            return await PostgresBillFiles(transactions).load(file)

    for line in _result_lines(file, session.run(_load)):
        typer.echo(line)


def naming_of(profile: BillerProfile) -> list[NamingParameter]:
    """By what a payer names a bill of an office whose bills stand in our own database.

    Raises:
        typer.BadParameter: the biller keeps its bills itself.
    """
    if not profile.has_bill_files:
        raise typer.BadParameter(f"{profile.id} hands over no bills in files")
    return raise_bills.naming_of(profile)


def _read(profile: BillerProfile, path: Path) -> BillFile:
    read = read_bill_file(path.read_bytes(), profile.id, naming_of(profile))
    if isinstance(read, BillFile):
        return read
    for line in problem_lines(path.name, read):
        complain(line)
    raise typer.Exit(1)


def problem_lines(file: str, problems: Sequence[Problem]) -> Iterator[str]:
    """What a person reads of a file of which nothing was taken over."""
    for problem in problems[:_PROBLEMS_MAX]:
        yield f"{file}: line {problem.line}: {problem.description}"
    if len(problems) > _PROBLEMS_MAX:
        yield f"and {len(problems) - _PROBLEMS_MAX} more problems"
    yield "nothing was taken over"


def _result_lines(file: BillFile, loaded: LoadResult) -> Iterator[str]:
    yield (
        f"File {file.number} of {file.biller_id}: {loaded.added} bills added, {loaded.changed} stated again, "
        f"{loaded.unchanged} left as they are since we have taken them."
    )
    if loaded.paid_twice:
        lines = ", ".join(str(line) for line in loaded.paid_twice)
        yield f"Paid elsewhere as well as through us, so somebody has to be given back: lines {lines}."
