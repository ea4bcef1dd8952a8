"""Offers of a vend: kept as notes of the book, so that they outlive a kill."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from sandbox.kit.biller.book import BillerBook
from sandbox.kit.institution.clock import DHAKA, Clock

QUOTE_SECONDS = 1_800


@dataclass(frozen=True, slots=True)
class VendQuote:
    """An offer to one account that lives for 30 minutes from an instant in UTC on.

    `vended_under` is the reference of the one vend that it was used for, or empty.
    """

    id: str
    number: str
    amount_paisa: int
    quoted_at: datetime
    vended_under: str = ""

    def is_alive(self, now: datetime) -> bool:
        """Whether it can still be vended for the first time."""
        return now < self.quoted_at + timedelta(seconds=QUOTE_SECONDS)


class VendQuotes:
    """The quotes of one family; those of an institution are its own."""

    def __init__(self, book: BillerBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._serials = count(1)

    def give(self, institution_id: str, number: str, amount_paisa: int) -> VendQuote:
        """Make an offer and keep it."""
        now = self._clock.now()
        instant = f"{now.astimezone(DHAKA):%y%m%d%H%M%S}"
        names = (f"{instant}{serial:06d}" for serial in self._serials)
        # After a restart within the second the book knows some of these names.
        fresh = next(name for name in names if self._book.note(institution_id, _key(name)) is None)
        return self._keep(institution_id, VendQuote(fresh, number, amount_paisa, now))

    def find(self, institution_id: str, quote_id: str) -> VendQuote | None:
        """Return an offer, dead or alive, if there ever was one."""
        note = self._book.note(institution_id, _key(quote_id))
        if note is None:
            return None
        quoted_at = datetime.fromisoformat(note["quoted_at"])
        return VendQuote(quote_id, note["number"], int(note["amount_paisa"]), quoted_at, note["vended_under"])

    def use(self, institution_id: str, quote: VendQuote, reference: str) -> None:
        """Keep under which reference an offer was vended."""
        self._keep(
            institution_id, VendQuote(quote.id, quote.number, quote.amount_paisa, quote.quoted_at, reference)
        )

    def _keep(self, institution_id: str, quote: VendQuote) -> VendQuote:
        facts = {"number": quote.number, "amount_paisa": str(quote.amount_paisa)}
        facts |= {"quoted_at": quote.quoted_at.isoformat(), "vended_under": quote.vended_under}
        self._book.record_note(institution_id, _key(quote.id), facts)
        return quote


def _key(quote_id: str) -> str:
    return f"quote/{quote_id}"
