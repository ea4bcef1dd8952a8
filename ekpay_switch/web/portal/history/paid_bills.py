"""What a citizen has paid in a year, bill by bill, and what it comes to by biller and by month.

Pure. BillSum is what billers have: a bill that goes back, waits or is in doubt is listed and not summed, and
charges are of a payment and of no bill.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TypeVar

from ekpay_switch.domain.business_day import DHAKA, in_dhaka
from ekpay_switch.domain.carts.bill_cart import BillInCart, PaidUp, StoredCart
from ekpay_switch.domain.money import Money, total
from ekpay_switch.web.portal.cart_outcomes import BillOutcome, bill_outcome

MONTHS = range(1, 13)

Key = TypeVar("Key", str, int)


@dataclass(frozen=True, slots=True)
class PaidBill:
    """A bill of a cart whose money has come; `at` is when its payer went to pay."""

    cart: StoredCart
    stored: BillInCart
    outcome: BillOutcome

    @property
    def at(self) -> datetime:
        """When its cart was begun."""
        return self.cart.created_at

    @property
    def number(self) -> str:
        """What its payer named it by first: the number of a bill, or of an account."""
        return next(iter(self.stored.bill.fields.values()), "")

    @property
    def month(self) -> int:
        """The month in Dhaka, from 1."""
        return in_dhaka(self.at).month

    @property
    def amount_paid(self) -> Money:
        """What its biller has; nothing where it was not paid, or where that is not known."""
        return self.stored.bill.amount if self.outcome is BillOutcome.PAID else Money(0)


@dataclass(frozen=True, slots=True)
class BillSum:
    """The paid bills of one kind: how many, and what billers have of them."""

    count: int
    amount: Money


def year_bounds(year: int) -> tuple[datetime, datetime]:
    """The first instant of a year in Dhaka, and that of the next."""
    return _begin(year), _begin(year + 1)


def paid_bills(carts: Iterable[StoredCart]) -> list[PaidBill]:
    """The bills of carts whose money has come, in the order of the carts."""
    funded = [cart for cart in carts if cart.paid_up is PaidUp.FUNDED]
    return [PaidBill(cart, stored, bill_outcome(cart, stored)) for cart in funded for stored in cart.bills]


def by_biller(bills: Sequence[PaidBill]) -> Mapping[str, BillSum]:
    """The spending by biller, the largest first."""
    sums = _sums(bills, lambda bill: bill.stored.bill.biller_id)
    return dict(sorted(sums.items(), key=lambda item: (-item[1].amount.minor, item[0])))


def by_month(bills: Sequence[PaidBill]) -> Mapping[int, BillSum]:
    """The spending of each month in which something was paid, January first."""
    sums = _sums(bills, lambda bill: bill.month)
    return {month: sums[month] for month in MONTHS if month in sums}


def _sums(bills: Sequence[PaidBill], key: Callable[[PaidBill], Key]) -> dict[Key, BillSum]:
    groups: dict[Key, list[Money]] = {}
    for bill in bills:
        if bill.outcome is BillOutcome.PAID:
            groups.setdefault(key(bill), []).append(bill.amount_paid)
    return {name: BillSum(len(amounts), total(amounts)) for name, amounts in groups.items()}


def _begin(year: int) -> datetime:
    return datetime.combine(date(year, 1, 1), time.min, DHAKA)
