"""Nagad as a connector: open a page in two calls, ask what became of it, give back.

What may surprise: whoever has given the PIN may have paid although Nagad still says that it is at it. The
core takes a payer who is awaited when the page lapses for one who never paid, so a payment that stays in
motion is no longer called awaited but unanswered, and is asked about until Nagad says how it ended.
"""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.call_result import Meant, not_done, nothing_learned
from connectors.families.nagad.callback import read_browser
from connectors.families.nagad.client import NagadLine
from connectors.families.nagad.credentials import Credentials
from connectors.families.nagad.refunds import Refunds
from connectors.families.nagad.replies import (
    CURRENCY_CODE,
    DAY_AND_TIME,
    SUCCESS,
    collected,
    instant,
    is_reference,
    is_there,
    reference,
)
from connectors.families.nagad.settings import FamilySettings
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from connectors.pages import PageRules
from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    CollectInquiry,
    CollectOrder,
    Created,
    CreateOutcome,
    ExecuteOutcome,
    NeverPaid,
    NoHint,
    RefundInquiry,
    RefundOrder,
    RefundOutcome,
)
from ekpay_switch.domain.money import BDT, format_taka
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.connectors import ConnectorProfile
from ekpay_switch.ports.world import NotSent
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, require_same, text, text_or_empty

_OPERATIONS = frozenset({"initialise", "complete", "verify", "refund"})
_ORDER_ID = re.compile(r"[A-Za-z0-9]{5,20}")
_CHALLENGE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,40}")
_CHALLENGE_BYTES = 20
_URL_LENGTH_MAX = 2_000
# The payer has done all that is his to do.
_IN_MOTION = frozenset({"PinGiven", "InProgress", "TransactionInProgress"})
# Past this share of the page's life, what is in motion is no longer called awaited.
_STUCK_AFTER = 0.5


@dataclass(frozen=True, slots=True)
class Initialised:
    """Nagad knows the order; the challenge goes into the call that completes it."""

    reference: str
    challenge: str


class Nagad:
    """A connector of this family; implements the port `Connector`."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        settings = settings_of(manifest, FamilySettings, _OPERATIONS)
        self._profile = manifest.profile(around.environ, around.divisor)
        self._clock = around.clock
        self._line = NagadLine(manifest, settings, around)
        self._refunds = Refunds(self._line)
        self._pages = PageRules(settings.page_hosts, self._profile.url)

    @property
    def profile(self) -> ConnectorProfile:
        """The facts of this connector."""
        return self._profile

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Open a page for the payer; moves no money, and burns the reference whatever comes of it."""
        us = self._line.us
        why = us.why if isinstance(us, NotSent) else self._unfit(order)
        if isinstance(us, NotSent) or why:
            return Unreached(why)
        begun = await self._initialise(order, us)
        return await self._complete(order, us, begun) if isinstance(begun, Initialised) else begun

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        """Nothing: the payer's PIN takes the money."""
        del order
        return Unreached("this provider takes the money itself")

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask what became of a payment; moves no money."""
        if not is_reference(order.provider_reference):
            return NoAnswer("the payment has no name over there", was_asked=False)
        asked = await self._line.ask("verify", {"payment_ref_id": order.provider_reference})
        if not isinstance(asked, Meant) or asked.means is not Means.DONE:
            return nothing_learned(asked)
        try:
            return self._told(asked.document, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Give money back, once; see `refunds`."""
        return await self._refunds.refund(order)

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Ask what Nagad shows of a refund; moves no money."""
        return await self._refunds.inquire(order)

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """The query of a browser that came back, as it stands in its URL."""
        del headers
        return read_browser(body)

    def _unfit(self, order: CollectOrder) -> str:
        """Why this order must not be sent, or nothing."""
        if order.amount.currency != BDT:
            return "the amount is not in taka"
        if not self._profile.amount_min <= order.amount <= self._profile.amount_max:
            return "the amount is outside what Nagad takes"
        if not _ORDER_ID.fullmatch(order.reference):
            return "the reference is not one that Nagad takes"
        return ""

    async def _initialise(
        self, order: CollectOrder, us: Credentials
    ) -> Initialised | Declined | Unreached | InDoubt:
        now = in_dhaka(self._clock.now()).strftime(DAY_AND_TIME)
        plaintext = {
            "merchantId": us.merchant_id,
            "datetime": now,
            "orderId": order.reference,
            "challenge": secrets.token_hex(_CHALLENGE_BYTES),
        }
        asked = await self._line.ask(
            "initialise",
            {"merchant_id": us.merchant_id, "order_id": order.reference},
            {"dateTime": now, **_sealed(us, plaintext)},
            send_before=order.send_before,
        )
        if not isinstance(asked, Meant) or asked.means is not Means.DONE:
            return not_done(asked)
        try:
            return _initialised(self._line.opened(asked.document))
        except BrokenReplyError as error:
            return InDoubt(str(error))

    async def _complete(self, order: CollectOrder, us: Credentials, begun: Initialised) -> CreateOutcome:
        plaintext = {
            "merchantId": us.merchant_id,
            "orderId": order.reference,
            "currencyCode": CURRENCY_CODE,
            "amount": format_taka(order.amount.minor),
            "challenge": begun.challenge,
        }
        asked = await self._line.ask(
            "complete",
            {"payment_ref_id": begun.reference},
            {**_sealed(us, plaintext), "merchantCallbackURL": order.return_url},
            send_before=order.send_before,
        )
        if isinstance(asked, NotSent):
            # The first of the two calls did arrive, so nobody may say that Nagad was not reached.
            return InDoubt(f"initialised, and not completed: {asked.why}")
        if not isinstance(asked, Meant) or asked.means is not Means.DONE:
            return not_done(asked)
        try:
            return Created(begun.reference, self._page(asked.document))
        except BrokenReplyError as error:
            return InDoubt(str(error))

    def _page(self, document: Mapping[str, Any]) -> str:
        """Where the payer is to go; raises BrokenReplyError."""
        require_same(document, "status", SUCCESS)
        page_url = text(document, "callBackUrl", _URL_LENGTH_MAX)
        if not self._pages.allow(page_url):
            raise BrokenReplyError("a page on a host that is none of Nagad's")
        return page_url

    def _told(self, document: Mapping[str, Any], order: CollectOrder) -> CollectInquiry:
        """What Nagad's own word for a payment means; raises BrokenReplyError."""
        us = self._line.us
        assert isinstance(us, Credentials), "nobody answers who was not asked"
        require_same(document, "merchantId", us.merchant_id)
        require_same(document, "paymentRefId", order.provider_reference)
        status, means = self._line.means(document)
        if means is Means.DONE:
            return collected(document, status)
        # Whatever ends a try must be about it: money that came is compared by the core instead.
        require_same(document, "orderId", order.reference)
        if means is Means.AWAITING_PAYER:
            return self._awaited(document, status)
        if means is not Means.ENDED:
            return NoAnswer("a status that says nothing of the payer")
        if is_there(document, "cancelIssuerRefNo"):
            return NoAnswer("it was never paid, and was taken back")
        return NeverPaid(status.lower())

    def _awaited(self, document: Mapping[str, Any], status: str) -> AwaitingPayer | NoAnswer:
        """Not paid yet, as far as that can be said of what has been in motion for long."""
        if status not in _IN_MOTION:
            return AwaitingPayer()
        ordered_at = instant(text_or_empty(document, "orderDateTime"))
        if ordered_at is None:
            return NoAnswer("in motion since nobody knows when")
        age_seconds = (self._clock.now() - ordered_at).total_seconds()
        if age_seconds > self._profile.page_life_seconds * _STUCK_AFTER:
            return NoAnswer("in motion for long")
        return AwaitingPayer()


def _sealed(us: Credentials, fields: Mapping[str, str]) -> dict[str, str]:
    """The two members that every sealed request has; all that is in them was checked for its length."""
    sealed = us.seal.close(json.dumps(fields, separators=(",", ":")).encode())
    return {"sensitiveData": sealed.sensitive_data, "signature": sealed.signature}


def _initialised(document: Mapping[str, Any]) -> Initialised:
    challenge = text(document, "challenge")
    if not _CHALLENGE.fullmatch(challenge):
        raise BrokenReplyError("challenge is none")
    return Initialised(reference(document, "paymentReferenceId"), challenge)
