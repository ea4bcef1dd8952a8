"""A merchant of the gateway as a connector: open a page, ask for the order, give back.

What may surprise: the page's URL is not told. It is made of the session's name, on the host that we ask, so
that no answer can send a payer elsewhere.
"""

from collections.abc import Mapping
from urllib.parse import quote

from connectors.call_result import Meant, not_done
from connectors.families.mpgs.callback import Callbacks
from connectors.families.mpgs.client import PLACES, MpgsLine
from connectors.families.mpgs.orders import standing
from connectors.families.mpgs.refunds import Refunds
from connectors.families.mpgs.replies import is_reference, session_id
from connectors.families.mpgs.settings import FamilySettings, Secrets
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from ekpay_switch.domain.collections.connector_calls import (
    CallbackHint,
    CollectInquiry,
    CollectOrder,
    Created,
    CreateOutcome,
    ExecuteOutcome,
    NoHint,
    RefundInquiry,
    RefundOrder,
    RefundOutcome,
)
from ekpay_switch.domain.money import BDT, format_taka
from ekpay_switch.domain.outcome import InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.connectors import ConnectorProfile
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError


class Mpgs:
    """A connector of this family; implements the port `Connector`.

    Raises:
        ManifestError: the manifest misses something, or says that we take the money ourselves.
    """

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        self._settings = settings_of(manifest, FamilySettings, PLACES.keys())
        if manifest.executes:
            raise ManifestError(
                f"{manifest.id}: the gateway takes the money itself, so executes must be false"
            )
        secrets = Secrets(manifest, around.environ)
        self._profile = manifest.profile(around.environ, around.divisor)
        self._line = MpgsLine(manifest, self._settings, secrets, around)
        self._refunds = Refunds(self._line)
        self._callbacks = Callbacks(secrets)

    @property
    def profile(self) -> ConnectorProfile:
        """The facts of this connector."""
        return self._profile

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Open a page for the payer; moves no money, and a repeat opens another page for the same order."""
        why = self._unfit(order)
        if why:
            return Unreached(why)
        asked = await self._line.ask("create", {}, self._create_fields(order), order.send_before)
        if not isinstance(asked, Meant) or asked.means is not Means.DONE:
            return not_done(asked)
        try:
            name = session_id(asked.document)
        except BrokenReplyError as error:
            return InDoubt(str(error))
        return Created(name, self._page_url(name))

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        """Never sends anything: the payer's agreement has taken the money."""
        del order
        return Unreached("this provider takes the money itself")

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask for the order by our own reference; moves no money."""
        if not is_reference(order.reference):
            return NoAnswer("the payment has no name over there", was_asked=False)
        asked = await self._line.ask("order", {"order_id": order.reference})
        return standing(asked, order, self._line)

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Give money back, once; see `refunds`."""
        return await self._refunds.refund(order)

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Ask which refunds of a payment the gateway has; moves no money."""
        return await self._refunds.inquire(order)

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """The query of a browser that came back, or a notice under the shared secret."""
        return self._callbacks.read(headers, body)

    def _unfit(self, order: CollectOrder) -> str:
        """Why this order must not be sent, or nothing."""
        if order.amount.currency != BDT:
            return "the amount is not in taka"
        if not self._profile.amount_min <= order.amount <= self._profile.amount_max:
            return "the amount is outside what the connector takes"
        if not is_reference(order.reference):
            return "the reference holds what the gateway does not take"
        return ""

    def _create_fields(self, order: CollectOrder) -> dict[str, object]:
        told: dict[str, object] = {
            "id": order.reference,
            "amount": format_taka(order.amount.minor),
            "currency": order.amount.currency,
            "description": f"{self._settings.merchant_name} {order.reference}",
        }
        if order.notify_url:
            told["notificationUrl"] = order.notify_url
        return {
            "apiOperation": "INITIATE_CHECKOUT",
            "interaction": {
                "operation": "PURCHASE",
                "merchant": {"name": self._settings.merchant_name},
                "returnUrl": order.return_url,
                "cancelUrl": order.return_url,
                # Whole seconds, and never more than the life that the core counts with.
                "timeout": max(1, int(self._profile.page_life_seconds)),
            },
            "order": told,
        }

    def _page_url(self, session: str) -> str:
        return self._profile.url + self._settings.page_path.format_map(
            {"session_id": quote(session, safe="")}
        )
