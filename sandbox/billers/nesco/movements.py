"""The movements of money at NESCO, as `GET /_admin/movements` lists them: its vends."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sandbox.billers.nesco.book import NescoVend
from sandbox.kit.institution.movements import Movement, MovementKind

INSTITUTION_ID = "nesco_prepaid"


def first_of(vends: Sequence[NescoVend]) -> datetime | None:
    """Return when the first quote was vended, if one was."""
    return datetime.fromisoformat(vends[0].vended_at) if vends else None


def movements_of(vends: Iterable[NescoVend]) -> Iterator[Movement]:
    """Yield every vend; what stands on a meter is never taken back."""
    for vend in vends:
        yield Movement(
            institution_id=INSTITUTION_ID,
            kind=MovementKind.PAYMENT,
            at=vend.vended_at,
            our_reference=vend.transaction_id,
            their_reference=vend.order_no,
            gross_paisa=vend.amount_paisa,
            is_plain=vend.echo_extra_paisa == 0 and vend.asks == 1 and not vend.hides_token,
            bill=vend.transaction_id,
            account=vend.customer_no,
        )
