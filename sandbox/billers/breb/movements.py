"""The movements of money at BREB, as `GET /_admin/movements` lists them: what was paid and acknowledged."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sandbox.billers.breb.book import BrebPayment
from sandbox.kit.institution.movements import Movement, MovementKind

INSTITUTION_ID = "breb_postpaid"
_PAISA = 100


def first_of(payments: Sequence[BrebPayment]) -> datetime | None:
    """Return when the first payment was saved, if one was."""
    return datetime.fromisoformat(payments[0].saved_at) if payments else None


def movements_of(payments: Iterable[BrebPayment]) -> Iterator[Movement]:
    """Yield every payment that is complete, with the whole taka that were paid, when they were saved."""
    for payment in payments:
        if payment.is_acknowledged:
            yield Movement(
                institution_id=INSTITUTION_ID,
                kind=MovementKind.PAYMENT,
                at=payment.saved_at,
                our_reference=payment.transaction_id,
                their_reference=payment.bill_number,
                gross_paisa=payment.amount_taka * _PAISA,
                is_plain=payment.saves == 1 and payment.acknowledges == 1,
                bill=payment.bill_number,
                account=payment.account,
            )
