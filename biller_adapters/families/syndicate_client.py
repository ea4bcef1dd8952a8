"""syndicate_client: billers behind another ekPay-compatible switch, of which we are a partner.

billers.md 2.1 and ekpay-syndicate-api.md: a fetch under our `ref_id` returns a `refno_ack`, the payment
carries both and echoes the bill, and an inquiry uses the same `ref_id`. The far side takes its own fee from
the prefund that we keep there; that is our cost, no part of the bill, and kept as the fact `upstream_fee`.
"""

from collections.abc import Mapping
from dataclasses import replace
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
from biller_adapters.dialect import Fields
from biller_adapters.fetching import paid_bill, reply_without_bill, unpaid_count
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means
from biller_adapters.sign_in import credentials_of
from biller_adapters.syndicate_messages import (
    MESSAGE,
    EnvelopeCodec,
    MessageWriter,
    SyndicateSettings,
    is_answer_to,
    new_reference,
    paid_part,
    payment_trace,
    scalar_members,
    taka_or_zero,
)
from ekpay_switch.domain.bill import Bill, BillerSilent, BillFound, BillQuery, FetchReply
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.money import ZERO, Money, format_taka, total
from ekpay_switch.domain.outcome import (
    Approved,
    Declined,
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
from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, as_object, taka, text, text_or_empty
from ekpay_switch.wing_kit.token_keeper import NoToken

_OPERATIONS = frozenset({"login", "fetch", "pay", "status", "balance"})
_SECRET = "shared_secret"  # noqa: S105 - what the manifest calls it
_REF_ID, _REFNO_ACK, _FEE = "ref_id", "refno_ack", "upstream_fee"
_ECHO_PREFIX = "bllr_inf."  # before the members of the fetched bill in a quote
_ECHOED_MAX = 40
_DETAIL_MEMBERS = {
    "customer_name": "bll_cstnm",
    "address": "bll_add",
    "meter_no": "meter_no",
    "kwh": "totalKwh",
    "period_from": "bll_dt_frm",
    "period_to": "bll_dt_to",
    "mobile": "bll_mobno",
}


class SyndicateClient:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        self._profile = manifest.profile(context.divisor)
        self._manifest = manifest
        self._settings = settings_of(manifest, SyndicateSettings, _OPERATIONS)
        if _SECRET not in manifest.secrets.more:
            raise ManifestError(f"{manifest.id}: secrets.more.{_SECRET} is missing")
        self._clock = context.clock
        self._codec, self._codec_fault = _build_codec(manifest, context)
        self._messages = MessageWriter(self._settings, self._settings.bllr_id or manifest.ekpay_id)
        self._client = BillerClient(manifest, context, self._codec.dialect())

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Fetch the bill that the payer's parameters name, the oldest of several; moves no money."""
        ref_id, bill_members = new_reference(), self._bill_members(query.parameters)
        result = await self._call("fetch", self._messages.fetch(ref_id, bill_members, self._clock.now()))
        if not has_meaning(result, Means.APPROVED):
            return reply_without_bill(
                result, bill_members.get("bll_no", ""), bill_members.get("bllr_accno", "")
            )
        try:
            return BillFound(self._bill(as_object(result.document[MESSAGE]), bill_members, ref_id))
        except BrokenReplyError as error:
            return BillerSilent(str(error))

    async def pay(self, order: PayOrder) -> Outcome:
        """Post one payment; a repeat under the same reference is answered with its state."""
        quote = order.biller_quote
        if not (quote.get(_REF_ID) and quote.get(_REFNO_ACK)):
            return Unreached("the quote is of another route")
        result = await self._call("pay", self._payment_message(order), order.send_before)
        if not has_meaning(result, Means.APPROVED):
            return self._with_reroute(unsuccessful_outcome(result))
        try:
            return self._approval_outcome(as_object(result.document[MESSAGE]), order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask for the state of the bill that was fetched for this payment; moves no money."""
        ref_id = order.biller_quote.get(_REF_ID)
        if not ref_id:
            return NoAnswer("the quote is of another route", was_asked=False)
        result = await self._call("status", self._messages.status(ref_id, self._clock.now()))
        if not isinstance(result, MappedReply) or result.means not in {Means.APPROVED, Means.NOT_FOUND}:
            return inconclusive_answer(result)
        try:
            return self._read_status(result, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def prefunds(self) -> Mapping[str, Money] | NoAnswer:
        """Ask for our prefund at the far side, by bucket (`postpaid`, `prepaid`)."""
        result = await self._call("balance", self._messages.balance(self._clock.now()))
        if not has_meaning(result, Means.APPROVED):
            return inconclusive_answer(result)
        try:
            buckets = as_object(as_object(result.document[MESSAGE]).get("bckt_blnc_inf"))
            return {"postpaid": taka(buckets, "bckt_blnc"), "prepaid": taka(buckets, "prepaid_blnc")}
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    def encrypt_example(self, request: WireRequest, example: bytes) -> bytes:
        """A recorded reply as the far side would send it in answer to this request; for rehearsals only."""
        return self._codec.encrypt_example_reply(request.body, example)

    async def _call(self, operation: str, message: Fields, send_before: float | None = None) -> CallResult:
        """One call; an answer to another request is `NoUsableAnswer`."""
        if self._codec_fault:
            return NotSent(self._codec_fault)
        result = await self._client.call(operation, message, send_before)
        if not isinstance(result, MappedReply) or result.refuses_token:
            return result
        # An approval, and the answer to an inquiry, must name the fetch; a balance belongs to none.
        must_have_ref_id = result.means in {Means.APPROVED, Means.NOT_FOUND} and operation != "balance"
        if not is_answer_to(message, result.document, must_have_ref_id=must_have_ref_id):
            return NoUsableAnswer("an answer to another request")
        return result

    # ---- fetching ----------------------------------------------------------------------------------------

    def _bill_members(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """The members of `bll_inf` that the payer filled in."""
        entries = ((entry.wire_name, parameters.get(entry.name)) for entry in self._manifest.parameters)
        return {wire_name: value for wire_name, value in entries if value}

    def _bill(self, message: Mapping[str, Any], bill_members: Mapping[str, str], ref_id: str) -> Bill:
        """The bill as owed on this Dhaka day, checked against the request; raises BrokenReplyError."""
        bill = as_object(message.get("bllr_inf"))
        number, account = text_or_empty(bill, "bll_no"), text_or_empty(bill, "bllr_accno")
        self._require_same_bill(bill, bill_members)
        amount_due = taka(bill, "bll_amnt_ttl")
        if self._is_paid(bill) or amount_due == ZERO:
            return paid_bill(
                number or bill_members.get("bll_no", ""), account or bill_members.get("bllr_accno", "")
            )
        details = {name: text_or_empty(bill, member) for name, member in _DETAIL_MEMBERS.items()}
        due_on = _read_day(bill, "bll_dt_due")
        vat, late_fee = self._charged_parts(bill, amount_due, due_on)
        refno_ack = text(as_object(message.get("resp_status")), _REFNO_ACK)
        return Bill(
            bill_key=self._bill_key(number, account, details["period_from"]),
            bill_number=number,
            account=account,
            amount=amount_due - vat - late_fee,
            vat=vat,
            late_fee=late_fee,
            total=amount_due,
            rounding=self._manifest.rounding_of(amount_due),
            unpaid_count=unpaid_count(bill, "bll_cnt"),
            issued_on=_read_day(bill, "bll_dt_gnrt"),
            due_on=due_on,
            details=details,
            biller_quote={
                _REF_ID: ref_id,
                _REFNO_ACK: refno_ack,
                _FEE: format_taka(taka_or_zero(bill, "ekpay_fee").minor),
                **{
                    f"{_ECHO_PREFIX}{name}": value
                    for name, value in scalar_members(bill, _ECHOED_MAX).items()
                },
            },
        )

    def _require_same_bill(self, bill: Mapping[str, Any], bill_members: Mapping[str, str]) -> None:
        if text(bill, "bllr_id") != self._messages.bllr_id:
            raise BrokenReplyError("a bill of another biller")
        for member in ("bll_no", "bllr_accno", "meter_no"):
            value, requested = text_or_empty(bill, member), bill_members.get(member)
            if requested and value and value != requested:
                raise BrokenReplyError("a bill of another number, account or meter")

    def _is_paid(self, bill: Mapping[str, Any]) -> bool:
        flag = text(bill, "is_bll_pd")
        if flag not in {"Y", "N"}:
            raise BrokenReplyError("neither paid nor unpaid")
        return flag == "Y"

    def _charged_parts(
        self, bill: Mapping[str, Any], amount_due: Money, due_on: date | None
    ) -> tuple[Money, Money]:
        """VAT and late fee in force, checked against the bill's total; raises BrokenReplyError."""
        vat, late_fee = taka_or_zero(bill, "bll_vat"), taka_or_zero(bill, "bll_late_fee")
        rule = self._manifest.late_fee.rule
        is_early = due_on is None or business_date(self._clock.now()) <= due_on
        if rule == "none" or (rule == "stated_after_due_date" and is_early):
            late_fee = ZERO
        if total((taka(bill, "bll_amnt"), vat, late_fee, taka_or_zero(bill, "bll_rndng"))) != amount_due:
            raise BrokenReplyError("the total is not the sum of its parts")
        return vat, late_fee

    def _bill_key(self, number: str, account: str, period_from: str) -> str:
        if not self._manifest.takes_bill_once:
            return ""
        if not number and not (account and period_from):
            raise BrokenReplyError("a bill without a number, or an account and a period")
        return number or f"{account}/{period_from}"

    # ---- payment and inquiry --------------------------------------------------------------------

    def _payment_message(self, order: PayOrder) -> Fields:
        quote, now = order.biller_quote, self._clock.now()
        echoed = {
            name.removeprefix(_ECHO_PREFIX): value
            for name, value in quote.items()
            if name.startswith(_ECHO_PREFIX)
        }
        trace = payment_trace(order.reference, quote[_REFNO_ACK], now)
        paid = paid_part(order.reference, order.sums.billed_amount, now)
        return self._messages.payment(quote[_REF_ID], trace, echoed, paid)

    def _with_reroute(self, outcome: Outcome) -> Outcome:
        """The outcome; a decline with one of the manifest's `reroute_codes` may be rerouted."""
        if isinstance(outcome, Declined) and outcome.code in self._settings.reroute_codes.split():
            return replace(outcome, may_reroute=True)
        return outcome

    def _approval_outcome(self, message: Mapping[str, Any], order: PayOrder) -> Outcome:
        """The outcome of an approval: in doubt unless it is about this fetch, biller and amount."""
        status, bill = as_object(message.get("resp_status")), as_object(message.get("bllr_inf", {}))
        if text(status, _REFNO_ACK) != order.biller_quote[_REFNO_ACK]:
            return InDoubt("an answer about another fetch")
        if text_or_empty(bill, "bllr_id") not in {"", self._messages.bllr_id}:
            return InDoubt("an answer about another biller")
        if text_or_empty(bill, "is_bll_pd") not in {"", "Y"}:
            return InDoubt("approved, but the bill is unpaid")
        if bill.get("bll_amnt_ttl") is not None and taka(bill, "bll_amnt_ttl") != order.sums.billed_amount:
            return InDoubt("paid with another amount")
        return Approved(self._facts(message, order))

    def _read_status(self, result: MappedReply, order: PayOrder) -> Inquiry:
        """The state of our payment in an answer; a bill paid under another reference is not found."""
        message = as_object(result.document[MESSAGE])
        bill = as_object(message.get("bllr_inf", {}))
        if text_or_empty(bill, "bllr_id") not in {"", self._messages.bllr_id}:
            return NoAnswer("an answer about another biller")
        if result.means is Means.NOT_FOUND:
            is_clear = text_or_empty(bill, "is_bll_pd") != "Y"
            return NotFound() if is_clear else NoAnswer("declined, but the bill is paid")
        if not self._is_paid(bill):
            return NotFound()
        paid = as_object(message.get("pyd_inf"))
        if text(paid, "pyd_trxn_refid") != order.reference:
            return NotFound()
        return Posted(order.reference, taka(paid, "pyd_amnt").minor, self._facts(message, order))

    def _facts(self, message: Mapping[str, Any], order: PayOrder) -> dict[str, str]:
        """The facts of a payment; the receipt is the biller's where there is one, else the `refno_ack`.

        A switch like ours has receipts in `rcpt_no` and final ones that come later in `rcpt_no_fnl`.
        """
        bill, quote = as_object(message.get("bllr_inf", {})), order.biller_quote
        facts = {
            "message": text_or_empty(as_object(message.get("resp_status")), "rsp_msg"),
            "receipt": text_or_empty(bill, "rcpt_no") or quote[_REFNO_ACK],
            "final_receipt": text_or_empty(bill, "rcpt_no_fnl"),
            _FEE: quote.get(_FEE, ""),
        }
        return {name: fact for name, fact in facts.items() if fact}


def _build_codec(manifest: Manifest, context: FamilyContext) -> tuple[EnvelopeCodec, str]:
    """The codec, and its fault or empty; a missing secret must not stop the other billers."""
    credentials = credentials_of(manifest, context.environ)
    if isinstance(credentials, NoToken):
        return EnvelopeCodec(""), credentials.why
    codec = EnvelopeCodec(credentials.more[_SECRET])
    setting = manifest.secrets.more[_SECRET]
    return codec, "" if codec.is_usable else f"{setting} is not 32 characters of ASCII"


def _read_day(bill: Mapping[str, Any], member: str) -> date | None:
    """A day written yyyy-MM-dd, or None where the member is empty; raises BrokenReplyError."""
    value = text_or_empty(bill, member)
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise BrokenReplyError(f"{member} is no day") from None
