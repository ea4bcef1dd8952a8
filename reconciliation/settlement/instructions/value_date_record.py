"""The record of a value date: each party's position with what is carried in, instructed and carried out.

carried in - net  =  instructed + carried out - what the party pays by itself
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date, datetime

from reconciliation.digests import sha256_of
from reconciliation.settlement.instructions import beftn, pacs009
from reconciliation.settlement.instructions.account_registry import Debtor
from reconciliation.settlement.instructions.creditor_instructions import Instruction, OutgoingInstructions
from reconciliation.settlement.positions.cycles import Party
from reconciliation.settlement.positions.net_positions import OURS, NetPosition, SettlementSheet


@dataclass(frozen=True, slots=True)
class SettledPosition:
    """One line of a sheet. Amounts in paisa; `carried_in` and `carried_out` are positive for what we owe.

    `instructed` is with the tax that is withheld of it.
    """

    position: NetPosition
    carried_in: int = 0
    instructed: int = 0
    carried_out: int = 0
    pays_itself: int = 0
    reason: str = ""

    @property
    def rest(self) -> int:
        """The unexplained rest in paisa: zero."""
        became = self.instructed + self.carried_out - self.pays_itself
        return 0 if self.position.party == OURS else self.carried_in - self.position.net - became


@dataclass(frozen=True, slots=True)
class BankFile:
    """One file for a bank, with its control totals; `hash_total` is that of a BEFTN batch, else 0."""

    rail: str
    name: str
    message_id: str
    content: bytes
    entries: int
    amount: int
    hash_total: int

    @property
    def sha256(self) -> str:
        """The digest of its bytes."""
        return sha256_of(self.content)


def settle_positions(
    sheet: SettlementSheet, outgoing: OutgoingInstructions, carried: Mapping[Party, int]
) -> tuple[SettledPosition, ...]:
    """Every party with a position or with an amount carried in, and our own position last."""
    positions = {item.party: item for item in sheet.positions}
    paid = {item.creditor.creditor: item.gross for item in outgoing.instructions}
    remainders = {item.party: item for item in outgoing.remainders}
    rows = []
    for party in sorted({*positions, *carried}):
        remainder = remainders.get(party)
        amount = remainder.amount if remainder else 0
        is_carried = remainder is not None and remainder.is_carried
        rows.append(
            SettledPosition(
                positions.get(party, NetPosition(party)),
                carried.get(party, 0),
                paid.get(party, 0),
                amount if is_carried else 0,
                0 if is_carried else -amount,
                remainder.reason.value if remainder else "",
            )
        )
    return (*rows, SettledPosition(sheet.ours))


def sheet_digest(rows: Sequence[SettledPosition]) -> str:
    """SHA-256 over every figure of a sheet."""
    figures = [[str(row.position.party), *astuple(row.position)[1:], *astuple(row)[1:]] for row in rows]
    return sha256_of(json.dumps(figures, separators=(",", ":")).encode())


def files_of(outgoing: OutgoingInstructions, debtor: Debtor, created: datetime) -> tuple[BankFile, ...]:
    """The files of a value date, one for each rail in use, each read back and checked.

    Raises:
        UnreadableFileError: a file fails its check; nothing may be sent.
    """
    by_rail: dict[str, list[Instruction]] = {}
    for instruction in outgoing.instructions:
        by_rail.setdefault(instruction.creditor.rail, []).append(instruction)
    makers = {"rtgs": _message, "beftn": _batch}
    return tuple(makers[rail](by_rail[rail], debtor, created) for rail in sorted(by_rail))


def _message(instructions: Sequence[Instruction], debtor: Debtor, created: datetime) -> BankFile:
    content = pacs009.message(instructions, debtor, created)
    pacs009.check_message(content)
    name, amount = (
        pacs009.message_id(instructions[0].value_date),
        sum(instruction.amount for instruction in instructions),
    )
    return BankFile("rtgs", f"{name}.xml", name, content, len(instructions), amount, 0)


def _batch(instructions: Sequence[Instruction], debtor: Debtor, created: datetime) -> BankFile:
    content = beftn.batch(instructions, debtor, created)
    totals = beftn.check_batch(content)
    name = beftn.file_name(instructions[0].value_date, debtor)
    message_id = name.rpartition(".")[0]
    return BankFile("beftn", name, message_id, content, totals.entries, totals.amount, totals.hash_total)


def passed_value_dates(dates: Sequence[date], value_date: date, newest: date | None) -> tuple[date, ...]:
    """The value dates before this one that have passed without a sheet."""
    return tuple(day for day in dates if day < value_date and (newest is None or day > newest))
