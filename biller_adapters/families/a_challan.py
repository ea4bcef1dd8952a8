"""a_challan: an office demands a fee for an application, the treasury takes it and gives a challan.

The protocol of billers.md 2.9; what is said there and what is ours stands in `biller_adapters.challans.calls`
and `challan_demands`. What may surprise: the fee is always the office's. Where the manifest has a schedule
that fits, it must be the same, or nothing is quoted: an old schedule or a wrong office, a person must look.
"""

from biller_adapters.challans.calls import OPERATIONS, ChallanCalls, CounterSlip, NoSlip
from biller_adapters.challans.demands import ask_office
from biller_adapters.fetching import scheduled_fee
from biller_adapters.manifest import Manifest
from ekpay_switch.domain.bill import BillerSilent, BillFound, BillQuery, FetchReply
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.delivery import PayOrder
from ekpay_switch.domain.outcome import Inquiry, Outcome
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_sections import Section
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError


class FamilySettings(Section):
    """The section `family_settings` of a manifest of this family: the head that is VAT, if there is one."""

    vat_economic_code: str = ""


class AChallan:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        settings_of(manifest, FamilySettings, OPERATIONS | {"demand"})
        self._profile = manifest.profile(around.divisor)
        self._manifest = manifest
        self._clock = around.clock
        self._calls = ChallanCalls(manifest, around)

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Ask the office what it demands for the application that is named; moves no money."""
        today = business_date(self._clock.now())
        try:
            found = await ask_office(self._calls.line, "demand", self._manifest, query, today)
        except BrokenReplyError as error:
            return BillerSilent(str(error))
        fee = scheduled_fee(self._manifest, query.parameters)
        if isinstance(found, BillFound) and not found.bill.is_paid and fee not in {None, found.bill.total}:
            return BillerSilent("the fee is not that of the schedule")
        return found

    async def pay(self, order: PayOrder) -> Outcome:
        """Register and confirm the payment; a second time brings the same challan."""
        return await self._calls.pay(order)

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask which challan stands under our reference; moves no money."""
        return await self._calls.inquire(order)

    async def counter_slip(self, query: BillQuery) -> CounterSlip | NoSlip:
        """A slip for somebody who pays at the counter of a bank; moves no money, and no flow uses it yet."""
        found = await self.fetch(query)
        if not isinstance(found, BillFound) or found.bill.is_paid:
            return NoSlip("nothing to be paid was found")
        return await self._calls.counter_slip(found.bill, f"{self._manifest.id}&{query.bill_name}")
