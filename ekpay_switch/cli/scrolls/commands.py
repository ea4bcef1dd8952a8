"""`ekpay billers scroll`: the file that tells a biller which payments of a day are its own."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.billers.profiles import profile_of
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import taka
from ekpay_switch.domain.scrolls.layouts import content_of
from ekpay_switch.domain.scrolls.scroll import ScrollFile
from ekpay_switch.persistence.scrolls.store import ScrollOrder, Scrolls
from ekpay_switch.persistence.short_transactions import ShortTransactions

_STDOUT = Path("-")


def register(app: typer.Typer) -> None:
    """Add the command to those of billers."""
    app.command("scroll")(scroll)


def scroll(
    biller_id: Annotated[str, typer.Argument(metavar="BILLER", help="Our id of the biller.")],
    day: Annotated[
        datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="The business date, in Dhaka.")
    ],
    cycle: Annotated[
        int | None, typer.Option(min=1, help="Which file of the day; the last one if left out.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to; a folder or nothing: under its own name; - is stdout."),
    ] = None,
) -> None:
    """Write a biller's scroll; the same day and cycle give the same bytes for ever.

    A file holds what no earlier one has. The last file of a day can be made once the day is over in Dhaka,
    the others at any time of it, as many as the manifest allows.
    """
    session = open_session()
    terms = profile_of(session.settings, biller_id).scroll
    order = ScrollOrder(biller_id, day.date(), terms.cycles if cycle is None else cycle, terms)

    async def _make(_: AsyncEngine) -> ScrollFile:
        async with ShortTransactions(session.database.connect) as transactions:
            return await Scrolls(transactions).make(order)

    file = session.run(_make)
    summary = f"{file.name}: {len(file.rows)} rows, {taka(file.sum.minor)} taka, SHA-256 {file.sha256}"
    if out == _STDOUT:
        sys.stdout.buffer.write(content_of(file))
        sys.stdout.buffer.flush()
        typer.echo(summary, err=True)
    else:
        typer.echo(f"{summary}, in {_write_file(file, out or Path())}")


def _write_file(file: ScrollFile, place: Path) -> Path:
    """Write the file whole or not at all; one of other content in its place is left alone."""
    path = place / file.name if place.is_dir() else place
    content = content_of(file)
    if path.exists() and path.read_bytes() != content:
        raise typer.BadParameter(f"{path} is there already and is another file")
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)
    return path
