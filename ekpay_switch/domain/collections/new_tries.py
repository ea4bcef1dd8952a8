"""Tries and collected payments before they are stored; their ids and references are made by us."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ekpay_switch.domain.ledger.posting_rules import Charges, Sums
from ekpay_switch.domain.routing.decision import Decision


@dataclass(frozen=True, slots=True)
class NewTry:
    """A try before its connector is asked; ids and reference are made by us.

    `reference` is unguessable, since it names the page that the payer's browser comes back to. No other
    process touches the try within `hold_seconds` of the database's now. `decision` is why this connector is
    asked. `charges` are what this try adds to the price where each instrument has its own (a merchant's
    payment); None: the payment's own. `nth` is the number of this try within its payment, so that a repeated
    order of a payer begins only one; None: any number.
    """

    attempt_id: UUID
    reference: str
    connector_id: str
    send_seconds: float
    hold_seconds: float
    decision: Decision | None = None
    charges: Charges | None = None
    nth: int | None = None


@dataclass(frozen=True, slots=True)
class NewCollection:
    """A payment whose money is to be collected, before it is stored.

    `reference` is the caller's idempotency key, in a name space apart from the syndicate's references;
    `fingerprint` covers what a repeat must equal. `pay_until` is when its quote expires: no money is
    taken after it. `bill` is what may be shown of the bill, as text and whole paisa.
    """

    payment_id: UUID
    partner_id: str
    lane: int
    reference: str
    fingerprint: bytes
    biller_id: str
    bill_key: str
    bucket: str
    sums: Sums
    biller_quote: Mapping[str, str]
    bill: Mapping[str, object]
    pay_until: datetime
    return_url: str
    first: NewTry
