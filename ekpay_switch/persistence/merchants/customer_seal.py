"""The customer of a merchant's order at rest: name, mobile number, mail, postal and delivery address, sealed.

Nothing looks for them in SQL. They stand in the order's JSON as one sealed text, bound to their payment; an
order from before, or one that was written unsealed, is read as it stands (docs/adr/0084).
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import orjson

from ekpay_switch.security.sealed_fields import Sealer

DELIVERY_ADDRESS = "delivery_address"
MEMBERS = ("cust_name", "cust_mobo_no", "cust_email", "cust_mail_addr", "payer_mobile", DELIVERY_ADDRESS)
_SEALED = "sealed"

OrderMembers = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class CustomerSeal:
    """Seals and opens the customers of orders; `is_on` says whether new orders are sealed."""

    sealer: Sealer
    is_on: bool = True

    def seal(self, payment_id: UUID, order: OrderMembers) -> dict[str, str | None]:
        """The members of an order as they are stored."""
        if not self.is_on:
            return dict(order)
        customer = {name: order[name] for name in MEMBERS if name in order}
        sealed = self.sealer.seal(_context(payment_id), orjson.dumps(customer))
        kept = {name: value for name, value in order.items() if name not in MEMBERS}
        return {**kept, _SEALED: b64encode(sealed).decode()}

    def open(self, payment_id: UUID, stored: OrderMembers) -> dict[str, str | None]:
        """The members of an order as they were sent.

        Raises:
            SealBrokenError: they were sealed under another master key or for another payment.
        """
        sealed = stored.get(_SEALED)
        if sealed is None:
            return dict(stored)
        kept = {name: value for name, value in stored.items() if name != _SEALED}
        customer: OrderMembers = orjson.loads(self.sealer.unseal(_context(payment_id), b64decode(sealed)))
        return {**kept, **customer}


def _context(payment_id: UUID) -> str:
    return f"merchant_orders.text:{payment_id}"
