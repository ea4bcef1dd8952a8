"""The movements of money at an institution that collects, as `GET /_admin/movements` lists it."""

from collections.abc import Iterable, Iterator

from sandbox.kit.institution.movements import Movement, MovementKind
from sandbox.kit.provider.hooks import OpenProvider
from sandbox.kit.provider.magic_numbers import NORMAL_PAYER
from sandbox.kit.provider.orders import OrderState, ProviderOrder, RefundState
from sandbox.kit.provider.payer_numbers import masked

_MERCHANT_REFERENCE = "asked_as"
"""The fact of an order that holds our name of it, where a family keeps orders under names of its own."""


def movements_of(provider: OpenProvider, orders: Iterable[ProviderOrder]) -> Iterator[Movement]:
    """Yield payments, paid or declined, and every refund that was done; amounts as they moved."""
    for order in orders:
        if order.is_paid:
            yield _payment(provider, order)
        elif order.decided_state is OrderState.DECLINED:
            yield _declined(provider, order)
        yield from _refunds(order)


def is_plain(provider: OpenProvider, order: ProviderOrder) -> bool:
    """Whether an order has a normal payer, no failed try and no refund."""
    magic = provider.payers.magic(order.payer)
    return magic == NORMAL_PAYER and not order.refunds and not order.tries


def merchant_reference_of(order: ProviderOrder) -> str:
    """Return our name of an order, as it was sent."""
    return order.facts.get(_MERCHANT_REFERENCE, order.reference)


def _payment(provider: OpenProvider, order: ProviderOrder) -> Movement:
    return Movement(
        institution_id=order.institution_id,
        kind=MovementKind.PAYMENT,
        at=order.decided_at,
        our_reference=merchant_reference_of(order),
        their_reference=order.transaction_id,
        gross_paisa=order.amount_paisa,
        fee_paisa=order.fee_paisa,
        fee_vat_paisa=order.fee_vat_paisa,
        is_plain=is_plain(provider, order),
        bill=order.provider_reference,
        account=masked(order.payer),
    )


def _declined(provider: OpenProvider, order: ProviderOrder) -> Movement:
    return Movement(
        institution_id=order.institution_id,
        kind=MovementKind.PAYMENT,
        at=order.decided_at,
        our_reference=merchant_reference_of(order),
        their_reference=order.transaction_id,
        gross_paisa=order.amount_paisa,
        is_success=False,
        is_plain=is_plain(provider, order),
        bill=order.provider_reference,
        account=masked(order.payer),
    )


def _refunds(order: ProviderOrder) -> Iterator[Movement]:
    for refund in order.refunds:
        if refund.state is RefundState.DONE:
            yield Movement(
                institution_id=order.institution_id,
                kind=MovementKind.REFUND,
                at=refund.done_at,
                our_reference=merchant_reference_of(order),
                their_reference=refund.refund_id,
                gross_paisa=-refund.amount_paisa,
                fee_paisa=-refund.fee_paisa,
                fee_vat_paisa=-refund.fee_vat_paisa,
                original=order.transaction_id,
                bill=order.provider_reference,
                account=masked(order.payer),
            )
