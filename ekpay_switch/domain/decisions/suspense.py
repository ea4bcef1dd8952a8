"""Items in suspense that belong to no payment: what each still holds, and which entry may take from it.

An item is what one entry has posted to one suspense account. Which moments make items is fixed here: the
desk, the alarm and the audit must all mean the same ones.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ekpay_switch.domain.decisions.journal import JOURNAL_MOMENT
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.entries import Entry

SUSPENSE = "suspense:"
# Entries without a payment that make items. What the break desk puts into suspense has doors of its own, but
# for a claim that an institution has paid and a night's rule has reversed: its break is closed, and the money
# is at our bank.
SUSPENSE_MOMENTS = (JOURNAL_MOMENT, "payout_received", "break_claim_received_reversed")
# A journal that takes from an item; it makes none.
TAKING_MOMENT = "taken_from_suspense"
# Entries of a payment that may leave a claim. They are no items, but a journal that settles one names it, or
# it would itself be an item that nobody can end.
CLAIM_MOMENTS = ("charged_back_from_suspense", "paid_back_late")
# A dispute that was won takes its chargeback's claim back.
REVERSED_CLAIM = "charged_back_from_suspense_reversed"


class UnfitTakingError(SwitchError):
    """The entry cannot take from this item of suspense."""


@dataclass(frozen=True, slots=True)
class SuspenseItem:
    """What an entry posted to a suspense account; paisa in the account's own direction, `since` is UTC.

    Below zero it is a claim: money that left, and nobody has paid for. `remains` is `posted` less what
    approved decisions took out of it, and zero once it is settled.
    """

    entry_id: UUID
    account: str
    moment: str
    currency: str
    payment_id: UUID | None
    since: datetime
    posted: int
    remains: int


def taking_fault(entry: Entry, items: Iterable[SuspenseItem]) -> str:
    """Why an entry may not take from these items, which are those of one other entry; empty if it may.

    Exactly one of its postings is on a suspense account: that of an item, in the opposite direction, with at
    most what remains of it.
    """
    taken = [posting for posting in entry.postings if posting.account.startswith(SUSPENSE)]
    if len(taken) != 1:
        return "exactly one posting is on the suspense account of the item"
    (posting,) = taken
    item = next((item for item in items if item.account == posting.account), None)
    if item is None or item.currency != entry.currency:
        return f"it holds nothing on {posting.account} in {entry.currency}"
    if posting.amount * item.posted < 0:
        return f"it has to {'debit' if item.posted > 0 else 'credit'} {posting.account}"
    if abs(posting.amount) > abs(item.remains):
        return f"{abs(item.remains)} paisa remain on {posting.account}, not {abs(posting.amount)}"
    return ""
