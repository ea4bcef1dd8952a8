"""Which accounts move when a day is settled: instructions, bank bookings and payouts of connectors.

An instruction moves what we owe a party to `clearing`, one account a rail, until the bank's statement books
it (docs/adr/0060). Tax that is withheld from it moves beside it (docs/adr/0103). Amounts are whole paisa.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ekpay_switch.domain.ledger.entries import Entry, Posting, decrease, increase, kind_of
from ekpay_switch.domain.ledger.posting_rules import deposit_account

SETTLEMENT_BANK = "settlement_bank"
WITHHELD_TAX = "withheld_tax_payable"
# How the moments of entries about an unidentified line of our bank's statement begin.
UNIDENTIFIED = "unidentified_"
DEMAND_WRITTEN_OFF = "demand_written_off"
# The moments that move our deposit at a utility, or what is on its way there, and are no vend.
NOT_VENDED = frozenset(
    {
        "deposited",
        "deposited_reversed",
        "deposit_top_up_approved",
        "deposit_top_up_cancelled",
        "settlement_deposited",
        "settlement_deposit_returned",
    }
)


def clearing_account(rail: str) -> str:
    """The account of what is instructed on a rail and not booked by the bank yet."""
    return f"clearing:{rail}"


def settlement_instructed_entry(
    account: str, rail: str, amount: int, set_off: int = 0, debtor: str = ""
) -> Entry:
    """What we owe on `account` is instructed on a rail.

    `set_off` is the part of the same party's debt, on the account `debtor`, that is deducted. `account` may
    be a receivable below zero, where we owe the connector.
    """
    debt = amount + set_off
    settled = increase(account, debt) if kind_of(account).is_debit_normal else decrease(account, debt)
    postings = (settled, increase(clearing_account(rail), amount), decrease(debtor or account, set_off))
    return Entry.of("settlement_instructed", postings)


def settlement_rejected_entry(instruction: Entry) -> Entry:
    """The bank has rejected the instruction: the party is owed the amount again."""
    return Entry("settlement_rejected", instruction.reversal().postings, instruction.currency)


def settlement_reinstated_entry(instruction: Entry) -> Entry:
    """The bank has carried the instruction out after its rejection: the party is not owed it again."""
    return Entry("settlement_reinstated", instruction.postings, instruction.currency)


def settlement_tax_withheld_entry(account: str, tax: int) -> Entry:
    """Tax is withheld from a payout: we owe it to the state, and no more to the payee of `account`."""
    return Entry.of("settlement_tax_withheld", (decrease(account, tax), increase(WITHHELD_TAX, tax)))


def settlement_tax_restored_entry(account: str, tax: int) -> Entry:
    """The payout has not arrived, so nothing was withheld: the payee of `account` is owed the tax again."""
    return Entry.of("settlement_tax_restored", (increase(account, tax), decrease(WITHHELD_TAX, tax)))


def settlement_paid_entry(rail: str, amount: int) -> Entry:
    """The bank has debited our account; `amount` is below zero where the money was returned."""
    postings = (decrease(clearing_account(rail), amount), decrease(SETTLEMENT_BANK, amount))
    return Entry.of("settlement_paid" if amount > 0 else "settlement_returned", postings)


@dataclass(frozen=True, slots=True)
class PayoutParts:
    """One payout of a connector, or a later change of it: each part in paisa, of either sign.

    `credited` was credited to our bank account, `charge` kept by the bank. Together they pay: `receivable`,
    which is agreed; `rounding`, which files round in our favour; `suspense`, which is not agreed.
    """

    credited: int
    charge: int
    receivable: int
    suspense: int
    rounding: int


def payout_received_entry(connector_id: str, parts: PayoutParts) -> Entry:
    """A connector has paid out its files to our bank account.

    Raises:
        UnbalancedEntryError: the parts do not add up.
    """
    postings = (
        increase(SETTLEMENT_BANK, parts.credited),
        increase("bank_charges", parts.charge),
        decrease(f"receivable:{connector_id}", parts.receivable),
        increase(f"suspense:{connector_id}", parts.suspense),
        increase("rounding", parts.rounding),
    )
    return Entry.of("payout_received", postings)


def withdrawal_account(partner_id: str) -> str:
    """The account of what a partner has withdrawn from its prefunds and is not instructed yet."""
    return f"withdrawal_due:{partner_id}"


def prefund_withdrawn_entry(prefund: str, partner_id: str, amount: int) -> Entry:
    """A partner's withdrawal is approved: the prefund holds it no more, and it is due to the partner."""
    return Entry.of(
        "prefund_withdrawn", (decrease(prefund, amount), increase(withdrawal_account(partner_id), amount))
    )


def withdrawal_cancelled_entry(prefund: str, partner_id: str, amount: int) -> Entry:
    """A withdrawal that was not instructed is cancelled: the amount is back in its prefund."""
    return Entry.of(
        "withdrawal_cancelled", (increase(prefund, amount), decrease(withdrawal_account(partner_id), amount))
    )


def sweep_account(recipient: str) -> str:
    """The account of what is swept to a recipient (`operator`, `treasury`) and is not instructed yet."""
    return f"sweep_due:{recipient}"


def sweep_approved_entry(source: str, recipient: str, amount: int) -> Entry:
    """A sweep of our own income or of VAT is approved: `source` has it no more, and it is due."""
    return Entry.of("sweep_approved", (decrease(source, amount), increase(sweep_account(recipient), amount)))


def sweep_cancelled_entry(source: str, recipient: str, amount: int) -> Entry:
    """A sweep that was not instructed is cancelled: `source` has the amount again."""
    return Entry.of("sweep_cancelled", (increase(source, amount), decrease(sweep_account(recipient), amount)))


def deposit_due_account(biller_id: str) -> str:
    """The account of what is to be sent to our deposit at a utility and is not instructed yet."""
    return f"deposit_due:{biller_id}"


def in_transit_account(biller_id: str) -> str:
    """The account of what two persons have let leave for our deposit at a utility, until a bank books it."""
    return f"{deposit_account(biller_id)}:in_transit"


def top_up_approved_entry(biller_id: str, amount: int) -> Entry:
    """A top-up of our deposit at a utility is approved: it is on its way, and due to be paid out."""
    postings = (
        increase(in_transit_account(biller_id), amount),
        increase(deposit_due_account(biller_id), amount),
    )
    return Entry.of("deposit_top_up_approved", postings)


def top_up_cancelled_entry(biller_id: str, amount: int) -> Entry:
    """A top-up of our deposit that was not instructed is cancelled: nothing is on its way."""
    postings = (
        decrease(in_transit_account(biller_id), amount),
        decrease(deposit_due_account(biller_id), amount),
    )
    return Entry.of("deposit_top_up_cancelled", postings)


def settlement_deposited_entry(rail: str, biller_id: str, amount: int) -> Entry:
    """The bank has debited a top-up, so the deposit has it; `amount` is below zero where it was returned."""
    postings = (
        *settlement_paid_entry(rail, amount).postings,
        increase(deposit_account(biller_id), amount),
        decrease(in_transit_account(biller_id), amount),
    )
    return Entry.of("settlement_deposited" if amount > 0 else "settlement_deposit_returned", postings)


def unidentified_booked_entry(bank: str, amount: int) -> Entry:
    """A line of a bank's statement that nothing explains waits in suspense; below zero money has left."""
    postings = (increase(SETTLEMENT_BANK, amount), increase(f"suspense:{bank}", amount))
    return Entry.of(f"{UNIDENTIFIED}booked", postings)


def unidentified_withdrawn_entry(bank: str, amount: int) -> Entry:
    """The bank's corrected statement has that line no more."""
    return Entry(f"{UNIDENTIFIED}withdrawn", unidentified_booked_entry(bank, amount).reversal().postings)


def unidentified_settled_entry(bank: str, parts: Iterable[tuple[str, int]]) -> Entry:
    """Two persons say what the line was for: accounts with their parts of its amount, in its sign."""
    shares = tuple(parts)
    taken = Posting(f"suspense:{bank}", sum(amount for _, amount in shares))
    return Entry.of(
        f"{UNIDENTIFIED}settled", (taken, *(Posting(account, -amount) for account, amount in shares))
    )


def unidentified_reopened_entry(settled: Entry) -> Entry:
    """What two persons had said of the line is taken back."""
    return Entry(f"{UNIDENTIFIED}reopened", settled.reversal().postings)


def demand_written_off_entry(parts: Iterable[tuple[str, int]]) -> Entry:
    """Two persons write off what a payee owes us: its accounts with their parts, in paisa above zero."""
    shares = tuple(parts)
    lost = increase("write_off", sum(amount for _, amount in shares))
    return Entry.of(DEMAND_WRITTEN_OFF, (lost, *(Posting(account, -amount) for account, amount in shares)))


def payable_changes(entry: Entry) -> tuple[tuple[str, int], ...]:
    """How many paisa more each merchant is owed, its payees included; less where below zero."""
    changes: dict[str, int] = {}
    for posting in entry.postings:
        kind, _, rest = posting.account.partition(":")
        party_kind, _, name = rest.partition(":")
        if kind in {"payable", "commission_payable"} and party_kind == "merchant":
            merchant = name.split(":", 1)[0]
            changes[merchant] = changes.get(merchant, 0) - posting.amount
    return tuple(sorted((merchant, amount) for merchant, amount in changes.items() if amount))
