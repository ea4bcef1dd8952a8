"""Transfers through our own bank account that persons of a rehearsal book, so that its statement has them.

A line in a file of the state folder for each; a transfer is on the first statement of its day or later.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.kit.institution.clock import dhaka_day, utc_now
from sandbox.rehearsals.month.model.days import day_number

OWN_BANK = "stmt_sonali"
_NAME = "transfers.jsonl"


@dataclass(frozen=True, slots=True)
class BankTransfer:
    """A transfer under the bank's reference; `paisa` is negative where we pay, `day` that of the calendar."""

    reference: str
    paisa: int
    day: int


def state_folder(home: Path) -> Path:
    """The folder in which the bank keeps what a rehearsal's installation has done."""
    return home / "sandbox" / "day"


def note_transfer(home: Path, reference: str, paisa: int) -> None:
    """Keep that money is moved today, before it is booked."""
    folder = state_folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    transfer = BankTransfer(reference, paisa, day_number(dhaka_day(utc_now())))
    with (folder / _NAME).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(transfer)) + "\n")


def noted_transfers(folder: Path, after: int | None, up_to: int) -> Sequence[BankTransfer]:
    """The transfers of the days after one up to another; of all days up to it without a first one."""
    path = folder / _NAME
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    transfers = [BankTransfer(**json.loads(line)) for line in lines]
    return [item for item in transfers if item.day <= up_to and (after is None or item.day > after)]
