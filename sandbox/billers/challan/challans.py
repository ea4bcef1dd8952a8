"""The treasury's book of challans: their numbers, without a gap in any fiscal year, and their payments."""

from collections import Counter
from collections.abc import Iterable
from datetime import date

from sandbox.kit.biller.book import BillerBook, BillerPayment
from sandbox.kit.biller.institution import BillerInstitution

_YEAR_BEGINS = 7


class Challans:
    """The challans that were given out; they stand in the facts of payments, so they outlive a kill."""

    def __init__(self, book: BillerBook, institutions: Iterable[BillerInstitution]) -> None:
        """Count what the book has already."""
        self._by_number: dict[str, BillerPayment] = {}
        self._issued: Counter[str] = Counter()
        for institution in institutions:
            for payment in book.payments_of(institution.id):
                self.keep(payment)

    def next_number(self, today: date) -> str:
        """Return the number that a challan of this Dhaka day would have; it is only used up by `keep`."""
        year = fiscal_years(today)
        return f"{year}-{self._issued[year] + 1:010d}"

    def keep(self, payment: BillerPayment) -> None:
        """Count the challan of a payment."""
        number = payment.facts["challan_no"]
        self._by_number[number] = payment
        self._issued[number[:4]] += 1

    def payment(self, number: str) -> BillerPayment | None:
        """Return which payment a challan was given for, if any."""
        return self._by_number.get(number)


def fiscal_years(day: date) -> str:
    """Return the two years of a day's fiscal year, which runs from July to June: `2526`."""
    begins = day.year if day.month >= _YEAR_BEGINS else day.year - 1
    return f"{begins % 100:02d}{(begins + 1) % 100:02d}"
