"""Which accounts each moment moves: the posting table of architecture.md 6, one function a row.

T = amount + rounding + charge + fee + VAT; T is what the payer or the partner gives.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ekpay_switch.domain.ledger.entries import Entry, Posting, grow, shrink
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.shares import Stake

IN_FLIGHT = "in_flight"


@dataclass(frozen=True, slots=True)
class Charges:
    """What is added to a price: the connector's charge to the payer, our fee and its VAT."""

    charge: Money
    fee: Money
    vat: Money


@dataclass(frozen=True, slots=True)
class Sums:
    """The parts of what is paid: the bill, the connector's charge, our fee and its VAT.

    `rounding` is what the payer gives beyond the exact bill where a biller takes whole taka only.
    """

    amount: Money
    charge: Money
    fee: Money
    vat: Money
    rounding: Money = field(default=ZERO)

    @property
    def billed(self) -> Money:
        """The amount that is reported to the biller as paid: the bill, rounded as the biller wants it."""
        return self.amount + self.rounding

    @property
    def total(self) -> Money:
        """T, all parts together."""
        return self.billed + self.charge + self.fee + self.vat


def prefund_account(partner_id: str, bucket: str) -> str:
    """The account of one of a partner's two prefund buckets."""
    return f"prefund:{partner_id}:{bucket}"


def accepted_from_prefund(prefund: str, sums: Sums) -> Entry:
    """The partner's money is held for this payment."""
    total = sums.total.minor
    return Entry.of("accepted", (shrink(prefund, total), grow(IN_FLIGHT, total)), sums.amount.currency)


def delivered(payee: str, sums: Sums, *, from_deposit: bool = False) -> Entry:
    """The payee is owed the exact bill, we have earned the fee, the state is owed its VAT.

    The rounding has an account of its own. A prefunded utility is owed nothing: it has taken the bill off the
    deposit that we keep there.
    """
    postings = (
        shrink(IN_FLIGHT, sums.total.minor),
        _payee_posting(payee, sums.amount, from_deposit=from_deposit),
        grow("charge_income", sums.charge.minor),
        grow("fee_income", sums.fee.minor),
        grow("vat_payable", sums.vat.minor),
        grow("rounding", sums.rounding.minor),
    )
    return Entry.of("delivered", postings, sums.amount.currency)


def credited(shares: Iterable[Stake], sums: Sums) -> Entry:
    """A merchant payment is credited to all its shares at once; the charges are booked as for a bill."""
    postings = (
        shrink(IN_FLIGHT, sums.total.minor),
        *(grow(share.account, share.amount.minor) for share in shares),
        grow("charge_income", sums.charge.minor),
        grow("fee_income", sums.fee.minor),
        grow("vat_payable", sums.vat.minor),
    )
    return Entry.of("delivered", postings, sums.amount.currency)


def given_back_to_prefund(prefund: str, sums: Sums) -> Entry:
    """Refused or proven not posted: everything, charges included, is back in the partner's prefund."""
    total = sums.total.minor
    return Entry.of("given_back", (shrink(IN_FLIGHT, total), grow(prefund, total)), sums.amount.currency)


def collected(connector_id: str, sums: Sums, connector_fee: Money) -> Entry:
    """The connector has collected the payer's money; the fee that it keeps is our cost (it settles net)."""
    total = sums.total.minor
    postings = (*_receivable_postings(connector_id, total, connector_fee.minor), grow(IN_FLIGHT, total))
    return Entry.of("collected", postings, sums.amount.currency)


def collected_without_payment(connector_id: str, amount: Money, connector_fee: Money) -> Entry:
    """The connector has collected money that no payment waits for: it stays in suspense until given back."""
    postings = (
        *_receivable_postings(connector_id, amount.minor, connector_fee.minor),
        grow(f"suspense:{connector_id}", amount.minor),
    )
    return Entry.of("collected_without_payment", postings, amount.currency)


def owed_back(connector_id: str, sums: Sums) -> Entry:
    """Delivery failed: everything that was collected, charges included, is owed to the payer."""
    total = sums.total.minor
    postings = (shrink(IN_FLIGHT, total), grow(f"refund_due:{connector_id}", total))
    return Entry.of("owed_back", postings, sums.amount.currency)


def owed_back_from_suspense(connector_id: str, amount: Money) -> Entry:
    """Money that no payment waits for is owed to its payer."""
    postings = (
        shrink(f"suspense:{connector_id}", amount.minor),
        grow(f"refund_due:{connector_id}", amount.minor),
    )
    return Entry.of("owed_back_from_suspense", postings, amount.currency)


def owed_back_by_payee(payee: str, connector_id: str, amount: Money) -> Entry:
    """A completed payment is refunded, whole or in part: the payee is owed less, the payer as much more."""
    postings = (
        shrink(f"payable:{payee}", amount.minor),
        grow(f"refund_due:{connector_id}", amount.minor),
    )
    return Entry.of("owed_back_by_payee", postings, amount.currency)


def owed_back_by_shares(reductions: Iterable[tuple[str, Money]], connector_id: str, amount: Money) -> Entry:
    """A merchant payment is refunded: each account is owed less by its reduction, the payer as much more.

    `reductions` sum to `amount`. Both are below zero where a refund failed and its money returns; a single
    reduction may have the other sign by a paisa (`shares`).
    """
    postings = (
        *(shrink(account, part.minor) for account, part in reductions),
        grow(f"refund_due:{connector_id}", amount.minor),
    )
    moment = "owed_back_by_shares" if amount > ZERO else "owed_back_by_shares_reversed"
    return Entry.of(moment, postings, amount.currency)


def owed_by_merchant(merchant: str, amount: Money) -> Entry:
    """A merchant owes us the refunds of its payments beyond its debt limit."""
    postings = (grow(f"receivable:{merchant}", amount.minor), grow(f"payable:{merchant}", amount.minor))
    return Entry.of("owed_by_merchant", postings, amount.currency)


def paid_back(connector_id: str, amount: Money) -> Entry:
    """The connector has refunded the payer; its own fee for the collection stays our cost."""
    postings = (
        shrink(f"refund_due:{connector_id}", amount.minor),
        shrink(f"receivable:{connector_id}", amount.minor),
    )
    return Entry.of("paid_back", postings, amount.currency)


def paid_back_by_hand(connector_id: str, amount: Money) -> Entry:
    """Finance has refunded the payer by a transfer from our own bank account."""
    postings = (
        shrink(f"refund_due:{connector_id}", amount.minor),
        shrink("settlement_bank", amount.minor),
    )
    return Entry.of("paid_back_by_hand", postings, amount.currency)


def _receivable_postings(connector_id: str, amount: int, connector_fee: int) -> tuple[Posting, ...]:
    receivable = f"receivable:{connector_id}"
    return (
        grow(receivable, amount),
        grow(f"connector_fee:{connector_id}", connector_fee),
        shrink(receivable, connector_fee),
    )


def posted_after_give_back(payee: str, amount: Money, *, from_deposit: bool = False) -> Entry:
    """The biller has a payment that we gave back: it is owed, against suspense."""
    postings = (
        shrink(f"suspense:{payee}", amount.minor),
        _payee_posting(payee, amount, from_deposit=from_deposit),
    )
    return Entry.of("posted_after_give_back", postings, amount.currency)


def deposit_account(biller_id: str) -> str:
    """The account of what we keep at a prefunded utility."""
    return f"biller_deposit:{biller_id}"


def deposited(biller_id: str, amount: Money) -> Entry:
    """A transfer from our bank account has raised our deposit at a prefunded utility."""
    postings = (shrink("settlement_bank", amount.minor), grow(deposit_account(biller_id), amount.minor))
    return Entry.of("deposited", postings, amount.currency)


def _payee_posting(payee: str, amount: Money, *, from_deposit: bool) -> Posting:
    if from_deposit:
        return shrink(deposit_account(payee), amount.minor)
    return grow(f"payable:{payee}", amount.minor)


def topped_up(prefund: str, amount: Money) -> Entry:
    """The partner's transfer has reached our bank account and is credited to its bucket."""
    return Entry.of(
        "topped_up", (grow("settlement_bank", amount.minor), grow(prefund, amount.minor)), amount.currency
    )


def set_aside_for_challan(partner_id: str, prefund: str, amount: Money) -> Entry:
    """A merchant pays the treasury from what it is owed: the amount moves to its challan prefund.

    The amount of a line that the treasury was not paid goes back by the reversal of this entry.
    """
    postings = (shrink(f"payable:merchant:{partner_id}", amount.minor), grow(prefund, amount.minor))
    return Entry.of("set_aside_for_challan", postings, amount.currency)
