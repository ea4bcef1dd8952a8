"""Sonali Payment Gateway, version 2: a token per invoice, a split over accounts, a page by session token.

Names misspelt here are misspelt on the wire (connectors.md 9). The access token is valid for one invoice, so
it is not kept; an inquiry needs none.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import quote

from connectors.call_result import MappedReply, inconclusive_answer, unsuccessful_outcome
from connectors.families.bank_redirect.client import BankRedirectClient, BankSecrets, Document
from connectors.families.bank_redirect.credits import Credit, split
from connectors.families.bank_redirect.replies import is_name, is_ours, name_of, return_fields
from connectors.families.bank_redirect.settings import SpgSettings
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from connectors.pages import PageRules
from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    Collected,
    CollectInquiry,
    CollectOrder,
    CreateOutcome,
    NeverPaid,
    NoHint,
    PageCreated,
)
from ekpay_switch.domain.money import Money, format_taka
from ekpay_switch.domain.outcome import Unreached
from ekpay_switch.ports.world import NotSent, NoUsableAnswer
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    bearer_token,
    json_object,
    reply_code,
    require_same,
    taka,
    text,
    text_or_empty,
)

_LOGIN, _NOTIFICATION = ("user", "password"), ("ipn_user", "ipn_password")
_OPERATIONS = frozenset({"access_token", "payment_request", "verification"})
_LANDING_PATH = "/SpgLanding/SpgLanding"
_PLAIN = re.compile(r"[^<>&\x00-\x1f\x7f\ud800-\udfff]{1,100}")
_FACTS = {
    "transaction_date": "TransactionDate",
    "scroll_number": "ScrollNo",
    "branch_code": "BrCode",
    "pay_mode": "PayMode",
    "paid": "PayAmount",
    "vat": "Vat",
    "commission": "Commission",
}


class Spg:
    """The dialect of Sonali Bank."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        settings = settings_of(manifest, SpgSettings, _OPERATIONS)
        self._secrets = BankSecrets(manifest, context.environ, (*_LOGIN, *_NOTIFICATION))
        self._client = BankRedirectClient(manifest, context)
        self._clock = context.clock
        self._shares = settings.credits
        self._contact_number = settings.contact_number
        endpoint = manifest.url(context.environ)
        self._landing = context.environ.get(settings.landing_setting, endpoint).rstrip("/")
        self._pages = PageRules(settings.page_hosts, endpoint)
        login = f"{self._secrets['user']}:{self._secrets['password']}"
        self._headers = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}

    def missing(self) -> str:
        """The setting of a missing secret that calls need, or empty; notifications have others."""
        return self._secrets.missing(*_LOGIN)

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Get a token for this invoice and a session for its payer."""
        if not _PLAIN.fullmatch(order.payer_reference):
            return Unreached("the payer's reference holds what SPG may not take")
        invoice_day = in_dhaka(self._clock.now()).date().isoformat()
        credits_ = split(order.amount, self._shares)
        grant = await self._call_for_page(
            "access_token", self._token_fields(order, invoice_day, credits_), order
        )
        if not isinstance(grant, Mapping):
            return grant
        token = bearer_token(grant, "access_token")
        fields = self._payment_fields(order, invoice_day, credits_, token)
        session = await self._call_for_page("payment_request", fields, order)
        if not isinstance(session, Mapping):
            return session
        session_token = name_of(session, "session_token")
        page_url = f"{self._landing}{_LANDING_PATH}/{quote(session_token, safe='')}"
        if not self._pages.allow(page_url):
            raise BrokenReplyError("a page on a host that is not Sonali's")
        return PageCreated(session_token, page_url)

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Verify a session token."""
        fields = {"session_Token": order.provider_reference}
        answer = await self._client.call("verification", fields, headers=self._headers)
        if isinstance(answer, NotSent | NoUsableAnswer):
            return inconclusive_answer(answer)
        reply = self._client.map_reply(answer, f"status {reply_code(answer, 'status')}")
        if reply.means is not Means.DONE:
            return inconclusive_answer(reply)
        state = self._client.map_reply(answer, f"PaymentStatus {reply_code(answer, 'PaymentStatus')}")
        return _inquiry_of(state, order)

    def read_callback(self, body: bytes) -> CallbackHint | NoHint:
        """The query of a browser, or a notification in JSON with a user and a password in it."""
        return (
            self._read_notification(body) if body.lstrip()[:1] == b"{" else _read_return(return_fields(body))
        )

    async def _call_for_page(
        self, operation: str, fields: Mapping[str, object], order: CollectOrder
    ) -> Document | CreateOutcome:
        """The answer of a successful call, else the outcome of `create`."""
        answer = await self._client.call(operation, fields, order.send_before, self._headers)
        if isinstance(answer, NotSent | NoUsableAnswer):
            return unsuccessful_outcome(answer)
        # Most answers with a token have a status, and no document requires it (connectors.md 9).
        if "status" not in answer:
            return answer
        reply = self._client.map_reply(answer, f"status {reply_code(answer, 'status')}")
        return answer if reply.means is Means.DONE else unsuccessful_outcome(reply)

    def _token_fields(
        self, order: CollectOrder, invoice_day: str, credits_: tuple[Credit, ...]
    ) -> Mapping[str, object]:
        return {
            "AccessUser": {"userName": self._secrets["user"], "password": self._secrets["password"]},
            "invoiceNo": order.reference,
            "amount": format_taka(order.amount.minor),
            "invoiceDate": invoice_day,
            # A number here, and text in the next call (connectors.md 9).
            "accounts": [
                {"crAccount": credit.share.account, "crAmount": Decimal(format_taka(credit.amount.minor))}
                for credit in credits_
            ],
        }

    def _payment_fields(
        self, order: CollectOrder, invoice_day: str, credits_: tuple[Credit, ...], token: str
    ) -> Mapping[str, object]:
        return {
            "authentication": {"apiAccessUserId": self._secrets["user"], "apiAccessToken": token},
            "referenceInfo": {
                "InvoiceNo": order.reference,
                "invoiceDate": invoice_day,
                "returnUrl": order.return_url,
                "totalAmount": format_taka(order.amount.minor),
                "applicentName": order.payer_reference,
                "applicentContactNo": self._contact_number,
                "extraRefNo": order.reference,
            },
            "creditInformations": [
                {
                    "slno": str(number),
                    "crAccount": credit.share.account,
                    "crAmount": format_taka(credit.amount.minor),
                    "tranMode": credit.share.mode,
                }
                for number, credit in enumerate(credits_, start=1)
            ],
        }

    def _read_notification(self, body: bytes) -> CallbackHint | NoHint:
        why = self._secrets.missing(*_NOTIFICATION)
        if why:
            return NoHint(why)
        notification = json_object(body)
        if not self._has_right_credentials(notification):
            return NoHint("a wrong user or password", is_forged=True)
        token, invoice = (
            _first_text(notification, "Token", "session_token"),
            text_or_empty(notification, "InvoiceNo"),
        )
        if not (is_name(token) or is_ours(invoice)):
            return NoHint("a notification that names no payment")
        name = f"notified {token} {text_or_empty(notification, 'TransactionId')}"
        reference = invoice if is_ours(invoice) else ""
        return CallbackHint(name, token if is_name(token) else "", "notified", reference)

    def _has_right_credentials(self, notification: Document) -> bool:
        """Whether user and password are right; both are always compared, in constant time."""
        nested = notification.get("Credentials")
        if isinstance(nested, Mapping):  # version 2
            credentials = (nested.get("userName"), nested.get("password"))
        else:
            credentials = (notification.get("Username"), notification.get("Password"))
        matches = [
            hmac.compare_digest(_as_bytes(value), _as_bytes(self._secrets[name]))
            for value, name in zip(credentials, _NOTIFICATION, strict=True)
        ]
        return all(matches)


def _as_bytes(value: object) -> bytes:
    """The bytes of a value for a comparison; empty where it is no text."""
    return value.encode(errors="surrogatepass") if isinstance(value, str) else b""


def _first_text(document: Document, *names: str) -> str:
    return next((value for name in names if (value := text_or_empty(document, name))), "")


def _read_return(fields: Mapping[str, str]) -> CallbackHint | NoHint:
    token, status = fields.get("session_token", ""), fields.get("status", "")
    if not is_name(token):
        return NoHint("no session token")
    claims = status if is_name(status) else "returned"
    return CallbackHint(f"returned {token} {claims}", token, claims)


def _inquiry_of(state: MappedReply, order: CollectOrder) -> CollectInquiry:
    match state.means:
        case Means.DONE:
            return _collected(state.document, order.amount)
        case Means.AWAITING_PAYER:
            return AwaitingPayer()
        case Means.ENDED:
            require_same(state.document, "InvoiceNo", order.reference)
            return NeverPaid(state.code)
        case _:
            return inconclusive_answer(state)


def _collected(document: Document, ordered: Money) -> Collected:
    return Collected(
        reference=text(document, "InvoiceNo", 64),
        amount=_credited_amount(document, ordered),
        provider_transaction=name_of(document, "TransactionId"),
        facts={fact: text_or_empty(document, name) for fact, name in _FACTS.items()},
    )


def _credited_amount(document: Document, ordered: Money) -> Money:
    """The amount that the accounts are credited with.

    `TotalAmount` repeats the ordered amount. It counts where the payer paid exactly that, or that plus the
    bank's charges; otherwise the amount that differs from the order counts, so that the core sees it.
    """
    total, paid = taka(document, "TotalAmount"), taka(document, "PayAmount")
    bank_charges = (taka(document, name) for name in ("Vat", "Commission") if text_or_empty(document, name))
    is_whole = paid in (total, sum(bank_charges, start=total))
    return total if is_whole or paid == ordered else paid
