"""City Bank's card page: orders under mutual TLS, a token for every call (connectors.md 11.3).

An inquiry needs an order's id and its session's id, so the provider reference is both, joined by a full stop.
"""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from connectors.call_result import MappedReply, inconclusive_answer, unsuccessful_outcome
from connectors.families.bank_redirect.city_return import texts_of
from connectors.families.bank_redirect.client import BankRedirectClient, BankSecrets, Document
from connectors.families.bank_redirect.replies import (
    is_name,
    is_ours,
    name_of,
    paisa,
    return_fields,
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
    CreateOutcome,
    NeverPaid,
    NoHint,
    PageCreated,
)
from ekpay_switch.domain.money import BDT
from ekpay_switch.ports.world import ClientCertificate, NotSent, NoUsableAnswer
from ekpay_switch.security.masking import mask_account
from ekpay_switch.wing_kit.context import FamilyContext
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
_ID_SEPARATOR = "."


class City:
    """The dialect of City Bank."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        settings = settings_of(manifest, CitySettings, _OPERATIONS)
        endpoint = manifest.url(context.environ)
        names = (settings.client_certificate_setting, settings.client_key_setting)
        paths = [context.environ.get(name, "") for name in names]
        self._secrets = BankSecrets(manifest, context.environ, _SECRETS)
        self._connection_fault = _connection_fault(endpoint, dict(zip(names, paths, strict=True)))
        self._client = BankRedirectClient(manifest, context, ClientCertificate(*paths))
        self._pages = PageRules(settings.page_hosts, endpoint)

    def missing(self) -> str:
        """The missing secret or the fault of the connection, or empty."""
        return self._secrets.missing(*_SECRETS) or self._connection_fault

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Get a token and open an order with it."""
        token = await self._token(order.send_before)
        if not isinstance(token, str):
            return unsuccessful_outcome(token)
        fields = {
            "merchantId": self._secrets["merchant_id"],
            "amount": str(order.amount.minor),
            "currency": _TAKA_NUMBER,
            # The only field of an order for our reference.
            "description": order.reference,
            "approveUrl": order.return_url,
            "cancelUrl": order.return_url,
            "declineUrl": order.return_url,
            **self._login_fields(token),
        }
        answer = await self._client.call("createorder", fields, order.send_before)
        if isinstance(answer, NotSent | NoUsableAnswer):
            return unsuccessful_outcome(answer)
        reply = self._client.map_reply(answer, f"responseCode {reply_code(answer, 'responseCode')}")
        return (
            self._created(as_object(answer.get("items")))
            if reply.means is Means.DONE
            else unsuccessful_outcome(reply)
        )

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Get a token and ask for the details of the order."""
        token = await self._token(None)
        if not isinstance(token, str):
            return inconclusive_answer(token)
        order_id, _, session_id = order.provider_reference.partition(_ID_SEPARATOR)
        fields = {
            "orderID": order_id,
            "sessionID": session_id,
            "merchantID": self._secrets["merchant_id"],
            **self._login_fields(token),
        }
        answer = await self._client.call("getorderdetails", fields)
        if isinstance(answer, NotSent | NoUsableAnswer):
            return inconclusive_answer(answer)
        reply = self._client.map_reply(answer, f"responseCode {reply_code(answer, 'responseCode')}")
        if reply.means is not Means.DONE:
            return inconclusive_answer(reply)
        details = as_object(answer.get("items"))
        require_same(details, "orderId", order_id)
        state = self._client.map_reply(details, f"orderStatus {reply_code(details, 'orderStatus')}")
        return _inquiry_of(state, order)

    def read_callback(self, body: bytes) -> CallbackHint | NoHint:
        """The hint in the form that the payer's browser posts."""
        fields = texts_of(return_fields(body).get("xmlmsg", ""))
        order_id, session_id = fields.get("OrderID", ""), fields.get("SessionID", "")
        status, ours = fields.get("OrderStatus", ""), fields.get("OrderDescription", "")
        if not is_name(order_id) or not is_name(status):
            return NoHint("no order and status")
        return CallbackHint(
            f"returned {order_id} {status}",
            f"{order_id}{_ID_SEPARATOR}{session_id}" if is_name(session_id) else order_id,
            status.lower(),
            ours if is_ours(ours) else "",
            is_agreed=status == "APPROVED",
        )

    async def _token(self, send_before: float | None) -> str | NotSent | NoUsableAnswer:
        """A token for one call; `NotSent` where there is none, since the call itself was not sent."""
        fields = {"userName": self._secrets["user"], "password": self._secrets["password"]}
        answer = await self._client.call("token", fields, send_before)
        if isinstance(answer, NotSent | NoUsableAnswer):
            return NotSent(f"login: {answer.why}")
        try:
            code = reply_code(answer, "responseCode")
            if self._client.map_reply(answer, f"responseCode {code}").means is not Means.DONE:
                return NotSent(f"login: reply code {code}")
            return bearer_token(answer, "transactionId")
        except BrokenReplyError as error:
            return NotSent(f"login: {error}")

    def _login_fields(self, token: str) -> Mapping[str, object]:
        return {
            "userName": self._secrets["user"],
            "passWord": self._secrets["password"],
            "secureToken": token,
        }

    def _created(self, items: Document) -> PageCreated:
        """The page of an order; raises BrokenReplyError."""
        order_id, session_id = name_of(items, "orderId"), name_of(items, "sessionId")
        url = text(items, "url", 2_000)
        mark = "&" if "?" in url else "?"
        page_url = f"{url}{mark}ORDERID={quote(order_id, safe='')}&SESSIONID={quote(session_id, safe='')}"
        if _ID_SEPARATOR in order_id or "#" in url or not self._pages.allow(page_url):
            raise BrokenReplyError("a page that is not City Bank's")
        return PageCreated(f"{order_id}{_ID_SEPARATOR}{session_id}", page_url)


def _connection_fault(endpoint: str, paths: Mapping[str, str]) -> str:
    """Why this endpoint must not be called, or empty; without TLS, only a local sandbox may be."""
    url = urlsplit(endpoint)
    if url.scheme == "https":
        return next((f"{name} is not set" for name, path in paths.items() if not path), "")
    is_sandbox = url.scheme == "http" and url.hostname in _LOOPBACK
    return "" if is_sandbox else "City Bank is spoken to over https"


def _inquiry_of(state: MappedReply, order: CollectOrder) -> CollectInquiry:
    match state.means:
        case Means.DONE:
            return _collected(state.document)
        case Means.AWAITING_PAYER:
            return AwaitingPayer()
        case Means.ENDED:
            require_same(state.document, "description", order.reference)
            return NeverPaid(state.code)
        case _:
            return inconclusive_answer(state)


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
