"""What was paid and taken back at an institution, as `GET /_admin/movements` lists it.

The amounts are those that the institution booked, also where its answers reported others. Payments at the
institution's own counter are left out.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time

from sandbox.kit.biller.book import BillerPayment, PaymentState
from sandbox.kit.institution.clock import DHAKA, dhaka_day
from sandbox.kit.institution.movements import Movement, MovementKind

_OWN_COUNTER = "counter"


def first_of(payments: Sequence[BillerPayment]) -> datetime | None:
    """Return when the first payment over the wire or by a file was taken, if one was."""
    return next((_paid_at(payment) for payment in payments if _is_of_the_switch(payment)), None)


def movements_of(payments: Iterable[BillerPayment]) -> Iterator[Movement]:
    """Yield what was paid, and what was taken back of it."""
    for payment in payments:
        if not _is_of_the_switch(payment):
            continue
        yield _movement(payment, MovementKind.PAYMENT, _paid_at(payment).isoformat(), 1)
        if payment.state is PaymentState.CANCELLED:
            yield _movement(payment, MovementKind.REVERSAL, payment.cancelled_at, -1)


def _movement(payment: BillerPayment, kind: MovementKind, at: str, sign: int) -> Movement:
    return Movement(
        institution_id=payment.institution_id,
        kind=kind,
        at=at,
        our_reference=payment.reference,
        # A challan is known by its number, whatever receipt it got.
        their_reference=payment.facts.get("challan_no") or payment.receipt,
        gross_paisa=sign * payment.amount_paisa,
        is_plain=payment.state is PaymentState.PAID and payment.echo_extra_paisa == 0 and payment.sends == 1,
        original=payment.receipt if sign < 0 else "",
        bill=payment.bill_number,
        account=payment.number,
    )


def _is_of_the_switch(payment: BillerPayment) -> bool:
    return payment.facts.get("channel") != _OWN_COUNTER


def _paid_at(payment: BillerPayment) -> datetime:
    """When it was paid: what a scroll brought was paid on the day of the scroll, however late that came."""
    recorded_at = datetime.fromisoformat(payment.paid_at)
    scroll_day = payment.facts.get("scroll", "").partition(" ")[0]
    if not scroll_day or dhaka_day(recorded_at) <= date.fromisoformat(scroll_day):
        return recorded_at
    return datetime.combine(date.fromisoformat(scroll_day), time(23, 59), DHAKA).astimezone(UTC)
