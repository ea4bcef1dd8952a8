"""DBBL's card gateway, which Rocket shares: JSON, whole paisa, a result with an HMAC (connectors.md 8).

Two things the signature does not say. The amount is not signed, so it is compared by itself. Our reference is
not told either: what ties a result to our order is the transaction id, which was stored before the payer was
sent away, is asked by, comes back in the result and is signed.
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from connectors.call_result import Meant, not_done, nothing_learned
from connectors.families.bank_redirect.client import Document, Line, Secrets
from connectors.families.bank_redirect.replies import brought_fields, is_name, name_of, paisa
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
    Created,
    CreateOutcome,
    NeverPaid,
    NoHint,
)
from ekpay_switch.domain.money import BDT
from ekpay_switch.ports.world import NotSent, NoUsableAnswer
from ekpay_switch.security.masking import mask_account
from ekpay_switch.wing_kit.context import Surroundings
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

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        settings = settings_of(manifest, DbblSettings, frozenset({"getransid", "getresult"}))
        self._secrets = Secrets(manifest, around.environ, _SECRETS)
        self._line = Line(manifest, around)
        self._pages = PageRules(settings.page_hosts, manifest.url(around.environ))
        self._card_type = settings.card_type
        self._client_ip = around.environ.get(settings.client_ip_setting, settings.client_ip_default)

    def missing(self) -> str:
        """Which secret is not set, or nothing."""
        return self._secrets.missing(*_SECRETS)

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Get a transaction id and the page that goes with it."""
        fields = {
            **self._login(),
            "amount": order.amount.minor,
            "cardtype": self._card_type,
            "txnrefnum": order.reference,
            "clientip": self._client_ip,
        }
        asked = await self._line.ask("getransid", fields, order.send_before)
        if isinstance(asked, NotSent | NoUsableAnswer):
            return not_done(asked)
        meant = self._line.meant(asked, f"RSPCODE {reply_code(asked, 'RSPCODE')}")
        if meant.means is not Means.DONE:
            return not_done(meant)
        transaction_id = name_of(asked, "TRANSACTION_ID")
        page_url = page_of(text(asked, "REDIRECT_URL", 2_000), transaction_id, self._card_type)
        if not self._pages.allow(page_url):
            raise BrokenReplyError("a page on a host that is none of DBBL's")
        return Created(transaction_id, page_url)

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask for the result of a transaction id."""
        fields = {**self._login(), "transid": order.provider_reference, "clientip": self._client_ip}
        asked = await self._line.ask("getresult", fields)
        if isinstance(asked, NotSent | NoUsableAnswer):
            return nothing_learned(asked)
        require_same(asked, "TRANSACTION_ID", order.provider_reference)
        result = reply_code(asked, "RESULT")
        # A word alone may be mapped where its codes are none of our business, as for one who is on the page.
        meant = self._line.meant(
            asked, f"{result} {text_or_empty(asked, 'RESULT_CODE')[:12]}".rstrip(), result
        )
        return self._standing(meant, order)

    def read_callback(self, body: bytes) -> CallbackHint | NoHint:
        """The form that the payer's browser posts: a transaction id, signed by nobody."""
        # Who does not encode the plus of a base64 id sends a blank, which no id holds.
        transaction_id = brought_fields(body).get(_ID_FIELD, "").replace(" ", "+")
        if not is_name(transaction_id):
            return NoHint("no transaction id")
        return CallbackHint(f"returned {transaction_id}", transaction_id, "returned")

    def _login(self) -> dict[str, object]:
        return {"userid": self._secrets["user"], "passwd": self._secrets["password"]}

    def _standing(self, meant: Meant, order: CollectOrder) -> CollectInquiry:
        document = meant.document
        is_signed = bool(text_or_empty(document, "SIGNATURE"))
        if is_signed:
            self._require_signature(document)
        match meant.means:
            case Means.DONE if is_signed:
                return _collected(document, order)
            case Means.ENDED if is_signed:
                return NeverPaid(meant.code.lower())
            case Means.AWAITING_PAYER:
                return AwaitingPayer()
            case Means.DONE | Means.ENDED:
                raise BrokenReplyError("a result that nobody signed")
            case _:
                return nothing_learned(meant)

    def _require_signature(self, document: Document) -> None:
        signed = (text_or_empty(document, name) for name in ("TRANSACTION_ID", "RESULT_CODE", "RRN"))
        told = text_or_empty(document, "SIGNATURE").lower().encode()
        if not hmac.compare_digest(told, signature(self._secrets["checksum_secret"], *signed).encode()):
            raise BrokenReplyError("a wrong signature")


def page_of(redirect_url: str, transaction_id: str, card_type: str) -> str:
    """The payer's page with the id in its query, written as a URL must: it may hold `+`, `/` and `=`.

    Raises:
        BrokenReplyError: the URL names another id, or ends in a fragment.
    """
    address, _, query = redirect_url.partition("?")
    pieces = [piece for piece in query.split("&") if piece]
    named = [unquote(piece.partition("=")[2]) for piece in pieces if piece.startswith(f"{_ID_FIELD}=")]
    if named not in ([], [transaction_id]) or "#" in redirect_url:
        raise BrokenReplyError("a page of another transaction")
    kept = [piece for piece in pieces if not piece.startswith(f"{_ID_FIELD}=")]
    if not named and not any(piece.startswith("card_type=") for piece in kept):
        kept.append(f"card_type={card_type}")
    kept.append(f"{_ID_FIELD}={quote(transaction_id, safe='')}")
    return f"{address}?{'&'.join(kept)}"


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
    """An instant told in milliseconds since 1970, in UTC, or nothing: it informs, and nothing hangs on it."""
    if not _MILLISECONDS.fullmatch(milliseconds):
        return ""
    return datetime.fromtimestamp(int(milliseconds) // 1_000, UTC).isoformat()
