"""Nagad as a connector: open a page in two calls, inquire, refund.

A payer who has entered the PIN may have paid although Nagad still reports the payment as in progress. The
core treats a payer who is awaited when the page lapses as one who never paid. So a payment that stays in
progress for long is answered with "no answer", and inquired about until Nagad states its end.
"""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.call_result import has_meaning, inconclusive_answer, unsuccessful_outcome
from connectors.families.nagad.callback import read_return
from connectors.families.nagad.client import NagadClient
from connectors.families.nagad.credentials import Credentials
from connectors.families.nagad.refunds import NagadRefunds
from connectors.families.nagad.replies import (
    CURRENCY_CODE,
    DAY_AND_TIME,
    SUCCESS,
    instant,
    is_reference,
    is_there,
    read_collection,
    reference,
)
from connectors.families.nagad.settings import NagadSettings
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from connectors.order_checks import amount_fault
from connectors.pages import PageRules
from connectors.payer_page import put_members, require_members
from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    CollectInquiry,
    CollectOrder,
    CreateOutcome,
    ExecuteOutcome,
    NeverPaid,
    NoHint,
    PageCreated,
    RefundInquiry,
    RefundOrder,
    RefundOutcome,
)
from ekpay_switch.domain.money import format_taka
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.connectors import ConnectorProfile
from ekpay_switch.ports.world import NotSent
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, require_same, text, text_or_empty

_OPERATIONS = frozenset({"initialise", "complete", "verify", "refund"})
# The members that Nagad's page shows, and the parameter with its language (connectors.md 2.1 and 2.3).
_PAYEE, _LANGUAGE = frozenset({"additionalMerchantInfo.serviceName"}), frozenset({"locale"})
_ORDER_ID = re.compile(r"[A-Za-z0-9]{5,20}")
_CHALLENGE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}")
_CHALLENGE_BYTES = 20
_URL_LENGTH_MAX = 2_000
# The payer has done everything that is asked of them.
_IN_PROGRESS = frozenset({"PinGiven", "InProgress", "TransactionInProgress"})
# After this share of the page's life, a payment in progress no longer counts as awaited.
_IN_PROGRESS_SHARE_MAX = 0.5


@dataclass(frozen=True, slots=True)
class InitialisedOrder:
    """An initialised order; the call that completes it sends the challenge back."""

    reference: str
    challenge: str


class Nagad:
    """A connector of this family; implements the port `Connector`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        settings = settings_of(manifest, NagadSettings, _OPERATIONS)
        self._page = require_members(manifest.id, manifest.payer_page, _PAYEE, _LANGUAGE)
        self._profile = manifest.profile(context.environ, context.divisor)
        self._clock = context.clock
        self._client = NagadClient(manifest, settings, context)
        self._refunds = NagadRefunds(self._client)
        self._pages = PageRules(settings.page_hosts, self._profile.url)

    @property
    def profile(self) -> ConnectorProfile:
        """The facts of this connector."""
        return self._profile

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Open a page for the payer; moves no money, and uses up the reference in any case."""
        credentials = self._client.credentials
        fault = credentials.why if isinstance(credentials, NotSent) else self._order_fault(order)
        if isinstance(credentials, NotSent) or fault:
            return Unreached(fault)
        initialised = await self._initialise(order, credentials)
        return (
            await self._complete(order, credentials, initialised)
            if isinstance(initialised, InitialisedOrder)
            else initialised
        )

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        """Never sends anything: the payer's agreement has moved the money."""
        del order
        return Unreached("the payer's agreement moves the money at this provider")

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask for the state of a payment; moves no money."""
        if not is_reference(order.provider_reference):
            return NoAnswer("the payment has no id at the provider", was_asked=False)
        result = await self._client.call("verify", {"payment_ref_id": order.provider_reference})
        if not has_meaning(result, Means.DONE):
            return inconclusive_answer(result)
        try:
            return self._inquiry_by_status(result.document, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Refund once; see `refunds`."""
        return await self._refunds.refund(order)

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Ask for the state of a refund; moves no money."""
        return await self._refunds.inquire(order)

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """The hint in the query of a returned browser."""
        del headers
        return read_return(body)

    def _order_fault(self, order: CollectOrder) -> str:
        """Why this order must not be sent, or empty."""
        fault = amount_fault(self._profile, order.amount, "Nagad")
        if fault:
            return fault
        if not _ORDER_ID.fullmatch(order.reference):
            return "the reference is not one that Nagad takes"
        return ""

    async def _initialise(
        self, order: CollectOrder, credentials: Credentials
    ) -> InitialisedOrder | Declined | Unreached | InDoubt:
        now = in_dhaka(self._clock.now()).strftime(DAY_AND_TIME)
        plaintext = {
            "merchantId": credentials.merchant_id,
            "datetime": now,
            "orderId": order.reference,
            "challenge": secrets.token_hex(_CHALLENGE_BYTES),
        }
        result = await self._client.call(
            "initialise",
            {"merchant_id": credentials.merchant_id, "order_id": order.reference},
            {"dateTime": now, **_encrypted_members(credentials, plaintext)},
            query=self._page.language_members(order.page),
            send_before=order.send_before,
        )
        if not has_meaning(result, Means.DONE):
            return unsuccessful_outcome(result)
        try:
            return _read_initialised(self._client.decrypt(result.document))
        except BrokenReplyError as error:
            return InDoubt(str(error))

    async def _complete(
        self, order: CollectOrder, credentials: Credentials, initialised: InitialisedOrder
    ) -> CreateOutcome:
        plaintext = {
            "merchantId": credentials.merchant_id,
            "orderId": order.reference,
            "currencyCode": CURRENCY_CODE,
            "amount": format_taka(order.amount.minor),
            "challenge": initialised.challenge,
        }
        members: dict[str, object] = {
            **_encrypted_members(credentials, plaintext),
            "merchantCallbackURL": order.return_url,
        }
        result = await self._client.call(
            "complete",
            {"payment_ref_id": initialised.reference},
            # What the page is told stands beside what is sealed, and is no part of it.
            put_members(members, self._page.payee_members(order.page)),
            send_before=order.send_before,
        )
        if isinstance(result, NotSent):
            # The first of the two calls did arrive, so the outcome is not "unreached".
            return InDoubt(f"initialised, and not completed: {result.why}")
        if not has_meaning(result, Means.DONE):
            return unsuccessful_outcome(result)
        try:
            return PageCreated(initialised.reference, self._page_url(result.document))
        except BrokenReplyError as error:
            return InDoubt(str(error))

    def _page_url(self, document: Mapping[str, Any]) -> str:
        """The URL of the payer's page; raises BrokenReplyError."""
        require_same(document, "status", SUCCESS)
        page_url = text(document, "callBackUrl", _URL_LENGTH_MAX)
        if not self._pages.allow(page_url):
            raise BrokenReplyError("a page on a host that is not Nagad's")
        return page_url

    def _inquiry_by_status(self, document: Mapping[str, Any], order: CollectOrder) -> CollectInquiry:
        """The result of an inquiry by Nagad's status; raises BrokenReplyError."""
        credentials = self._client.credentials
        assert isinstance(credentials, Credentials), "there are credentials where a call was made"
        require_same(document, "merchantId", credentials.merchant_id)
        require_same(document, "paymentRefId", order.provider_reference)
        status, means = self._client.means(document)
        if means is Means.DONE:
            return read_collection(document, status)
        # A try may only be ended by an answer about it; a collected payment is compared by the core.
        require_same(document, "orderId", order.reference)
        if means is Means.AWAITING_PAYER:
            return self._inquiry_in_progress(document, status)
        if means is not Means.ENDED:
            return NoAnswer("a status without a meaning for the payer")
        if is_there(document, "cancelIssuerRefNo"):
            return NoAnswer("it was never paid, and was cancelled")
        return NeverPaid(status.lower())

    def _inquiry_in_progress(self, document: Mapping[str, Any], status: str) -> AwaitingPayer | NoAnswer:
        """Awaiting the payer, or no answer where the payment has been in progress for long."""
        if status not in _IN_PROGRESS:
            return AwaitingPayer()
        ordered_at = instant(text_or_empty(document, "orderDateTime"))
        if ordered_at is None:
            return NoAnswer("in progress since an unknown time")
        age_seconds = (self._clock.now() - ordered_at).total_seconds()
        if age_seconds > self._profile.page_life_seconds * _IN_PROGRESS_SHARE_MAX:
            return NoAnswer("in progress for long")
        return AwaitingPayer()


def _encrypted_members(credentials: Credentials, fields: Mapping[str, str]) -> dict[str, str]:
    """The two encrypted members of a request; the lengths of the fields were checked before."""
    encrypted = credentials.encryption.encrypt(json.dumps(fields, separators=(",", ":")).encode())
    return {"sensitiveData": encrypted.sensitive_data, "signature": encrypted.signature}


def _read_initialised(document: Mapping[str, Any]) -> InitialisedOrder:
    challenge = text(document, "challenge")
    if not _CHALLENGE.fullmatch(challenge):
        raise BrokenReplyError("challenge is none")
    return InitialisedOrder(reference(document, "paymentReferenceId"), challenge)
