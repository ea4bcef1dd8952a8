"""application_fee: JSON over POST under a standing key; a public office demands the fee of one reference.

Applications, holdings, admission rolls (billers.md rows 25, 27 to 29, 32, 34, 35, 40, 41, 44, 46 and 52; the
wire is ours). What the office calls things stands in the manifest (`office_words`). Where the office cannot
be asked for its demand (`none`), or does not answer (`optional`), the manifest's schedule makes the quote and
the office refuses at the payment what it does not agree with. Where it must be asked and there is a schedule,
the two must agree: a fee that nobody announced is not passed on.

What may surprise: a step that is not open yet and one whose days are over are missing bills, since nothing is
owed there. The receipt of a payment may be an interim one; the final one is told by a later inquiry.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from biller_adapters.biller_client import BillerLine
from biller_adapters.call_result import Asked, Meant, not_approved, nothing_learned
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
from biller_adapters.fetching import chosen_amount, no_bill, paid_bill, part_of, scheduled_fee
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means, Reason
from biller_adapters.office_wording import OfficeWords, words_of
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
from ekpay_switch.domain.delivery import FINAL_RECEIPT, RECEIPT, PayOrder
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
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.ports.world import NotSent, NoUsableAnswer
from ekpay_switch.wing_kit.context import Surroundings
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
# Nothing is owed, whatever may be owed at another time: an earlier step is unpaid, or the days are over.
_NOTHING_OWED = frozenset({Reason.NOT_OPEN, Reason.QUOTE_EXPIRED})


@dataclass(frozen=True, slots=True)
class _Demand:
    """What an office wants for one reference: `owed` is what is left of the heads; a day may be unknown."""

    heads: tuple[FeeHead, ...]
    owed: Money
    applicant: str = ""
    payable_from: date | None = None
    payable_until: date | None = None
    takes_part: bool = False


class ApplicationFee:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        fetched = frozenset() if manifest.fetch_mode == "none" else frozenset({_DEMAND})
        self._words: OfficeWords = words_of(manifest, fetched | {_PAY, _STATUS})
        self._profile = manifest.profile(around.divisor)
        self._manifest = manifest
        self._clock = around.clock
        self._line = BillerLine(manifest, around, _dialect())

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Ask for the demand that the parameters name, or make it from the schedule; moves no money."""
        named = query.parameters
        if not self._words.is_whole(named):
            return BillMissing()
        try:
            wanted = chosen_amount(self._manifest, named)
            demand = await self._demand(named)
        except BrokenReplyError as error:
            return BillerSilent(str(error))
        return self._quoted(demand, named, wanted) if isinstance(demand, _Demand) else demand

    async def pay(self, order: PayOrder) -> Outcome:
        """Pay one demand; again under the same reference, the office answers as before and takes nothing."""
        quote = order.biller_quote
        if format_taka(order.sums.billed.minor) != quote["amount"]:
            return Unreached("the amount is not the one that was quoted")
        asked = await self._line.ask(_PAY, self._pay_fields(order), order.send_before)
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return not_approved(asked)
        try:
            taken, facts = self._taken(asked.document, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))
        return Approved(facts) if taken == order.sums.billed else InDoubt("taken with another amount")

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask what was taken under our reference, and whether the final receipt exists; moves no money."""
        fields = {"service": self._words.service, "transactionId": order.reference}
        asked = await self._line.ask(_STATUS, fields)
        if isinstance(asked, Meant) and asked.means is Means.NOT_FOUND:
            return NotFound()
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return nothing_learned(asked)
        try:
            if text(asked.document, "state") != self._words.paid_word:
                return NoAnswer("a payment state nobody mapped")
            taken, facts = self._taken(asked.document, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))
        return Posted(order.reference, taken.minor, facts)

    # ---- fetching ----------------------------------------------------------------------------------------

    async def _demand(self, named: Mapping[str, str]) -> _Demand | FetchReply:
        """The office's demand where it can be asked, else that of the schedule."""
        if self._manifest.fetch_mode == "none":
            return self._scheduled(named)
        asked = await self._line.ask(_DEMAND, self._naming(named))
        if self._manifest.fetch_mode == "optional" and isinstance(asked, NotSent | NoUsableAnswer):
            return self._scheduled(named)
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return _no_demand(asked, self._words.reference(named))
        return self._told(as_object(asked.document.get("demand")), named)

    def _scheduled(self, named: Mapping[str, str]) -> _Demand | FetchReply:
        closed = self._manifest.opening.closed_because(self._clock.now())
        if closed:
            return BillerSilent(closed)
        fee = scheduled_fee(self._manifest, named)
        return BillMissing() if fee is None else _Demand(self._words.plan.heads(fee), fee)

    def _told(self, demand: Mapping[str, Any], named: Mapping[str, str]) -> _Demand:
        """The demand, once it is the one that was asked for and agrees with itself and with the schedule."""
        self._refuse_another(demand, self._words.reference(named), self._words.stage(named))
        heads, whole = read_heads(demand.get("heads")), taka(demand, "total")
        if sum_of(heads) != whole:
            raise BrokenReplyError("their heads are not their total")
        owed = taka(demand, "outstanding")
        if owed > whole:
            raise BrokenReplyError("more is left than was demanded")
        is_announced = self._manifest.fetch_mode != "optional"
        fee = scheduled_fee(self._manifest, named) if is_announced else None
        if fee is not None and fee != whole:
            raise BrokenReplyError("a fee that is not the one of the schedule")
        payable_from, payable_until = day(demand, "payableFrom"), day(demand, "payableUntil")
        if owed > ZERO and not payable_from <= business_date(self._clock.now()) <= payable_until:
            raise BrokenReplyError("a demand of other days")
        applicant, takes_part = text_or_empty(demand, "applicant"), _truth(demand, "partAllowed")
        return _Demand(heads, owed, applicant, payable_from, payable_until, takes_part)

    def _quoted(self, demand: _Demand, named: Mapping[str, str], wanted: Money | None) -> FetchReply:
        """The demand as a bill, or the part of it that the payer may choose and has chosen."""
        if demand.owed == ZERO:
            return BillFound(paid_bill(self._words.reference(named)))
        whole = self._bill(demand, named)
        if not self._words.may_pay_part(named):
            return BillFound(whole) if wanted in {None, whole.total} else AmountRefused(whole.total)
        if not demand.takes_part and wanted not in {None, whole.total}:
            return AmountRefused(whole.total)
        found = part_of(whole, wanted)
        if not isinstance(found, BillFound) or found.bill.total == whole.total:
            return found
        later = ChargeLine("left_for_later", found.bill.total - whole.total)
        quote = {**whole.biller_quote, "amount": format_taka(found.bill.total.minor), "heads": ""}
        return BillFound(replace(found.bill, charges=(*whole.charges, later), biller_quote=quote))

    def _bill(self, demand: _Demand, named: Mapping[str, str]) -> Bill:
        """All that is owed; where something was paid before, the rest is told as one amount."""
        words = self._words
        reference, stage = words.reference(named), words.stage(named)
        vat, late_fee = sum_of(demand.heads, words.vat_heads), sum_of(demand.heads, words.late_fee_heads)
        charges, heads = charges_of(demand.heads), heads_as_text(demand.heads)
        paid_before = sum_of(demand.heads) - demand.owed
        if paid_before > ZERO:
            vat, late_fee, heads = ZERO, ZERO, ""
            charges = (*charges, ChargeLine("paid_before", ZERO - paid_before))
        details = {"customer_name": demand.applicant, "stage": stage, **labels_of(demand.heads)}
        return Bill(
            bill_key="/".join(filter(None, (reference, stage))),
            bill_number=reference,
            account=self._account(named),
            amount=demand.owed - vat - late_fee,
            vat=vat,
            late_fee=late_fee,
            total=demand.owed,
            issued_on=demand.payable_from,
            due_on=demand.payable_until,
            charges=charges,
            details={name: told for name, told in details.items() if told},
            biller_quote={
                "reference": reference,
                "stage": stage,
                "amount": format_taka(demand.owed.minor),
                "heads": heads,
                "details": json.dumps(words.told(named)),
            },
        )

    def _account(self, named: Mapping[str, str]) -> str:
        names = (entry.name for entry in self._manifest.parameters if entry.wire_name == "bllr_accno")
        return next((named[name] for name in names if named.get(name)), "")

    # ---- the wire ----------------------------------------------------------------------------------------

    def _naming(self, named: Mapping[str, str]) -> dict[str, object]:
        """What names a demand in a call."""
        words = self._words
        stage = {"stage": words.stage(named)} if words.stage_name else {}
        naming = {"service": words.service, "reference": words.reference(named), **stage}
        return {**naming, "details": words.told(named)}

    def _pay_fields(self, order: PayOrder) -> dict[str, object]:
        quote = order.biller_quote
        heads = heads_from_text(quote["heads"])
        stage = {"stage": quote["stage"]} if self._words.stage_name else {}
        return {
            "service": self._words.service,
            "reference": quote["reference"],
            **stage,
            "transactionId": order.reference,
            "amount": quote["amount"],
            "heads": [{"code": head.code, "amount": format_taka(head.amount.minor)} for head in heads],
            "details": json.loads(quote["details"]),
        }

    def _refuse_another(self, told: Mapping[str, Any], reference: str, stage: str) -> None:
        """Raise where an answer is about another demand than the one that was named."""
        is_ours = text(told, "reference") == reference and text(told, "service") == self._words.service
        if not is_ours or text_or_empty(told, "stage") != stage:
            raise BrokenReplyError("an answer about another demand")

    def _taken(self, told: Mapping[str, Any], order: PayOrder) -> tuple[Money, dict[str, str]]:
        """How much was taken for this order, and the receipts that exist by now."""
        quote = order.biller_quote
        if text(told, "transactionId") != order.reference:
            raise BrokenReplyError("an answer about another payment")
        self._refuse_another(told, quote["reference"], quote["stage"])
        receipt = text(told, "receiptNo", _RECEIPT_LENGTH_MAX)
        facts = {RECEIPT: receipt}
        if told.get("finalReceiptNo") not in (None, ""):
            facts[FINAL_RECEIPT] = text(told, "finalReceiptNo", _RECEIPT_LENGTH_MAX)
        elif self._profile.receipt_comes_later and not _truth(told, "interim"):
            facts[FINAL_RECEIPT] = receipt
        return taka(told, "amount"), facts


def _no_demand(asked: Asked, reference: str) -> FetchReply:
    if isinstance(asked, Meant) and asked.reason in _NOTHING_OWED:
        return BillMissing()
    return no_bill(asked, reference)


def _truth(told: Mapping[str, Any], name: str) -> bool:
    value = told.get(name)
    if not isinstance(value, bool):
        raise BrokenReplyError(f"{name} is neither true nor false")
    return value


def _dialect() -> Dialect:
    """HTTP's own way to show user and password with every call; that there is no login is ours."""
    return Dialect(code_member="code", write=JsonUnderHeader("Authorization", "Basic "), key=_basic)


def _basic(credentials: Credentials) -> str:
    return b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()
