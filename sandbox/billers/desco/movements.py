"""The movements of money at DESCO, as `GET /_admin/movements` lists them: what its book has."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sandbox.billers.desco.book import DescoPayment
from sandbox.kit.institution.movements import Movement, MovementKind

INSTITUTION_ID = "desco_postpaid"


def first_of(payments: Sequence[DescoPayment]) -> datetime | None:
    """Return when the first payment was saved, if one was."""
    return datetime.fromisoformat(payments[0].saved_at) if payments else None


def movements_of(payments: Iterable[DescoPayment]) -> Iterator[Movement]:
    """Yield every saved payment; nothing is ever taken back here."""
    for payment in payments:
        yield Movement(
            institution_id=INSTITUTION_ID,
            kind=MovementKind.PAYMENT,
            at=payment.saved_at,
            our_reference=payment.transaction_id,
            their_reference=f"{payment.scroll_date.replace('-', '')}{payment.scroll_no:08d}",
            gross_paisa=payment.amount_paisa,
            is_plain=payment.echo_extra_paisa == 0 and payment.saves == 1,
            bill=payment.bill_number,
            account=payment.account,
        )
