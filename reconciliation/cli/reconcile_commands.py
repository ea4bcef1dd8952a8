"""`ekpay reconcile`: what finance types. Everything heavy is imported only when a command runs.

`ekpay demo` and `ekpay --help` load this module in an environment without the extra `reconciliation`.
"""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from ekpay_switch.cli.terminal import show_table
from reconciliation.cli import check_commands, mirror_commands, night_commands
from reconciliation.cli import fetch_commands as sftp
from reconciliation.cli import quarantine_commands as quarantine
from reconciliation.cli import take_commands as upload
from reconciliation.cli.breaks import closing_commands, decision_commands, list_commands
from reconciliation.cli.papers import month_commands, tax_commands, withholding_commands
from reconciliation.cli.progress_bar import counting_bar
from reconciliation.cli.refusals import refusals
from reconciliation.errors import ReportError

if TYPE_CHECKING:
    from reconciliation.engine.night import Night
    from reconciliation.month.comparison import MonthComparison

app = typer.Typer(no_args_is_help=True, help="Match our books with what institutions say happened.")
for part in (night_commands, upload, sftp, quarantine, check_commands, mirror_commands):
    part.register(app)
for part in (
    list_commands,
    decision_commands,
    closing_commands,
    month_commands,
    tax_commands,
    withholding_commands,
):
    part.register(app)

CONFIG = Path(__file__).parents[2] / "config"
IMPERFECT = 1


@app.callback()
def _reconcile() -> None:
    """Match our books with what institutions say happened."""


@app.command("month")
def month(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="A month to reconcile.")
    ],
    json_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", dir_okay=False, help="Where the report goes.")
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", file_okay=False, help="Keep rows, breaks and positions here."),
    ] = None,
    reports: Annotated[
        Path | None,
        typer.Option(metavar="OUT", file_okay=False, help="Leave workbooks and a PDF for finance here."),
    ] = None,
) -> None:
    """Reconcile a month night by night, seal what was found, then open its key and compare.

    docs/protocols/reconciliation-month.md says what is in the folder and in the report. Exits 1 if anything
    is missed or invented, or an invariant does not hold.
    """
    with refusals():
        from reconciliation.month.month_run import run_month  # noqa: PLC0415 - needs the extra
    _refuse_unfit(json_file, {"--keep": keep, "--reports": reports})
    findings = "{task.fields[found]} findings"
    with TemporaryDirectory(prefix="ekpay-reconcile-") as scratch, counting_bar(findings) as bar:
        task = bar.add_task("nights", total=None, found=0)

        def watch(number: int, count: int, night: "Night") -> None:
            count_so_far = bar.tasks[task].fields["found"] + len(night.findings)
            bar.update(task, total=count, completed=number, found=count_so_far)

        with refusals():
            try:
                report = run_month(folder, CONFIG, keep or Path(scratch), watch, reports)
            except ReportError as problem:
                remark = "what was left until then is right, run again for the rest"
                raise ReportError(f"{problem}; {remark}") from problem
    if json_file is not None:
        json_file.write_text(report.as_json() + "\n", encoding="utf-8")
    _show(report)
    if not report.is_perfect:
        raise typer.Exit(IMPERFECT)


def _refuse_unfit(json_file: Path | None, output_folders: Mapping[str, Path | None]) -> None:
    """Refuse places where nothing can be left, before anything runs."""
    if json_file is not None and not json_file.parent.is_dir():
        raise typer.BadParameter(f"{json_file.parent} is no folder", param_hint="--out")
    for option, place in output_folders.items():
        if place is not None and place.exists() and any(place.iterdir()):
            raise typer.BadParameter(
                f"{place} is not empty: what a run leaves is in a folder of its own", param_hint=option
            )


def _show(report: "MonthComparison") -> None:
    rows = [
        (code, str(numbers["seeded"]), str(numbers["found"]), str(numbers["invented"]))
        for code, numbers in report.by_code().items()
    ]
    total = (
        "all",
        str(len(report.seeded)),
        str(len(report.found_entries)),
        str(len(report.invented_entries)),
    )
    show_table("Breaks", ("code", ">seeded", ">found", ">invented"), [*rows, total])
    typer.echo(f"rows {report.rows}, invariants {report.invariants}, run digest {report.run_digest}")
