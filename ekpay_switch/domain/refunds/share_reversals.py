"""Taking refunds of a merchant payment from its shares, and returning them where a refund fails.

`persistence.collections.share_postings` reads the split under lock, calls this and writes the result in the
same transaction (architecture.md 4 and 6).
"""

from dataclasses import dataclass

from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import owed_back_by_shares_entry, owed_by_merchant_entry
from ekpay_switch.domain.merchants.shares import Split
from ekpay_switch.domain.money import ZERO, Money


@dataclass(frozen=True, slots=True)
class ShareReversal:
    """What a refund, or a failed one, writes: entries, and what each stake has given back.

    `refunded` has the order of the split's stakes. `payable_change` is how much more the merchant and its
    payees are owed now, less where it is below zero.
    """

    entries: tuple[Entry, ...]
    refunded: tuple[Money, ...]
    payable_change: Money


def reverse_shares(split: Split, change: Money, connector_id: str) -> ShareReversal:
    """Divide a change of the refunds' total over the shares; `change` is below zero where a refund failed.

    What exceeds the debt limit (a chargeback is not bound by it) becomes a receivable from the merchant, so
    that what the merchant is owed never falls below the limit.
    """
    changes = split.stake_changes(change)
    lines = [(stake.account, part) for stake, part in zip(split.stakes, changes, strict=True)]
    entries = [owed_back_by_shares_entry(lines, connector_id, change)]
    reduction = split.payee_reduction(change)
    excess = max(reduction - split.debt_headroom, ZERO)
    if excess > ZERO:
        entries.append(owed_by_merchant_entry(split.merchant, excess))
    refunded = tuple(stake.refunded + part for stake, part in zip(split.stakes, changes, strict=True))
    return ShareReversal(tuple(entries), refunded, excess - reduction)
