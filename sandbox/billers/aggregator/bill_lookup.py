"""Looking a bill up: what bill-info is asked, and what it answers, for each kind of utility."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import orjson

from sandbox.billers.aggregator.bill_infos import Info
from sandbox.billers.aggregator.institutions import MONTHS_MAX, StatedMonths, Utility
from sandbox.billers.aggregator.replies import CHALLAN_USED, MALFORMED, OTHER_AMOUNT, PAID_ALREADY, UNKNOWN
from sandbox.kit.biller.bills import WHOLE_BP, CounterBill, Kind
from sandbox.kit.biller.book import Book, Payment, State
from sandbox.kit.biller.call_results import PaidAlready, Unknown
from sandbox.kit.biller.institution import Choice
from sandbox.kit.biller.taka_text import paisa_of, taka
from sandbox.kit.biller.till import Till
from sandbox.kit.institution.replies import Reply
from sandbox.kit.institution.requests import Form
from sandbox.kit.institution.seeded_values import share_half_up

_KEYS = frozenset({"transaction_id", "utility_auth_key", "utility_secret_key"})
_CHALLAN = ("chalanNo", "chalanDate", "chalanBank")
_MONTH = re.compile(r"20[0-9]{2}(0[1-9]|1[0-2])")
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Window:
    """One utility with its till and the book of all."""

    utility: Utility
    till: Till
    book: Book
    today: date

    @property
    def standing(self) -> Iterable[Payment]:
        """The payments of this utility that were not taken back."""
        payments = self.book.payments_of(self.utility.id)
        return (payment for payment in payments if payment.state is State.PAID)


@dataclass(frozen=True, slots=True)
class Seen:
    """A bill that was found: what to keep of it, and what to tell."""

    info: Info
    told: Mapping[str, object]


def look(window: Window, form: Form) -> Seen | Reply:
    """Return the bill that a bill-info is about, or why there is none."""
    texts = _parameters(form, window.utility)
    if texts is None:
        return MALFORMED
    if isinstance(window.utility, StatedMonths):
        return _look_at_months(window, window.utility, texts["customer_code"], form)
    return _look_at_bill(window, texts, form)


def objection(window: Window, info: Info) -> Reply | None:
    """Return why what was looked up cannot be paid any more, as far as the till does not know it."""
    if info.challan_no and _is_used(window, info.challan_no, info.bill_number):
        return CHALLAN_USED
    if not info.particulars:
        return None
    if window.till.world.kind(info.number) is Kind.AMOUNT_CHANGES:
        return OTHER_AMOUNT
    return PAID_ALREADY if _are_paid(window, info.number, info.particulars.split(",")) else None


def _parameters(form: Form, utility: Utility) -> dict[str, str] | None:
    """Return the parameters that name a bill, those of the second group if it is all there, or None."""
    for member, shape in utility.shapes.items():
        value = form.get(member, "" if member in utility.optional else None)
        is_left_out = value == "" and member in utility.optional
        if not is_left_out and not (isinstance(value, str) and shape.fullmatch(value)):
            return None
    is_other_group = bool(utility.also) and all(utility.asks[name][0] in form for name in utility.also)
    wanted = utility.also if is_other_group else utility.fields
    texts = {}
    for name in wanted:
        parts = [form.get(member) for member in utility.asks.get(name, ())]
        if not all(isinstance(part, str) and part for part in parts):
            return None
        if parts:
            texts[name] = "".join(map(str, parts))
    return texts


# ---- where there are bills ---------------------------------------------------------------------------------


def _look_at_bill(window: Window, texts: Mapping[str, str], form: Form) -> Seen | Reply:
    found = window.till.look_up(texts)
    if isinstance(found, Unknown):
        return UNKNOWN
    if isinstance(found, PaidAlready):
        return PAID_ALREADY
    bill = found.bills[0]
    whole = window.till.left_of(bill)
    tax = _tax(window, bill, whole, form) if window.utility.holds_tax else 0
    if isinstance(tax, Reply):
        return tax
    info = Info(
        asked=_asked(form),
        number=bill.number,
        bill_number=bill.bill_number,
        payable_paisa=whole - tax,
        withheld_paisa=tax,
        challan_no=str(form.get("chalanNo", "")) if tax else "",
    )
    return Seen(info, {**_bill_data(bill, window.today, len(found.bills)), "payable": taka(whole - tax)})


def _tax(window: Window, bill: CounterBill, whole: int, form: Form) -> int | Reply:
    """Return the tax that is held back; challan and tax come together or not at all."""
    tax, challan = paisa_of(form.get("sourceTaxAmount")), [form.get(name, "") for name in _CHALLAN]
    if tax is None or any(bool(part) is not bool(tax) for part in challan) or not _is_day(challan[1]):
        return MALFORMED
    if tax >= whole:
        return OTHER_AMOUNT
    return CHALLAN_USED if tax and _is_used(window, str(challan[0]), bill.bill_number) else tax


def _is_day(text: object) -> bool:
    try:
        date.fromisoformat(str(text or "2025-01-01"))
    except ValueError:
        return False
    return True


def _is_used(window: Window, challan_no: str, bill_number: str) -> bool:
    return any(
        payment.facts.get("challan_no") == challan_no and payment.bill_number != bill_number
        for payment in window.standing
    )


def _bill_data(bill: CounterBill, today: date, count: int) -> dict[str, object]:
    """Return a bill as it is told: the four lines sum to `total`, what it comes to today."""
    return {
        "bill_no": bill.bill_number,
        "account_no": bill.number,
        "customer_name": bill.customer_name,
        "address": bill.address,
        "meter_no": bill.meter_no,
        "bill_year": f"{bill.period.year:04d}",
        "bill_month": f"{bill.period.month:02d}",
        "issue_date": f"{bill.issued_on:%d-%m-%Y}",
        "due_date": f"{bill.due_on:%d-%m-%Y}",
        "amount": taka(bill.principal_paisa + bill.other_paisa),
        "vat": taka(bill.vat_paisa),
        "surcharge": taka(bill.late_fee_on(today)),
        "stamp": taka(bill.stamp_paisa),
        "total": taka(bill.total_on(today)),
        "bill_count": str(count),
    }


# ---- where months are stated -------------------------------------------------------------------------------


def _look_at_months(window: Window, utility: StatedMonths, customer: str, form: Form) -> Seen | Reply:
    months = _months(form.get("particulars"))
    amount, surcharge = paisa_of(form.get("amount")), paisa_of(form.get("surcharge"))
    if not months or amount is None or surcharge is None:
        return MALFORMED
    bills = window.till.world.bills_of(customer)
    if not bills:
        return UNKNOWN
    bill = bills[0]
    if bill.kind is Kind.ALREADY_PAID or _are_paid(window, customer, months):
        return PAID_ALREADY
    tariff = _tariff(utility, bill.choice)
    late = share_half_up(tariff, utility.surcharge_bp, WHOLE_BP)
    overdue = sum(_is_overdue(month, utility.due_day, window.today) for month in months)
    if (amount, surcharge) != (tariff * len(months), late * overdue):
        return OTHER_AMOUNT
    told = {
        "account_no": customer,
        "customer_name": bill.customer_name,
        "address": bill.address,
        "particulars": ",".join(months),
        "amount": taka(amount),
        "surcharge": taka(surcharge),
        "payable": taka(amount + surcharge),
    }
    info = Info(
        asked=_asked(form),
        number=customer,
        bill_number=bill.bill_number,
        payable_paisa=amount + surcharge,
        choice=bill.choice,
        particulars=",".join(months),
    )
    return Seen(info, told)


def _months(text: object) -> list[str]:
    """Return the months of a list, or none if it is not one of different months in their order."""
    months = text.split(",") if isinstance(text, str) else []
    is_list = all(_MONTH.fullmatch(month) for month in months) and sorted(set(months)) == months
    return months if is_list and len(months) <= MONTHS_MAX else []


def _tariff(utility: StatedMonths, choice: str) -> int:
    assert isinstance(utility.amount, Choice), utility.id
    return utility.amount.paisa_by_key[choice]


def _is_overdue(month: str, due_day: int, today: date) -> bool:
    year, following = int(month[:4]), int(month[4:]) + 1
    return today > date(year + following // (_MONTHS + 1), (following - 1) % _MONTHS + 1, due_day)


def _are_paid(window: Window, customer: str, months: Iterable[str]) -> bool:
    paid = (one.facts.get("particulars", "") for one in window.standing if one.number == customer)
    return not set(months).isdisjoint(month for text in paid for month in text.split(","))


def _asked(form: Form) -> str:
    told = {name: value for name, value in form.items() if name not in _KEYS}
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS).decode()
