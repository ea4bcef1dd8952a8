"""The bill lookup of bill-info, for each kind of utility."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import orjson

from sandbox.billers.aggregator.bill_infos import BillInfo
from sandbox.billers.aggregator.institutions import MONTHS_MAX, StatedMonthsUtility, Utility
from sandbox.billers.aggregator.replies import CHALLAN_USED, MALFORMED, OTHER_AMOUNT, PAID_ALREADY, UNKNOWN
from sandbox.kit.biller.bills import WHOLE_BP, BillerAccountKind, SimulatedBill
from sandbox.kit.biller.book import BillerBook, BillerPayment, PaymentState
from sandbox.kit.biller.call_results import BillPaidAlready, UnknownBill
from sandbox.kit.biller.institution import FeeByChoice
from sandbox.kit.biller.payment_intake import PaymentIntake
from sandbox.kit.biller.taka_text import paisa_of, taka
from sandbox.kit.institution.replies import Reply
from sandbox.kit.institution.requests import Form
from sandbox.kit.institution.seeded_values import share_half_up

_KEYS = frozenset({"transaction_id", "utility_auth_key", "utility_secret_key"})
_CHALLAN = ("chalanNo", "chalanDate", "chalanBank")
_MONTH = re.compile(r"20[0-9]{2}(0[1-9]|1[0-2])")
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class LookupContext:
    """One utility with its payment intake and the book of all."""

    utility: Utility
    intake: PaymentIntake
    book: BillerBook
    today: date

    @property
    def standing_payments(self) -> Iterable[BillerPayment]:
        """The payments of this utility that were not taken back."""
        payments = self.book.payments_of(self.utility.id)
        return (payment for payment in payments if payment.state is PaymentState.PAID)


@dataclass(frozen=True, slots=True)
class BillLookup:
    """A bill that was found: what is stored of it, and what is answered."""

    info: BillInfo
    bill_data: Mapping[str, object]


def look_up_bill(window: LookupContext, form: Form) -> BillLookup | Reply:
    """Return the bill that a bill-info is about, or why there is none."""
    texts = _parameters(form, window.utility)
    if texts is None:
        return MALFORMED
    if isinstance(window.utility, StatedMonthsUtility):
        return _look_up_months(window, window.utility, texts["customer_code"], form)
    return _look_up_single_bill(window, texts, form)


def payment_refusal(window: LookupContext, info: BillInfo) -> Reply | None:
    """Return why what was looked up cannot be paid any more, as far as the intake does not know it."""
    if info.challan_no and _is_challan_used(window, info.challan_no, info.bill_number):
        return CHALLAN_USED
    if not info.particulars:
        return None
    if window.intake.accounts.kind(info.number) is BillerAccountKind.AMOUNT_CHANGES:
        return OTHER_AMOUNT
    return PAID_ALREADY if _is_any_month_paid(window, info.number, info.particulars.split(",")) else None


def _parameters(form: Form, utility: Utility) -> dict[str, str] | None:
    """Return the parameters that name a bill, those of the second group if it is complete, or None."""
    for member, shape in utility.member_patterns.items():
        value = form.get(member, "" if member in utility.optional else None)
        is_left_out = value == "" and member in utility.optional
        if not is_left_out and not (isinstance(value, str) and shape.fullmatch(value)):
            return None
    is_other_group = bool(utility.alternative_fields) and all(
        utility.members_by_parameter[name][0] in form for name in utility.alternative_fields
    )
    templates = utility.alternative_fields if is_other_group else utility.fields
    texts = {}
    for name in templates:
        parts = [form.get(member) for member in utility.members_by_parameter.get(name, ())]
        if not all(isinstance(part, str) and part for part in parts):
            return None
        if parts:
            texts[name] = "".join(map(str, parts))
    return texts


# ---- where there are bills ---------------------------------------------------------------------------------


def _look_up_single_bill(window: LookupContext, texts: Mapping[str, str], form: Form) -> BillLookup | Reply:
    result = window.intake.find_unpaid_bills(texts)
    if isinstance(result, UnknownBill):
        return UNKNOWN
    if isinstance(result, BillPaidAlready):
        return PAID_ALREADY
    bill = result.bills[0]
    whole = window.intake.outstanding_paisa(bill)
    tax = _withheld_tax(window, bill, whole, form) if window.utility.may_withhold_tax else 0
    if isinstance(tax, Reply):
        return tax
    info = BillInfo(
        question=_question_text(form),
        number=bill.number,
        bill_number=bill.bill_number,
        payable_paisa=whole - tax,
        withheld_paisa=tax,
        challan_no=str(form.get("chalanNo", "")) if tax else "",
    )
    return BillLookup(
        info, {**_bill_data(bill, window.today, len(result.bills)), "payable": taka(whole - tax)}
    )


def _withheld_tax(window: LookupContext, bill: SimulatedBill, whole: int, form: Form) -> int | Reply:
    """Return the tax that is held back; challan and tax come together or not at all."""
    tax, challan = paisa_of(form.get("sourceTaxAmount")), [form.get(name, "") for name in _CHALLAN]
    if tax is None or any(bool(part) is not bool(tax) for part in challan) or not _is_day(challan[1]):
        return MALFORMED
    if tax >= whole:
        return OTHER_AMOUNT
    return CHALLAN_USED if tax and _is_challan_used(window, str(challan[0]), bill.bill_number) else tax


def _is_day(text: object) -> bool:
    try:
        date.fromisoformat(str(text or "2025-01-01"))
    except ValueError:
        return False
    return True


def _is_challan_used(window: LookupContext, challan_no: str, bill_number: str) -> bool:
    return any(
        payment.facts.get("challan_no") == challan_no and payment.bill_number != bill_number
        for payment in window.standing_payments
    )


def _bill_data(bill: SimulatedBill, today: date, count: int) -> dict[str, object]:
    """Return a bill as the answers report it: the four lines sum to `total`, which is due today."""
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


def _look_up_months(
    window: LookupContext, utility: StatedMonthsUtility, customer: str, form: Form
) -> BillLookup | Reply:
    months = _months(form.get("particulars"))
    amount, surcharge = paisa_of(form.get("amount")), paisa_of(form.get("surcharge"))
    if not months or amount is None or surcharge is None:
        return MALFORMED
    bills = window.intake.accounts.bills_of(customer)
    if not bills:
        return UNKNOWN
    bill = bills[0]
    if bill.kind is BillerAccountKind.ALREADY_PAID or _is_any_month_paid(window, customer, months):
        return PAID_ALREADY
    tariff = _tariff(utility, bill.choice)
    late = share_half_up(tariff, utility.surcharge_bp, WHOLE_BP)
    overdue = sum(_is_overdue(month, utility.due_day, window.today) for month in months)
    if (amount, surcharge) != (tariff * len(months), late * overdue):
        return OTHER_AMOUNT
    bill_data = {
        "account_no": customer,
        "customer_name": bill.customer_name,
        "address": bill.address,
        "particulars": ",".join(months),
        "amount": taka(amount),
        "surcharge": taka(surcharge),
        "payable": taka(amount + surcharge),
    }
    info = BillInfo(
        question=_question_text(form),
        number=customer,
        bill_number=bill.bill_number,
        payable_paisa=amount + surcharge,
        choice=bill.choice,
        particulars=",".join(months),
    )
    return BillLookup(info, bill_data)


def _months(text: object) -> list[str]:
    """Return the months of a list; empty unless they are different and in order."""
    months = text.split(",") if isinstance(text, str) else []
    is_list = all(_MONTH.fullmatch(month) for month in months) and sorted(set(months)) == months
    return months if is_list and len(months) <= MONTHS_MAX else []


def _tariff(utility: StatedMonthsUtility, choice: str) -> int:
    assert isinstance(utility.amount, FeeByChoice), utility.id
    return utility.amount.paisa_by_key[choice]


def _is_overdue(month: str, due_day: int, today: date) -> bool:
    year, following = int(month[:4]), int(month[4:]) + 1
    return today > date(year + following // (_MONTHS + 1), (following - 1) % _MONTHS + 1, due_day)


def _is_any_month_paid(window: LookupContext, customer: str, months: Iterable[str]) -> bool:
    paid = (
        payment.facts.get("particulars", "")
        for payment in window.standing_payments
        if payment.number == customer
    )
    return not set(months).isdisjoint(month for text in paid for month in text.split(","))


def _question_text(form: Form) -> str:
    members = {name: value for name, value in form.items() if name not in _KEYS}
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS).decode()
