"""Which accounts each moment moves: the posting table of architecture.md 6, one function a row.

T = amount + rounding + charge + fee + VAT; T is what the payer or the partner gives.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ekpay_switch.domain.errors import UnbalancedEntryError
from ekpay_switch.domain.ledger.entries import Entry, Posting, decrease, increase
from ekpay_switch.domain.merchants.shares import Stake
from ekpay_switch.domain.money import ZERO, Money, total

IN_FLIGHT = "in_flight"
WRITE_OFF = "write_off"


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
    def billed_amount(self) -> Money:
        """The amount that is reported to the biller as paid: the bill, rounded as the biller wants it."""
        return self.amount + self.rounding

    @property
    def total(self) -> Money:
        """T, all parts together."""
        return self.billed_amount + self.charge + self.fee + self.vat


def prefund_account(partner_id: str, bucket: str) -> str:
    """The account of one of a partner's two prefund buckets."""
    return f"prefund:{partner_id}:{bucket}"


def prefund_accepted_entry(prefund: str, sums: Sums) -> Entry:
    """The partner's money is held for this payment."""
    total = sums.total.minor
    return Entry.of("accepted", (decrease(prefund, total), increase(IN_FLIGHT, total)), sums.amount.currency)


def delivered_entry(payee: str, sums: Sums, *, from_deposit: bool = False) -> Entry:
    """The payee is owed the exact bill, we have earned the fee, the state is owed its VAT.

    The rounding has an account of its own. A prefunded utility is owed nothing: it has taken the bill off the
    deposit that we keep there.
    """
    postings = (
        decrease(IN_FLIGHT, sums.total.minor),
        _payee_posting(payee, sums.amount, from_deposit=from_deposit),
        increase("charge_income", sums.charge.minor),
        increase("fee_income", sums.fee.minor),
        increase("vat_payable", sums.vat.minor),
        increase("rounding", sums.rounding.minor),
    )
    return Entry.of("delivered", postings, sums.amount.currency)


def merchant_credited_entry(shares: Iterable[Stake], sums: Sums) -> Entry:
    """A merchant payment is credited to all its shares at once; the charges are booked as for a bill."""
    postings = (
        decrease(IN_FLIGHT, sums.total.minor),
        *(increase(share.account, share.amount.minor) for share in shares),
        increase("charge_income", sums.charge.minor),
        increase("fee_income", sums.fee.minor),
        increase("vat_payable", sums.vat.minor),
    )
    return Entry.of("delivered", postings, sums.amount.currency)


def given_back_entry(prefund: str, sums: Sums) -> Entry:
    """Refused or proven not posted: everything, charges included, is back in the partner's prefund."""
    total = sums.total.minor
    return Entry.of(
        "given_back", (decrease(IN_FLIGHT, total), increase(prefund, total)), sums.amount.currency
    )


def collected_entry(connector_id: str, sums: Sums, connector_fee: Money) -> Entry:
    """The connector has collected the payer's money; the fee that it keeps is our cost (it settles net)."""
    total = sums.total.minor
    postings = (*_receivable_postings(connector_id, total, connector_fee.minor), increase(IN_FLIGHT, total))
    return Entry.of("collected", postings, sums.amount.currency)


def collected_without_payment_entry(connector_id: str, amount: Money, connector_fee: Money) -> Entry:
    """The connector has collected money that no payment waits for: it stays in suspense until given back."""
    postings = (
        *_receivable_postings(connector_id, amount.minor, connector_fee.minor),
        increase(f"suspense:{connector_id}", amount.minor),
    )
    return Entry.of("collected_without_payment", postings, amount.currency)


def owed_back_entry(connector_id: str, sums: Sums) -> Entry:
    """Delivery failed: everything that was collected, charges included, is owed to the payer."""
    total = sums.total.minor
    postings = (decrease(IN_FLIGHT, total), increase(f"refund_due:{connector_id}", total))
    return Entry.of("owed_back", postings, sums.amount.currency)


def owed_back_from_suspense_entry(connector_id: str, amount: Money) -> Entry:
    """Money that no payment waits for is owed to its payer."""
    postings = (
        decrease(f"suspense:{connector_id}", amount.minor),
        increase(f"refund_due:{connector_id}", amount.minor),
    )
    return Entry.of("owed_back_from_suspense", postings, amount.currency)


def owed_back_by_payee_entry(payee: str, connector_id: str, amount: Money) -> Entry:
    """A completed payment is refunded, whole or in part: the payee is owed less, the payer as much more."""
    postings = (
        decrease(f"payable:{payee}", amount.minor),
        increase(f"refund_due:{connector_id}", amount.minor),
    )
    return Entry.of("owed_back_by_payee", postings, amount.currency)


def owed_back_as_loss_entry(connector_id: str, amount: Money) -> Entry:
    """A completed payment is refunded at our own loss: the biller keeps what it was credited."""
    postings = (
        increase(WRITE_OFF, amount.minor),
        increase(f"refund_due:{connector_id}", amount.minor),
    )
    return Entry.of("owed_back_as_loss", postings, amount.currency)


def owed_back_by_shares_entry(
    reductions: Iterable[tuple[str, Money]], connector_id: str, amount: Money
) -> Entry:
    """A merchant payment is refunded: each account is owed less by its reduction, the payer as much more.

    `reductions` sum to `amount`. Both are below zero where a refund failed and its money returns; a single
    reduction may have the other sign by a paisa (`shares`).
    """
    postings = (
        *(decrease(account, part.minor) for account, part in reductions),
        increase(f"refund_due:{connector_id}", amount.minor),
    )
    moment = "owed_back_by_shares" if amount > ZERO else "owed_back_by_shares_reversed"
    return Entry.of(moment, postings, amount.currency)


def owed_by_merchant_entry(merchant: str, amount: Money) -> Entry:
    """A merchant owes us the refunds of its payments beyond its debt limit."""
    postings = (
        increase(f"receivable:{merchant}", amount.minor),
        increase(f"payable:{merchant}", amount.minor),
    )
    return Entry.of("owed_by_merchant", postings, amount.currency)


def paid_back_entry(connector_id: str, amount: Money) -> Entry:
    """The connector has refunded the payer; its own fee for the collection stays our cost."""
    postings = (
        decrease(f"refund_due:{connector_id}", amount.minor),
        decrease(f"receivable:{connector_id}", amount.minor),
    )
    return Entry.of("paid_back", postings, amount.currency)


def paid_back_by_hand_entry(connector_id: str, amount: Money) -> Entry:
    """Finance has refunded the payer by a transfer from our own bank account."""
    postings = (
        decrease(f"refund_due:{connector_id}", amount.minor),
        decrease("settlement_bank", amount.minor),
    )
    return Entry.of("paid_back_by_hand", postings, amount.currency)


def charged_back_from_suspense_entry(connector_id: str, amount: Money) -> Entry:
    """The part of a chargeback that no payee gives: the payer's money that waited in suspense, or a claim."""
    postings = (
        decrease(f"suspense:{connector_id}", amount.minor),
        increase(f"refund_due:{connector_id}", amount.minor),
    )
    return Entry.of("charged_back_from_suspense", postings, amount.currency)


def held_in_dispute_entry(connector_id: str, amount: Money) -> Entry:
    """The connector holds back money that it had collected until a dispute about it ends."""
    postings = (
        increase(f"disputed:{connector_id}", amount.minor),
        decrease(f"receivable:{connector_id}", amount.minor),
    )
    return Entry.of("held_in_dispute", postings, amount.currency)


def dispute_lost_entry(connector_id: str, amount: Money) -> Entry:
    """What the connector held is the payer's: it is paid back."""
    postings = (
        decrease(f"refund_due:{connector_id}", amount.minor),
        decrease(f"disputed:{connector_id}", amount.minor),
    )
    return Entry.of("dispute_lost", postings, amount.currency)


def dispute_won_entry(connector_id: str, amount: Money, *, is_held: bool) -> Entry:
    """The connector owes us again what it held (`is_held`) or had taken for good.

    What was taken for good is due to whoever had given it, which the reversals of those entries post.
    """
    source = f"disputed:{connector_id}" if is_held else f"refund_due:{connector_id}"
    came_from = decrease(source, amount.minor) if is_held else increase(source, amount.minor)
    return Entry.of(
        "dispute_won", (came_from, increase(f"receivable:{connector_id}", amount.minor)), amount.currency
    )


def paid_back_late_entry(connector_id: str, amount: Money) -> Entry:
    """The connector has refunded the payer although the refund had failed or was paid by hand.

    Suspense below zero is a claim, whose debtor finance has to find.
    """
    postings = (
        decrease(f"suspense:{connector_id}", amount.minor),
        decrease(f"receivable:{connector_id}", amount.minor),
    )
    return Entry.of("paid_back_late", postings, amount.currency)


def paid_back_before_entry(connector_id: str, amount: Money, had: Money) -> Entry:
    """The payer had `had` of a refund before, which settles as much of the claim; our bank pays the rest."""
    postings = (
        decrease(f"refund_due:{connector_id}", amount.minor),
        increase(f"suspense:{connector_id}", had.minor),
        decrease("settlement_bank", (amount - had).minor),
    )
    return Entry.of("paid_back_before", postings, amount.currency)


def _receivable_postings(connector_id: str, amount: int, connector_fee: int) -> tuple[Posting, ...]:
    receivable = f"receivable:{connector_id}"
    return (
        increase(receivable, amount),
        increase(f"connector_fee:{connector_id}", connector_fee),
        decrease(receivable, connector_fee),
    )


def posted_after_give_back_entry(payee: str, amount: Money, *, from_deposit: bool = False) -> Entry:
    """The biller has a payment that we gave back: it is owed, against suspense."""
    postings = (
        decrease(f"suspense:{payee}", amount.minor),
        _payee_posting(payee, amount, from_deposit=from_deposit),
    )
    return Entry.of("posted_after_give_back", postings, amount.currency)


def funded_from_suspense_entry(connector_id: str, sums: Sums, collected: Money) -> Entry:
    """Two persons take money that differs from its order as its payment; what is short of T is our loss.

    Raises:
        UnbalancedEntryError: more was collected than T.
    """
    short = sums.total.minor - collected.minor
    if short < 0:
        raise UnbalancedEntryError
    postings = (
        decrease(f"suspense:{connector_id}", collected.minor),
        increase(WRITE_OFF, short),
        increase(IN_FLIGHT, sums.total.minor),
    )
    return Entry.of("funded_from_suspense", postings, collected.currency)


def debited_after_late_success_entry(prefund: str, payee: str, sums: Sums) -> Entry:
    """The partner pays what its biller holds after the give-back; our charges are earned after all."""
    postings = (
        decrease(prefund, sums.total.minor),
        increase(f"suspense:{payee}", sums.amount.minor),
        increase("charge_income", sums.charge.minor),
        increase("fee_income", sums.fee.minor),
        increase("vat_payable", sums.vat.minor),
        increase("rounding", sums.rounding.minor),
    )
    return Entry.of("debited_after_late_success", postings, sums.amount.currency)


def late_success_written_off_entry(payee: str, amount: Money) -> Entry:
    """The biller keeps what it holds after the give-back, and we bear it."""
    postings = (increase(WRITE_OFF, amount.minor), increase(f"suspense:{payee}", amount.minor))
    return Entry.of("late_success_written_off", postings, amount.currency)


def paid_back_otherwise_entry(connector_id: str, amount: Money, given: Money) -> Entry:
    """The connector has refunded another amount: our bank pays the rest, or we bear what was too much."""
    rest = amount.minor - given.minor
    postings = (
        decrease(f"refund_due:{connector_id}", amount.minor),
        decrease(f"receivable:{connector_id}", given.minor),
        decrease("settlement_bank", max(rest, 0)),
        increase(WRITE_OFF, max(-rest, 0)),
    )
    return Entry.of("paid_back", postings, amount.currency)


def returned_to_prefund_entry(
    prefund: str, payee: str, amount: Money, *, from_deposit: bool = False
) -> Entry:
    """The biller has let go of a completed payment: the partner has the bill again, our charges stay."""
    taken = _payee_posting(payee, Money(-amount.minor, amount.currency), from_deposit=from_deposit)
    return Entry.of("returned_to_prefund", (taken, increase(prefund, amount.minor)), amount.currency)


def returned_at_our_loss_entry(prefund: str, amount: Money) -> Entry:
    """The partner has the bill of a completed payment again, and the biller keeps what it was credited."""
    postings = (increase(WRITE_OFF, amount.minor), increase(prefund, amount.minor))
    return Entry.of("returned_at_our_loss", postings, amount.currency)


def deposit_account(biller_id: str) -> str:
    """The account of what we keep at a prefunded utility."""
    return f"biller_deposit:{biller_id}"


def deposited_entry(biller_id: str, amount: Money) -> Entry:
    """A transfer from our bank account has raised our deposit at a prefunded utility."""
    postings = (decrease("settlement_bank", amount.minor), increase(deposit_account(biller_id), amount.minor))
    return Entry.of("deposited", postings, amount.currency)


def _payee_posting(payee: str, amount: Money, *, from_deposit: bool) -> Posting:
    if from_deposit:
        return decrease(deposit_account(payee), amount.minor)
    return increase(f"payable:{payee}", amount.minor)


def commission_account(agent: str) -> str:
    """The account of the commission that an agent has earned and was not paid yet."""
    return f"commission_payable:agent:{agent}"


def commission_earned_entry(agent: str, amount: Money) -> Entry:
    """An agent has earned a share of our fees at its counter: it is our cost, and owed to the agent."""
    postings = (
        increase("agent_commission", amount.minor),
        increase(commission_account(agent), amount.minor),
    )
    return Entry.of("commission_earned", postings, amount.currency)


def topped_up_entry(prefund: str, amount: Money) -> Entry:
    """The partner's transfer has reached our bank account and is credited to its bucket."""
    return Entry.of(
        "topped_up",
        (increase("settlement_bank", amount.minor), increase(prefund, amount.minor)),
        amount.currency,
    )


def set_aside_for_challan_entry(partner_id: str, prefund: str, amount: Money) -> Entry:
    """A merchant pays the treasury from what it is owed: the amount moves to its challan prefund.

    The amount of a line that the treasury was not paid goes back by the reversal of this entry.
    """
    postings = (decrease(f"payable:merchant:{partner_id}", amount.minor), increase(prefund, amount.minor))
    return Entry.of("set_aside_for_challan", postings, amount.currency)


def cart_funded_entry(payable: str, amounts: Mapping[str, Money]) -> Entry:
    """A cart of bills was paid: what the portal was credited moves to its prefunds, `amounts` by account.

    The amount of a bill that its biller was not paid goes back by the reversal of such an entry for it alone.
    """
    whole = total(amounts.values())
    postings = (
        decrease(payable, whole.minor),
        *(increase(prefund, amount.minor) for prefund, amount in sorted(amounts.items())),
    )
    return Entry.of("cart_funded", postings, whole.currency)
