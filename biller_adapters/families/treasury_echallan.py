"""treasury_echallan: the payer states the head and the amount, the treasury takes it and gives a challan.

The protocol of billers.md 2.9 without an office's demand before it; see `biller_adapters.challans.calls`.
Where a manifest fetches nothing (`none`) the quote is made here, without a call, from what the payer states.
Where it validates (`validate`, customs) the office is asked, and the amount must be the one it assessed.
"""

from collections.abc import Mapping

from biller_adapters.challans.calls import OPERATIONS, ChallanCalls, CounterSlip, NoSlip
from biller_adapters.challans.demands import Payable, ask_office, bill_of
from biller_adapters.challans.heads import Head, economic_code, organization_code
from biller_adapters.fetching import chosen_amount
from biller_adapters.manifest import Manifest
from ekpay_switch.domain.bill import AmountRefused, BillerSilent, BillFound, BillQuery, FetchReply
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.delivery import PayOrder
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import ZERO, Money, parse_taka
from ekpay_switch.domain.outcome import Inquiry, Outcome
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.manifest_sections import Section
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_VALIDATE = "validate"
_ECONOMIC, _ORGANIZATION, _VAT = "economic_code", "organization_code", "vat_amount"
_PURPOSES = ("assessment_year", "period")


class FamilySettings(Section):
    """The section `family_settings` of a manifest of this family.

    `organization_code` is whose account it is where payers do not say so themselves; `vat_economic_code` is
    the head that takes the part of an amount which a payer states as VAT.
    """

    organization_code: str = ""
    vat_economic_code: str = ""


class TreasuryEchallan:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        self._is_validated = manifest.fetch_mode == _VALIDATE
        wanted = OPERATIONS | ({_VALIDATE} if self._is_validated else set())
        self._settings = settings_of(manifest, FamilySettings, wanted)
        self._profile = manifest.profile(around.divisor)
        self._manifest = manifest
        self._clock = around.clock
        self._calls = ChallanCalls(manifest, around)
        _refuse_gaps(manifest, self._settings, is_validated=self._is_validated)

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Quote what the payer states, once an office has validated it where one does; moves no money."""
        try:
            wanted = chosen_amount(self._manifest, query.parameters)
            if wanted is None:
                return AmountRefused()
            if self._is_validated:
                return await self._validated(query, wanted)
            return self._stated(query, wanted)
        except (BrokenReplyError, MalformedAmountError) as error:
            return BillerSilent(str(error))

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

    async def _validated(self, query: BillQuery, wanted: Money) -> FetchReply:
        today = business_date(self._clock.now())
        found = await ask_office(self._calls.line, _VALIDATE, self._manifest, query, today)
        if isinstance(found, BillFound) and not found.bill.is_paid and found.bill.total != wanted:
            return AmountRefused(found.bill.total)
        return found

    def _stated(self, query: BillQuery, wanted: Money) -> FetchReply:
        told, vat_code = query.parameters, self._settings.vat_economic_code
        vat = parse_taka(told[_VAT]) if told.get(_VAT) else ZERO
        heads: tuple[Head, ...] = (Head(economic_code(told[_ECONOMIC]), wanted),)
        if vat > ZERO and told[_ECONOMIC] != vat_code:
            if vat >= wanted:
                return AmountRefused(wanted)
            heads = (Head(told[_ECONOMIC], wanted - vat), Head(economic_code(vat_code), vat))
        organization = told.get(_ORGANIZATION) or self._settings.organization_code
        payable = Payable(organization_code(organization), heads, vat_code, remarks=_remarks(told))
        return BillFound(bill_of(payable, self._manifest, query))


def _remarks(told: Mapping[str, str]) -> str:
    """What the tax is for, such as its year: the calls have no member for it."""
    return ", ".join(f"{name} {told[name]}" for name in _PURPOSES if told.get(name))


def _refuse_gaps(manifest: Manifest, settings: FamilySettings, *, is_validated: bool) -> None:
    """Raise ManifestError where a payer could not say, and the manifest does not, where the money goes."""
    names = {entry.name for entry in manifest.parameters}
    gaps = [
        name
        for name, is_there in (
            (_ECONOMIC, is_validated or _ECONOMIC in names),
            (_ORGANIZATION, is_validated or _ORGANIZATION in names or bool(settings.organization_code)),
            ("vat_economic_code", _VAT not in names or bool(settings.vat_economic_code)),
        )
        if not is_there
    ]
    if gaps:
        raise ManifestError(f"{manifest.id}: nothing says the {', '.join(gaps)}")
