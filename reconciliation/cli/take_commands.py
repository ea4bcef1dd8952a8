"""`ekpay reconcile take`: files that somebody has on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ekpay_switch.cli.terminal import show_table
from reconciliation.cli.refusals import refusals
from reconciliation.errors import SourceError

if TYPE_CHECKING:
    from ekpay_switch.ports.finance import Finance


def register(app: typer.Typer) -> None:
    """Let `take` join the commands."""
    app.command("take")(take)


def take(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", exists=True, dir_okay=False, help="Settlement files by their names."),
    ],
) -> None:
    """Put copies of files into the inbox for the next night.

    Nothing is taken unless every name is understood. A file that waits there already changes nothing. Exits
    1 if one could not be taken.
    """
    finance: Finance = context.obj
    with refusals(others=(OSError,)):
        rows = take_all(finance.home_folder, finance.config, files)
    show_table("Inbox", ("file", "institution", "date", "what"), rows)


def take_all(home: Path, config: Path, files: list[Path]) -> list[tuple[str, str, str, str]]:
    """Copy files into the inbox; one row for each file.

    Raises:
        SourceError: a name that is not that of a settlement file, something that is no file, or a file too
        large.
    """
    # Layouts bring Polars; `ekpay --help` must not.
    from reconciliation.intake.inbox_delivery import InboxDelivery, parse_expected_name  # noqa: PLC0415
    from reconciliation.statement.layout import read_layouts  # noqa: PLC0415

    layouts = read_layouts(config / "statements")
    named = [(path, parse_expected_name(path.name, layouts)) for path in files]
    delivery = InboxDelivery.of(home, "upload")
    rows = []
    for path, name in named:
        if not path.is_file():
            raise SourceError(f"{path.name} is no file")
        with path.open("rb") as stream:
            is_new = delivery.copy_stream(stream, name.text)
        outcome = "taken" if is_new else "waits already"
        rows.append((name.text, name.key.institution, name.key.day.isoformat(), outcome))
    return rows
