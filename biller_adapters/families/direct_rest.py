"""direct_rest: JSON over POST with a biller's own member names; calls for a bill, a payment and an inquiry.

The plain protocol of billers without a published one (billers.md 1.1, rows 2, 5, 6, 16, 22, 45 and 53; the
wire format is ours). The manifest has the names (`field_map`), so one more such biller is a file and no code.
A payment is approved only with all members that the manifest names: our reference, the amount and the
receipt. Without them it is in doubt and an inquiry decides.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, assert_never

from biller_adapters.biller_client import BillerClient
from biller_adapters.call_result import MappedReply, has_meaning, inconclusive_answer, unsuccessful_outcome
from biller_adapters.dialect import Dialect, Fields, JsonUnderHeader
from biller_adapters.fetching import (
    bill_for_amount,
    chosen_amount,
    paid_bill,
    reply_without_bill,
    unpaid_count,
)
from biller_adapters.field_map import FieldMap, object_at
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means
from ekpay_switch.domain.bill import Bill, BillerSilent, BillFound, BillQuery, ChargeLine, FetchReply
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.money import ZERO, Money, parse_taka, total
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
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    bearer_token,
    month_span,
    text,
    text_or_empty,
    whole_seconds,
)
from ekpay_switch.wing_kit.token_keeper import Grant

_NUMBER, _ACCOUNT = "their_bill_number", "their_account"
_AMOUNT, _STAMP = "amount", "stamp"


class DirectRest:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        self._profile = manifest.profile(context.divisor)
        self._manifest = manifest
        self._field_map = _read_field_map(manifest)
        self._clock = context.clock
        self._client = BillerClient(manifest, context, _dialect(self._field_map))
        self._stamp_above = parse_taka(manifest.stamp.threshold_taka) if manifest.stamp else None

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Fetch the bill that the payer's parameters name, the oldest of several; moves no money."""
        parameters = query.parameters
        try:
            requested = chosen_amount(self._manifest, parameters)
            result = await self._client.call(
                "bill", {**self._field_map.fixed, **self._field_map.request_fields(parameters)}
            )
            if not has_meaning(result, Means.APPROVED):
                return reply_without_bill(
                    result,
                    self._manifest.parameter_value("bll_no", parameters),
                    self._manifest.parameter_value("bllr_accno", parameters),
                )
            bill = self._bill(object_at(result.document, self._field_map.bill_object), query)
        except BrokenReplyError as error:
            return BillerSilent(str(error))
        return bill_for_amount(bill, requested) if self._manifest.amount_rule == "part" else BillFound(bill)

    async def pay(self, order: PayOrder) -> Outcome:
        """Post one payment; a repeat under the same reference takes nothing more."""
        fields = self._pay_fields(order)
        if fields is None:
            return Unreached("the quote does not say which bill it is about")
        result = await self._client.call("payment", fields, order.send_before)
        if not has_meaning(result, Means.APPROVED):
            return unsuccessful_outcome(result)
        try:
            return self._approval_outcome(result, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask what was paid under our reference; moves no money."""
        if not self._manifest.safety.can_be_asked:
            return NoAnswer("this biller cannot be asked", was_asked=False)
        result = await self._client.call(
            "status", {**self._field_map.fixed, self._field_map.ask_reference: order.reference}
        )
        if has_meaning(result, Means.NOT_FOUND):
            return NotFound()
        if not has_meaning(result, Means.APPROVED):
            return inconclusive_answer(result)
        try:
            return self._read_status(result, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    # ---- fetching ----------------------------------------------------------------------------------------

    def _bill(self, data: Mapping[str, Any], query: BillQuery) -> Bill:
        """The bill as owed on this Dhaka day, checked against the request; raises BrokenReplyError."""
        field_map = self._field_map
        number = text(data, field_map.bill_number) if field_map.bill_number else ""
        account = text(data, field_map.bill_account) if field_map.bill_account else ""
        month = field_map.read_month(data)
        meter = text_or_empty(data, field_map.bill_meter)
        self._require_same_bill(query, {"bll_no": number, "bllr_accno": account, "meter_no": meter}, month)
        amount_due = self._amount_due(data)
        if amount_due == ZERO or (
            field_map.bill_paid and text(data, field_map.bill_paid) == field_map.paid_word
        ):
            return paid_bill(number, account)
        due_on = field_map.read_day(data, field_map.bill_due_on) if field_map.bill_due_on else None
        vat, late_fee, stamp = self._charged_parts(data, due_on)
        charges = self._charges(data, (vat, late_fee, stamp)) if stamp > ZERO else ()
        if amount_due != field_map.read_amount(data, field_map.bill_total):
            # A part was paid already: the rest is one amount.
            vat, late_fee, charges = ZERO, ZERO, ()
        return Bill(
            bill_key=self._bill_key(query, number, account, month),
            bill_number=number,
            account=account,
            amount=amount_due - vat - late_fee,
            vat=vat,
            late_fee=late_fee,
            total=amount_due,
            rounding=self._manifest.rounding_of(amount_due),
            unpaid_count=unpaid_count(data, field_map.bill_count),
            issued_on=field_map.read_day(data, field_map.bill_issued_on)
            if field_map.bill_issued_on
            else None,
            due_on=due_on,
            charges=charges,
            details=self._details(data, month),
            biller_quote=self._bill_parameters(query) | {_NUMBER: number, _ACCOUNT: account},
        )

    def _require_same_bill(self, query: BillQuery, bill_members: Mapping[str, str], month: str) -> None:
        """Raise BrokenReplyError where another bill came; a month may be requested without its year."""
        for wire_name, value in bill_members.items():
            requested = self._manifest.parameter_value(wire_name, query.parameters)
            if requested and value and value != requested:
                raise BrokenReplyError("a bill of another number, account or meter")
        if month and not month.endswith(self._manifest.parameter_value("bll_period", query.parameters)):
            raise BrokenReplyError("the bill of another month")

    def _amount_due(self, data: Mapping[str, Any]) -> Money:
        field_map = self._field_map
        is_part = self._manifest.amount_rule == "part"
        member = (
            field_map.bill_outstanding if is_part and field_map.bill_outstanding else field_map.bill_total
        )
        return field_map.read_amount(data, member)

    def _charged_parts(self, data: Mapping[str, Any], due_on: date | None) -> tuple[Money, Money, Money]:
        """VAT, late fee in force and stamp, checked against the biller's total; raises BrokenReplyError."""
        field_map = self._field_map
        members = (field_map.bill_vat, field_map.bill_late_fee, field_map.bill_stamp)
        vat, late_fee, stamp = (field_map.read_amount(data, name) if name else ZERO for name in members)
        if not self._is_late_fee_owed(due_on):
            late_fee = ZERO
        stated = field_map.read_amount(data, field_map.bill_total)
        if field_map.bill_amount:
            holds_vat = field_map.amount_holds_vat == "yes"
            parts = (
                field_map.read_amount(data, field_map.bill_amount),
                ZERO if holds_vat else vat,
                late_fee,
                stamp,
            )
            if total(parts) != stated:
                raise BrokenReplyError("the total is not the sum of its parts")
        if total((vat, late_fee, stamp)) > stated:
            raise BrokenReplyError("more VAT and fees than bill")
        return vat, late_fee, stamp

    def _is_late_fee_owed(self, due_on: date | None) -> bool:
        rule = self._manifest.late_fee.rule
        if rule == "stated_after_due_date":
            return due_on is not None and business_date(self._clock.now()) > due_on
        return rule == "stated"

    def _charges(self, data: Mapping[str, Any], parts: tuple[Money, Money, Money]) -> tuple[ChargeLine, ...]:
        """The charge lines where there is a stamp, which the scroll reads from the line `stamp`."""
        field_map = self._field_map
        rest = field_map.read_amount(data, field_map.bill_total) - total(parts)
        labels = (field_map.bill_vat, field_map.bill_late_fee, _STAMP)
        lines = ((field_map.bill_amount or _AMOUNT, rest), *zip(labels, parts, strict=True))
        return tuple(ChargeLine(label, amount) for label, amount in lines if amount > ZERO)

    def _details(self, data: Mapping[str, Any], month: str) -> dict[str, str]:
        field_map = self._field_map
        period_from, period_to = month_span(month[:4], month[4:])
        return {
            "customer_name": text_or_empty(data, field_map.bill_customer),
            "address": text_or_empty(data, field_map.bill_address),
            "meter_no": text_or_empty(data, field_map.bill_meter),
            "kwh": text_or_empty(data, field_map.bill_kwh),
            "period_from": period_from,
            "period_to": period_to,
        }

    def _bill_parameters(self, query: BillQuery) -> dict[str, str]:
        """The parameters that name the bill, by our own names, so that another route can pay it too."""
        chosen = {entry.name for entry in self._manifest.parameters if entry.wire_name == _AMOUNT}
        left_out = chosen | query.payer.keys()
        return {name: value for name, value in query.parameters.items() if value and name not in left_out}

    def _bill_key(self, query: BillQuery, number: str, account: str, month: str) -> str:
        if not self._manifest.takes_bill_once:
            return ""
        if self._field_map.pay_names == "parameters":
            required = [entry.name for entry in self._manifest.parameters if entry.is_required]
            bill_parameters = self._bill_parameters(query)
            return "/".join(bill_parameters[name] for name in required if name in bill_parameters)
        return number or f"{account}/{month}"

    # ---- payment and inquiry --------------------------------------------------------------------

    def _pay_fields(self, order: PayOrder) -> Fields | None:
        """The members of a payment; None where another route made the quote without the biller's number."""
        field_map = self._field_map
        bill = self._bill_reference_fields(order.biller_quote)
        if bill is None:
            return None
        fields = {
            **field_map.fixed,
            **bill,
            field_map.pay_reference: order.reference,
            field_map.pay_amount: field_map.write_amount(order.sums.billed_amount),
            field_map.pay_time: field_map.write_time(self._clock.now()),
            field_map.pay_stamps: self._stamps(order.sums.billed_amount),
            field_map.pay_channel: field_map.channel,
        }
        return {member: value for member, value in fields.items() if member}

    def _bill_reference_fields(self, quote: Mapping[str, str]) -> Fields | None:
        """The members that name the bill: the biller's numbers, the payer's parameters, or both."""
        field_map = self._field_map
        parameter_fields = field_map.request_fields(quote)
        number, account = quote.get(_NUMBER, ""), quote.get(_ACCOUNT, "")
        numbered_fields: dict[str, object] = {
            field_map.pay_bill_number: number,
            field_map.pay_account: account,
        }
        match field_map.pay_names:
            case "parameters":
                return parameter_fields or None
            case "bill":
                return numbered_fields if number or account else None
            case "both":
                return {**parameter_fields, **numbered_fields} if number or account else None
            case _:
                assert_never(field_map.pay_names)

    def _stamps(self, paid: Money) -> int:
        stamp, above = self._manifest.stamp, self._stamp_above
        return stamp.count if stamp is not None and above is not None and paid > above else 0

    def _approval_outcome(self, result: MappedReply, order: PayOrder) -> Outcome:
        """The outcome of an approval: in doubt unless it is about this payment and this amount."""
        field_map = self._field_map
        payment = object_at(result.document, field_map.paid_object)
        if field_map.paid_reference and text(payment, field_map.paid_reference) != order.reference:
            return InDoubt("an answer about another payment")
        if (
            field_map.paid_amount
            and field_map.read_amount(payment, field_map.paid_amount) != order.sums.billed_amount
        ):
            return InDoubt("paid with another amount")
        return Approved(self._facts(result, payment, field_map.paid_receipt))

    def _read_status(self, result: MappedReply, order: PayOrder) -> Inquiry:
        field_map = self._field_map
        payment = object_at(result.document, field_map.status_object)
        if text(payment, field_map.status_reference) != order.reference:
            return NoAnswer("an answer about another payment")
        ours = order.biller_quote.get(_NUMBER, "")
        if ours and field_map.status_bill_number and text(payment, field_map.status_bill_number) != ours:
            return NoAnswer("an answer about another bill")
        if field_map.status_state and text(payment, field_map.status_state) != field_map.posted_word:
            return NoAnswer("a payment status without a mapping")
        echoed = (
            field_map.read_amount(payment, field_map.status_amount).minor if field_map.status_amount else None
        )
        return Posted(order.reference, echoed, self._facts(result, payment, field_map.status_receipt))

    def _facts(self, result: MappedReply, payment: Mapping[str, Any], receipt_member: str) -> dict[str, str]:
        facts = {"message": text_or_empty(result.document, self._field_map.message)}
        return facts | ({"receipt": text(payment, receipt_member)} if receipt_member else {})


def _read_field_map(manifest: Manifest) -> FieldMap:
    """The manifest's field map, checked against its other sections.

    Raises:
        ManifestError: an operation is missing, a setting is unknown or malformed, or the map and the other
            sections contradict each other.
    """
    safety, operations = manifest.safety, {"bill", "payment"}
    field_map = settings_of(manifest, FieldMap, operations | ({"status"} if safety.can_be_asked else set()))
    known_names = {entry.name for entry in manifest.parameters}
    bill_names = {
        entry.name
        for entry in manifest.parameters
        if entry.is_required and entry.wire_name != _AMOUNT and not entry.names_payer
    }
    for is_fault, fault in (
        (not field_map.parameters <= known_names, "a parameter is sent that is not defined"),
        (not bill_names <= field_map.parameters, "a parameter that names the bill is not sent"),
        (manifest.amount_rule == "range", "this family fetches bills, and a range has none"),
        (not (field_map.bill_number or field_map.bill_account), "a bill needs a number or an account"),
        (
            manifest.late_fee.rule == "stated_after_due_date" and not field_map.bill_due_on,
            "a late fee that counts from the due date needs bill_due_on",
        ),
        (
            safety.can_be_asked and safety.echoes_amount != bool(field_map.status_amount),
            "echoes_amount and status_amount say different things",
        ),
    ):
        if is_fault:
            raise ManifestError(f"{manifest.id}: {fault}")
    return field_map


def _dialect(field_map: FieldMap) -> Dialect:
    prefix = f"{field_map.token_prefix} " if field_map.token_prefix else ""
    write = JsonUnderHeader(field_map.token_header, prefix)
    if field_map.sign_in == "standing_key":
        return Dialect(code_member=field_map.code, write=write, key=lambda credentials: credentials.password)
    return Dialect(
        code_member=field_map.code,
        write=write,
        log_in=lambda user, password: {field_map.login_user: user, field_map.login_password: password},
        read_grant=lambda answer: _grant(field_map, answer),
    )


def _grant(field_map: FieldMap, answer: Mapping[str, Any]) -> Grant:
    login = object_at(answer, field_map.login_object)
    life = field_map.login_expires_in
    seconds = whole_seconds(login, life) if life else int(field_map.login_life_seconds)
    return Grant(bearer_token(login, field_map.login_token), seconds)
