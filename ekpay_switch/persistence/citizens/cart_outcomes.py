"""The text message that tells a payer what became of a cart, written in the transaction in which it ends."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import NAMESPACE_OID, UUID, uuid5

from ekpay_switch.domain.carts.bill_cart import BillEnd, BillInCart, StoredCart
from ekpay_switch.domain.citizens.text_messages import MessageKind, PaidCart, outcome_text
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.citizens.contacts import read_payer
from ekpay_switch.persistence.citizens.text_messages import new_message
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.citizens import NewTextMessage
from ekpay_switch.security.sealed_fields import Sealer

# Later than that a payer has looked, or asked.
_WORTH = timedelta(hours=24)


class CartOutcomeMessages:
    """Writes the message of a cart that has ended to whoever left a mobile number with it."""

    def __init__(self, sealer: Sealer, portal_names: Mapping[PayerLanguage, str]) -> None:
        self._sealer = sealer
        self._portal_names = portal_names

    async def add(self, connection: Connection, cart: StoredCart) -> None:
        """Add the message in the caller's transaction, once for a cart; none where nobody left a number."""
        payer = await read_payer(connection, cart.cart_id, self._sealer)
        if payer is None:
            return
        paid = PaidCart(
            number=payer.payment_number,
            paid=_amounts(cart.bills, BillEnd.PAID),
            given_back=_amounts(cart.bills, BillEnd.GIVEN_BACK),
        )
        message = NewTextMessage(
            message_id=_message_id(cart.cart_id),
            kind=MessageKind.OUTCOME,
            number=payer.number,
            text=outcome_text(paid, self._portal_names[payer.language], payer.language),
            worth=_WORTH,
        )
        await new_message(connection, message, self._sealer)


def _amounts(bills: Sequence[BillInCart], end: BillEnd) -> list[Money]:
    return [stored.bill.amount for stored in bills if stored.end is end]


def _message_id(cart_id: UUID) -> UUID:
    """One id for the message of a cart, whoever writes it."""
    return uuid5(NAMESPACE_OID, f"cart outcome {cart_id}")
