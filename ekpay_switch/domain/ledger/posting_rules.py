"""Which accounts move at which moment: the posting table of architecture.md 6, a function a row.

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
        """What the biller is told that was paid: the bill, rounded as it wants it."""
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
    taken = sums.total.minor
    return Entry.of("accepted", (shrink(prefund, taken), grow(IN_FLIGHT, taken)), sums.amount.currency)


def delivered(payee: str, sums: Sums, *, from_deposit: bool = False) -> Entry:
    """The payee is owed the exact bill, we have earned the fee, the state is owed its VAT.

    What a biller rounds up is neither's: it stands on an account of its own. A prefunded utility is owed
    nothing: it has taken the bill off the deposit that we keep there.
    """
    postings = (
        shrink(IN_FLIGHT, sums.total.minor),
        _for_payee(payee, sums.amount, from_deposit=from_deposit),
        grow("charge_income", sums.charge.minor),
        grow("fee_income", sums.fee.minor),
        grow("vat_payable", sums.vat.minor),
        grow("rounding", sums.rounding.minor),
    )
    return Entry.of("delivered", postings, sums.amount.currency)


def credited(shares: Iterable[Stake], sums: Sums) -> Entry:
    """A merchant payment is delivered to each of its shares at once; the charges are as everywhere."""
    postings = (
        shrink(IN_FLIGHT, sums.total.minor),
        *(grow(share.account, share.amount.minor) for share in shares),
        grow("charge_income", sums.charge.minor),
        grow("fee_income", sums.fee.minor),
        grow("vat_payable", sums.vat.minor),
    )
    return Entry.of("delivered", postings, sums.amount.currency)


def given_back_to_prefund(prefund: str, sums: Sums) -> Entry:
    """Refused or proven unsent: everything, charges included, is the partner's again."""
    held = sums.total.minor
    return Entry.of("given_back", (shrink(IN_FLIGHT, held), grow(prefund, held)), sums.amount.currency)


def collected(connector_id: str, sums: Sums, kept: Money) -> Entry:
    """The connector has the payer's money for us; what it keeps of it is our cost (it settles net)."""
    taken = sums.total.minor
    postings = (*_received(connector_id, taken, kept.minor), grow(IN_FLIGHT, taken))
    return Entry.of("collected", postings, sums.amount.currency)


def collected_without_payment(connector_id: str, amount: Money, kept: Money) -> Entry:
    """The connector has money that no open payment waits for: it is the payer's until it is given back."""
    postings = (
        *_received(connector_id, amount.minor, kept.minor),
        grow(f"suspense:{connector_id}", amount.minor),
    )
    return Entry.of("collected_without_payment", postings, amount.currency)


def owed_back(connector_id: str, sums: Sums) -> Entry:
    """Delivery came to nothing: everything that was collected, charges included, is owed to the payer."""
    held = sums.total.minor
    postings = (shrink(IN_FLIGHT, held), grow(f"refund_due:{connector_id}", held))
    return Entry.of("owed_back", postings, sums.amount.currency)


def owed_back_from_suspense(connector_id: str, amount: Money) -> Entry:
    """Money that no payment waits for is owed to its payer."""
    postings = (
        shrink(f"suspense:{connector_id}", amount.minor),
        grow(f"refund_due:{connector_id}", amount.minor),
    )
    return Entry.of("owed_back_from_suspense", postings, amount.currency)


def owed_back_by_payee(payee: str, connector_id: str, amount: Money) -> Entry:
    """A completed payment is given back, whole or in part: the payee is owed less and the payer that much."""
    postings = (
        shrink(f"payable:{payee}", amount.minor),
        grow(f"refund_due:{connector_id}", amount.minor),
    )
    return Entry.of("owed_back_by_payee", postings, amount.currency)


def owed_back_by_shares(moved: Iterable[tuple[str, Money]], connector_id: str, amount: Money) -> Entry:
    """A merchant payment is given back: account by account what is owed less, and the payer that much.

    `moved` sums to `amount`. Both are below zero where a refund failed and its money moves back; a single
    line may be of the other sign by a paisa (`shares`).
    """
    postings = (
        *(shrink(account, part.minor) for account, part in moved),
        grow(f"refund_due:{connector_id}", amount.minor),
    )
    moment = "owed_back_by_shares" if amount > ZERO else "owed_back_by_shares_reversed"
    return Entry.of(moment, postings, amount.currency)


def owed_by_merchant(merchant: str, amount: Money) -> Entry:
    """A merchant has to pay us what went back of its payments beyond its debt limit."""
    postings = (grow(f"receivable:{merchant}", amount.minor), grow(f"payable:{merchant}", amount.minor))
    return Entry.of("owed_by_merchant", postings, amount.currency)


def paid_back(connector_id: str, amount: Money) -> Entry:
    """The connector has given the payer what was owed; its own fee for the collection stays our cost."""
    postings = (
        shrink(f"refund_due:{connector_id}", amount.minor),
        shrink(f"receivable:{connector_id}", amount.minor),
    )
    return Entry.of("paid_back", postings, amount.currency)


def paid_back_by_hand(connector_id: str, amount: Money) -> Entry:
    """Finance has given the payer what was owed, by a transfer from our own bank account."""
    postings = (
        shrink(f"refund_due:{connector_id}", amount.minor),
        shrink("settlement_bank", amount.minor),
    )
    return Entry.of("paid_back_by_hand", postings, amount.currency)


def _received(connector_id: str, amount: int, kept: int) -> tuple[Posting, ...]:
    receivable = f"receivable:{connector_id}"
    return (
        grow(receivable, amount),
        grow(f"connector_fee:{connector_id}", kept),
        shrink(receivable, kept),
    )


def posted_after_give_back(payee: str, amount: Money, *, from_deposit: bool = False) -> Entry:
    """The biller holds a payment that we gave back: it is owed, and suspense says that nobody paid for it."""
    postings = (
        shrink(f"suspense:{payee}", amount.minor),
        _for_payee(payee, amount, from_deposit=from_deposit),
    )
    return Entry.of("posted_after_give_back", postings, amount.currency)


def deposit_account(biller_id: str) -> str:
    """The account of what we keep at a prefunded utility."""
    return f"biller_deposit:{biller_id}"


def deposited(biller_id: str, amount: Money) -> Entry:
    """A transfer from our bank account stands on what we keep at a prefunded utility."""
    postings = (shrink("settlement_bank", amount.minor), grow(deposit_account(biller_id), amount.minor))
    return Entry.of("deposited", postings, amount.currency)


def _for_payee(payee: str, amount: Money, *, from_deposit: bool) -> Posting:
    if from_deposit:
        return shrink(deposit_account(payee), amount.minor)
    return grow(f"payable:{payee}", amount.minor)


def topped_up(prefund: str, amount: Money) -> Entry:
    """The partner's transfer stands on our bank account and in its bucket."""
    return Entry.of(
        "topped_up", (grow("settlement_bank", amount.minor), grow(prefund, amount.minor)), amount.currency
    )


def set_aside_for_challan(partner_id: str, prefund: str, amount: Money) -> Entry:
    """A merchant pays the treasury from what it is owed: the amount stands in its challan prefund.

    What the treasury does not take goes back by the reversal of this entry.
    """
    postings = (shrink(f"payable:merchant:{partner_id}", amount.minor), grow(prefund, amount.minor))
    return Entry.of("set_aside_for_challan", postings, amount.currency)
