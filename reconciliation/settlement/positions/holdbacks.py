"""What the rules of payouts hold back of what a payee is owed, from what is known of each payment's money.

    payable  <=  owed - not matched - not received - max(0, at risk - limit) - resting      in whole paisa
    payable   =  0, unless it is a payout date of the payee and its minimum is reached

Owed is everything that is agreed and not paid, so what was paid at our risk counts against the limit until
its money is here, and money that was received and is taken back holds back what comes later. What rests is
counted as resting alone, whether its money is here or not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from reconciliation.settlement.positions.cycles import Party
from reconciliation.settlement.positions.payout_rules import PayoutRule, PayoutRules


class MissingFact(StrEnum):
    """What is not known yet of the money of a payment. Nothing is missing of one that is received."""

    NOT_MATCHED = "not_matched"
    NOT_RECEIVED = "not_received"


class HoldReason(StrEnum):
    """Why the rules of payouts hold an amount back."""

    NOT_MATCHED = "not_matched"  # no file of the connector agrees on the collection
    NOT_RECEIVED = "not_received"  # the connector's payout is not on our bank account
    BEYOND_LIMIT = "beyond_limit"  # more is at our risk than two persons allow
    RESTING = "resting"  # its value date is fewer business days ago than the payee's hold


@dataclass(frozen=True, slots=True)
class UnreceivedAmount:
    """What a payee is owed, in paisa, for payments whose money a connector has not brought us.

    `connector` is empty where no collection is known at all.
    """

    payee: Party
    connector: str
    missing: MissingFact
    amount: int


@dataclass(frozen=True, slots=True)
class RiskLimit:
    """How much a payee may be paid before its money is here, in paisa; `id` is that of its row."""

    id: int
    amount: int


@dataclass(frozen=True, slots=True)
class Holdback:
    """What the rules say of everything that a payee is owed. Amounts in paisa, none below zero.

    `unreceived` is all of it whose money is not here, whatever the rule, without what is `resting`. Less than
    `minimum` is not paid. `next_payout` is when the payee is paid next, None where it may be paid now.
    """

    not_matched: int = 0
    not_received: int = 0
    at_risk: int = 0
    unreceived: int = 0
    limit: RiskLimit | None = None
    resting: int = 0
    minimum: int = 0
    next_payout: date | None = None

    @property
    def beyond_limit(self) -> int:
        """What is at our risk beyond the limit."""
        return max(0, self.at_risk - (self.limit.amount if self.limit else 0))

    @property
    def total(self) -> int:
        """What is held back of everything owed, in paisa."""
        return self.not_matched + self.not_received + self.beyond_limit + self.resting

    @property
    def reason(self) -> HoldReason | None:
        """The first reason why something is held back."""
        if self.not_matched:
            return HoldReason.NOT_MATCHED
        if self.not_received:
            return HoldReason.NOT_RECEIVED
        if self.beyond_limit:
            return HoldReason.BEYOND_LIMIT
        return HoldReason.RESTING if self.resting else None

    def is_below_minimum(self, payable: int) -> bool:
        """Whether so many paisa are something, and less than the payee is ever paid at once."""
        return 0 < payable < self.minimum

    def newly_at_risk(self, owed: int, paid: int) -> int:
        """How much of a payment of `paid` paisa out of `owed` leaves before its money is here."""
        free = owed - self.resting
        return max(0, self.unreceived - (free - paid)) - max(0, self.unreceived - free)


def hold_reason(rule: PayoutRule, missing: MissingFact) -> HoldReason | None:
    """Why a rule holds back an amount of which something is missing; None where it may be paid."""
    match rule, missing:
        case PayoutRule.MATCHED, MissingFact.NOT_RECEIVED:
            return None
        case PayoutRule.ON_RISK, _:
            return HoldReason.BEYOND_LIMIT
        case _:
            return HoldReason(missing.value)


def holdbacks_of(
    amounts: Iterable[UnreceivedAmount], rules: PayoutRules, limits: Mapping[Party, RiskLimit]
) -> dict[Party, Holdback]:
    """The holdback of each payee for which something is not received."""
    sums: dict[Party, dict[HoldReason | None, int]] = {}
    for item in amounts:
        reason = hold_reason(rules.rule_for(item.payee, item.connector), item.missing)
        of_payee = sums.setdefault(item.payee, {})
        of_payee[reason] = of_payee.get(reason, 0) + item.amount
    return {
        payee: Holdback(
            of_payee.get(HoldReason.NOT_MATCHED, 0),
            of_payee.get(HoldReason.NOT_RECEIVED, 0),
            of_payee.get(HoldReason.BEYOND_LIMIT, 0),
            sum(of_payee.values()),
            limits.get(payee),
        )
        for payee, of_payee in sums.items()
    }


def rows_paid_by(rows: Iterable[tuple[str, int]], missing_amount: int) -> frozenset[str]:
    """The rows of files that a short payout pays, by name.

    `rows` have their net amounts, `missing_amount` paisa did not come. What a connector nets off it has paid
    with; of the rest the largest rows are paid first, equal ones by name, so that the same rows are paid
    whenever it is asked.
    """
    ordered = sorted((row for row in rows if row[1] > 0), key=lambda row: (-row[1], row[0]))
    left = sum(amount for _, amount in ordered) - missing_amount
    paid = set()
    for name, amount in ordered:
        if amount <= left:
            paid.add(name)
            left -= amount
    return frozenset(paid)
