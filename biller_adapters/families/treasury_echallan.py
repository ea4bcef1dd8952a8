"""treasury_echallan: the payer states head and amount; the treasury takes it and returns a challan.

The protocol of billers.md 2.9 without an office's demand; see `biller_adapters.challans.calls`. Where a
manifest fetches nothing (`none`) the quote is made without a call from what the payer states. Where it
validates (`validate`, customs) the office is asked, and the amount must be the one that it assessed.
"""

from collections.abc import Mapping

from biller_adapters.challans.calls import OPERATIONS, ChallanCalls, CounterSlip, NoSlip
from biller_adapters.challans.demands import Payable, bill_of, fetch_demand
from biller_adapters.challans.heads import Head, economic_code, organization_code
from biller_adapters.fetching import chosen_amount
from biller_adapters.manifest import Manifest
from ekpay_switch.domain.bill import AmountRefused, BillerSilent, BillFound, BillQuery, FetchReply
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import ZERO, Money, parse_taka
from ekpay_switch.domain.outcome import Inquiry, Outcome
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.manifest_sections import Section
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_VALIDATE = "validate"
_ECONOMIC, _ORGANIZATION, _VAT = "economic_code", "organization_code", "vat_amount"
_PURPOSES = ("assessment_year", "period")


class TreasuryEchallanSettings(Section):
    """The section `family_settings` of a manifest of this family.

    `organization_code` is the organisation that is paid where the payer states none; `vat_economic_code` is
    the head of the part of an amount that a payer states as VAT.
    """

    organization_code: str = ""
    vat_economic_code: str = ""


class TreasuryEchallan:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        self._is_validated = manifest.fetch_mode == _VALIDATE
        operations = OPERATIONS | ({_VALIDATE} if self._is_validated else set())
        self._settings = settings_of(manifest, TreasuryEchallanSettings, operations)
        self._profile = manifest.profile(context.divisor)
        self._manifest = manifest
        self._clock = context.clock
        self._calls = ChallanCalls(manifest, context)
        _require_destination(manifest, self._settings, is_validated=self._is_validated)

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Quote the amount that the payer states, validated by the office if there is one; moves no money."""
        try:
            requested_amount = chosen_amount(self._manifest, query.parameters)
            if requested_amount is None:
                return AmountRefused()
            if self._is_validated:
                return await self._validate_quote(query, requested_amount)
            return self._quote_stated_amount(query, requested_amount)
        except (BrokenReplyError, MalformedAmountError) as error:
            return BillerSilent(str(error))

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

    async def _validate_quote(self, query: BillQuery, requested_amount: Money) -> FetchReply:
        today = business_date(self._clock.now())
        reply = await fetch_demand(self._calls.client, _VALIDATE, self._manifest, query, today)
        if isinstance(reply, BillFound) and not reply.bill.is_paid and reply.bill.total != requested_amount:
            return AmountRefused(reply.bill.total)
        return reply

    def _quote_stated_amount(self, query: BillQuery, requested_amount: Money) -> FetchReply:
        parameters, vat_code = query.parameters, self._settings.vat_economic_code
        vat = parse_taka(parameters[_VAT]) if parameters.get(_VAT) else ZERO
        heads: tuple[Head, ...] = (Head(economic_code(parameters[_ECONOMIC]), requested_amount),)
        if vat > ZERO and parameters[_ECONOMIC] != vat_code:
            if vat >= requested_amount:
                return AmountRefused(requested_amount)
            heads = (Head(parameters[_ECONOMIC], requested_amount - vat), Head(economic_code(vat_code), vat))
        organization = parameters.get(_ORGANIZATION) or self._settings.organization_code
        payable = Payable(organization_code(organization), heads, vat_code, remarks=_remarks(parameters))
        return BillFound(bill_of(payable, self._manifest, query))


def _remarks(parameters: Mapping[str, str]) -> str:
    """The purpose of the tax, such as its year, for which the calls have no member of their own."""
    return ", ".join(f"{name} {parameters[name]}" for name in _PURPOSES if parameters.get(name))


def _require_destination(
    manifest: Manifest, settings: TreasuryEchallanSettings, *, is_validated: bool
) -> None:
    """Raise ManifestError where neither payer nor manifest gives the heads and the organisation to pay."""
    names = {entry.name for entry in manifest.parameters}
    missing = [
        name
        for name, is_stated in (
            (_ECONOMIC, is_validated or _ECONOMIC in names),
            (_ORGANIZATION, is_validated or _ORGANIZATION in names or bool(settings.organization_code)),
            ("vat_economic_code", _VAT not in names or bool(settings.vat_economic_code)),
        )
        if not is_stated
    ]
    if missing:
        raise ManifestError(f"{manifest.id}: no setting or parameter gives the {', '.join(missing)}")
