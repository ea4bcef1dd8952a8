"""From net positions to instructions: one for each creditor and settlement window, or the reason for none.

What is owed and not instructed is carried to the next window, so it is never lost:

    instructed + carried out  =  owed now + carried in        for each party, in whole paisa
"""

import base64
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from hashlib import sha256
from typing import Final

from reconciliation.errors import ReconciliationError
from reconciliation.settlement.instructions.account_registry import (
    AccountRegistry,
    CreditorAccount,
    RailBounds,
)
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.holdbacks import Holdback
from reconciliation.settlement.positions.net_positions import SettlementSheet
from reconciliation.settlement.positions.withholding import WithheldTax

# The narrowest field that carries it back is the 15 characters of a BEFTN entry.
ID_LENGTH: Final = 15
_PREFIX: Final = "E"


class ClashingInstructionsError(ReconciliationError):
    """Two creditors of one window have the same end-to-end id; nothing may be sent."""


class RemainderReason(StrEnum):
    """Why a party gets no instruction."""

    NOTHING_OWED = "nothing_owed"
    OWES_US = "owes_us"
    NO_ACCOUNT = "no_account"
    BELOW_MINIMUM = "below_minimum"
    ABOVE_MAXIMUM = "above_maximum"
    LESS_IN_BOOKS = "less_in_books"  # our books owe less than is agreed: people decide about the rest
    CONTRADICTED = "contradicted"  # its bank has rejected and executed an earlier one: two persons decide
    NOT_MATCHED = "not_matched"  # no file of the connector agrees that it has collected it
    NOT_RECEIVED = "not_received"  # the connector's payout is not on our bank account
    BEYOND_LIMIT = "beyond_limit"  # more would be paid at our risk than two persons allow
    RESTING = "resting"  # the payee's hold is not over
    NOT_SCHEDULED = "not_scheduled"  # the value date is no payout date of the payee
    BELOW_PAYOUT_MINIMUM = "below_payout_minimum"  # the payee is paid from its minimum on
    PUT_OFF = "put_off"  # its value date passed without instructions


@dataclass(frozen=True, slots=True)
class Instruction:
    """Pay `amount` paisa (positive) into the creditor's account with this value date.

    `withheld` is the tax that was taken off what the creditor is owed, where there is any. `end_to_end_id`
    is made of creditor and value date alone: the same instruction sent again, or computed again with another
    amount, has the same id, and a bank accepts an id once.
    """

    end_to_end_id: str
    value_date: date
    creditor: CreditorAccount
    amount: int
    withheld: WithheldTax | None = None

    @property
    def tax(self) -> int:
        """The tax withheld, in paisa."""
        return self.withheld.tax if self.withheld else 0

    @property
    def gross(self) -> int:
        """What the creditor is owed less by it, in paisa: the amount and the tax."""
        return self.amount + self.tax

    @property
    def text(self) -> str:
        """The remittance text for the creditor."""
        return f"EkPay settlement {self.value_date.isoformat()} {self.end_to_end_id}"


@dataclass(frozen=True, slots=True)
class Remainder:
    """What remains owed to a party beside its instruction, in paisa (negative: it owes us), and why."""

    party: Party
    amount: int
    reason: RemainderReason

    @property
    def is_carried(self) -> bool:
        """Whether it is carried to the next window; what a connector owes, it pays by a credit of its own."""
        return self.amount != 0 and (
            self.party.role is not PartyRole.CONNECTOR or self.reason is not RemainderReason.OWES_US
        )


@dataclass(frozen=True, slots=True)
class OutgoingInstructions:
    """The instructions of a window in the order of their ids, and the remainders with their reasons."""

    value_date: date
    instructions: tuple[Instruction, ...]
    remainders: tuple[Remainder, ...]

    @property
    def total(self) -> int:
        """The sum of all instructions, in paisa, with the tax withheld."""
        return sum(instruction.gross for instruction in self.instructions)

    @property
    def carried_amounts(self) -> Mapping[Party, int]:
        """What the next window begins with, in paisa owed to each party."""
        return {remainder.party: remainder.amount for remainder in self.remainders if remainder.is_carried}


def end_to_end_id(party: Party, value_date: date) -> str:
    """The name of the one instruction of a creditor and a value date: 15 capital letters and digits."""
    digest = sha256(f"{party.role}\x1f{party.name}\x1f{value_date.isoformat()}".encode()).digest()
    return _PREFIX + base64.b32encode(digest).decode("ascii")[: ID_LENGTH - len(_PREFIX)]


def nothing_withheld(_party: Party, _gross: int) -> WithheldTax | None:
    """The tax of a payout where there are no rules."""
    return None


def instructions_of(
    sheet: SettlementSheet,
    registry: AccountRegistry,
    carried: Mapping[Party, int] | None = None,
    books: Callable[[Party], int] | None = None,
    stopped: Collection[Party] = (),
    holdbacks: Mapping[Party, Holdback] | None = None,
    *,
    tax_of: Callable[[Party, int], WithheldTax | None] = nothing_withheld,
) -> OutgoingInstructions:
    """The instructions of a sheet's value date; `books` returns what our books owe a party at this moment.

    Nobody is ever paid more than that, nor what the rules of payouts hold back: the rest is carried. Of
    `stopped` parties everything is carried. `tax_of` is what is withheld of so many paisa that are paid.

    Raises:
        ClashingInstructionsError: two ids are the same.
    """
    instructions: list[Instruction] = []
    remainders: list[Remainder] = []
    for party, due in _due(sheet, carried):
        by_books = due if books is None or due <= 0 else min(due, books(party))
        payable, because = _payable_now(due, by_books, (holdbacks or {}).get(party, Holdback()))
        withheld = tax_of(party, payable) if payable > 0 else None
        net = withheld.net if withheld else payable
        account, reason = _payable_account(party, net, registry)
        if reason is None and party in stopped:
            reason = RemainderReason.CONTRADICTED
        if reason is None and account is not None:
            name = end_to_end_id(party, sheet.value_date)
            instructions.append(Instruction(name, sheet.value_date, account, net, withheld))
        else:
            payable = 0
        rest_reason = because or reason
        if rest_reason is not None:
            remainders.append(Remainder(party, due - payable, rest_reason))
    return OutgoingInstructions(sheet.value_date, _in_order(instructions), tuple(remainders))


def _payable_account(
    party: Party, net: int, registry: AccountRegistry
) -> tuple[CreditorAccount | None, RemainderReason | None]:
    """The account into which so many paisa are paid on which rail, and why they cannot be."""
    account = registry.account_of(party)
    if account is not None:
        account = registry.on_rail_for(account, net)
    return account, _refusal_of(net, account, registry)


def _payable_now(due: int, by_books: int, holdback: Holdback) -> tuple[int, RemainderReason | None]:
    """How much of what is due is paid with this value date, and why not all of it."""
    if due > 0 and holdback.next_payout is not None:
        return 0, RemainderReason.NOT_SCHEDULED
    payable, because = _payable(due, by_books, holdback)
    if holdback.is_below_minimum(payable):
        return 0, because or RemainderReason.BELOW_PAYOUT_MINIMUM
    return payable, because


def _payable(due: int, by_books: int, holdback: Holdback) -> tuple[int, RemainderReason | None]:
    """How much of what is due may be paid, and why not all of it."""
    by_rules = due - holdback.total
    if due <= 0 or min(by_books, by_rules) == due:
        return due, None
    if by_books <= by_rules or holdback.reason is None:
        return max(0, by_books), RemainderReason.LESS_IN_BOOKS
    return max(0, min(by_books, by_rules)), RemainderReason(holdback.reason.value)


def carry_whole_sheet(
    sheet: SettlementSheet, carried: Mapping[Party, int] | None = None
) -> OutgoingInstructions:
    """A value date that passed without instructions: everything that is owed is carried to the next one."""
    remainders = [
        Remainder(
            party,
            due,
            RemainderReason.PUT_OFF
            if due > 0
            else RemainderReason.OWES_US
            if due
            else RemainderReason.NOTHING_OWED,
        )
        for party, due in _due(sheet, carried)
    ]
    return OutgoingInstructions(sheet.value_date, (), tuple(remainders))


def _due(sheet: SettlementSheet, carried: Mapping[Party, int] | None) -> list[tuple[Party, int]]:
    due = dict(carried or {})
    for position in sheet.positions:
        due[position.party] = due.get(position.party, 0) - position.net
    return sorted(due.items())


def _refusal_of(
    owed_paisa: int, account: CreditorAccount | None, registry: AccountRegistry
) -> RemainderReason | None:
    if owed_paisa <= 0:
        return RemainderReason.OWES_US if owed_paisa else RemainderReason.NOTHING_OWED
    if account is None:
        return RemainderReason.NO_ACCOUNT
    return _out_of_bounds(registry.rails[account.rail], owed_paisa)


def _out_of_bounds(bounds: RailBounds, owed_paisa: int) -> RemainderReason | None:
    if owed_paisa < bounds.minimum:
        return RemainderReason.BELOW_MINIMUM
    return RemainderReason.ABOVE_MAXIMUM if owed_paisa > bounds.maximum else None


def _in_order(instructions: Sequence[Instruction]) -> tuple[Instruction, ...]:
    named = {instruction.end_to_end_id: instruction for instruction in instructions}
    ordered = tuple(sorted(instructions, key=lambda instruction: instruction.end_to_end_id))
    if len(named) != len(ordered):
        raise ClashingInstructionsError
    return ordered
