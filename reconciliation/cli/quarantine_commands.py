"""`ekpay reconcile quarantine`: files that cannot be read, and what a person does with them.

Heavy things are imported when the command runs; `ekpay --help` loads this module without the extra.
"""

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ekpay_switch.cli.listing import AsCsv, AsJson, show_records
from ekpay_switch.cli.terminal import passphrase, show_table, taka
from ekpay_switch.domain.errors import SwitchError
from reconciliation.cli.refusals import refusals

if TYPE_CHECKING:
    from ekpay_switch.ports.finance import Finance
    from reconciliation.nightly.quarantine import RefusedFile

_ASKER: Final = "EKPAY_STAFF_PASSPHRASE"
_SHORT: Final = 12


def register(app: typer.Typer) -> None:
    """Let `quarantine` join the commands."""
    app.command("quarantine")(quarantine)


def quarantine(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="The name of a file; without one, all are listed.")
    ] = "",
    *,
    by: Annotated[str, typer.Option(metavar="NAME", help="Who you are, of the staff.")] = "",
    reason: Annotated[str, typer.Option(help="Why; it is kept for good.")] = "",
    back: Annotated[bool, typer.Option("--release", help="Put the file back into the inbox.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the files that cannot be read, take one out of the inbox, or put it back for another try.

    Listed are files that nights refused and that none has replaced since, and those in quarantine. A file
    that is taken out is seen by no run; its bytes are kept. With --release it is put back, and so is a file
    that a night refused: the next run reads it again.
    """
    with refusals():
        from reconciliation.nightly import quarantine as files  # noqa: PLC0415 - needs the extra
    if back and not file:
        raise typer.BadParameter("which one is to be put back", param_hint="FILE")
    finance: Finance = context.obj
    move = files.release if back else files.hold
    secret = _checked_person(by.strip(), reason.strip()) if file else ""

    async def _carry_out() -> "list[RefusedFile]":
        if not file:
            return await files.refused_files(finance)
        await finance.persons.verify(by.strip(), secret)
        return await move(finance, file, by.strip(), reason.strip())

    with refusals(others=(SwitchError, OSError)):
        found = asyncio.run(_carry_out())
    if as_json or as_csv:
        show_records([asdict(each) for each in found], as_json=as_json, as_csv=as_csv)
    else:
        _show(found)


def _checked_person(by: str, reason: str) -> str:
    """The passphrase of the person who asks."""
    if not by:
        raise typer.BadParameter("a name of the staff", param_hint="--by")
    if not reason:
        raise typer.BadParameter("why, in a few words", param_hint="--reason")
    return passphrase(_ASKER, f"Passphrase of {by}")


def _show(found: "list[RefusedFile]") -> None:
    rows = [
        (each.name, each.place.value, each.sha256[:_SHORT], taka(each.exposure), each.reason, each.person)
        for each in found
    ]
    show_table("Files that cannot be read", ("file", "lies in", "sha256", ">exposure", "why", "by"), rows)
