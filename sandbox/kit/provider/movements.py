"""What moved at a house that collects, as `GET /_admin/movements` tells it."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sandbox.kit.institution.movements import Moved, Movement
from sandbox.kit.provider.magic_numbers import NOTHING_ODD
from sandbox.kit.provider.orders import Order, RefundState, State
from sandbox.kit.provider.payer_numbers import masked

if TYPE_CHECKING:
    from sandbox.kit.provider.provider import Provider

_ASKED_AS = "asked_as"
"""The fact of an order that holds our name of it, where a family keeps orders under names of its own."""


def movements_of(provider: "Provider", orders: Iterable[Order]) -> Iterator[Movement]:
    """Yield payments, paid or declined, and every refund that was done; amounts as they moved."""
    for order in orders:
        if order.is_paid:
            yield _payment(provider, order)
        elif order.decided_state is State.DECLINED:
            yield _declined(provider, order)
        yield from _refunds(order)


def is_plain(provider: "Provider", order: Order) -> bool:
    """Whether nothing about an order is odd, and nothing of it went back."""
    magic = provider.payers.magic(order.payer)
    return magic == NOTHING_ODD and not order.refunds and not order.tries


def name_of(order: Order) -> str:
    """Return our name of an order, as it was sent."""
    return order.facts.get(_ASKED_AS, order.reference)


def _payment(provider: "Provider", order: Order) -> Movement:
    return Movement(
        house=order.house,
        moved=Moved.PAYMENT,
        at=order.decided_at,
        ours=name_of(order),
        theirs=order.transaction_id,
        gross_paisa=order.amount_paisa,
        fee_paisa=order.fee_paisa,
        fee_vat_paisa=order.fee_vat_paisa,
        is_plain=is_plain(provider, order),
        bill=order.provider_reference,
        account=masked(order.payer),
    )


def _declined(provider: "Provider", order: Order) -> Movement:
    return Movement(
        house=order.house,
        moved=Moved.PAYMENT,
        at=order.decided_at,
        ours=name_of(order),
        theirs=order.transaction_id,
        gross_paisa=order.amount_paisa,
        is_success=False,
        is_plain=is_plain(provider, order),
        bill=order.provider_reference,
        account=masked(order.payer),
    )


def _refunds(order: Order) -> Iterator[Movement]:
    for refund in order.refunds:
        if refund.state is RefundState.DONE:
            yield Movement(
                house=order.house,
                moved=Moved.REFUND,
                at=refund.done_at,
                ours=name_of(order),
                theirs=refund.refund_id,
                gross_paisa=-refund.amount_paisa,
                fee_paisa=-refund.fee_paisa,
                fee_vat_paisa=-refund.fee_vat_paisa,
                original=order.transaction_id,
                bill=order.provider_reference,
                account=masked(order.payer),
            )
