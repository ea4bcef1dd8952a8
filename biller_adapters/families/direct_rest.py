"""direct_rest: JSON over POST in a biller's own words, a bill, a payment and a question about it.

The plain protocol that most billers speak who have no published one (billers.md rows 2, 5, 6, 16, 22, 45 and
53; the wire is ours). What things are called stands in the manifest (`field_map`), so that one more such
biller is a file and no code. What may surprise: a payment is approved only with everything that the manifest
gives a name to, our reference, the amount and the receipt; without, it is in doubt and the inquiry brings it.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, assert_never

from biller_adapters.biller_client import BillerLine
from biller_adapters.call_result import Meant, not_approved, nothing_learned
from biller_adapters.dialect import Dialect, Fields, JsonUnderHeader
from biller_adapters.fetching import chosen_amount, no_bill, paid_bill, part_of
from biller_adapters.field_map import FieldMap, object_at
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means
from ekpay_switch.domain.bill import Bill, BillerSilent, BillFound, BillQuery, ChargeLine, FetchReply
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.delivery import PayOrder
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
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.wing_kit.context import Surroundings
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
_COUNT = re.compile(r"[0-9]{1,3}")


class DirectRest:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        self._profile = manifest.profile(around.divisor)
        self._manifest = manifest
        self._map = _field_map(manifest)
        self._clock = around.clock
        self._line = BillerLine(manifest, around, _dialect(self._map))
        self._stamp_above = parse_taka(manifest.stamp.threshold_taka) if manifest.stamp else None

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Ask for the bill that the payer's parameters name, the oldest of several; moves no money."""
        named = query.parameters
        try:
            wanted = chosen_amount(self._manifest, named)
            asked = await self._line.ask("bill", {**self._map.fixed, **self._map.sent(named)})
            if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
                return no_bill(asked, self._named(named, "bll_no"), self._named(named, "bllr_accno"))
            bill = self._bill(object_at(asked.document, self._map.bill_object), query)
        except BrokenReplyError as error:
            return BillerSilent(str(error))
        return part_of(bill, wanted) if self._manifest.amount_rule == "part" else BillFound(bill)

    async def pay(self, order: PayOrder) -> Outcome:
        """Tell the biller of one payment; told again under the same reference, it takes nothing more."""
        fields = self._pay_fields(order)
        if fields is None:
            return Unreached("the quote does not say which bill it is about")
        asked = await self._line.ask("payment", fields, order.send_before)
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return not_approved(asked)
        try:
            return self._approval(asked, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask what was taken under our reference; moves no money."""
        if not self._manifest.safety.can_be_asked:
            return NoAnswer("this biller cannot be asked", was_asked=False)
        asked = await self._line.ask("status", {**self._map.fixed, self._map.ask_reference: order.reference})
        if isinstance(asked, Meant) and asked.means is Means.NOT_FOUND:
            return NotFound()
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return nothing_learned(asked)
        try:
            return self._standing(asked, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    # ---- fetching ----------------------------------------------------------------------------------------

    def _named(self, values: Mapping[str, str], wire_name: str) -> str:
        """What the payer gave for the parameter that this member of `bll_inf` carries; empty for nothing."""
        names = (entry.name for entry in self._manifest.parameters if entry.wire_name == wire_name)
        return next((values[name] for name in names if values.get(name)), "")

    def _bill(self, data: Mapping[str, Any], query: BillQuery) -> Bill:
        """The bill as it is owed on this Dhaka day, once it is the one that was asked for."""
        words = self._map
        number = text(data, words.bill_number) if words.bill_number else ""
        account = text(data, words.bill_account) if words.bill_account else ""
        month = words.read_month(data)
        meter = text_or_empty(data, words.bill_meter)
        self._refuse_another(query, {"bll_no": number, "bllr_accno": account, "meter_no": meter}, month)
        owed = self._owed(data)
        if owed == ZERO or (words.bill_paid and text(data, words.bill_paid) == words.paid_word):
            return paid_bill(number, account)
        due_on = words.read_day(data, words.bill_due_on) if words.bill_due_on else None
        vat, late_fee, stamp = self._parts(data, due_on)
        charges = self._charges(data, (vat, late_fee, stamp)) if stamp > ZERO else ()
        if owed != words.read_amount(data, words.bill_total):
            # Something was paid towards it already: what is left is told as one amount.
            vat, late_fee, charges = ZERO, ZERO, ()
        return Bill(
            bill_key=self._bill_key(query, number, account, month),
            bill_number=number,
            account=account,
            amount=owed - vat - late_fee,
            vat=vat,
            late_fee=late_fee,
            total=owed,
            rounding=self._manifest.rounding_of(owed),
            unpaid_count=_count(data, words.bill_count),
            issued_on=words.read_day(data, words.bill_issued_on) if words.bill_issued_on else None,
            due_on=due_on,
            charges=charges,
            details=self._details(data, month),
            biller_quote=self._quoted(query) | {_NUMBER: number, _ACCOUNT: account},
        )

    def _refuse_another(self, query: BillQuery, told: Mapping[str, str], month: str) -> None:
        """Raise where the bill is not the one asked for; a month may be asked for without its year."""
        for wire_name, value in told.items():
            wanted = self._named(query.parameters, wire_name)
            if wanted and value and value != wanted:
                raise BrokenReplyError("a bill of another number, account or meter")
        if month and not month.endswith(self._named(query.parameters, "bll_period")):
            raise BrokenReplyError("the bill of another month")

    def _owed(self, data: Mapping[str, Any]) -> Money:
        words = self._map
        is_part = self._manifest.amount_rule == "part"
        member = words.bill_outstanding if is_part and words.bill_outstanding else words.bill_total
        return words.read_amount(data, member)

    def _parts(self, data: Mapping[str, Any], due_on: date | None) -> tuple[Money, Money, Money]:
        """VAT, late fee in force and stamp, checked against the biller's own total."""
        words = self._map
        members = (words.bill_vat, words.bill_late_fee, words.bill_stamp)
        vat, late_fee, stamp = (words.read_amount(data, name) if name else ZERO for name in members)
        if not self._is_late_fee_owed(due_on):
            late_fee = ZERO
        stated = words.read_amount(data, words.bill_total)
        if words.bill_amount:
            within = words.amount_holds_vat == "yes"
            parts = (words.read_amount(data, words.bill_amount), ZERO if within else vat, late_fee, stamp)
            if total(parts) != stated:
                raise BrokenReplyError("their total is not ours")
        if total((vat, late_fee, stamp)) > stated:
            raise BrokenReplyError("more VAT and fees than bill")
        return vat, late_fee, stamp

    def _is_late_fee_owed(self, due_on: date | None) -> bool:
        rule = self._manifest.late_fee.rule
        if rule == "stated_after_due_date":
            return due_on is not None and business_date(self._clock.now()) > due_on
        return rule == "stated"

    def _charges(self, data: Mapping[str, Any], parts: tuple[Money, Money, Money]) -> tuple[ChargeLine, ...]:
        """The lines, told where they are more than VAT and late fee; the scroll looks for the `stamp`."""
        words = self._map
        rest = words.read_amount(data, words.bill_total) - total(parts)
        labels = (words.bill_vat, words.bill_late_fee, _STAMP)
        lines = ((words.bill_amount or _AMOUNT, rest), *zip(labels, parts, strict=True))
        return tuple(ChargeLine(label, amount) for label, amount in lines if amount > ZERO)

    def _details(self, data: Mapping[str, Any], month: str) -> dict[str, str]:
        words = self._map
        period_from, period_to = month_span(month[:4], month[4:])
        return {
            "customer_name": text_or_empty(data, words.bill_customer),
            "address": text_or_empty(data, words.bill_address),
            "meter_no": text_or_empty(data, words.bill_meter),
            "kwh": text_or_empty(data, words.bill_kwh),
            "period_from": period_from,
            "period_to": period_to,
        }

    def _quoted(self, query: BillQuery) -> dict[str, str]:
        """The parameters that name the bill, by our own names, so that another route can pay it as well."""
        chosen = {entry.name for entry in self._manifest.parameters if entry.wire_name == _AMOUNT}
        unnamed = chosen | query.payer.keys()
        return {name: value for name, value in query.parameters.items() if value and name not in unnamed}

    def _bill_key(self, query: BillQuery, number: str, account: str, month: str) -> str:
        if not self._manifest.takes_bill_once:
            return ""
        if self._map.pay_names == "parameters":
            required = [entry.name for entry in self._manifest.parameters if entry.is_required]
            named = self._quoted(query)
            return "/".join(named[name] for name in required if name in named)
        return number or f"{account}/{month}"

    # ---- paying and asking afterwards --------------------------------------------------------------------

    def _pay_fields(self, order: PayOrder) -> Fields | None:
        """What a payment says; None where the quote is of another route and lacks the biller's number."""
        words = self._map
        bill = self._bill_as_paid(order.biller_quote)
        if bill is None:
            return None
        fields = {
            **words.fixed,
            **bill,
            words.pay_reference: order.reference,
            words.pay_amount: words.write_amount(order.sums.billed),
            words.pay_time: words.write_time(self._clock.now()),
            words.pay_stamps: self._stamps(order.sums.billed),
            words.pay_channel: words.channel,
        }
        return {member: value for member, value in fields.items() if member}

    def _bill_as_paid(self, quote: Mapping[str, str]) -> Fields | None:
        """How a payment names its bill: as the biller numbers it, as the payer named it, or by both."""
        words = self._map
        named = words.sent(quote)
        number, account = quote.get(_NUMBER, ""), quote.get(_ACCOUNT, "")
        numbered: dict[str, object] = {words.pay_bill_number: number, words.pay_account: account}
        match words.pay_names:
            case "parameters":
                return named or None
            case "bill":
                return numbered if number or account else None
            case "both":
                return {**named, **numbered} if number or account else None
            case _:
                assert_never(words.pay_names)

    def _stamps(self, paid: Money) -> int:
        stamp, above = self._manifest.stamp, self._stamp_above
        return stamp.count if stamp is not None and above is not None and paid > above else 0

    def _approval(self, asked: Meant, order: PayOrder) -> Outcome:
        """What an approval is worth, once it is about this payment and this amount."""
        words = self._map
        told = object_at(asked.document, words.paid_object)
        if words.paid_reference and text(told, words.paid_reference) != order.reference:
            return InDoubt("an answer about another payment")
        if words.paid_amount and words.read_amount(told, words.paid_amount) != order.sums.billed:
            return InDoubt("paid with another amount")
        return Approved(self._facts(asked, told, words.paid_receipt))

    def _standing(self, asked: Meant, order: PayOrder) -> Inquiry:
        words = self._map
        told = object_at(asked.document, words.status_object)
        if text(told, words.status_reference) != order.reference:
            return NoAnswer("an answer about another payment")
        ours = order.biller_quote.get(_NUMBER, "")
        if ours and words.status_bill_number and text(told, words.status_bill_number) != ours:
            return NoAnswer("an answer about another bill")
        if words.status_state and text(told, words.status_state) != words.posted_word:
            return NoAnswer("a payment status nobody mapped")
        echoed = words.read_amount(told, words.status_amount).minor if words.status_amount else None
        return Posted(order.reference, echoed, self._facts(asked, told, words.status_receipt))

    def _facts(self, asked: Meant, told: Mapping[str, Any], receipt: str) -> dict[str, str]:
        facts = {"message": text_or_empty(asked.document, self._map.message)}
        return facts | ({"receipt": text(told, receipt)} if receipt else {})


def _count(data: Mapping[str, Any], member: str) -> int:
    """How many bills wait to be paid, this one included; it only informs."""
    told = text_or_empty(data, member)
    return max(int(told), 1) if _COUNT.fullmatch(told) else 1


def _field_map(manifest: Manifest) -> FieldMap:
    """The manifest's field map, once it fits the rest of the manifest.

    Raises:
        ManifestError: an operation is missing, a setting is unknown or malformed, or the map and the other
            sections contradict each other.
    """
    safety, operations = manifest.safety, {"bill", "payment"}
    words = settings_of(manifest, FieldMap, operations | ({"status"} if safety.can_be_asked else set()))
    known = {entry.name for entry in manifest.parameters}
    naming = {
        entry.name
        for entry in manifest.parameters
        if entry.is_required and entry.wire_name != _AMOUNT and not entry.names_payer
    }
    for is_fault, fault in (
        (not words.parameters <= known, "a parameter is sent that there is not"),
        (not naming <= words.parameters, "a parameter that names the bill is not sent"),
        (manifest.amount_rule == "range", "this family asks for bills, and a range has none"),
        (not (words.bill_number or words.bill_account), "a bill needs a number or an account"),
        (
            manifest.late_fee.rule == "stated_after_due_date" and not words.bill_due_on,
            "a late fee that counts from the due date needs bill_due_on",
        ),
        (
            safety.can_be_asked and safety.echoes_amount != bool(words.status_amount),
            "echoes_amount and status_amount say different things",
        ),
    ):
        if is_fault:
            raise ManifestError(f"{manifest.id}: {fault}")
    return words


def _dialect(words: FieldMap) -> Dialect:
    prefix = f"{words.token_prefix} " if words.token_prefix else ""
    write = JsonUnderHeader(words.token_header, prefix)
    if words.sign_in == "standing_key":
        return Dialect(code_member=words.code, write=write, key=lambda credentials: credentials.password)
    return Dialect(
        code_member=words.code,
        write=write,
        log_in=lambda user, password: {words.login_user: user, words.login_password: password},
        read_grant=lambda answer: _grant(words, answer),
    )


def _grant(words: FieldMap, answer: Mapping[str, Any]) -> Grant:
    told = object_at(answer, words.login_object)
    life = words.login_expires_in
    seconds = whole_seconds(told, life) if life else int(words.login_life_seconds)
    return Grant(bearer_token(told, words.login_token), seconds)
