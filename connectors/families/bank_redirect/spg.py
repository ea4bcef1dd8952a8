"""Sonali Payment Gateway, version 2: a token per invoice, a split over accounts, a page by session token.

Names misspelt here are misspelt on the wire (connectors.md 9). What may surprise: the access token is worth
one invoice, so no keeper holds it, and a question needs none.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import quote

from connectors.call_result import Meant, not_done, nothing_learned
from connectors.families.bank_redirect.client import Document, Line, Secrets
from connectors.families.bank_redirect.credits import Credit, split
from connectors.families.bank_redirect.replies import brought_fields, is_name, is_ours, name_of
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
    Created,
    CreateOutcome,
    NeverPaid,
    NoHint,
)
from ekpay_switch.domain.money import Money, format_taka
from ekpay_switch.domain.outcome import Unreached
from ekpay_switch.ports.world import NotSent, NoUsableAnswer
from ekpay_switch.wing_kit.context import Surroundings
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

_LOGIN, _NOTICE = ("user", "password"), ("ipn_user", "ipn_password")
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

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        settings = settings_of(manifest, SpgSettings, _OPERATIONS)
        self._secrets = Secrets(manifest, around.environ, (*_LOGIN, *_NOTICE))
        self._line = Line(manifest, around)
        self._clock = around.clock
        self._shares = settings.credits
        self._contact_number = settings.contact_number
        endpoint = manifest.url(around.environ)
        self._landing = around.environ.get(settings.landing_setting, endpoint).rstrip("/")
        self._pages = PageRules(settings.page_hosts, endpoint)
        login = f"{self._secrets['user']}:{self._secrets['password']}"
        self._headers = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}

    def missing(self) -> str:
        """Which secret is not set that a call needs, or nothing; notifications have others."""
        return self._secrets.missing(*_LOGIN)

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Get a token for this invoice and a session for its payer."""
        if not _PLAIN.fullmatch(order.payer_reference):
            return Unreached("the payer's reference holds what SPG may not take")
        invoice_day = in_dhaka(self._clock.now()).date().isoformat()
        credits_ = split(order.amount, self._shares)
        granted = await self._done("access_token", self._token_fields(order, invoice_day, credits_), order)
        if not isinstance(granted, Mapping):
            return granted
        token = bearer_token(granted, "access_token")
        fields = self._payment_fields(order, invoice_day, credits_, token)
        opened = await self._done("payment_request", fields, order)
        if not isinstance(opened, Mapping):
            return opened
        session_token = name_of(opened, "session_token")
        page_url = f"{self._landing}{_LANDING_PATH}/{quote(session_token, safe='')}"
        if not self._pages.allow(page_url):
            raise BrokenReplyError("a page on a host that is none of Sonali's")
        return Created(session_token, page_url)

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Verify a session token."""
        fields = {"session_Token": order.provider_reference}
        asked = await self._line.ask("verification", fields, headers=self._headers)
        if isinstance(asked, NotSent | NoUsableAnswer):
            return nothing_learned(asked)
        answered = self._line.meant(asked, f"status {reply_code(asked, 'status')}")
        if answered.means is not Means.DONE:
            return nothing_learned(answered)
        meant = self._line.meant(asked, f"PaymentStatus {reply_code(asked, 'PaymentStatus')}")
        return _standing(meant, order)

    def read_callback(self, body: bytes) -> CallbackHint | NoHint:
        """The query of a browser, or a notification in JSON with a user and a password in it."""
        return self._notice(body) if body.lstrip()[:1] == b"{" else _returned(brought_fields(body))

    async def _done(
        self, operation: str, fields: Mapping[str, object], order: CollectOrder
    ) -> Document | CreateOutcome:
        """The answer of a call that went well, else what that means for the page."""
        asked = await self._line.ask(operation, fields, order.send_before, self._headers)
        if isinstance(asked, NotSent | NoUsableAnswer):
            return not_done(asked)
        # The status beside a token is told by most and promised by none (connectors.md 9).
        if "status" not in asked:
            return asked
        meant = self._line.meant(asked, f"status {reply_code(asked, 'status')}")
        return asked if meant.means is Means.DONE else not_done(meant)

    def _token_fields(
        self, order: CollectOrder, invoice_day: str, credits_: tuple[Credit, ...]
    ) -> Mapping[str, object]:
        return {
            "AccessUser": {"userName": self._secrets["user"], "password": self._secrets["password"]},
            "invoiceNo": order.reference,
            "amount": format_taka(order.amount.minor),
            "invoiceDate": invoice_day,
            # A number here and text in the next call: that is how it is done (connectors.md 9).
            "accounts": [
                {"crAccount": one.share.account, "crAmount": Decimal(format_taka(one.amount.minor))}
                for one in credits_
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
                    "crAccount": one.share.account,
                    "crAmount": format_taka(one.amount.minor),
                    "tranMode": one.share.mode,
                }
                for number, one in enumerate(credits_, start=1)
            ],
        }

    def _notice(self, body: bytes) -> CallbackHint | NoHint:
        why = self._secrets.missing(*_NOTICE)
        if why:
            return NoHint(why)
        told = json_object(body)
        if not self._is_of_the_bank(told):
            return NoHint("a wrong user or password", is_forged=True)
        token, invoice = _first(told, "Token", "session_token"), text_or_empty(told, "InvoiceNo")
        if not (is_name(token) or is_ours(invoice)):
            return NoHint("a notification that names no payment")
        name = f"notified {token} {text_or_empty(told, 'TransactionId')}"
        reference = invoice if is_ours(invoice) else ""
        return CallbackHint(name, token if is_name(token) else "", "notified", reference)

    def _is_of_the_bank(self, told: Document) -> bool:
        """Whether both words are right; both are compared whole, whichever is wrong."""
        nested = told.get("Credentials")
        if isinstance(nested, Mapping):  # version 2
            words = (nested.get("userName"), nested.get("password"))
        else:
            words = (told.get("Username"), told.get("Password"))
        right = [
            hmac.compare_digest(_raw(word), _raw(self._secrets[name]))
            for word, name in zip(words, _NOTICE, strict=True)
        ]
        return all(right)


def _raw(word: object) -> bytes:
    """A word as it is compared: nothing in it is mended."""
    return word.encode(errors="surrogatepass") if isinstance(word, str) else b""


def _first(told: Document, *names: str) -> str:
    return next((word for name in names if (word := text_or_empty(told, name))), "")


def _returned(fields: Mapping[str, str]) -> CallbackHint | NoHint:
    token, status = fields.get("session_token", ""), fields.get("status", "")
    if not is_name(token):
        return NoHint("no session token")
    claims = status if is_name(status) else "returned"
    return CallbackHint(f"returned {token} {claims}", token, claims)


def _standing(meant: Meant, order: CollectOrder) -> CollectInquiry:
    match meant.means:
        case Means.DONE:
            return _collected(meant.document, order.amount)
        case Means.AWAITING_PAYER:
            return AwaitingPayer()
        case Means.ENDED:
            require_same(meant.document, "InvoiceNo", order.reference)
            return NeverPaid(meant.code)
        case _:
            return nothing_learned(meant)


def _collected(document: Document, ordered: Money) -> Collected:
    return Collected(
        reference=text(document, "InvoiceNo", 64),
        amount=_credited(document, ordered),
        provider_transaction=name_of(document, "TransactionId"),
        facts={fact: text_or_empty(document, name) for fact, name in _FACTS.items()},
    )


def _credited(document: Document, ordered: Money) -> Money:
    """What the accounts are credited with.

    `TotalAmount` only repeats what was asked for. It counts where the payer paid just that, or that and what
    the bank takes for itself; else whichever is not what we ordered does, and the core finds that it differs.
    """
    total, paid = taka(document, "TotalAmount"), taka(document, "PayAmount")
    taken = (taka(document, name) for name in ("Vat", "Commission") if text_or_empty(document, name))
    is_whole = paid in (total, sum(taken, start=total))
    return total if is_whole or paid == ordered else paid
