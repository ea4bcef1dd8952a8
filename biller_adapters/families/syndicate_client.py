"""syndicate_client: billers behind another ekPay-compatible switch, of which we are a partner.

billers.md 2.1 and ekpay-syndicate-api.md: a fetch under a `ref_id` of ours brings a `refno_ack`, the payment
carries both and echoes the bill, and the status is asked by the same `ref_id`. What may surprise: the far
side takes its own fee off the prefund that we keep there. That is our cost, no part of the bill, and only
kept as the fact `upstream_fee`.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from biller_adapters.biller_client import BillerLine
from biller_adapters.call_result import Asked, Meant, not_approved, nothing_learned
from biller_adapters.dialect import Fields
from biller_adapters.fetching import no_bill, paid_bill
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means
from biller_adapters.sign_in import credentials_of
from biller_adapters.syndicate_messages import (
    MESSAGE,
    FamilySettings,
    Sealing,
    Speaker,
    is_answer_to,
    new_reference,
    paid_part,
    payment_trace,
    scalar_members,
    taka_or_zero,
)
from ekpay_switch.domain.bill import Bill, BillerSilent, BillFound, BillQuery, FetchReply
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.delivery import PayOrder
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
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireRequest
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, as_object, taka, text, text_or_empty
from ekpay_switch.wing_kit.token_keeper import NoToken

_OPERATIONS = frozenset({"login", "fetch", "pay", "status", "balance"})
_SECRET = "shared_secret"  # noqa: S105 - what the manifest calls it
_REF_ID, _REFNO_ACK, _FEE = "ref_id", "refno_ack", "upstream_fee"
_ECHOED = "bllr_inf."  # before the members of the fetched bill in a quote
_ECHOED_MAX = 40
_UNPAID_MAX = 3  # digits
_TOLD_AS = {
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

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        self._profile = manifest.profile(around.divisor)
        self._manifest = manifest
        self._settings = settings_of(manifest, FamilySettings, _OPERATIONS)
        if _SECRET not in manifest.secrets.more:
            raise ManifestError(f"{manifest.id}: secrets.more.{_SECRET} is missing")
        self._clock = around.clock
        self._sealing, self._fault = _sealing(manifest, around)
        self._speaker = Speaker(self._settings, self._settings.bllr_id or manifest.ekpay_id)
        self._line = BillerLine(manifest, around, self._sealing.dialect())

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Ask for the bill that the payer's parameters name, the oldest of several; moves no money."""
        ref_id, named = new_reference(), self._named(query.parameters)
        asked = await self._ask("fetch", self._speaker.fetch(ref_id, named, self._clock.now()))
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return no_bill(asked, named.get("bll_no", ""), named.get("bllr_accno", ""))
        try:
            return BillFound(self._bill(as_object(asked.document[MESSAGE]), named, ref_id))
        except BrokenReplyError as error:
            return BillerSilent(str(error))

    async def pay(self, order: PayOrder) -> Outcome:
        """Tell the far side of one payment; a repeat under the same reference is told what became of it."""
        quote = order.biller_quote
        if not (quote.get(_REF_ID) and quote.get(_REFNO_ACK)):
            return Unreached("the quote is of another route")
        asked = await self._ask("pay", self._payment(order), order.send_before)
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return self._refused(not_approved(asked))
        try:
            return self._approval(as_object(asked.document[MESSAGE]), order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask what became of the bill that was fetched for this payment; moves no money."""
        ref_id = order.biller_quote.get(_REF_ID)
        if not ref_id:
            return NoAnswer("the quote is of another route", was_asked=False)
        asked = await self._ask("status", self._speaker.status(ref_id, self._clock.now()))
        if not isinstance(asked, Meant) or asked.means not in {Means.APPROVED, Means.NOT_FOUND}:
            return nothing_learned(asked)
        try:
            return self._standing(asked, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def prefunds(self) -> Mapping[str, Money] | NoAnswer:
        """Ask what is left of the money that we keep over there, by bucket (`postpaid`, `prepaid`)."""
        asked = await self._ask("balance", self._speaker.balance(self._clock.now()))
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return nothing_learned(asked)
        try:
            told = as_object(as_object(asked.document[MESSAGE]).get("bckt_blnc_inf"))
            return {"postpaid": taka(told, "bckt_blnc"), "prepaid": taka(told, "prepaid_blnc")}
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    def sealed(self, request: WireRequest, example: bytes) -> bytes:
        """A recorded reply as it would travel in answer to this request; for rehearsals alone."""
        return self._sealing.as_answer(request.body, example)

    async def _ask(self, operation: str, message: Fields, send_before: float | None = None) -> Asked:
        """One call; an answer that is not about what was asked is none."""
        if self._fault:
            return NotSent(self._fault)
        asked = await self._line.ask(operation, message, send_before)
        if not isinstance(asked, Meant) or asked.refuses_token:
            return asked
        # What says yes, and what is known of a payment, must name the fetch; a balance is of none.
        must_say_so = asked.means in {Means.APPROVED, Means.NOT_FOUND} and operation != "balance"
        if not is_answer_to(message, asked.document, must_say_so=must_say_so):
            return NoUsableAnswer("an answer to another question")
        return asked

    # ---- fetching ----------------------------------------------------------------------------------------

    def _named(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """The members of `bll_inf` that the payer filled in."""
        entries = ((entry.wire_name, parameters.get(entry.name)) for entry in self._manifest.parameters)
        return {wire_name: value for wire_name, value in entries if value}

    def _bill(self, message: Mapping[str, Any], named: Mapping[str, str], ref_id: str) -> Bill:
        """The bill as it is owed on this Dhaka day, once it is the one that was asked for."""
        told = as_object(message.get("bllr_inf"))
        number, account = text_or_empty(told, "bll_no"), text_or_empty(told, "bllr_accno")
        self._refuse_another(told, named)
        owed = taka(told, "bll_amnt_ttl")
        if self._says_paid(told) or owed == ZERO:
            return paid_bill(number or named.get("bll_no", ""), account or named.get("bllr_accno", ""))
        details = {name: text_or_empty(told, member) for name, member in _TOLD_AS.items()}
        due_on = _day(told, "bll_dt_due")
        vat, late_fee = self._parts(told, owed, due_on)
        refno_ack = text(as_object(message.get("resp_status")), _REFNO_ACK)
        return Bill(
            bill_key=self._bill_key(number, account, details["period_from"]),
            bill_number=number,
            account=account,
            amount=owed - vat - late_fee,
            vat=vat,
            late_fee=late_fee,
            total=owed,
            rounding=self._manifest.rounding_of(owed),
            unpaid_count=_count(told),
            issued_on=_day(told, "bll_dt_gnrt"),
            due_on=due_on,
            details=details,
            biller_quote={
                _REF_ID: ref_id,
                _REFNO_ACK: refno_ack,
                _FEE: format_taka(taka_or_zero(told, "ekpay_fee").minor),
                **{f"{_ECHOED}{name}": value for name, value in scalar_members(told, _ECHOED_MAX).items()},
            },
        )

    def _refuse_another(self, told: Mapping[str, Any], named: Mapping[str, str]) -> None:
        if text(told, "bllr_id") != self._speaker.bllr_id:
            raise BrokenReplyError("a bill of another biller")
        for member in ("bll_no", "bllr_accno", "meter_no"):
            value, wanted = text_or_empty(told, member), named.get(member)
            if wanted and value and value != wanted:
                raise BrokenReplyError("a bill of another number, account or meter")

    def _says_paid(self, told: Mapping[str, Any]) -> bool:
        word = text(told, "is_bll_pd")
        if word not in {"Y", "N"}:
            raise BrokenReplyError("neither paid nor unpaid")
        return word == "Y"

    def _parts(self, told: Mapping[str, Any], owed: Money, due_on: date | None) -> tuple[Money, Money]:
        """VAT and late fee in force, checked against their own total."""
        vat, late_fee = taka_or_zero(told, "bll_vat"), taka_or_zero(told, "bll_late_fee")
        rule = self._manifest.late_fee.rule
        is_early = due_on is None or business_date(self._clock.now()) <= due_on
        if rule == "none" or (rule == "stated_after_due_date" and is_early):
            late_fee = ZERO
        if total((taka(told, "bll_amnt"), vat, late_fee, taka_or_zero(told, "bll_rndng"))) != owed:
            raise BrokenReplyError("their total is not ours")
        return vat, late_fee

    def _bill_key(self, number: str, account: str, period_from: str) -> str:
        if not self._manifest.takes_bill_once:
            return ""
        if not number and not (account and period_from):
            raise BrokenReplyError("a bill without a number, or an account and a period")
        return number or f"{account}/{period_from}"

    # ---- paying and asking afterwards --------------------------------------------------------------------

    def _payment(self, order: PayOrder) -> Fields:
        quote, now = order.biller_quote, self._clock.now()
        echoed = {
            name.removeprefix(_ECHOED): value for name, value in quote.items() if name.startswith(_ECHOED)
        }
        trace = payment_trace(order.reference, quote[_REFNO_ACK], now)
        paid = paid_part(order.reference, order.sums.billed, now)
        return self._speaker.payment(quote[_REF_ID], trace, echoed, paid)

    def _refused(self, outcome: Outcome) -> Outcome:
        """A no; after the few that the manifest names another route may answer differently."""
        if isinstance(outcome, Declined) and outcome.code in self._settings.reroute_codes.split():
            return replace(outcome, may_reroute=True)
        return outcome

    def _approval(self, message: Mapping[str, Any], order: PayOrder) -> Outcome:
        """What an approval is worth, once it is about this fetch, this bill and this amount."""
        status, told = as_object(message.get("resp_status")), as_object(message.get("bllr_inf", {}))
        if text(status, _REFNO_ACK) != order.biller_quote[_REFNO_ACK]:
            return InDoubt("an answer about another fetch")
        if text_or_empty(told, "bllr_id") not in {"", self._speaker.bllr_id}:
            return InDoubt("an answer about another biller")
        if text_or_empty(told, "is_bll_pd") not in {"", "Y"}:
            return InDoubt("approved, and yet not paid")
        if told.get("bll_amnt_ttl") is not None and taka(told, "bll_amnt_ttl") != order.sums.billed:
            return InDoubt("paid with another amount")
        return Approved(self._facts(message, order))

    def _standing(self, asked: Meant, order: PayOrder) -> Inquiry:
        """What an answer says of our payment; a bill that another reference paid is not paid by us."""
        message = as_object(asked.document[MESSAGE])
        told = as_object(message.get("bllr_inf", {}))
        if text_or_empty(told, "bllr_id") not in {"", self._speaker.bllr_id}:
            return NoAnswer("an answer about another biller")
        if asked.means is Means.NOT_FOUND:
            is_clear = text_or_empty(told, "is_bll_pd") != "Y"
            return NotFound() if is_clear else NoAnswer("refused, and yet paid")
        if not self._says_paid(told):
            return NotFound()
        paid = as_object(message.get("pyd_inf"))
        if text(paid, "pyd_trxn_refid") != order.reference:
            return NotFound()
        return Posted(order.reference, taka(paid, "pyd_amnt").minor, self._facts(message, order))

    def _facts(self, message: Mapping[str, Any], order: PayOrder) -> dict[str, str]:
        """What is worth keeping; the receipt is the biller's where it is told, else their name for the fetch.

        A switch like ours tells receipts as `rcpt_no` and, where the final one comes later, `rcpt_no_fnl`.
        """
        told, quote = as_object(message.get("bllr_inf", {})), order.biller_quote
        facts = {
            "message": text_or_empty(as_object(message.get("resp_status")), "rsp_msg"),
            "receipt": text_or_empty(told, "rcpt_no") or quote[_REFNO_ACK],
            "final_receipt": text_or_empty(told, "rcpt_no_fnl"),
            _FEE: quote.get(_FEE, ""),
        }
        return {name: fact for name, fact in facts.items() if fact}


def _sealing(manifest: Manifest, around: Surroundings) -> tuple[Sealing, str]:
    """How we seal, and why we cannot; a missing secret must not stop the other billers."""
    credentials = credentials_of(manifest, around.environ)
    if isinstance(credentials, NoToken):
        return Sealing(""), credentials.why
    sealing = Sealing(credentials.more[_SECRET])
    setting = manifest.secrets.more[_SECRET]
    return sealing, "" if sealing.is_usable else f"{setting} is not 32 characters of ASCII"


def _day(told: Mapping[str, Any], member: str) -> date | None:
    """A day written yyyy-MM-dd, or None where there is none; raises BrokenReplyError."""
    value = text_or_empty(told, member)
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise BrokenReplyError(f"{member} is no day") from None


def _count(told: Mapping[str, Any]) -> int:
    """How many bills wait to be paid, this one included; it only informs."""
    value = text_or_empty(told, "bll_cnt")
    is_count = value.isascii() and value.isdecimal() and len(value) <= _UNPAID_MAX
    return max(int(value), 1) if is_count else 1
