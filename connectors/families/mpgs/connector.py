"""A merchant of the gateway as a connector: open a page, ask for the order, refund.

No answer has the page's URL. It is made of the session id, on the host that we call, so that no answer can
redirect a payer elsewhere.
"""

from collections.abc import Mapping
from urllib.parse import quote

from connectors.call_result import has_meaning, unsuccessful_outcome
from connectors.families.mpgs.callback import MpgsCallbacks
from connectors.families.mpgs.client import PATH_PARAMETERS, MpgsClient
from connectors.families.mpgs.orders import inquiry_of
from connectors.families.mpgs.refunds import MpgsRefunds
from connectors.families.mpgs.replies import is_reference, session_id
from connectors.families.mpgs.settings import MpgsSecrets, MpgsSettings
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from connectors.order_checks import amount_fault
from connectors.payer_page import put_members, require_members
from ekpay_switch.domain.collections.connector_calls import (
    CallbackHint,
    CollectInquiry,
    CollectOrder,
    CreateOutcome,
    ExecuteOutcome,
    NoHint,
    PageCreated,
    RefundInquiry,
    RefundOrder,
    RefundOutcome,
)
from ekpay_switch.domain.money import format_taka
from ekpay_switch.domain.outcome import InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.connectors import ConnectorProfile
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

# The gateway's own members about the page (connectors.md 11.1).
_PAYEE, _LANGUAGE = frozenset({"interaction.merchant.name"}), frozenset({"interaction.locale"})


class Mpgs:
    """A connector of this family; implements the port `Connector`.

    Raises:
        ManifestError: the manifest is incomplete, has `executes`, or tells the page what it does not take.
    """

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        self._settings = settings_of(manifest, MpgsSettings, PATH_PARAMETERS.keys())
        if manifest.executes:
            raise ManifestError(
                f"{manifest.id}: the gateway takes the money itself, so executes must be false"
            )
        self._page = require_members(manifest.id, manifest.payer_page, _PAYEE, _LANGUAGE)
        secrets = MpgsSecrets(manifest, context.environ)
        self._profile = manifest.profile(context.environ, context.divisor)
        self._client = MpgsClient(manifest, self._settings, secrets, context)
        self._refunds = MpgsRefunds(self._client)
        self._callbacks = MpgsCallbacks(secrets)

    @property
    def profile(self) -> ConnectorProfile:
        """The facts of this connector."""
        return self._profile

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Open a page for the payer; moves no money, and a repeat opens another page for the same order."""
        fault = self._order_fault(order)
        if fault:
            return Unreached(fault)
        result = await self._client.call("create", {}, self._create_fields(order), order.send_before)
        if not has_meaning(result, Means.DONE):
            return unsuccessful_outcome(result)
        try:
            name = session_id(result.document)
        except BrokenReplyError as error:
            return InDoubt(str(error))
        return PageCreated(name, self._page_url(name))

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        """Never sends anything: the payer's agreement has moved the money."""
        del order
        return Unreached("the payer's agreement moves the money at this provider")

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask for the order by our own reference; moves no money."""
        if not is_reference(order.reference):
            return NoAnswer("the payment has no id at the provider", was_asked=False)
        result = await self._client.call("order", {"order_id": order.reference})
        return inquiry_of(result, order, self._client)

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Refund once; see `refunds`."""
        return await self._refunds.refund(order)

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Ask which refunds of a payment the gateway has; moves no money."""
        return await self._refunds.inquire(order)

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """The hint in the query of a returned browser, or in a notification with the shared secret."""
        return self._callbacks.read(headers, body)

    def _order_fault(self, order: CollectOrder) -> str:
        """Why this order must not be sent, or empty."""
        fault = amount_fault(self._profile, order.amount, "the connector")
        if fault:
            return fault
        if not is_reference(order.reference):
            return "the reference holds what the gateway does not take"
        return ""

    def _create_fields(self, order: CollectOrder) -> dict[str, object]:
        order_fields: dict[str, object] = {
            "id": order.reference,
            "amount": format_taka(order.amount.minor),
            "currency": order.amount.currency,
            "description": f"{self._settings.merchant_name} {order.reference}",
        }
        if order.notify_url:
            order_fields["notificationUrl"] = order.notify_url
        fields: dict[str, object] = {
            "apiOperation": "INITIATE_CHECKOUT",
            "interaction": {
                "operation": "PURCHASE",
                "merchant": {"name": self._settings.merchant_name},
                "returnUrl": order.return_url,
                "cancelUrl": order.return_url,
                # Whole seconds, and never more than the page life that the core uses.
                "timeout": max(1, int(self._profile.page_life_seconds)),
            },
            "order": order_fields,
        }
        told = {**self._page.payee_members(order.page), **self._page.language_members(order.page)}
        return put_members(fields, told)

    def _page_url(self, session: str) -> str:
        return self._profile.url + self._settings.page_path.format_map(
            {"session_id": quote(session, safe="")}
        )
