"""What moved at NESCO, as `GET /_admin/movements` tells it: what was vended, under its quote's number."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sandbox.billers.nesco.book import Vend
from sandbox.kit.institution.movements import Moved, Movement

HOUSE = "nesco_prepaid"


def first_of(vends: Sequence[Vend]) -> datetime | None:
    """Return when the first quote was vended, if one was."""
    return datetime.fromisoformat(vends[0].vended_at) if vends else None


def movements_of(vends: Iterable[Vend]) -> Iterator[Movement]:
    """Yield every vend; what stands on a meter is never taken back."""
    for vend in vends:
        yield Movement(
            house=HOUSE,
            moved=Moved.PAYMENT,
            at=vend.vended_at,
            ours=vend.transaction_id,
            theirs=vend.order_no,
            gross_paisa=vend.amount_paisa,
            is_plain=vend.echo_extra_paisa == 0 and vend.asks == 1 and not vend.hides_token,
            bill=vend.transaction_id,
            account=vend.customer_no,
        )
