"""The text message that tells a payer what became of a cart, written in the transaction in which it ends."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import NAMESPACE_OID, UUID, uuid5

from ekpay_switch import telemetry
from ekpay_switch.domain.carts.bill_cart import PORTAL, BillEnd, BillInCart, StoredCart
from ekpay_switch.domain.citizens.text_messages import MessageKind, PaidCart, outcome_text
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.citizens.contacts import contact_context
from ekpay_switch.persistence.citizens.text_messages import new_message
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.citizens import NewTextMessage
from ekpay_switch.security.sealed_fields import SealBrokenError, Sealer

# Later than that a payer has looked, or asked.
_WORTH = timedelta(hours=24)
_CONTACT = f"""
SELECT k.number_sealed, k.language, o.ekpay_trnx_id FROM cart_contacts AS k
JOIN merchant_orders AS o ON o.partner_id = '{PORTAL}' AND o.trnx_id = replace(k.cart_id::text, '-', '')
WHERE k.cart_id = $1
"""  # noqa: S608 - a constant


class CartOutcomeMessages:
    """Writes the message of a cart that has ended to whoever left a mobile number with it."""

    def __init__(self, sealer: Sealer, portal_names: Mapping[PayerLanguage, str]) -> None:
        self._sealer = sealer
        self._portal_names = portal_names

    async def add(self, connection: Connection, cart: StoredCart) -> None:
        """Add the message in the caller's transaction, once for a cart; nothing where nobody left a number.

        A contact that was changed is logged and gets none: the money of the cart moves all the same.
        """
        contact = await connection.fetchrow(_CONTACT, cart.cart_id)
        if contact is None:
            return
        try:
            number = self._sealer.unseal(contact_context(cart.cart_id), bytes(contact["number_sealed"]))
        except SealBrokenError as error:
            telemetry.count_error("cart_contact_unreadable", cart_id=cart.cart_id, error=error)
            return
        language = PayerLanguage(contact["language"])
        paid = PaidCart(
            number=contact["ekpay_trnx_id"],
            paid=_amounts(cart.bills, BillEnd.PAID),
            given_back=_amounts(cart.bills, BillEnd.GIVEN_BACK),
        )
        message = NewTextMessage(
            message_id=_message_id(cart.cart_id),
            kind=MessageKind.OUTCOME,
            number=number.decode(),
            text=outcome_text(paid, self._portal_names[language], language),
            worth=_WORTH,
        )
        await new_message(connection, message, self._sealer)


def _amounts(bills: Sequence[BillInCart], end: BillEnd) -> list[Money]:
    return [stored.bill.amount for stored in bills if stored.end is end]


def _message_id(cart_id: UUID) -> UUID:
    """One id for the message of a cart, whoever writes it."""
    return uuid5(NAMESPACE_OID, f"cart outcome {cart_id}")
