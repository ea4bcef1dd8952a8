"""Sonali Payment Gateway: a token per invoice, credits that add up, a page by session token, a notification.

Names misspelt here are misspelt on the wire (connectors.md 9). Versions 2 and 3 of the verification report
the same; a notification is that of version 3, whose password in the body is its only proof.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import partial
from typing import ClassVar
from uuid import uuid4

import orjson
from typing_extensions import override

from sandbox.kit.institution.amounts import paisa, taka
from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.pages import is_web_address
from sandbox.kit.institution.replies import Errors, Reply, json_reply
from sandbox.kit.institution.requests import Form, MalformedRequestError, json_object, text_field
from sandbox.kit.provider.call_results import Refusal, ReportedOrder
from sandbox.kit.provider.family import InstitutionCall, InstitutionPage
from sandbox.kit.provider.hooks import BrowserReturn, OpenProvider, OutcomeMessage, Push
from sandbox.kit.provider.magic_numbers import ReportedOutcome
from sandbox.kit.provider.orders import NewOrder, OrderState, ProviderOrder
from sandbox.kit.provider.provider import Provider
from sandbox.providers.bank_redirect.dialect import (
    MERCHANT_REFERENCE,
    BankDialect,
    Json,
    find_by_provider_reference,
    registered_address,
    unused_reference,
)

CREDITS, COMMISSION, VAT = "credits", "commission_paisa", "vat_paisa"
"""Facts: the accounts of an order, and what a payer makes the bank take on top of the total."""

BRANCH, PAY_MODE = "00026", "A01"
IPN_USER = "sonali"
_PAGE = "SpgLanding/SpgLanding"
_V2, _V3 = "api/v2/SpgService", "api/v3/spgservice"
_VERIFICATION = "TransactionVerificationWithToken"
_OK, _BAD, _UNAUTHORISED, _NOT_FOUND = "200", "400", "401", "404"
_ACCOUNT = re.compile(r"[0-9]{10,20}")
_MODES = frozenset({"TRN", "CHL"})
_SCROLL_LENGTH = 6
_STATUSES = {
    OrderState.OPENED: "202",
    OrderState.AGREED: "202",
    OrderState.PAID: _OK,
    OrderState.DECLINED: _BAD,
    OrderState.CANCELLED: "499",
    OrderState.EXPIRED: "408",
}
_RETURNED = {
    ReportedOutcome.PAID: _OK,
    ReportedOutcome.PENDING: "202",
    ReportedOutcome.DECLINED: _BAD,
    ReportedOutcome.CANCELLED: "499",
}


def _envelope(status: int, message: str) -> Reply:
    text = "Authorization has been denied for this request." if status == int(_UNAUTHORISED) else message
    return json_reply({"Message": text}, code=status, status=status)


def scroll_number(order: ProviderOrder) -> str:
    """Return the number of a payment in the bank's scroll; here it is made of its transaction."""
    return order.transaction_id[-_SCROLL_LENGTH:].lstrip("0") or "1"


class Spg(BankDialect):
    """The dialect of Sonali Bank."""

    errors: ClassVar[Errors] = Errors(_envelope)

    @override
    def institution_calls(self, provider: Provider) -> Iterable[InstitutionCall]:
        """Return the calls of version 2, and the verification of version 3."""
        return (
            InstitutionCall("token", "POST", f"{_V2}/GetAccessToken", partial(_token, provider)),
            InstitutionCall("create", "POST", f"{_V2}/CreatePaymentRequest", partial(_create, provider)),
            InstitutionCall("verify", "POST", f"{_V2}/{_VERIFICATION}", partial(_verify, provider)),
            InstitutionCall("verify3", "POST", f"{_V3}/{_VERIFICATION}", partial(_verify3, provider)),
        )

    @override
    def institution_pages(self, provider: Provider) -> Iterable[InstitutionPage]:
        """Return the page, which knows an order by its session token."""
        path = f"{_PAGE}/{{session}}"
        return (
            InstitutionPage(
                path, lambda request: find_by_provider_reference(provider, request.values["session"])
            ),
        )

    @override
    def browser_return(
        self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage
    ) -> BrowserReturn | None:
        """Return the address of the call, with the token and a status that proves nothing."""
        fields = {"session_token": order.provider_reference, "status": _RETURNED.get(message.outcome, "408")}
        return BrowserReturn(order.facts["return_url"], fields)

    @override
    def push(self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage) -> Push | None:
        """Return the notification of a payment; nothing else is notified."""
        url = registered_address(provider.settings.registered_push_url, provider)
        if message.outcome is not ReportedOutcome.PAID or not url:
            return None
        members = {
            "Username": IPN_USER,
            "Password": "not the password" if message.is_forged else provider.secret,
            "Token": order.provider_reference,
            "InvoiceNo": order.facts[MERCHANT_REFERENCE],
            "InvoiceDate": order.facts["invoice_date"],
            "TransactionId": order.transaction_id,
        }
        return Push(url, orjson.dumps(members), {"Content-Type": "application/json"})

    @override
    def new_provider_reference(self, provider: OpenProvider, new: NewOrder) -> str:
        """Return a session token."""
        return str(uuid4())

    @override
    def secrets_for_switch(self, password: str) -> Mapping[str, str]:
        """Return what lets the switch in, and what the bank shows in its notifications."""
        return {
            "USER": "ekpay",
            "PASSWORD": password,
            "IPN_USER": IPN_USER,
            "IPN_PASSWORD": "gateway-sandbox-secret",
        }

    @override
    def is_admitted(self, provider: Provider, request: Request) -> bool:
        """Whether user and password of HTTP Basic are right."""
        user, password = request.basic or ("", "")
        return provider.is_user(user) and provider.is_password(password)

    @override
    def is_push_accepted(self, status: int, body: bytes) -> bool:
        """Whether HTTP status and body say that the notification need not be sent again."""
        try:
            is_accepted = str(json_object(body).get("Status")) == _OK
        except MalformedRequestError:
            return False
        return is_accepted and super().is_push_accepted(status, body)


def surcharges(provider: Provider, order: ProviderOrder) -> tuple[int, int]:
    """Return commission and VAT that the bank takes from the payer over the total, in paisa."""
    facts = provider.behaviour(order).facts
    return int(facts.get(COMMISSION, "0")), int(facts.get(VAT, "0"))


def _refused(status: str, message: str) -> Reply:
    return json_reply({"status": int(status), "msg": message}, code=status)


def _token(provider: Provider, request: Request) -> Reply:
    form = json_object(request.body)
    user = _part(form, "AccessUser")
    if not provider.is_user(str(user.get("userName"))) or not provider.is_password(str(user.get("password"))):
        return _refused(_UNAUTHORISED, "denied")
    invoice, day = text_field(form, "invoiceNo"), _day(form)
    total, accounts = paisa(form.get("amount")), _read_credits(form.get("accounts"))
    if not total or accounts is None or sum(accounts.values()) != total:
        return _refused(_BAD, "crAmount")
    facts = {"invoice": invoice, "day": day, "total": str(total), CREDITS: _credits_text(accounts)}

    def answer() -> Reply:
        token = str(uuid4())
        provider.book.record_note(provider.institution.id, token, facts)
        return json_reply({"status": 200, "msg": "success", "access_token": token})

    return provider.log_in(answer)


def _create(provider: Provider, request: Request) -> Reply:
    form = json_object(request.body)
    login, about = _part(form, "authentication"), _part(form, "referenceInfo")
    token = str(login.get("apiAccessToken"))
    granted = provider.book.note(provider.institution.id, token)
    invoice, day = text_field(about, "InvoiceNo"), _day(about)
    is_granted = granted is not None and (granted.get("invoice"), granted.get("day")) == (invoice, day)
    if granted is None or not is_granted or not provider.is_user(str(login.get("apiAccessUserId"))):
        return _refused(_UNAUTHORISED, "denied")
    wrong = _wrong_field(form, about, granted)
    if wrong:
        return _refused(_BAD, wrong)
    facts = {
        MERCHANT_REFERENCE: invoice,
        "invoice_date": day,
        "return_url": str(about["returnUrl"]),
        "name": text_field(about, "applicentName"),
        "contact": text_field(about, "applicentContactNo"),
        CREDITS: granted[CREDITS],
    }
    new = NewOrder(
        unused_reference(provider, invoice), int(granted["total"]), payer=facts["contact"], facts=facts
    )

    def to_reply(order: ProviderOrder | Refusal) -> Reply:
        if isinstance(order, Refusal):
            return _refused(_BAD, "not allowed")
        # It was worth one invoice.
        provider.book.record_note(provider.institution.id, token, {})
        answer = {"status": 200, "msg": "success", "session_token": order.provider_reference}
        return json_reply(answer)

    return provider.create(new, to_reply)


def _wrong_field(form: Form, about: Form, granted: Mapping[str, str]) -> str:
    """Return what is wrong with a payment request that has a token of its invoice, or nothing."""
    credits_ = form.get("creditInformations")
    accounts = _read_credits(credits_)
    is_wrong = {
        "totalAmount": str(paisa(about.get("totalAmount"))) != granted["total"],
        "crAmount": accounts is None or _credits_text(accounts) != granted[CREDITS],
        "tranMode": not isinstance(credits_, list)
        or any(credit.get("tranMode") not in _MODES for credit in credits_),
        "returnUrl": not is_web_address(about.get("returnUrl")),
    }
    return next((name for name, is_so in is_wrong.items() if is_so), "")


def _verify(provider: Provider, request: Request) -> Reply:
    form = json_object(request.body)

    def to_reply(report: ReportedOrder | Refusal) -> Reply:
        if isinstance(report, Refusal):
            return _refused(_NOT_FOUND, "no such session")
        return json_reply({"status": _OK, "msg": "success", **_verification_members(provider, report)})

    return provider.status(find_by_provider_reference(provider, form.get("session_Token")), to_reply)


def _verification_members(provider: Provider, report: ReportedOrder) -> Json:
    order, is_paid = report.order, report.state is OrderState.PAID
    commission, vat = surcharges(provider, order)
    at = order.decision_time if order.decided_at else order.creation_time
    return {
        "TransactionId": order.transaction_id,
        "TransactionDate": f"{at.astimezone(DHAKA):%Y-%m-%d %H:%M:%S}",
        "InvoiceNo": order.facts[MERCHANT_REFERENCE],
        "InvoiceDate": order.facts["invoice_date"],
        "BrCode": BRANCH,
        "ApplicantName": order.facts["name"],
        "ApplicantContactNo": order.facts["contact"],
        "TotalAmount": taka(report.amount_paisa),
        "PaymentStatus": _STATUSES[report.state],
        "PayMode": PAY_MODE,
        "PayAmount": taka(report.amount_paisa + commission + vat) if is_paid else "",
        "Vat": taka(vat),
        "Commission": taka(commission),
        "ScrollNo": scroll_number(order) if is_paid else "",
    }


def _verify3(provider: Provider, request: Request) -> Reply:
    form = json_object(request.body)

    def to_reply(report: ReportedOrder | Refusal) -> Reply:
        if isinstance(report, Refusal):
            return json_reply({"Status": _NOT_FOUND}, code=_NOT_FOUND)
        order, status = report.order, _STATUSES[report.state]
        return json_reply(
            {
                "Status": status,
                "TransactionId": order.transaction_id,
                "InvoiceNo": order.facts[MERCHANT_REFERENCE],
                "PayMode": PAY_MODE,
                "CustomerPaidAmount": taka(report.amount_paisa + sum(surcharges(provider, order))),
                "RequestTotalAmount": taka(report.amount_paisa),
                "Token": order.provider_reference,
                "SonaliVoucherLink": provider.url(f"voucher/{order.provider_reference}"),
                "ChallanLink": provider.url(f"challan/{order.provider_reference}"),
            },
            code=status,
        )

    return provider.status(find_by_provider_reference(provider, form.get("Token")), to_reply)


def _part(form: Form, name: str) -> Form:
    part = form.get(name)
    return part if isinstance(part, dict) else {}


def _day(form: Form) -> str:
    try:
        return date.fromisoformat(text_field(form, "invoiceDate")).isoformat()
    except ValueError:
        raise MalformedRequestError("invoiceDate must be a day") from None


def _read_credits(listed: object) -> dict[str, int] | None:
    """Read accounts and what each is credited with; None if anything in it cannot be."""
    accounts: dict[str, int] = {}
    for row in listed if isinstance(listed, list) else []:
        credit = row if isinstance(row, dict) else {}
        account, amount_paisa = credit.get("crAccount"), paisa(credit.get("crAmount"))
        is_account = isinstance(account, str) and _ACCOUNT.fullmatch(account) is not None
        if not is_account or account in accounts or not amount_paisa:
            return None
        accounts[str(account)] = amount_paisa
    return accounts or None


def _credits_text(accounts: Mapping[str, int]) -> str:
    return " ".join(f"{account}:{amount_paisa}" for account, amount_paisa in accounts.items())
