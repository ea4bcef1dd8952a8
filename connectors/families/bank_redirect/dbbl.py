"""DBBL's card gateway, which Rocket shares: JSON, whole paisa, a result with an HMAC (connectors.md 8).

The signature covers neither the amount, which is compared separately, nor our reference. A result belongs to
our order by its transaction id, which is stored before the payer is redirected, used by the inquiry, echoed
and signed.
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from connectors.call_result import MappedReply, inconclusive_answer, unsuccessful_outcome
from connectors.families.bank_redirect.client import BankRedirectClient, BankSecrets, Document
from connectors.families.bank_redirect.replies import is_name, name_of, paisa, return_fields
from connectors.families.bank_redirect.settings import DbblSettings
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
from ekpay_switch.ports.world import NotSent, NoUsableAnswer
from ekpay_switch.security.masking import mask_account
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    reply_code,
    require_same,
    text,
    text_or_empty,
)

_SECRETS = ("user", "password", "checksum_secret")
_ID_FIELD = "trans_id"
_MILLISECONDS = re.compile(r"[0-9]{13}", re.ASCII)


def signature(secret: str, transaction_id: str, result_code: str, rrn: str) -> str:
    """The HMAC-SHA256 of a result, in small hexadecimal digits."""
    signed = f"{transaction_id}{result_code}{rrn}"
    return hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()


class Dbbl:
    """The dialect of DBBL."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        settings = settings_of(manifest, DbblSettings, frozenset({"getransid", "getresult"}))
        self._secrets = BankSecrets(manifest, context.environ, _SECRETS)
        self._client = BankRedirectClient(manifest, context)
        self._pages = PageRules(settings.page_hosts, manifest.url(context.environ))
        self._card_type = settings.card_type
        self._client_ip = context.environ.get(settings.client_ip_setting, settings.client_ip_default)

    def missing(self) -> str:
        """The setting of a missing secret, or empty."""
        return self._secrets.missing(*_SECRETS)

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Get a transaction id and its page."""
        fields = {
            **self._login_fields(),
            "amount": order.amount.minor,
            "cardtype": self._card_type,
            "txnrefnum": order.reference,
            "clientip": self._client_ip,
        }
        answer = await self._client.call("getransid", fields, order.send_before)
        if isinstance(answer, NotSent | NoUsableAnswer):
            return unsuccessful_outcome(answer)
        reply = self._client.map_reply(answer, f"RSPCODE {reply_code(answer, 'RSPCODE')}")
        if reply.means is not Means.DONE:
            return unsuccessful_outcome(reply)
        transaction_id = name_of(answer, "TRANSACTION_ID")
        page_url = page_of(text(answer, "REDIRECT_URL", 2_000), transaction_id, self._card_type)
        if not self._pages.allow(page_url):
            raise BrokenReplyError("a page on a host that is not DBBL's")
        return PageCreated(transaction_id, page_url)

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask for the result of a transaction id."""
        fields = {**self._login_fields(), "transid": order.provider_reference, "clientip": self._client_ip}
        answer = await self._client.call("getresult", fields)
        if isinstance(answer, NotSent | NoUsableAnswer):
            return inconclusive_answer(answer)
        require_same(answer, "TRANSACTION_ID", order.provider_reference)
        result = reply_code(answer, "RESULT")
        # A result alone may be mapped where its codes do not matter, as while the payer is on the page.
        state = self._client.map_reply(
            answer, f"{result} {text_or_empty(answer, 'RESULT_CODE')[:12]}".rstrip(), result
        )
        return self._inquiry_of(state, order)

    def read_callback(self, body: bytes) -> CallbackHint | NoHint:
        """The hint in the form that the payer's browser posts: an unsigned transaction id."""
        # An unencoded plus of a base64 id arrives as a blank, which no id contains.
        transaction_id = return_fields(body).get(_ID_FIELD, "").replace(" ", "+")
        if not is_name(transaction_id):
            return NoHint("no transaction id")
        return CallbackHint(f"returned {transaction_id}", transaction_id, "returned")

    def _login_fields(self) -> dict[str, object]:
        return {"userid": self._secrets["user"], "passwd": self._secrets["password"]}

    def _inquiry_of(self, state: MappedReply, order: CollectOrder) -> CollectInquiry:
        document = state.document
        is_signed = bool(text_or_empty(document, "SIGNATURE"))
        if is_signed:
            self._require_signature(document)
        match state.means:
            case Means.DONE if is_signed:
                return _collected(document, order)
            case Means.ENDED if is_signed:
                return NeverPaid(state.code.lower())
            case Means.AWAITING_PAYER:
                return AwaitingPayer()
            case Means.DONE | Means.ENDED:
                raise BrokenReplyError("a result without a signature")
            case _:
                return inconclusive_answer(state)

    def _require_signature(self, document: Document) -> None:
        signed = (text_or_empty(document, name) for name in ("TRANSACTION_ID", "RESULT_CODE", "RRN"))
        their_signature = text_or_empty(document, "SIGNATURE").lower().encode()
        if not hmac.compare_digest(
            their_signature, signature(self._secrets["checksum_secret"], *signed).encode()
        ):
            raise BrokenReplyError("a wrong signature")


def page_of(redirect_url: str, transaction_id: str, card_type: str) -> str:
    """The URL of the payer's page with the percent-encoded id in its query.

    Raises:
        BrokenReplyError: the URL names another id, or ends in a fragment.
    """
    address, _, query = redirect_url.partition("?")
    pieces = [piece for piece in query.split("&") if piece]
    named_ids = [unquote(piece.partition("=")[2]) for piece in pieces if piece.startswith(f"{_ID_FIELD}=")]
    if named_ids not in ([], [transaction_id]) or "#" in redirect_url:
        raise BrokenReplyError("a page of another transaction")
    parameters = [piece for piece in pieces if not piece.startswith(f"{_ID_FIELD}=")]
    if not named_ids and not any(piece.startswith("card_type=") for piece in parameters):
        parameters.append(f"card_type={card_type}")
    parameters.append(f"{_ID_FIELD}={quote(transaction_id, safe='')}")
    return f"{address}?{'&'.join(parameters)}"


def _collected(document: Document, order: CollectOrder) -> Collected:
    return Collected(
        reference=order.reference,
        amount=paisa(document, "AMOUNT", BDT),
        provider_transaction=name_of(document, "RRN"),
        facts={
            "executed_at": _instant(text_or_empty(document, "TRANS_DATE")),
            "payer_account": mask_account(text_or_empty(document, "CARD_NUMBER")),
            "approval_code": text_or_empty(document, "APPROVAL_CODE"),
        },
    )


def _instant(milliseconds: str) -> str:
    """Milliseconds since 1970 as an instant in UTC, or empty; for information only."""
    if not _MILLISECONDS.fullmatch(milliseconds):
        return ""
    return datetime.fromtimestamp(int(milliseconds) // 1_000, UTC).isoformat()
