"""Taking refunds of a merchant payment from its shares, and moving them back where a refund fails.

`persistence.merchant_money` reads the split under lock, calls this and writes what it says in the same
transaction (architecture.md 4 and 6).
"""

from dataclasses import dataclass

from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import owed_back_by_shares, owed_by_merchant
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.shares import Split


@dataclass(frozen=True, slots=True)
class Unwound:
    """What one refund, or one that failed, writes: entries, what each stake has given back, who is owed what.

    `refunded` has the order of the split's stakes. `owed` is by how much the merchant and its payees are owed
    more now, and below zero by how much less.
    """

    entries: tuple[Entry, ...]
    refunded: tuple[Money, ...]
    owed: Money


def unwind(split: Split, change: Money, connector_id: str) -> Unwound:
    """Refunds come to `change` more in all, or less where it is below zero.

    What the debt limit does not cover is owed to us by the merchant on an account of its own: nobody asks the
    limit about a fact, such as a chargeback, and the merchant is never owed less than its limit says.
    """
    moved = split.moved_by(change)
    lines = [(stake.account, part) for stake, part in zip(split.stakes, moved, strict=True)]
    entries = [owed_back_by_shares(lines, connector_id, change)]
    taken = split.taken_from_payees(change)
    beyond = max(taken - split.room, ZERO)
    if beyond > ZERO:
        entries.append(owed_by_merchant(split.merchant, beyond))
    refunded = tuple(stake.refunded + part for stake, part in zip(split.stakes, moved, strict=True))
    return Unwound(tuple(entries), refunded, beyond - taken)
