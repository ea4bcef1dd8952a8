"""A bill as its biller stated it, and the quote we bind to it.

A bill is the biller's statement; a quote is our promise about it to one partner, for a limited time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from ekpay_switch.domain.business_day import end_of_business_date
from ekpay_switch.domain.fees import Fee
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import ZERO, Money


@dataclass(frozen=True, slots=True)
class BillQuery:
    """Names the bill to fetch: the parameters by their names in the biller's manifest, already checked.

    `payer` are those that name the payer instead of the bill, such as a mobile number; they are in
    `parameters` as well.
    """

    biller_id: str
    parameters: Mapping[str, str]
    payer: Mapping[str, str] = field(default_factory=dict)

    @property
    def bill_name(self) -> str:
        """The bill as its payer names it: the same text for the same bill, whoever asks."""
        named = (pair for pair in self.parameters.items() if pair[0] not in self.payer)
        return "&".join(f"{name}={value}" for name, value in sorted(named))


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """One line of a bill, labelled and valued by the biller.

    Never recomputed (billers.md 1.3); a rebate is negative.
    """

    label: str
    amount: Money

    def as_json(self) -> dict[str, object]:
        """The line as it is stored and shown: its label, and its amount in minor units."""
        return {"label": self.label, "amount": self.amount.minor}


@dataclass(frozen=True, slots=True)
class Bill:
    """What a biller answered about one bill.

    `bill_key` names the bill among all of this biller's, whichever parameter it was fetched by, or is
    empty where a biller takes any number of payments. `biller_quote` is the biller's own token for this
    answer (DESCO's billToken); only its adapter reads it. Total = energy or service + VAT + late fee; the
    payer pays `rounding` on top where the biller takes whole taka only. `charges` are the biller's own
    lines, in its order.
    """

    bill_key: str
    bill_number: str
    account: str
    amount: Money
    vat: Money
    late_fee: Money
    total: Money
    is_paid: bool = False
    rounding: Money = ZERO
    unpaid_count: int = 1
    issued_on: date | None = None
    due_on: date | None = None
    charges: tuple[ChargeLine, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)
    biller_quote: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LockedBill:
    """A bill that its biller has locked for us, until an instant (UTC)."""

    bill: Bill
    until: datetime


@dataclass(frozen=True, slots=True)
class BillFound:
    """The biller answered with a bill, paid or not."""

    bill: Bill


@dataclass(frozen=True, slots=True)
class BillMissing:
    """The biller says that there is no such bill or account."""


@dataclass(frozen=True, slots=True)
class BillerSilent:
    """The biller could not be reached or gave no usable answer; nothing is known about the bill."""

    why: str


@dataclass(frozen=True, slots=True)
class AmountRefused:
    """The bill cannot be paid with this amount; `highest` is the most that can be, if known."""

    highest: Money | None = None


FetchReply = BillFound | BillMissing | BillerSilent | AmountRefused


@dataclass(frozen=True, slots=True)
class Quote:
    """Our promise to one partner: this bill, these sums, until `expires_at` (UTC).

    `quote_id` is the unguessable refno_ack; `request_reference` is the partner's hdrs.ref_id of the fetch.
    `charge` is what a payer is charged for the instrument; a prefund has none.
    """

    quote_id: str
    partner_id: str
    request_reference: str
    biller_id: str
    bucket: str
    bill: Bill
    fee: Fee
    expires_at: datetime
    charge: Money = ZERO

    @property
    def bill_key(self) -> str:
        """What may be paid once: the bill where its biller takes it once, else this quote."""
        return self.bill.bill_key or f"quote:{self.quote_id}"

    @property
    def sums(self) -> Sums:
        """The parts of what the partner or the payer will pay."""
        return Sums(self.bill.total, self.charge, self.fee.fee, self.fee.vat, self.bill.rounding)


def quote_expiry(fetched_at: datetime, life_seconds: float) -> datetime:
    """The earlier of the biller's quote life and the Dhaka day's end (ekpay-syndicate-api.md, "Binding")."""
    return min(fetched_at + timedelta(seconds=life_seconds), end_of_business_date(fetched_at))
