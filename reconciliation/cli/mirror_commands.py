"""`ekpay reconcile mirror`: mirrors of frozen lines where they are missing, or compared with the tables.

Heavy things are imported when the command runs; `ekpay --help` loads this module without the extra.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.progress import Progress, TaskID

from ekpay_switch.cli.terminal import complain
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.ports.finance import Finance
from reconciliation.cli.night_option import typed_night
from reconciliation.cli.progress_bar import counting_bar
from reconciliation.cli.refusals import refusals

if TYPE_CHECKING:
    from reconciliation.mirror.make_mirrors import RequiredMirror, Watch
    from reconciliation.mirror.mirror_folder import MirrorFolder
    from reconciliation.postgres_arrow import Database

_RED: Final = 1
_STATEMENTS: Final = "statements"
# As far back as a check looks for a line of another date.
_BACK: Final = timedelta(days=31)
_NEWEST: Final = "SELECT max(business_date) FROM settlement_windows WHERE state <> 'open'"


def register(app: typer.Typer) -> None:
    """Let `mirror` join the commands."""
    app.command("mirror")(mirror)


def mirror(
    context: typer.Context,
    since: Annotated[
        date | None,
        typer.Option(
            "--since", parser=typed_night, metavar="DATE", help="The first business date, else 31 days back."
        ),
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Make none; compare with the tables.")] = False,  # noqa: FBT002
) -> None:
    """Make the mirrors of closed windows that are missing or damaged, so that checks are fast.

    A mirror holds the plain lines of one institution and window in a file. Each night makes its own; this
    command makes those that are missing, and may be stopped and run again. With --verify nothing is made:
    exits 1 if a mirror is missing or holds other lines than the tables.
    """
    with refusals():
        from adbc_driver_manager import Error  # noqa: PLC0415 - needs the extra
        from asyncpg import PostgresError  # noqa: PLC0415
    others = (SwitchError, OSError, Error, PostgresError)
    with refusals(others=others, ending=": what was made until then stands"), counting_bar() as bar:
        report = asyncio.run(_run(context.obj, since, bar, is_proof=verify))
    for words in report.differences:
        complain(words)
    typer.echo(report.words)
    if report.differences:
        raise typer.Exit(_RED)


@dataclass(frozen=True, slots=True)
class _MirrorReport:
    """What was done, in words, and the differences of mirrors and tables."""

    words: str
    differences: Sequence[str] = ()


async def _run(finance: Finance, since: date | None, bar: Progress, *, is_proof: bool) -> _MirrorReport:
    from reconciliation.mirror.make_mirrors import make_missing, required_mirrors  # noqa: PLC0415
    from reconciliation.mirror.mirror_folder import MirrorFolder  # noqa: PLC0415
    from reconciliation.postgres_arrow import Database  # noqa: PLC0415 - needs the extra
    from reconciliation.statement.layout import read_layouts  # noqa: PLC0415

    layouts, folder = read_layouts(finance.config / _STATEMENTS), MirrorFolder.of(finance.home_folder)
    task = bar.add_task("mirrors", total=None)
    connection = await finance.connect()
    try:
        newest = await connection.fetchval(_NEWEST)
        if newest is None:
            return _MirrorReport("no window is closed yet")
        required = await required_mirrors(connection, layouts, since or newest - _BACK)
        watch = partial(_watch, bar, task)
        with Database(finance.url("audit")) as books:
            if is_proof:
                return _compare_mirrors(books, folder, required, watch)
            made = await make_missing(connection, books, folder, required, watch)
    finally:
        await connection.close()
    return _MirrorReport(f"{made.mirrors} mirrors of {made.lines} lines made, {made.standing} stood already")


def _compare_mirrors(
    books: "Database", folder: "MirrorFolder", required: "Sequence[RequiredMirror]", watch: "Watch"
) -> _MirrorReport:
    from reconciliation.mirror.make_mirrors import first_difference  # noqa: PLC0415 - needs the extra

    differences = []
    for done, required_mirror in enumerate(required):
        watch(done, len(required), str(required_mirror))
        if words := first_difference(books, folder, required_mirror):
            differences.append(words)
    return _MirrorReport(
        f"{len(required) - len(differences)} of {len(required)} mirrors hold what the tables hold",
        differences,
    )


def _watch(bar: Progress, task: TaskID, done: int, total: int, mirror_name: str) -> None:
    bar.update(task, description=mirror_name, completed=done, total=total)
