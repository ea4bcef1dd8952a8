"""scroll_rest: JSON over POST with a bearer token, a bill token from the fetch and a daily scroll number.

The protocol of DESCO postpaid (billers.md 2.3). A 401 is a decline, so a payment refused with it is sent
again under a new token; every other answer without a mapped code is in doubt.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from biller_adapters.biller_client import BillerClient
from biller_adapters.call_result import has_meaning, inconclusive_answer, unsuccessful_outcome
from biller_adapters.dialect import Dialect, JsonUnderHeader
from biller_adapters.fetching import paid_bill, reply_without_bill
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means
from ekpay_switch.domain.bill import (
    Bill,
    BillerSilent,
    BillFound,
    BillMissing,
    BillQuery,
    FetchReply,
)
from ekpay_switch.domain.business_day import business_date, in_dhaka
from ekpay_switch.domain.money import ZERO, format_taka, parse_taka, total
from ekpay_switch.domain.outcome import Approved, Inquiry, NoAnswer, NotFound, Outcome, Posted
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_sections import Section
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    as_object,
    as_rows,
    bearer_token,
    day,
    format_day,
    month_span,
    taka,
    text,
    text_or_empty,
    whole_seconds,
)
from ekpay_switch.wing_kit.token_keeper import Grant

_OPERATIONS = frozenset({"login", "bills", "bill", "save", "status"})


class ScrollRestSettings(Section):
    """The section `family_settings` of a manifest of this family."""

    bank_code: str
    paid_word: str
    unpaid_filter: str


class ScrollRest:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        self._profile = manifest.profile(context.divisor)
        self._manifest = manifest
        self._settings = settings_of(manifest, ScrollRestSettings, _OPERATIONS)
        self._clock = context.clock
        self._client = BillerClient(manifest, context, _dialect())
        self._stamp_above = parse_taka(manifest.stamp.threshold_taka) if manifest.stamp else None

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Fetch the bill `bill_no`, or the oldest unpaid bill of `account_no`; moves no money."""
        try:
            if number := query.parameters.get("bill_no"):
                return await self._fetch_bill(number, unpaid_count=1)
            return await self._fetch_oldest(query.parameters.get("account_no", ""))
        except BrokenReplyError as error:
            return BillerSilent(str(error))

    async def pay(self, order: PayOrder) -> Outcome:
        """Save one payment; a repeat (same billNumber and transactionId) saves nothing."""
        result = await self._client.call("save", self._save_fields(order), order.send_before)
        if not has_meaning(result, Means.APPROVED):
            return unsuccessful_outcome(result)
        message = text_or_empty(result.document, "message")
        return Approved({"message": message, "scroll_no": str(order.scroll_no)})

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask which payment is saved under our reference; moves no money."""
        bill_number = order.biller_quote["bill_number"]
        result = await self._client.call(
            "status", {"billNumber": bill_number, "transactionId": order.reference}
        )
        if not has_meaning(result, Means.APPROVED):
            return inconclusive_answer(result)
        try:
            return self._read_status(as_rows(result.document.get("data")), order.reference)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    # ---- fetching ----------------------------------------------------------------------------------------

    async def _fetch_oldest(self, account: str) -> FetchReply:
        result = await self._client.call(
            "bills", {"accountNo": account, "paymentStatus": self._settings.unpaid_filter}
        )
        if not has_meaning(result, Means.APPROVED):
            return reply_without_bill(result, account=account)
        rows = as_rows(result.document.get("data"))
        if not rows:
            return BillFound(paid_bill(account=account))
        oldest = min(rows, key=lambda row: day(row, "dueDate"))
        reply = await self._fetch_bill(text(oldest, "billNo"), unpaid_count=len(rows))
        if isinstance(reply, BillFound) and reply.bill.account not in {account, ""}:
            return BillerSilent("a bill of another account")
        if isinstance(reply, BillMissing):
            return BillerSilent("a listed bill is unknown")
        return reply

    async def _fetch_bill(self, number: str, unpaid_count: int) -> FetchReply:
        result = await self._client.call("bill", {"billNo": number})
        if not has_meaning(result, Means.APPROVED):
            return reply_without_bill(result, number=number)
        data = as_object(result.document.get("data"))
        if text(data, "billNo") != number:
            return BillerSilent("a bill with another number")
        return BillFound(self._bill(data, unpaid_count))

    def _bill(self, data: Mapping[str, Any], unpaid_count: int) -> Bill:
        """The bill as owed on this Dhaka day, checked against DESCO's total; raises BrokenReplyError."""
        stated, vat, late_charge = taka(data, "totalAmount"), taka(data, "totalVat"), taka(data, "lpc")
        due_on = day(data, "dueDate")
        late_fee = late_charge if self._is_late(business_date(self._clock.now()), due_on) else ZERO
        if vat > stated:
            raise BrokenReplyError("more VAT than bill")
        if total((stated, late_fee)) != taka(data, "totalAmountTobePaid"):
            raise BrokenReplyError("the total is not the sum of its parts")
        number = text(data, "billNo")
        return Bill(
            bill_key=number,
            bill_number=number,
            account=text(data, "accountNo"),
            amount=stated - vat,
            vat=vat,
            late_fee=late_fee,
            total=stated + late_fee,
            rounding=self._manifest.rounding_of(stated + late_fee),
            unpaid_count=unpaid_count,
            issued_on=day(data, "issueDate"),
            due_on=due_on,
            details=_details(data),
            biller_quote={
                "bill_number": number,
                "bill_token": text(data, "billToken"),
                "account": text(data, "accountNo"),
                "issue_date": text(data, "issueDate"),
                "due_date": text(data, "dueDate"),
                "tariff": text(data, "tariff"),
                "department": text(data, "departmentCode"),
                "vat": format_taka(vat.minor),
                "late_charge": format_taka(late_charge.minor),
            },
        )

    def _is_late(self, on: date, due_on: date) -> bool:
        return self._manifest.late_fee.rule == "stated_after_due_date" and on > due_on

    # ---- payment and inquiry --------------------------------------------------------------------

    def _save_fields(self, order: PayOrder) -> dict[str, object]:
        quote = order.biller_quote
        paid = format_taka(order.sums.billed_amount.minor)
        is_late = self._is_late(order.business_date, day(quote, "due_date"))
        is_stamped = self._stamp_above is not None and order.sums.billed_amount > self._stamp_above
        stamp = self._manifest.stamp
        return {
            "billNumber": quote["bill_number"],
            "billToken": quote["bill_token"],
            "transactionId": order.reference,
            "bankCode": self._settings.bank_code,
            "scrollNo": self._manifest.scroll.base - 1 + order.scroll_no,
            "totalPayableAmount": paid,
            "totalPaidAmount": paid,
            "lpc": quote["late_charge"] if is_late else "0.00",
            "paid": "Y",
            "issueDate": quote["issue_date"],
            "dueDate": quote["due_date"],
            "cTariff": quote["tariff"],
            "departmentCode": quote["department"],
            "paymentAmount": paid,
            "paymentVatAmount": quote["vat"],
            "paymentDate": format_day(order.business_date),
            "trackingNo": order.reference,
            "stampQty": stamp.count if stamp is not None and is_stamped else 0,
            "transactionTrackingNo": order.reference,
            "tranAccount": quote["account"],
            "transactionDateTime": in_dhaka(self._clock.now()).strftime("%Y-%m-%d %H:%M:%S"),
        }

    def _read_status(self, rows: list[Mapping[str, Any]], reference: str) -> Inquiry:
        if not rows:
            return NotFound()
        for row in rows:
            if text(row, "transactionId") != reference:
                return NoAnswer("an answer about another payment")
            if text(row, "paymentStatus") != self._settings.paid_word:
                return NoAnswer("a payment status without a mapping")
        # Several rows are a payment saved twice: the sum differs from ours and the payment goes to review.
        saved = total(taka(row, "paymentAmount") for row in rows)
        facts = {
            name: text_or_empty(rows[0], name)
            for name in ("departmentCode", "paymentAmount", "paymentVatAmount", "paymentDate")
        }
        return Posted(reference, saved.minor, facts)


def _details(data: Mapping[str, Any]) -> dict[str, str]:
    """The details of a bill for its payer; the period is the calendar month of the bill."""
    period_from, period_to = month_span(text_or_empty(data, "year"), text_or_empty(data, "month"))
    return {
        "customer_name": text_or_empty(data, "customerName"),
        "address": text_or_empty(data, "address"),
        "meter_no": text_or_empty(data, "meterNo"),
        "kwh": text_or_empty(data, "totalKwh"),
        "period_from": period_from,
        "period_to": period_to,
        "tariff": text_or_empty(data, "tariff"),
    }


def _dialect() -> Dialect:
    return Dialect(
        code_member="statusCode",
        write=JsonUnderHeader("Authorization", "Bearer "),
        log_in=lambda user, password: {"user": user, "password": password},
        read_grant=lambda answer: Grant(bearer_token(answer, "token"), whole_seconds(answer, "expiresIn")),
    )
