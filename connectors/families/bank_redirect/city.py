"""City Bank's card page: orders under mutual TLS, a token for every call (connectors.md 11.3).

What may surprise: an order is asked about by its id and by the id of its session, so that both together are
the provider reference here, with a full stop between them.
"""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from connectors.call_result import Meant, not_done, nothing_learned
from connectors.families.bank_redirect.city_return import texts_of
from connectors.families.bank_redirect.client import Document, Line, Secrets
from connectors.families.bank_redirect.replies import (
    brought_fields,
    is_name,
    is_ours,
    name_of,
    paisa,
)
from connectors.families.bank_redirect.settings import CitySettings
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from connectors.pages import PageRules
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
from ekpay_switch.domain.money import BDT
from ekpay_switch.ports.world import ClientCertificate, NotSent, NoUsableAnswer
from ekpay_switch.security.masking import mask_account
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    as_object,
    bearer_token,
    reply_code,
    require_same,
    text,
    text_or_empty,
)

_SECRETS = ("merchant_id", "user", "password")
_OPERATIONS = frozenset({"token", "createorder", "getorderdetails"})
_TAKA_NUMBER = "050"
_CURRENCY_LENGTH = 3
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_BETWEEN = "."


class City:
    """The dialect of City Bank."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        settings = settings_of(manifest, CitySettings, _OPERATIONS)
        endpoint = manifest.url(around.environ)
        names = (settings.client_certificate_setting, settings.client_key_setting)
        paths = [around.environ.get(name, "") for name in names]
        self._secrets = Secrets(manifest, around.environ, _SECRETS)
        self._unsafe = _unsafe(endpoint, dict(zip(names, paths, strict=True)))
        self._line = Line(manifest, around, ClientCertificate(*paths))
        self._pages = PageRules(settings.page_hosts, endpoint)

    def missing(self) -> str:
        """Which secret or certificate is not set, or nothing."""
        return self._secrets.missing(*_SECRETS) or self._unsafe

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Get a token and open an order with it."""
        token = await self._token(order.send_before)
        if not isinstance(token, str):
            return not_done(token)
        fields = {
            "merchantId": self._secrets["merchant_id"],
            "amount": str(order.amount.minor),
            "currency": _TAKA_NUMBER,
            # The one field that an order has for a name of ours.
            "description": order.reference,
            "approveUrl": order.return_url,
            "cancelUrl": order.return_url,
            "declineUrl": order.return_url,
            **self._login(token),
        }
        asked = await self._line.ask("createorder", fields, order.send_before)
        if isinstance(asked, NotSent | NoUsableAnswer):
            return not_done(asked)
        meant = self._line.meant(asked, f"responseCode {reply_code(asked, 'responseCode')}")
        return self._created(as_object(asked.get("items"))) if meant.means is Means.DONE else not_done(meant)

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Get a token and ask for the details of an order with it."""
        token = await self._token(None)
        if not isinstance(token, str):
            return nothing_learned(token)
        order_id, _, session_id = order.provider_reference.partition(_BETWEEN)
        fields = {
            "orderID": order_id,
            "sessionID": session_id,
            "merchantID": self._secrets["merchant_id"],
            **self._login(token),
        }
        asked = await self._line.ask("getorderdetails", fields)
        if isinstance(asked, NotSent | NoUsableAnswer):
            return nothing_learned(asked)
        answered = self._line.meant(asked, f"responseCode {reply_code(asked, 'responseCode')}")
        if answered.means is not Means.DONE:
            return nothing_learned(answered)
        details = as_object(asked.get("items"))
        require_same(details, "orderId", order_id)
        meant = self._line.meant(details, f"orderStatus {reply_code(details, 'orderStatus')}")
        return _standing(meant, order)

    def read_callback(self, body: bytes) -> CallbackHint | NoHint:
        """The form that the payer's browser posts."""
        told = texts_of(brought_fields(body).get("xmlmsg", ""))
        order_id, session_id = told.get("OrderID", ""), told.get("SessionID", "")
        status, ours = told.get("OrderStatus", ""), told.get("OrderDescription", "")
        if not is_name(order_id) or not is_name(status):
            return NoHint("no order and status")
        return CallbackHint(
            f"returned {order_id} {status}",
            f"{order_id}{_BETWEEN}{session_id}" if is_name(session_id) else order_id,
            status.lower(),
            ours if is_ours(ours) else "",
            is_agreed=status == "APPROVED",
        )

    async def _token(self, send_before: float | None) -> str | NotSent | NoUsableAnswer:
        """A token for one call; without one nothing was asked, so nothing was sent."""
        fields = {"userName": self._secrets["user"], "password": self._secrets["password"]}
        asked = await self._line.ask("token", fields, send_before)
        if isinstance(asked, NotSent | NoUsableAnswer):
            return NotSent(f"login: {asked.why}")
        try:
            code = reply_code(asked, "responseCode")
            if self._line.meant(asked, f"responseCode {code}").means is not Means.DONE:
                return NotSent(f"login: reply code {code}")
            return bearer_token(asked, "transactionId")
        except BrokenReplyError as error:
            return NotSent(f"login: {error}")

    def _login(self, token: str) -> Mapping[str, object]:
        return {
            "userName": self._secrets["user"],
            "passWord": self._secrets["password"],
            "secureToken": token,
        }

    def _created(self, items: Document) -> Created:
        """The page of an order; raises BrokenReplyError."""
        order_id, session_id = name_of(items, "orderId"), name_of(items, "sessionId")
        url = text(items, "url", 2_000)
        mark = "&" if "?" in url else "?"
        page_url = f"{url}{mark}ORDERID={quote(order_id, safe='')}&SESSIONID={quote(session_id, safe='')}"
        if _BETWEEN in order_id or "#" in url or not self._pages.allow(page_url):
            raise BrokenReplyError("a page that is none of City Bank's")
        return Created(f"{order_id}{_BETWEEN}{session_id}", page_url)


def _unsafe(endpoint: str, paths: Mapping[str, str]) -> str:
    """Why this endpoint must not be spoken to, or nothing; without TLS, only the sandbox here may be."""
    where = urlsplit(endpoint)
    if where.scheme == "https":
        return next((f"{name} is not set" for name, path in paths.items() if not path), "")
    is_sandbox = where.scheme == "http" and where.hostname in _LOOPBACK
    return "" if is_sandbox else "City Bank is spoken to over https"


def _standing(meant: Meant, order: CollectOrder) -> CollectInquiry:
    match meant.means:
        case Means.DONE:
            return _collected(meant.document)
        case Means.AWAITING_PAYER:
            return AwaitingPayer()
        case Means.ENDED:
            require_same(meant.document, "description", order.reference)
            return NeverPaid(meant.code)
        case _:
            return nothing_learned(meant)


def _collected(details: Document) -> Collected:
    currency = text(details, "currency", _CURRENCY_LENGTH)
    return Collected(
        reference=text(details, "description", 200),
        amount=paisa(details, "amount", BDT if currency == _TAKA_NUMBER else currency),
        provider_transaction=name_of(details, "rrn"),
        facts={
            "approved_at": text_or_empty(details, "approveDatetime"),
            "payer_account": mask_account(text_or_empty(details, "pan")),
            "approval_code": text_or_empty(details, "approvalCode"),
        },
    )
