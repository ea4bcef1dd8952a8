"""Unidentified items: their states, what two persons may decide about one, and the entries. Pure.

found ─▶ open ─ proposed ▶ proposed ─ approved ▶ settled
                                    ─ rejected, lapsed ▶ open
         open ─ taken (a decision about a break takes the line over) ▶ taken ─ found again ▶ open
         open ─ gone (no line, or one that our books or a request explain) ▶ gone ─ found again ▶ open
         settled ─ missing (the same, too late) ▶ missing ─ found again ▶ settled
         settled, missing ─ a reversal, proposed and approved likewise ▶ open
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.settlement_postings import (
    SETTLEMENT_BANK,
    unidentified_reopened_entry,
    unidentified_settled_entry,
)
from reconciliation.errors import SettlementError

INSTRUCTION: Final = "instruction"
# A part for a demand is `demand:<number>:<kind of account>`; persons type its number or its reference.
DEMAND: Final = "demand"
# Parts that are given back by hand under a reference of the bank: the whole line, and a part of a split.
_WHOLE_RETURN: Final = "reference"
_RETURN: Final = "return"
RETURNS: Final = (_WHOLE_RETURN, _RETURN)
# Where money that came may go, and what money that left may have been, by the first words of a target.
_OF_CREDITS: Final = ("prefund:", "payable:merchant:", "commission_payable:merchant:")
_OF_DEBITS: Final = ("bank_charges", "write_off")
_OF_BOTH: Final = ("instruction:", "return:")
_CHARGES: Final = "bank_charges"
_BY_BREAKS: Final = ("receivable:", "claim:")
_AT_THE_BREAK: Final = (
    "a receivable or a claim is paid by the action of its break, which takes this line over by its "
    "reference: ekpay reconcile breaks, then claim_received with --bank-reference"
)


class ItemState(StrEnum):
    """Where an unidentified item stands."""

    OPEN = "open"
    PROPOSED = "proposed"
    SETTLED = "settled"
    TAKEN = "taken"
    GONE = "gone"
    MISSING = "missing"


class ItemEvent(StrEnum):
    """What happened to an item."""

    FOUND = "found"
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    LAPSED = "lapsed"
    TAKEN = "taken"
    GONE = "gone"
    MISSING = "missing"


# The states in which money waits on persons.
WAITING: Final = frozenset({ItemState.OPEN, ItemState.PROPOSED, ItemState.MISSING})
# Those in which nothing is decided about the line yet.
UNDECIDED: Final = frozenset({ItemState.OPEN, ItemState.PROPOSED})
# What follows on a state: the event and the state behind it, without a reversal and of one.
_STEPS: Final = frozenset(
    {
        (None, ItemEvent.FOUND, ItemState.OPEN),
        (ItemState.GONE, ItemEvent.FOUND, ItemState.OPEN),
        (ItemState.TAKEN, ItemEvent.FOUND, ItemState.OPEN),
        (ItemState.MISSING, ItemEvent.FOUND, ItemState.SETTLED),
        (ItemState.OPEN, ItemEvent.PROPOSED, ItemState.PROPOSED),
        (ItemState.PROPOSED, ItemEvent.APPROVED, ItemState.SETTLED),
        (ItemState.PROPOSED, ItemEvent.REJECTED, ItemState.OPEN),
        (ItemState.PROPOSED, ItemEvent.LAPSED, ItemState.OPEN),
        (ItemState.OPEN, ItemEvent.TAKEN, ItemState.TAKEN),
        (ItemState.OPEN, ItemEvent.GONE, ItemState.GONE),
        (ItemState.SETTLED, ItemEvent.MISSING, ItemState.MISSING),
    }
)
_STEPS_OF_REVERSALS: Final = frozenset(
    {
        (ItemState.SETTLED, ItemEvent.PROPOSED, ItemState.PROPOSED),
        (ItemState.MISSING, ItemEvent.PROPOSED, ItemState.PROPOSED),
        (ItemState.PROPOSED, ItemEvent.APPROVED, ItemState.OPEN),
        (ItemState.PROPOSED, ItemEvent.REJECTED, ItemState.SETTLED),
    }
)


class ItemAction(StrEnum):
    """What one person proposes and another approves."""

    LINK = "link"
    SPLIT = "split"
    RETURN = "return"
    REVERSE = "reverse"


@dataclass(frozen=True, slots=True)
class UnidentifiedItem:
    """An item as it stands; `amount` is in paisa, above zero where money came, `changed_at` is UTC.

    `number` is what persons type, `narrative` what the bank says of the line beside its references.
    `booked_entry_id` is the entry that put it into suspense the last time, and `decision_id` the decision of
    its newest event.
    """

    id: UUID
    number: int
    line_key: str
    bank: str
    day: date
    amount: int
    our_reference: str
    bank_reference: str
    narrative: str
    row_name: str
    revision: int
    state: ItemState
    decision_id: UUID | None
    booked_entry_id: UUID
    changed_at: datetime

    @property
    def names(self) -> tuple[str, ...]:
        """The references by which its line may be booked."""
        return tuple(sorted({self.our_reference, self.bank_reference} - {""}))

    @property
    def subject(self) -> str:
        """The subject of its alarm."""
        return subject_of(self.number)


@dataclass(frozen=True, slots=True)
class ItemPart:
    """A part of the amount of an item, in its sign, and what it was for."""

    target: str
    amount: int
    account: str

    @classmethod
    def of(cls, target: str, amount: int) -> "ItemPart":
        """A part for a target as persons type it.

        Raises:
            SettlementError: a line of this sign cannot be for that; the message names the target.
        """
        return cls(target, amount, _account_of(target, is_credit=amount > 0))

    @classmethod
    def of_return(cls, reference: str, amount: int) -> "ItemPart":
        """All of an item, given back by hand under a reference of the bank."""
        return cls(f"{_WHOLE_RETURN}:{reference}", amount, SETTLEMENT_BANK)

    @property
    def instruction(self) -> str:
        """The end-to-end id of the instruction that it belongs to, or nothing."""
        kind, _, name = self.target.partition(":")
        return name if kind == INSTRUCTION else ""

    @property
    def demand(self) -> str:
        """The number of the demand that it pays, or nothing."""
        kind, _, name = self.target.partition(":")
        return name.partition(":")[0] if kind == DEMAND else ""

    @property
    def reference(self) -> str:
        """The bank's reference of the transfer by which it was given back, or nothing."""
        return reference_of(self.target)

    @property
    def field(self) -> str:
        """What a refusal of its transfer names."""
        return _WHOLE_RETURN if self.target.startswith(f"{_WHOLE_RETURN}:") else f"target: {self.target}"


@dataclass(frozen=True, slots=True)
class ItemDecision:
    """What a person has proposed about an item, with its parts; `reverses` names an approved one."""

    id: UUID
    item_id: UUID
    action: ItemAction
    reason: str
    bank_reference: str
    reverses: UUID | None
    proposed_by: str
    parts: tuple[ItemPart, ...] = ()

    @property
    def return_parts(self) -> tuple[ItemPart, ...]:
        """The parts whose transfers its approval books; none of a reversal."""
        return () if self.reverses else tuple(part for part in self.parts if part.reference)


@dataclass(frozen=True, slots=True)
class NewItemEvent:
    """An event to be written; `state` is the state behind it."""

    item_id: UUID
    revision: int
    event: ItemEvent
    state: ItemState
    decision_id: UUID | None = None
    resolution_id: UUID | None = None
    person: str | None = None
    entry_id: UUID | None = None
    reason: str = ""


def follows(before: ItemState | None, event: ItemEvent, state: ItemState, *, is_reversal: bool) -> bool:
    """Whether an event leads from one state to another; `before` is None for a new item."""
    return (before, event, state) in (_STEPS_OF_REVERSALS if is_reversal else _STEPS)


def entry_id_of_event(item_id: UUID, revision: int) -> UUID:
    """The id of the entry of an event."""
    return uuid5(item_id, f"event {revision}")


def subject_of(number: int) -> str:
    """The subject of the alarm about an item of this number."""
    return f"unidentified {number}"


def reference_of(target: str) -> str:
    """The bank's reference of the transfer that a target names, or nothing."""
    kind, _, name = target.partition(":")
    return name if kind in RETURNS else ""


def refuse_unfit_parts(item: UnidentifiedItem, parts: Sequence[ItemPart]) -> None:
    """Refuse parts that are not the item.

    Raises:
        SettlementError: a target stands there twice, a part has another sign, the sum is another, or what
            came pays a charge of the bank without a return that the bank has charged.
    """
    targets = [part.target for part in parts]
    if len(set(targets)) != len(targets):
        raise SettlementError("parts: a target stands there twice")
    if any(part.amount * item.amount <= 0 for part in parts):
        raise SettlementError("parts: each is above zero")
    is_charged = item.amount > 0 and _CHARGES in targets
    if is_charged and not any(part.reference for part in parts):
        raise _unfit(_CHARGES, is_credit=True)
    total = sum(part.amount for part in parts)
    if total != item.amount:
        raise SettlementError(f"parts: they come to {abs(total)} paisa, and the line has {abs(item.amount)}")


def settling_entry(item: UnidentifiedItem, parts: Sequence[ItemPart]) -> Entry:
    """The entry of an approved decision: the money leaves suspense for what it was meant for."""
    sums: dict[str, int] = {}
    for part in parts:
        sums[part.account] = sums.get(part.account, 0) + part.amount
    return unidentified_settled_entry(item.bank, sums.items())


def reopening_entry(item: UnidentifiedItem, parts: Sequence[ItemPart]) -> Entry:
    """The entry of an approved reversal of such a decision."""
    return unidentified_reopened_entry(settling_entry(item, parts))


def _account_of(target: str, *, is_credit: bool) -> str:
    if target.startswith(_BY_BREAKS):
        raise SettlementError(f"target: {_AT_THE_BREAK}")
    kind, _, name = target.partition(":")
    if kind == _RETURN and name.split() != [name]:
        raise SettlementError(
            "target: return: takes the bank's own reference of the transfer, without spaces"
        )
    if kind in {INSTRUCTION, _RETURN} and name:
        return SETTLEMENT_BANK
    # What the bank has charged for a return may be a part of what came.
    fitting = (*_OF_CREDITS, _CHARGES) if is_credit else _OF_DEBITS
    is_fitting = any(
        target.startswith(head) and target != head if head.endswith(":") else target == head
        for head in fitting
    )
    if not is_fitting:
        raise _unfit(target, is_credit=is_credit)
    return target


def _unfit(target: str, *, is_credit: bool) -> SettlementError:
    fitting = (*(_OF_CREDITS if is_credit else _OF_DEBITS), *_OF_BOTH)
    if is_credit:
        fitting = (*fitting, f"{DEMAND}:")
    known = ", ".join(f"{head}…" if head.endswith(":") else head for head in fitting)
    came = "came" if is_credit else "left"
    beside = f", and {_CHARGES} only beside a return" if is_credit else ""
    return SettlementError(f"target: money that {came} is for one of {known}{beside}; not {target}")
