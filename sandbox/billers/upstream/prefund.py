"""The money that the partner keeps here: every payment lowers it by the bill and our fee."""

from collections.abc import Iterable

from sandbox.kit.biller.book import BillerBook, BillerPayment

FEE = "upstream_fee_paisa"
"""The fact of a payment that holds the fee taken with the bill."""

_FAMILY_NOTE, _TOPPED_UP = "", "prefund"


class PartnerPrefund:
    """One bucket, in paisa; it is never below zero, and reckoned anew from the book after a kill."""

    def __init__(self, book: BillerBook, opening_paisa: int, house_ids: Iterable[str]) -> None:
        self._book = book
        payments = (payment for house_id in house_ids for payment in book.payments_of(house_id))
        self.left_paisa = opening_paisa + self._topped_up() - sum(map(_debit_paisa, payments))

    def covers(self, paisa: int) -> bool:
        """Whether so much can be taken."""
        return paisa <= self.left_paisa

    def debit(self, payment: BillerPayment) -> None:
        """Take a new payment off it; the caller has checked that it holds so much."""
        self.left_paisa -= _debit_paisa(payment)

    def top_up(self, paisa: int) -> None:
        """Put money in or, if negative, take it out, at most down to zero."""
        change = max(paisa, -self.left_paisa)
        self._book.record_note(_FAMILY_NOTE, _TOPPED_UP, {"paisa": str(self._topped_up() + change)})
        self.left_paisa += change

    def _topped_up(self) -> int:
        return int((self._book.note(_FAMILY_NOTE, _TOPPED_UP) or {}).get("paisa", "0"))


def _debit_paisa(payment: BillerPayment) -> int:
    return payment.amount_paisa + int(payment.facts[FEE])
