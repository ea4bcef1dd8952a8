"""What was paid and taken back at a house, as `GET /_admin/movements` tells it.

The amounts are those that the house booked, whatever its answers told. What somebody paid at the house's own
counter is nobody's business here.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time

from sandbox.kit.biller.book import Payment, State
from sandbox.kit.institution.clock import DHAKA, dhaka_day
from sandbox.kit.institution.movements import Moved, Movement

_OWN_COUNTER = "counter"


def first_of(payments: Sequence[Payment]) -> datetime | None:
    """Return when the first payment over the wire or by a file was taken, if one was."""
    return next((_paid(payment) for payment in payments if _is_of_the_switch(payment)), None)


def movements_of(payments: Iterable[Payment]) -> Iterator[Movement]:
    """Yield what was paid, and what was taken back of it."""
    for payment in payments:
        if not _is_of_the_switch(payment):
            continue
        yield _movement(payment, Moved.PAYMENT, _paid(payment).isoformat(), 1)
        if payment.state is State.CANCELLED:
            yield _movement(payment, Moved.REVERSAL, payment.cancelled_at, -1)


def _movement(payment: Payment, moved: Moved, at: str, sign: int) -> Movement:
    return Movement(
        house=payment.house,
        moved=moved,
        at=at,
        ours=payment.reference,
        # A challan is known by its number, whatever receipt it got.
        theirs=payment.facts.get("challan_no") or payment.receipt,
        gross_paisa=sign * payment.amount_paisa,
        is_plain=payment.state is State.PAID and payment.echo_extra_paisa == 0 and payment.sends == 1,
        original=payment.receipt if sign < 0 else "",
        bill=payment.bill_number,
        account=payment.number,
    )


def _is_of_the_switch(payment: Payment) -> bool:
    return payment.facts.get("channel") != _OWN_COUNTER


def _paid(payment: Payment) -> datetime:
    """When it was paid: what a scroll brought was paid on the day of the scroll, however late that came."""
    taken = datetime.fromisoformat(payment.paid_at)
    scroll_day = payment.facts.get("scroll", "").partition(" ")[0]
    if not scroll_day or dhaka_day(taken) <= date.fromisoformat(scroll_day):
        return taken
    return datetime.combine(date.fromisoformat(scroll_day), time(23, 59), DHAKA).astimezone(UTC)
