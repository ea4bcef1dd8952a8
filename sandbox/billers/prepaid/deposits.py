"""What the vendor keeps at each utility: every vend lowers it, an admin call raises it; amounts in paisa."""

from collections import defaultdict
from collections.abc import Iterable

from sandbox.kit.biller.book import BillerBook

OPENING_PAISA = 10_000_000_000
"""What was paid in before the book began: ten crore taka."""

_NOTE, _PAID_IN = "deposit", "paid_in_paisa"


class Deposits:
    """The vendor's balance at every institution; it outlives a kill with the book."""

    def __init__(self, book: BillerBook, institutions: Iterable[str]) -> None:
        self.houses = tuple(institutions)
        self._book = book
        self._counted: defaultdict[str, int] = defaultdict(int)
        self._vended: defaultdict[str, int] = defaultdict(int)

    def balance(self, institution_id: str) -> int:
        """Return what is left at an institution."""
        # Payments are only ever added, and a vend is never taken back.
        fresh = self._book.payments_of(institution_id)[self._counted[institution_id] :]
        self._counted[institution_id] += len(fresh)
        self._vended[institution_id] += sum(payment.amount_paisa for payment in fresh)
        return self._paid_in(institution_id) - self._vended[institution_id]

    def pay_in(self, institution_id: str, paisa: int) -> int:
        """Add to a deposit, or take from it down to nothing if `paisa` is negative; return what is left."""
        paisa = max(paisa, -self.balance(institution_id))
        self._book.record_note(institution_id, _NOTE, {_PAID_IN: str(self._paid_in(institution_id) + paisa)})
        return self.balance(institution_id)

    def _paid_in(self, institution_id: str) -> int:
        note = self._book.note(institution_id, _NOTE)
        return OPENING_PAISA if note is None else int(note[_PAID_IN])
