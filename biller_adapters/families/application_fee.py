"""application_fee: JSON over POST under a standing key; a public office demands a fee for a reference.

Applications, holdings, admission rolls (billers.md 1.1, rows 25, 27 to 29, 32, 34, 35, 40, 41, 44, 46 and 52;
the wire format is ours). The manifest has the office's names (`office_wording`). Where the office has no call
for its demand (`none`), or does not answer it (`optional`), the quote is made from the manifest's schedule,
and the office declines the payment where it does not agree. Where the demand is mandatory and there is a
schedule, both must agree, so that no unannounced fee is passed on.

A stage that is not open yet, or no longer, is a missing bill, since nothing is owed. The receipt of a payment
may be an interim one; a later inquiry brings the final receipt.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from biller_adapters.biller_client import BillerClient
from biller_adapters.call_result import (
    CallResult,
    MappedReply,
    has_meaning,
    inconclusive_answer,
    unsuccessful_outcome,
)
from biller_adapters.dialect import Credentials, Dialect, JsonUnderHeader
from biller_adapters.fee_heads import (
    FeeHead,
    charges_of,
    heads_as_text,
    heads_from_text,
    labels_of,
    read_heads,
    sum_of,
)
from biller_adapters.fetching import (
    bill_for_amount,
    chosen_amount,
    paid_bill,
    reply_without_bill,
    scheduled_fee,
)
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means, Reason
from biller_adapters.office_wording import OfficeWording, office_wording_of
from ekpay_switch.domain.bill import (
    AmountRefused,
    Bill,
    BillerSilent,
    BillFound,
    BillMissing,
    BillQuery,
    ChargeLine,
    FetchReply,
)
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.money import ZERO, Money, format_taka
from ekpay_switch.domain.outcome import (
    Approved,
    InDoubt,
    Inquiry,
    NoAnswer,
    NotFound,
    Outcome,
    Posted,
    Unreached,
)
from ekpay_switch.domain.payments.delivery import FINAL_RECEIPT, RECEIPT, PayOrder
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.ports.world import NotSent, NoUsableAnswer
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    as_object,
    day,
    taka,
    text,
    text_or_empty,
)

_DEMAND, _PAY, _STATUS = "demand", "pay", "status"
_RECEIPT_LENGTH_MAX = 64
# Nothing is owed now: an earlier stage is unpaid, or the days of payment are over.
_NOTHING_OWED = frozenset({Reason.NOT_OPEN, Reason.QUOTE_EXPIRED})


@dataclass(frozen=True, slots=True)
class _Demand:
    """An office's demand for one reference; `outstanding` is unpaid, and a day may be unknown."""

    heads: tuple[FeeHead, ...]
    outstanding: Money
    applicant: str = ""
    payable_from: date | None = None
    payable_until: date | None = None
    allows_part: bool = False


class ApplicationFee:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        fetched = frozenset() if manifest.fetch_mode == "none" else frozenset({_DEMAND})
        self._wording: OfficeWording = office_wording_of(manifest, fetched | {_PAY, _STATUS})
        self._profile = manifest.profile(context.divisor)
        self._manifest = manifest
        self._clock = context.clock
        self._client = BillerClient(manifest, context, _dialect())

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Fetch the demand that the parameters name, or make it from the schedule; moves no money."""
        parameters = query.parameters
        if not self._wording.is_whole(parameters):
            return BillMissing()
        try:
            requested_amount = chosen_amount(self._manifest, parameters)
            demand = await self._demand(parameters)
        except BrokenReplyError as error:
            return BillerSilent(str(error))
        return self._quote(demand, parameters, requested_amount) if isinstance(demand, _Demand) else demand

    async def pay(self, order: PayOrder) -> Outcome:
        """Pay one demand; a repeat under the same reference is answered as before and takes nothing."""
        quote = order.biller_quote
        if format_taka(order.sums.billed_amount.minor) != quote["amount"]:
            return Unreached("the amount is not the one that was quoted")
        result = await self._client.call(_PAY, self._pay_fields(order), order.send_before)
        if not has_meaning(result, Means.APPROVED):
            return unsuccessful_outcome(result)
        try:
            paid_amount, facts = self._read_payment(result.document, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))
        return (
            Approved(facts)
            if paid_amount == order.sums.billed_amount
            else InDoubt("taken with another amount")
        )

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask what was paid under our reference, and for the final receipt; moves no money."""
        fields = {"service": self._wording.service, "transactionId": order.reference}
        result = await self._client.call(_STATUS, fields)
        if has_meaning(result, Means.NOT_FOUND):
            return NotFound()
        if not has_meaning(result, Means.APPROVED):
            return inconclusive_answer(result)
        try:
            if text(result.document, "state") != self._wording.paid_word:
                return NoAnswer("a payment state without a mapping")
            paid_amount, facts = self._read_payment(result.document, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))
        return Posted(order.reference, paid_amount.minor, facts)

    # ---- fetching ----------------------------------------------------------------------------------------

    async def _demand(self, parameters: Mapping[str, str]) -> _Demand | FetchReply:
        """The office's demand, or that of the schedule where the office has no call or does not answer."""
        if self._manifest.fetch_mode == "none":
            return self._scheduled_demand(parameters)
        result = await self._client.call(_DEMAND, self._demand_fields(parameters))
        if self._manifest.fetch_mode == "optional" and isinstance(result, NotSent | NoUsableAnswer):
            return self._scheduled_demand(parameters)
        if not has_meaning(result, Means.APPROVED):
            return _reply_without_demand(result, self._wording.reference(parameters))
        return self._checked_demand(as_object(result.document.get("demand")), parameters)

    def _scheduled_demand(self, parameters: Mapping[str, str]) -> _Demand | FetchReply:
        closed_because = self._manifest.opening.closure_reason(self._clock.now())
        if closed_because:
            return BillerSilent(closed_because)
        fee = scheduled_fee(self._manifest, parameters)
        return BillMissing() if fee is None else _Demand(self._wording.plan.heads(fee), fee)

    def _checked_demand(self, demand: Mapping[str, Any], parameters: Mapping[str, str]) -> _Demand:
        """The demand, checked against the request, its total and the schedule; raises BrokenReplyError."""
        self._require_same_demand(
            demand, self._wording.reference(parameters), self._wording.stage(parameters)
        )
        heads, demanded = read_heads(demand.get("heads")), taka(demand, "total")
        if sum_of(heads) != demanded:
            raise BrokenReplyError("the heads do not add up to the total")
        outstanding = taka(demand, "outstanding")
        if outstanding > demanded:
            raise BrokenReplyError("more is outstanding than was demanded")
        is_announced = self._manifest.fetch_mode != "optional"
        fee = scheduled_fee(self._manifest, parameters) if is_announced else None
        if fee is not None and fee != demanded:
            raise BrokenReplyError("a fee that differs from the schedule")
        payable_from, payable_until = day(demand, "payableFrom"), day(demand, "payableUntil")
        if outstanding > ZERO and not payable_from <= business_date(self._clock.now()) <= payable_until:
            raise BrokenReplyError("a demand that is not payable today")
        applicant, allows_part = text_or_empty(demand, "applicant"), _read_bool(demand, "partAllowed")
        return _Demand(heads, outstanding, applicant, payable_from, payable_until, allows_part)

    def _quote(
        self, demand: _Demand, parameters: Mapping[str, str], requested_amount: Money | None
    ) -> FetchReply:
        """The demand as a bill, or the part of it that the payer chose and may pay."""
        if demand.outstanding == ZERO:
            return BillFound(paid_bill(self._wording.reference(parameters)))
        whole_bill = self._bill(demand, parameters)
        if not self._wording.may_pay_part(parameters):
            return (
                BillFound(whole_bill)
                if requested_amount in {None, whole_bill.total}
                else AmountRefused(whole_bill.total)
            )
        if not demand.allows_part and requested_amount not in {None, whole_bill.total}:
            return AmountRefused(whole_bill.total)
        reply = bill_for_amount(whole_bill, requested_amount)
        if not isinstance(reply, BillFound) or reply.bill.total == whole_bill.total:
            return reply
        later = ChargeLine("left_for_later", reply.bill.total - whole_bill.total)
        quote = {**whole_bill.biller_quote, "amount": format_taka(reply.bill.total.minor), "heads": ""}
        return BillFound(replace(reply.bill, charges=(*whole_bill.charges, later), biller_quote=quote))

    def _bill(self, demand: _Demand, parameters: Mapping[str, str]) -> Bill:
        """The bill of all that is outstanding; one amount where something was paid before."""
        wording = self._wording
        reference, stage = wording.reference(parameters), wording.stage(parameters)
        vat, late_fee = sum_of(demand.heads, wording.vat_heads), sum_of(demand.heads, wording.late_fee_heads)
        charges, heads = charges_of(demand.heads), heads_as_text(demand.heads)
        paid_before = sum_of(demand.heads) - demand.outstanding
        if paid_before > ZERO:
            vat, late_fee, heads = ZERO, ZERO, ""
            charges = (*charges, ChargeLine("paid_before", ZERO - paid_before))
        details = {"customer_name": demand.applicant, "stage": stage, **labels_of(demand.heads)}
        return Bill(
            bill_key="/".join(filter(None, (reference, stage))),
            bill_number=reference,
            account=self._manifest.parameter_value("bllr_accno", parameters),
            amount=demand.outstanding - vat - late_fee,
            vat=vat,
            late_fee=late_fee,
            total=demand.outstanding,
            issued_on=demand.payable_from,
            due_on=demand.payable_until,
            charges=charges,
            details={name: value for name, value in details.items() if value},
            biller_quote={
                "reference": reference,
                "stage": stage,
                "amount": format_taka(demand.outstanding.minor),
                "heads": heads,
                "details": json.dumps(wording.detail_fields(parameters)),
            },
        )

    # ---- the wire ----------------------------------------------------------------------------------------

    def _demand_fields(self, parameters: Mapping[str, str]) -> dict[str, object]:
        """The members that name a demand in a call."""
        wording = self._wording
        stage = {"stage": wording.stage(parameters)} if wording.stage_name else {}
        fields = {"service": wording.service, "reference": wording.reference(parameters), **stage}
        return {**fields, "details": wording.detail_fields(parameters)}

    def _pay_fields(self, order: PayOrder) -> dict[str, object]:
        quote = order.biller_quote
        heads = heads_from_text(quote["heads"])
        stage = {"stage": quote["stage"]} if self._wording.stage_name else {}
        return {
            "service": self._wording.service,
            "reference": quote["reference"],
            **stage,
            "transactionId": order.reference,
            "amount": quote["amount"],
            "heads": [{"code": head.code, "amount": format_taka(head.amount.minor)} for head in heads],
            "details": json.loads(quote["details"]),
        }

    def _require_same_demand(self, document: Mapping[str, Any], reference: str, stage: str) -> None:
        """Raise BrokenReplyError where an answer is about another demand."""
        is_ours = (
            text(document, "reference") == reference and text(document, "service") == self._wording.service
        )
        if not is_ours or text_or_empty(document, "stage") != stage:
            raise BrokenReplyError("an answer about another demand")

    def _read_payment(self, document: Mapping[str, Any], order: PayOrder) -> tuple[Money, dict[str, str]]:
        """The amount that was paid for this order, and its receipts; raises BrokenReplyError."""
        quote = order.biller_quote
        if text(document, "transactionId") != order.reference:
            raise BrokenReplyError("an answer about another payment")
        self._require_same_demand(document, quote["reference"], quote["stage"])
        receipt = text(document, "receiptNo", _RECEIPT_LENGTH_MAX)
        facts = {RECEIPT: receipt}
        if document.get("finalReceiptNo") not in (None, ""):
            facts[FINAL_RECEIPT] = text(document, "finalReceiptNo", _RECEIPT_LENGTH_MAX)
        elif self._profile.receipt_comes_later and not _read_bool(document, "interim"):
            facts[FINAL_RECEIPT] = receipt
        return taka(document, "amount"), facts


def _reply_without_demand(result: CallResult, reference: str) -> FetchReply:
    if isinstance(result, MappedReply) and result.reason in _NOTHING_OWED:
        return BillMissing()
    return reply_without_bill(result, reference)


def _read_bool(document: Mapping[str, Any], name: str) -> bool:
    value = document.get(name)
    if not isinstance(value, bool):
        raise BrokenReplyError(f"{name} is neither true nor false")
    return value


def _dialect() -> Dialect:
    """HTTP basic authentication on every call; that there is no login is ours."""
    return Dialect(code_member="code", write=JsonUnderHeader("Authorization", "Basic "), key=_basic)


def _basic(credentials: Credentials) -> str:
    return b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()
