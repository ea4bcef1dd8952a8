"""Taking refunds of a merchant payment from its shares, and returning them where a refund fails.

`persistence.collections.share_postings` reads the split under lock, calls this and writes the result in the
same transaction (architecture.md 4 and 6).
"""

from dataclasses import dataclass

from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import owed_back_by_shares, owed_by_merchant
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.shares import Split


@dataclass(frozen=True, slots=True)
class Unwound:
    """What a refund, or a failed one, writes: entries, and what each stake has given back.

    `refunded` has the order of the split's stakes. `owed` is how much more the merchant and its payees are
    owed now, less where it is below zero.
    """

    entries: tuple[Entry, ...]
    refunded: tuple[Money, ...]
    owed: Money


def unwind(split: Split, change: Money, connector_id: str) -> Unwound:
    """Divide a change of the refunds' total over the shares; `change` is below zero where a refund failed.

    What exceeds the debt limit (a chargeback is not bound by it) becomes a receivable from the merchant, so
    that what the merchant is owed never falls below the limit.
    """
    changes = split.moved_by(change)
    lines = [(stake.account, part) for stake, part in zip(split.stakes, changes, strict=True)]
    entries = [owed_back_by_shares(lines, connector_id, change)]
    reduction = split.taken_from_payees(change)
    excess = max(reduction - split.room, ZERO)
    if excess > ZERO:
        entries.append(owed_by_merchant(split.merchant, excess))
    refunded = tuple(stake.refunded + part for stake, part in zip(split.stakes, changes, strict=True))
    return Unwound(tuple(entries), refunded, excess - reduction)
