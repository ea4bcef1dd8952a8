"""three_step: forms over POST; a fetch that locks the bill, then a payment that is saved and acknowledged.

The protocol of BREB postpaid (billers.md 2.4). A bill stays locked at BREB for two hours even where the
answer to its fetch was unusable, so no bill is fetched twice. No answer to a payment echoes an amount, so the
order is compared with the locked bill before it is sent.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from biller_adapters.biller_client import BillerClient
from biller_adapters.call_result import (
    CallResult,
    MappedReply,
    has_meaning,
    inconclusive_answer,
    unsuccessful_outcome,
)
from biller_adapters.dialect import Dialect, Fields, FormWithToken
from biller_adapters.fetching import reply_without_bill
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means, Reason
from ekpay_switch.domain.bill import Bill, BillerSilent, BillFound, BillQuery, FetchReply
from ekpay_switch.domain.money import PAISA_PER_TAKA, ZERO, format_taka, parse_taka
from ekpay_switch.domain.outcome import Approved, HalfDone, Inquiry, NotFound, Outcome, Posted, Unreached
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.manifest_sections import Section
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    bearer_token,
    day,
    month_span,
    taka,
    text,
    text_or_empty,
    whole_seconds,
)
from ekpay_switch.wing_kit.token_keeper import Grant
from ekpay_switch.wing_kit.token_pair import TokenPair

_SAVE, _ACKNOWLEDGE = "save", "acknowledge"
_OPERATIONS = frozenset({"authenticate", "token", "bill", _SAVE, _ACKNOWLEDGE, "status"})
_BLOCKED: Mapping[Reason | None, str] = MappingProxyType(
    {
        Reason.BEGUN_ELSEWHERE: "a payment on this bill was begun elsewhere",
        Reason.UNACKNOWLEDGED: "an earlier payment of this account waits for its acknowledge",
    }
)


class ThreeStepSettings(Section):
    """The section `family_settings` of a manifest of this family."""

    channel_id: str
    payer_type_id: str


class ThreeStep:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        if manifest.steps != (_SAVE, _ACKNOWLEDGE):
            raise ManifestError(f"{manifest.id}: the steps of this family are {_SAVE}, {_ACKNOWLEDGE}")
        self._profile = manifest.profile(context.divisor)
        self._manifest = manifest
        self._settings = settings_of(manifest, ThreeStepSettings, _OPERATIONS)
        self._channel = {"_pPAY_CHANNEL_ID": self._settings.channel_id}
        self._client = BillerClient(manifest, context, _dialect(self._channel))

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Fetch the bill of an account and month, which locks it for us; moves no money."""
        parameters = query.parameters
        account, period = parameters["sms_account_no"], parameters["period"]
        result = await self._client.call("bill", self._bill_fields(account, period, parameters["mobile"]))
        if not has_meaning(result, Means.APPROVED):
            return _reply_without_bill(result, account, period)
        try:
            return BillFound(self._bill(result.document, account, period))
        except BrokenReplyError as error:
            return BillerSilent(str(error))

    async def pay(self, order: PayOrder) -> Outcome:
        """Send one step; a repeated save saves nothing, a repeated acknowledge is answered as the first."""
        if order.step == _SAVE:
            fault = _order_fault(order)
            if fault:
                return Unreached(fault)
            result = await self._client.call(_SAVE, self._save_fields(order), order.send_before)
        elif order.step == _ACKNOWLEDGE:
            result = await self._client.call(_ACKNOWLEDGE, self._payment_fields(order), order.send_before)
        else:
            return Unreached("no such step")
        if not has_meaning(result, Means.APPROVED):
            return unsuccessful_outcome(result)
        return Approved(_facts(result))

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask which step of the payment under our reference is done; moves no money."""
        result = await self._client.call("status", self._payment_fields(order))
        match result:
            case MappedReply(means=Means.APPROVED):
                return Posted(order.reference, None, _facts(result))
            case MappedReply(means=Means.HALF_DONE, next_step=step):
                return HalfDone(step)
            case MappedReply(means=Means.NOT_FOUND):
                return NotFound()
            case _:
                return inconclusive_answer(result)

    def _bill_fields(self, account: str, period: str, mobile: str) -> dict[str, object]:
        return {
            **self._channel,
            "_pPAYER_ID": mobile,
            "_pPAYER_TYPE_ID": self._settings.payer_type_id,
            "_pSMS_AC_NO": account,
            "_pBILL_MONTH": period[4:],
            "_pBILL_YEAR": period[:4],
        }

    def _save_fields(self, order: PayOrder) -> dict[str, object]:
        quote = order.biller_quote
        return {
            **self._bill_fields(quote["account"], quote["period"], quote["mobile"]),
            "_pBILL_NO": quote["bill_number"],
            "_pPAY_AMOUNT": str(order.sums.billed_amount.minor // PAISA_PER_TAKA),
            "_pTRANSACTION_ID": order.reference,
        }

    def _payment_fields(self, order: PayOrder) -> dict[str, object]:
        return {
            **self._channel,
            "_pTRANSACTION_ID": order.reference,
            "_pBILL_NO": order.biller_quote["bill_number"],
        }

    def _bill(self, document: Mapping[str, Any], account: str, period: str) -> Bill:
        """The locked bill, checked against the request; raises BrokenReplyError."""
        year, month = text(document, "BILL_YEAR"), text(document, "BILL_MONTH").zfill(2)
        if text(document, "SMS_AC_NO") != account or year + month != period:
            raise BrokenReplyError("a bill of another account or month")
        due, number = taka(document, "DUE_AMOUNT"), text(document, "BILL_NO")
        period_from, period_to = month_span(year, month)
        return Bill(
            bill_key=_bill_key(account, period),
            bill_number=number,
            account=account,
            amount=due,
            vat=ZERO,
            late_fee=ZERO,
            total=due,
            is_paid=due == ZERO,
            rounding=self._manifest.rounding_of(due),
            issued_on=day(document, "ISSUE_DATE"),
            due_on=day(document, "DUE_DATE"),
            details={
                "office": text_or_empty(document, "PBS_NAME_E"),
                "period_from": period_from,
                "period_to": period_to,
            },
            biller_quote={
                "account": account,
                "period": period,
                "bill_number": number,
                "due_amount": format_taka(due.minor),
            },
        )


def _reply_without_bill(result: CallResult, account: str, period: str) -> FetchReply:
    """The reply of a fetch without a bill; a month for which nothing is owed is a paid bill."""
    if isinstance(result, MappedReply) and result.reason in _BLOCKED:
        return BillerSilent(_BLOCKED[result.reason])
    return reply_without_bill(result, _bill_key(account, period), account)


def _bill_key(account: str, period: str) -> str:
    return f"{account}/{period}"


def _order_fault(order: PayOrder) -> str:
    """Why this order must not be sent, or empty; no answer would reveal a wrong amount."""
    if order.sums.amount != parse_taka(order.biller_quote["due_amount"]):
        return "the amount is not the one that was locked"
    if order.sums.billed_amount.minor % PAISA_PER_TAKA:
        return "the amount is not in whole taka"
    return ""


def _facts(result: MappedReply) -> dict[str, str]:
    return {"message": text_or_empty(result.document, "RESULT_MSG")}


def _dialect(channel: Fields) -> Dialect:
    return Dialect(
        code_member="RESULT_CODE",
        write=FormWithToken("_pACCESS_TOKEN", lambda token_text: TokenPair.parse(token_text).access),
        log_in=lambda user, password: {"_pUSER": user, "_pPASSWORD": password, **channel},
        read_grant=_grant,
        renew=lambda token_text: _renewal(token_text, channel),
    )


def _grant(answer: Mapping[str, Any]) -> Grant:
    pair = TokenPair(bearer_token(answer, "ACCESS_TOKEN"), bearer_token(answer, "REFRESH_TOKEN"))
    return Grant(pair.as_text, whole_seconds(answer, "EXPIRES_IN"))


def _renewal(token_text: str, channel: Fields) -> Fields | None:
    refresh = TokenPair.parse(token_text).refresh
    return {"_pREFRESH_TOKEN": refresh, **channel} if refresh else None
