"""aggregator: many utilities behind one interface, bill-info, bill-payment, bill-status and bill-cancel.

The protocol of billers.md 2.7. Names of calls, keys, `transaction_id`, `core_transaction_id`, `lid` and the
states 111, 777 and 700 are from there; the other members and codes are ours. A payment names neither bill
nor amount, only its bill-info, so the amount cannot change; the id of that bill-info is made here and kept in
the quote. A bill that another route fetched is fetched once more under an id made from the payment's
reference, so that every later call can derive it again.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Protocol, assert_never
from uuid import uuid4

from biller_adapters.biller_client import BillerClient
from biller_adapters.call_result import MappedReply, has_meaning, inconclusive_answer, unsuccessful_outcome
from biller_adapters.dialect import Credentials, Dialect, Fields, HeadersAndBody
from biller_adapters.fetching import reply_without_bill
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means
from biller_adapters.presented_bills import PresentedBills
from biller_adapters.stated_months import StatedBills
from biller_adapters.utility_wording import UTILITY_KEYS, utility_wording_of
from ekpay_switch.domain.bill import (
    AmountRefused,
    BillerSilent,
    BillFound,
    BillMissing,
    BillQuery,
    FetchReply,
)
from ekpay_switch.domain.business_day import business_date
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
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, as_object, taka, text, text_or_empty

_BILL_INFO_ID = "aggregator_transaction"


class _Bills(Protocol):
    """How bill-info is requested, and how its answer becomes a bill."""

    def info_fields(self, parameters: Mapping[str, str], today: date) -> Fields | FetchReply: ...

    def read(self, bill: Mapping[str, Any], parameters: Mapping[str, str], today: date) -> FetchReply: ...


class Aggregator:
    """One utility of the aggregator's; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        self._profile = manifest.profile(context.divisor)
        self._manifest = manifest
        self._wording = utility_wording_of(manifest)
        self._bills: _Bills = PresentedBills(manifest, self._wording)
        if self._wording.bills == "stated_months":
            self._bills = StatedBills(manifest, self._wording)
        self._required_names = _required_groups(manifest)
        self._clock = context.clock
        self._client = BillerClient(manifest, context, _dialect())

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Fetch the bill that the payer's parameters name, under a new bill-info id; moves no money."""
        info_id = uuid4().hex
        reply = await self._fetch_bill_info(info_id, query.parameters)
        if not isinstance(reply, BillFound) or reply.bill.is_paid:
            return reply
        quoted_parameters = {
            name: value for name, value in query.parameters.items() if name not in query.payer
        }
        quote = {**quoted_parameters, **reply.bill.biller_quote, _BILL_INFO_ID: info_id}
        return BillFound(replace(reply.bill, biller_quote=quote))

    async def pay(self, order: PayOrder) -> Outcome:
        """Pay the amount of the bill-info; a repeat for the same bill-info takes nothing more."""
        if _BILL_INFO_ID not in order.biller_quote:
            outcome = await self._fetch_for_payment(order)
            if outcome is not None:
                return outcome
        fields = {**self._wording.payment_fields(order.biller_quote), **_payment_ids(order)}
        result = await self._client.call("payment", fields, order.send_before)
        if not has_meaning(result, Means.APPROVED):
            return unsuccessful_outcome(result)
        try:
            return _approval_outcome(_read_posted(result, order), order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask for the state of the payment of that bill-info; moves no money."""
        result = await self._client.call("status", {"transaction_id": _bill_info_id(order)})
        if has_meaning(result, Means.NOT_FOUND):
            return NotFound()
        if not has_meaning(result, Means.APPROVED):
            return inconclusive_answer(result)
        try:
            return _read_posted(result, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def undo(self, order: PayOrder) -> Outcome:
        """Void an accepted payment on the day that it was paid; afterwards the bill is owed again.

        Approved: it is void, by this call or by an earlier one. On any later day `not_open` is declined
        without a call, since the scroll of the payment's day is closed (billers.md 2.7 `[~]`).
        """
        if business_date(self._clock.now()) != order.business_date:
            return Declined("not_open")
        result = await self._client.call(
            "cancel", {"transaction_id": _bill_info_id(order)}, order.send_before
        )
        if not has_meaning(result, Means.APPROVED):
            return unsuccessful_outcome(result)
        try:
            if text(result.document, "core_transaction_id") != order.reference:
                return InDoubt("an answer about another payment")
        except BrokenReplyError as error:
            return InDoubt(str(error))
        return Approved({"message": text_or_empty(result.document, "message")})

    # ---- fetching bill-info -------------------------------------------------------------------------------

    async def _fetch_bill_info(
        self, info_id: str, parameters: Mapping[str, str], send_before: float | None = None
    ) -> FetchReply:
        """One bill-info under this id; the bill comes without a quote."""
        today = business_date(self._clock.now())
        try:
            fields = self._bills.info_fields(parameters, today)
            if not isinstance(fields, Mapping):
                return fields
            result = await self._client.call("info", {**fields, "transaction_id": info_id}, send_before)
            if not has_meaning(result, Means.APPROVED):
                number = self._manifest.parameter_value("bll_no", parameters)
                account = self._manifest.parameter_value("bllr_accno", parameters)
                return reply_without_bill(result, number, account)
            return self._bills.read(as_object(result.document.get("bill")), parameters, today)
        except BrokenReplyError as error:
            return BillerSilent(str(error))

    async def _fetch_for_payment(self, order: PayOrder) -> Outcome | None:
        """Fetch for this payment the bill that another route fetched; None where it may be paid as quoted."""
        parameters = order.biller_quote
        reply: FetchReply = BillerSilent("the quote does not say which bill it is about")
        if any(group <= parameters.keys() for group in self._required_names):
            reply = await self._fetch_bill_info(_bill_info_id(order), parameters, order.send_before)
        match reply:
            case BillerSilent(why=why):
                return Unreached(why)
            case BillMissing():
                return Declined("no_such_bill")
            case BillFound(bill=bill) if bill.is_paid:
                return await self._outcome_of_paid_bill(order)
            case BillFound(bill=bill) if bill.total + bill.rounding == order.sums.billed_amount:
                return None
            case BillFound() | AmountRefused():
                return Declined("amount_differs")
            case _:
                assert_never(reply)

    async def _outcome_of_paid_bill(self, order: PayOrder) -> Outcome:
        """The outcome where the bill is paid: by an earlier send of this order, or by somebody else."""
        inquiry = await self.inquire(order)
        match inquiry:
            case Posted():
                return _approval_outcome(inquiry, order)
            case NotFound():
                return Declined("already_paid")
            case _:
                return InDoubt("the bill is paid, and it is not known by whom")


def _required_groups(manifest: Manifest) -> tuple[frozenset[str], ...]:
    """The required parameters that name a bill, one set for each group."""
    groups: dict[str, set[str]] = {}
    for entry in manifest.parameters:
        if entry.is_required and not entry.names_payer:
            groups.setdefault(entry.group, set()).add(entry.name)
    return tuple(frozenset(names) for names in groups.values())


def _bill_info_id(order: PayOrder) -> str:
    """The bill-info id of an order: the quote's, or else one derived from the order's reference."""
    return order.biller_quote.get(_BILL_INFO_ID) or f"P{order.reference}"


def _payment_ids(order: PayOrder) -> Fields:
    return {"transaction_id": _bill_info_id(order), "core_transaction_id": order.reference}


def _read_posted(result: MappedReply, order: PayOrder) -> Posted:
    """The payment in an answer; raises BrokenReplyError where it is another payment or incomplete."""
    document = result.document
    if text(document, "core_transaction_id") != order.reference:
        raise BrokenReplyError("an answer about another payment")
    facts = {
        "message": text_or_empty(document, "message"),
        "receipt": text(document, "lid"),
        "transaction_id": _bill_info_id(order),
    }
    return Posted(order.reference, taka(document, "amount").minor, facts)


def _approval_outcome(posted: Posted, order: PayOrder) -> Outcome:
    if posted.amount_minor != order.sums.billed_amount.minor:
        return InDoubt("paid with another amount")
    return Approved(posted.facts)


class _KeyedCallWriter:
    """Writes a JSON body with the utility's keys, and the collector's keys as headers; see `WriteCall`."""

    def __init__(self) -> None:
        self._keys = ""
        self._headers: Mapping[str, str] = {}
        self._body: Fields = {}

    def __call__(self, fields: Fields, token: str) -> HeadersAndBody:
        if token != self._keys:
            keys = json.loads(token)
            self._headers = {**keys["headers"], "Content-Type": "application/json"}
            self._body, self._keys = keys["body"], token
        return self._headers, json.dumps({**fields, **self._body}).encode()


def _keys(credentials: Credentials) -> str:
    """All keys as one text, which takes the place of a token."""
    headers = {"AUTH-KEY": credentials.password, "STK-CODE": credentials.user}
    return json.dumps({"headers": headers, "body": {name: credentials.more[name] for name in UTILITY_KEYS}})


def _dialect() -> Dialect:
    return Dialect(code_member="status", write=_KeyedCallWriter(), key=_keys)
