"""aggregator: many utilities behind one interface, bill-info, bill-payment, bill-status and bill-cancel.

The protocol of billers.md 2.7. Names of calls, keys, `transaction_id`, `core_transaction_id`, `lid` and the
states 111, 777 and 700 are from there; the other members and codes are ours. What may surprise: a payment
says nothing of bill and amount, only which bill-info it is about, so the amount cannot drift; the number of
that bill-info is made here and kept in the quote. A bill that another route has fetched is looked up once
more under a number made of the payment's reference, which every later call can make again.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Protocol, assert_never
from uuid import uuid4

from biller_adapters.biller_client import BillerLine
from biller_adapters.call_result import Meant, not_approved, nothing_learned
from biller_adapters.dialect import Credentials, Dialect, Fields, Written
from biller_adapters.fetching import no_bill
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means
from biller_adapters.presented_bills import PresentedBills
from biller_adapters.stated_months import StatedBills
from biller_adapters.utility_wording import UTILITY_KEYS, told_as, words_of
from ekpay_switch.domain.bill import (
    AmountRefused,
    BillerSilent,
    BillFound,
    BillMissing,
    BillQuery,
    FetchReply,
)
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.delivery import PayOrder
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
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, as_object, taka, text, text_or_empty

_INFO = "aggregator_transaction"


class _Bills(Protocol):
    """What bill-info is asked, and how its answer becomes a bill."""

    def asked(self, named: Mapping[str, str], today: date) -> Fields | FetchReply: ...

    def read(self, told: Mapping[str, Any], named: Mapping[str, str], today: date) -> FetchReply: ...


class Aggregator:
    """One utility of the aggregator's; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        self._profile = manifest.profile(around.divisor)
        self._manifest = manifest
        self._words = words_of(manifest)
        self._bills: _Bills = PresentedBills(manifest, self._words)
        if self._words.bills == "stated_months":
            self._bills = StatedBills(manifest, self._words)
        self._groups = _required(manifest)
        self._clock = around.clock
        self._line = BillerLine(manifest, around, _dialect())

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Ask for the bill that the payer's parameters name, under a number of its own; moves no money."""
        number = uuid4().hex
        reply = await self._look(number, query.parameters)
        if not isinstance(reply, BillFound) or reply.bill.is_paid:
            return reply
        named = {name: told for name, told in query.parameters.items() if name not in query.payer}
        quote = {**named, **reply.bill.biller_quote, _INFO: number}
        return BillFound(replace(reply.bill, biller_quote=quote))

    async def pay(self, order: PayOrder) -> Outcome:
        """Pay what bill-info told; told again for the same bill-info, the aggregator takes nothing more."""
        if _INFO not in order.biller_quote:
            stopped = await self._look_again(order)
            if stopped is not None:
                return stopped
        fields = {**self._words.paid_with(order.biller_quote), **_named(order)}
        asked = await self._line.ask("payment", fields, order.send_before)
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return not_approved(asked)
        try:
            return _approval(_standing(asked, order), order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask what became of the payment for that bill-info; moves no money."""
        asked = await self._line.ask("status", {"transaction_id": _info_of(order)})
        if isinstance(asked, Meant) and asked.means is Means.NOT_FOUND:
            return NotFound()
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return nothing_learned(asked)
        try:
            return _standing(asked, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def undo(self, order: PayOrder) -> Outcome:
        """Take an accepted payment back, on the day that it was paid; afterwards the bill is owed again.

        Approved: it is taken back, now or by an earlier call. Declined `not_open` without a call on any later
        day, since the scroll of that day is closed then (billers.md 2.7 `[~]`).
        """
        if business_date(self._clock.now()) != order.business_date:
            return Declined("not_open")
        asked = await self._line.ask("cancel", {"transaction_id": _info_of(order)}, order.send_before)
        if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
            return not_approved(asked)
        try:
            if text(asked.document, "core_transaction_id") != order.reference:
                return InDoubt("an answer about another payment")
        except BrokenReplyError as error:
            return InDoubt(str(error))
        return Approved({"message": text_or_empty(asked.document, "message")})

    # ---- looking a bill up -------------------------------------------------------------------------------

    async def _look(
        self, number: str, named: Mapping[str, str], send_before: float | None = None
    ) -> FetchReply:
        """One bill-info under this number; the bill comes without a quote."""
        today = business_date(self._clock.now())
        try:
            fields = self._bills.asked(named, today)
            if not isinstance(fields, Mapping):
                return fields
            asked = await self._line.ask("info", {**fields, "transaction_id": number}, send_before)
            if not isinstance(asked, Meant) or asked.means is not Means.APPROVED:
                told = {wire: told_as(wire, named, self._manifest) for wire in ("bll_no", "bllr_accno")}
                return no_bill(asked, told["bll_no"], told["bllr_accno"])
            return self._bills.read(as_object(asked.document.get("bill")), named, today)
        except BrokenReplyError as error:
            return BillerSilent(str(error))

    async def _look_again(self, order: PayOrder) -> Outcome | None:
        """Look up for this payment what another route has fetched; None where it may be paid as quoted."""
        named = order.biller_quote
        reply: FetchReply = BillerSilent("the quote does not say which bill it is about")
        if any(group <= named.keys() for group in self._groups):
            reply = await self._look(_info_of(order), named, order.send_before)
        match reply:
            case BillerSilent(why=why):
                return Unreached(why)
            case BillMissing():
                return Declined("no_such_bill")
            case BillFound(bill=bill) if bill.is_paid:
                return await self._paid_by_us(order)
            case BillFound(bill=bill) if bill.total + bill.rounding == order.sums.billed:
                return None
            case BillFound() | AmountRefused():
                return Declined("amount_differs")
            case _:
                assert_never(reply)

    async def _paid_by_us(self, order: PayOrder) -> Outcome:
        """Whose payment it was that paid the bill: an earlier send of this very order may have arrived."""
        found = await self.inquire(order)
        match found:
            case Posted():
                return _approval(found, order)
            case NotFound():
                return Declined("already_paid")
            case _:
                return InDoubt("the bill is paid, and it is not known by whom")


def _required(manifest: Manifest) -> tuple[frozenset[str], ...]:
    """The parameters that name a bill, group by group."""
    groups: dict[str, set[str]] = {}
    for entry in manifest.parameters:
        if entry.is_required and not entry.names_payer:
            groups.setdefault(entry.group, set()).add(entry.name)
    return tuple(frozenset(names) for names in groups.values())


def _info_of(order: PayOrder) -> str:
    """The number of the bill-info that an order is about: the quote's, or else the one made for it alone."""
    return order.biller_quote.get(_INFO) or f"P{order.reference}"


def _named(order: PayOrder) -> Fields:
    return {"transaction_id": _info_of(order), "core_transaction_id": order.reference}


def _standing(asked: Meant, order: PayOrder) -> Posted:
    """The payment as the aggregator tells it; raises BrokenReplyError where it is not wholly ours."""
    told = asked.document
    if text(told, "core_transaction_id") != order.reference:
        raise BrokenReplyError("an answer about another payment")
    facts = {
        "message": text_or_empty(told, "message"),
        "receipt": text(told, "lid"),
        "transaction_id": _info_of(order),
    }
    return Posted(order.reference, taka(told, "amount").minor, facts)


def _approval(posted: Posted, order: PayOrder) -> Outcome:
    if posted.amount_minor != order.sums.billed.minor:
        return InDoubt("paid with another amount")
    return Approved(posted.facts)


class _UnderKeys:
    """A JSON body with the utility's keys in it, under the collector's keys as headers; see `Write`."""

    def __init__(self) -> None:
        self._keys = ""
        self._headers: Mapping[str, str] = {}
        self._body: Fields = {}

    def __call__(self, fields: Fields, token: str) -> Written:
        if token != self._keys:
            told = json.loads(token)
            self._headers = {**told["headers"], "Content-Type": "application/json"}
            self._body, self._keys = told["body"], token
        return self._headers, json.dumps({**fields, **self._body}).encode()


def _keys(credentials: Credentials) -> str:
    """All keys as one text, since that is what stands in a token's place."""
    headers = {"AUTH-KEY": credentials.password, "STK-CODE": credentials.user}
    return json.dumps({"headers": headers, "body": {name: credentials.more[name] for name in UTILITY_KEYS}})


def _dialect() -> Dialect:
    return Dialect(code_member="status", write=_UnderKeys(), key=_keys)
