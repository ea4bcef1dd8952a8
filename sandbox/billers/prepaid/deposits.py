"""What the vendor keeps at each utility: every vend lowers it, an admin call raises it; amounts in paisa."""

from collections import defaultdict
from collections.abc import Iterable

from sandbox.kit.biller.book import Book

OPENING_PAISA = 10_000_000_000
"""What was paid in before all time: ten crore taka."""

_NOTE, _PAID_IN = "deposit", "paid_in_paisa"


class Deposits:
    """The vendor's balance at every house; it outlives a kill with the book."""

    def __init__(self, book: Book, houses: Iterable[str]) -> None:
        self.houses = tuple(houses)
        self._book = book
        self._counted: defaultdict[str, int] = defaultdict(int)
        self._vended: defaultdict[str, int] = defaultdict(int)

    def balance(self, house: str) -> int:
        """Return what is left at a house."""
        # Payments are only ever added, and a vend is never taken back.
        fresh = self._book.payments_of(house)[self._counted[house] :]
        self._counted[house] += len(fresh)
        self._vended[house] += sum(payment.amount_paisa for payment in fresh)
        return self._paid_in(house) - self._vended[house]

    def pay_in(self, house: str, paisa: int) -> int:
        """Add to a deposit, or take from it down to nothing if `paisa` is negative; return what is left."""
        paisa = max(paisa, -self.balance(house))
        self._book.record_note(house, _NOTE, {_PAID_IN: str(self._paid_in(house) + paisa)})
        return self.balance(house)

    def _paid_in(self, house: str) -> int:
        note = self._book.note(house, _NOTE)
        return OPENING_PAISA if note is None else int(note[_PAID_IN])
