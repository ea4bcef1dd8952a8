"""Shares of merchant payments in memory, and what their merchants are owed: divided by the domain's rules."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from uuid import UUID

from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.merchants.merchant import Share, payee_of, share_account
from ekpay_switch.domain.merchants.shares import Split, Stake
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.share_reversals import reverse_shares

UNLIMITED = 10**12


@dataclass
class FakeShares:
    """What the tables of merchants would hold of money; `returning` are those that charges are returned of.

    `owed` is what each merchant and its payees are owed, `debt_limits` how far below zero that may go, and
    `refund_limits` what one person may give back of a payment.
    """

    stakes: dict[UUID, tuple[Stake, ...]] = field(default_factory=dict)
    merchants: dict[UUID, str] = field(default_factory=dict)
    owed: Counter[str] = field(default_factory=Counter)
    debt_limits: dict[str, int] = field(default_factory=dict)
    refund_limits: dict[str, int] = field(default_factory=dict)
    returning: set[str] = field(default_factory=set)

    def open(self, payment_id: UUID, partner_id: str, shares: Iterable[Share]) -> None:
        """The payment is this merchant's, and is credited so."""
        self.merchants[payment_id] = partner_id
        self.stakes[payment_id] = tuple(Stake(share_account(partner_id, one), one.amount) for one in shares)

    def of(self, payment_id: UUID) -> tuple[Stake, ...] | None:
        return self.stakes.get(payment_id)

    def credit(self, payment_id: UUID, sums: Sums) -> None:
        """The merchant is owed the amount; where the agreement returns charges they take part in refunds."""
        partner_id = self.merchants[payment_id]
        self.owed[partner_id] += sums.amount.minor
        if partner_id in self.returning:
            charges = (("charge_income", sums.charge), ("fee_income", sums.fee), ("vat_payable", sums.vat))
            self.stakes[payment_id] += tuple(Stake(name, sum_, is_ours=True) for name, sum_ in charges)

    def split(self, payment_id: UUID) -> Split | None:
        partner_id = self.merchants.get(payment_id)
        if partner_id is None:
            return None
        room = Money(self.owed[partner_id] + self.debt_limits.get(partner_id, 0))
        alone_max = Money(self.refund_limits.get(partner_id, UNLIMITED))
        return Split(payee_of(partner_id), self.stakes[payment_id], room, alone_max)

    def unwind(self, payment_id: UUID, connector_id: str, change: Money) -> tuple[Entry, ...]:
        """Refunds of this payment come to so much more, or less; none where it is no merchant's."""
        split = self.split(payment_id)
        if split is None:
            return ()
        unwound = reverse_shares(split, change, connector_id)
        moved = zip(split.stakes, unwound.refunded, strict=True)
        self.stakes[payment_id] = tuple(replace(stake, refunded=refunded) for stake, refunded in moved)
        self.owed[self.merchants[payment_id]] += unwound.payable_change.minor
        return unwound.entries
