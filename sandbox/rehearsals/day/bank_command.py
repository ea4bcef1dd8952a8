"""`ekpay sandbox bank`: hand what `ekpay settle instruct` has left to the simulated bank."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from sandbox.kit.biller.taka_text import taka
from sandbox.rehearsals.day.payment_files import MalformedPaymentFileError, PaymentFile, read_payment_file
from sandbox.rehearsals.day.payout_bank import ODD_FATES, Fate, PayoutBank, TakenFile
from sandbox.rehearsals.installation.home_folder import home_folder
from sandbox.rehearsals.month.model.days import date_of

_FATES = ", ".join(ODD_FATES)


def bank(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", exists=True, dir_okay=False, help="pacs.009 or EFT.")
    ],
    fate: Annotated[
        list[str] | None,
        typer.Option(metavar="REFERENCE=FATE", help=f"What it does with an order, repeatable: {_FATES}."),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option("--home", help="Folder of its state, as for `statements`; EKPAY_HOME/sandbox/day."),
    ] = None,
) -> None:
    """Let the simulated bank carry instructions out; later `statements` book what it has done.

    What is not named by --fate is paid on its value date. An answer about rejected orders is left beside its
    file, for `ekpay settle answer`. A file that comes again is carried out once.
    """
    fates = dict(_fate(text) for text in fate or [])
    payout_bank = PayoutBank(home or home_folder() / "sandbox" / "day")
    contents = [(file, file.read_bytes()) for file in files]
    named = {order.reference for file, content in contents for order in _read(file, content).orders}
    if strange := sorted(fates.keys() - named):
        raise typer.BadParameter(f"no order has the reference {strange[0]}", param_hint="--fate")
    for file, content in contents:
        with _refusals(file):
            _show(file, payout_bank.take_in(content, fates))


def _read(file: Path, content: bytes) -> PaymentFile:
    with _refusals(file):
        return read_payment_file(content)


@contextmanager
def _refusals(file: Path) -> Iterator[None]:
    try:
        yield
    except MalformedPaymentFileError as problem:
        typer.echo(f"{file}: {problem}", err=True)
        raise typer.Exit(1) from problem


def _show(file: Path, taken: TakenFile) -> None:
    typer.echo(f"{file.name}: {'taken in' if taken.is_new else 'carried out before'}")
    for payout in taken.payouts:
        day = payout.return_day or payout.debit_day
        when = "" if day is None else f" on {date_of(day)}"
        typer.echo(f"  {payout.reference} {payout.name}, {taka(payout.paisa)} taka: {payout.fate}{when}")
    if taken.answer is not None:
        path = file.with_name(f"answer-{file.stem}.xml")
        path.write_bytes(taken.answer)
        typer.echo(f"answer for ekpay settle answer: {path}")


def _fate(text: str) -> tuple[str, Fate]:
    reference, _, name = text.partition("=")
    if not reference or name not in set(ODD_FATES):
        raise typer.BadParameter(f"{text} is no REFERENCE=FATE of {_FATES}", param_hint="--fate")
    return reference, Fate(name)
