"""The movements of money at bKash, as `GET /_admin/movements` lists them: executions and refunds."""

from collections.abc import Iterable, Iterator

from sandbox.kit.institution.movements import Movement, MovementKind
from sandbox.providers.bkash.payment import BkashPayment, BkashRefund
from sandbox.providers.bkash.settlement_file import masked_wallet

INSTITUTION_ID = "bkash"


def movements_of(payments: Iterable[BkashPayment]) -> Iterator[Movement]:
    """Yield what moved, with the amounts that did; a refund brings no fee back."""
    for payment in payments:
        if payment.trx_id is None:
            continue
        yield Movement(
            institution_id=INSTITUTION_ID,
            kind=MovementKind.PAYMENT,
            at=payment.execution_time.isoformat(),
            our_reference=payment.invoice,
            their_reference=payment.trx_id,
            gross_paisa=payment.amount_paisa,
            fee_paisa=payment.fee_paisa,
            is_plain=payment.echo_extra_paisa == 0 and not payment.refunds,
            bill=payment.payment_id,
            account=masked_wallet(payment.wallet or ""),
        )
        for refund in payment.refunds:
            yield _refund(payment, refund)


def _refund(payment: BkashPayment, refund: BkashRefund) -> Movement:
    return Movement(
        institution_id=INSTITUTION_ID,
        kind=MovementKind.REFUND,
        at=refund.at.isoformat(),
        our_reference=payment.invoice,
        their_reference=refund.refund_trx_id,
        gross_paisa=-refund.amount_paisa,
        original=payment.trx_id or "",
        bill=payment.payment_id,
        account=masked_wallet(payment.wallet or ""),
    )
