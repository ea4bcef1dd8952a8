"""Which accounts move when a day is settled: what we instruct, what the bank books, what connectors pay us.

An instruction makes what we owe a party a debt that is on its way: it stands in `clearing`, one account a
rail, until the bank's own statement books it (docs/adr/0060). Amounts are whole paisa.
"""

from dataclasses import dataclass

from ekpay_switch.domain.ledger.entries import Entry, grow, kind_of, shrink

SETTLEMENT_BANK = "settlement_bank"


def clearing_account(rail: str) -> str:
    """The account of what is instructed on a rail and not booked by the bank yet."""
    return f"clearing:{rail}"


def instructed(account: str, rail: str, amount: int, set_off: int = 0, debtor: str = "") -> Entry:
    """What we owe on `account` is on its way to whom we owe it.

    `set_off` is what of the same party's debt, on the account `debtor`, is taken off what it is owed.
    `account` may be a receivable that is below zero, so that we owe its connector.
    """
    owed = amount + set_off
    settled = grow(account, owed) if kind_of(account).is_debit_normal else shrink(account, owed)
    postings = (settled, grow(clearing_account(rail), amount), shrink(debtor or account, set_off))
    return Entry.of("settlement_instructed", postings)


def instruction_rejected(instruction: Entry) -> Entry:
    """The bank has refused the instruction: the party is owed what it was owed before."""
    return Entry("settlement_rejected", instruction.reversal().postings, instruction.currency)


def instruction_paid(rail: str, amount: int) -> Entry:
    """The bank has taken it off our account; below zero, it has come back."""
    postings = (shrink(clearing_account(rail), amount), shrink(SETTLEMENT_BANK, amount))
    return Entry.of("settlement_paid" if amount > 0 else "settlement_returned", postings)


@dataclass(frozen=True, slots=True)
class PayoutParts:
    """One credit of a connector, or what has changed of it since: each part in paisa, of either sign.

    `credited` stands on our account, `charge` was kept by the bank. What both are for: `receivable` is
    agreed, `rounding` is what files round in our favour, `suspense` is what came and is not agreed.
    """

    credited: int
    charge: int
    receivable: int
    suspense: int
    rounding: int


def payout_received(connector_id: str, parts: PayoutParts) -> Entry:
    """A connector has paid for its files on our account at the bank.

    Raises:
        UnbalancedEntryError: the parts are not what came.
    """
    postings = (
        grow(SETTLEMENT_BANK, parts.credited),
        grow("bank_charges", parts.charge),
        shrink(f"receivable:{connector_id}", parts.receivable),
        grow(f"suspense:{connector_id}", parts.suspense),
        grow("rounding", parts.rounding),
    )
    return Entry.of("payout_received", postings)


def owed_of(entry: Entry) -> tuple[tuple[str, int], ...]:
    """By how many paisa each merchant is owed more, its payees included; below zero less."""
    moved: dict[str, int] = {}
    for posting in entry.postings:
        kind, _, rest = posting.account.partition(":")
        whose, _, name = rest.partition(":")
        if kind in {"payable", "commission_payable"} and whose == "merchant":
            merchant = name.split(":", 1)[0]
            moved[merchant] = moved.get(merchant, 0) - posting.amount
    return tuple(sorted((merchant, amount) for merchant, amount in moved.items() if amount))
