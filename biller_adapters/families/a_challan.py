"""a_challan: an office demands a fee for an application; the treasury takes it and returns a challan.

The protocol of billers.md 2.9; `biller_adapters.challans.calls` and `.demands` say what of it is ours. The
fee is always the office's. Where the manifest's schedule has another fee, nothing is quoted: either is wrong,
and a person must look.
"""

from biller_adapters.challans.calls import OPERATIONS, ChallanCalls, CounterSlip, NoSlip
from biller_adapters.challans.demands import fetch_demand
from biller_adapters.fetching import scheduled_fee
from biller_adapters.manifest import Manifest
from ekpay_switch.domain.bill import BillerSilent, BillFound, BillQuery, FetchReply
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.outcome import Inquiry, Outcome
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_sections import Section
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError


class AChallanSettings(Section):
    """The section `family_settings` of a manifest of this family: the economic code of VAT, or empty."""

    vat_economic_code: str = ""


class AChallan:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        settings_of(manifest, AChallanSettings, OPERATIONS | {"demand"})
        self._profile = manifest.profile(context.divisor)
        self._manifest = manifest
        self._clock = context.clock
        self._calls = ChallanCalls(manifest, context)

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Fetch the office's demand for an application; moves no money."""
        today = business_date(self._clock.now())
        try:
            reply = await fetch_demand(self._calls.client, "demand", self._manifest, query, today)
        except BrokenReplyError as error:
            return BillerSilent(str(error))
        fee = scheduled_fee(self._manifest, query.parameters)
        if isinstance(reply, BillFound) and not reply.bill.is_paid and fee not in {None, reply.bill.total}:
            return BillerSilent("the fee differs from the schedule")
        return reply

    async def pay(self, order: PayOrder) -> Outcome:
        """Register and confirm the payment; a repeat returns the same challan."""
        return await self._calls.pay(order)

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask which challan has our reference; moves no money."""
        return await self._calls.inquire(order)

    async def counter_slip(self, query: BillQuery) -> CounterSlip | NoSlip:
        """A slip for a payer who pays at a bank counter; moves no money, and no flow uses it yet."""
        reply = await self.fetch(query)
        return await self._calls.counter_slip(reply, f"{self._manifest.id}&{query.bill_name}")
