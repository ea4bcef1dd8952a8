"""Taxes whose payers state head and amount: quoted without a call, and told to the treasury as stated."""

from dataclasses import replace

import pytest

from biller_adapters.manifest import Manifest
from biller_adapters.registry import adapter_of
from ekpay_switch.domain.bill import AmountRefused, Bill, BillerSilent, BillFound, BillQuery, ChargeLine
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.challans.challan_stage import (
    CONFIRM,
    INCOME_TAX,
    INITIATE,
    MOBILE,
    TAX,
    VAT,
    ChallanDesk,
    challan_stage,
    demand_said,
    said,
    sent,
)
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON, DhakaClock

VAT_DUE = {"bin": "001234560-0001", "period": "202509", "economic_code": "1141201", "amount": "2500"}
CUSTOMS = {
    "bill_of_entry_no": "C200001",
    "fiscal_year": "2025-2026",
    "customs_office_code": "301",
    "amount": "4025",
    "ain": "301123456",
    "phone": MOBILE,
}


async def quoted(manifest: Manifest, **parameters: str) -> Bill:
    async with challan_stage(ChallanDesk(), manifest) as stage:
        found = await stage.adapter.fetch(BillQuery(manifest.id, parameters))
        assert stage.paths() == []
    assert isinstance(found, BillFound), found
    return found.bill


async def test_a_tax_is_quoted_without_a_call_and_holds_no_bill() -> None:
    bill = await quoted(INCOME_TAX, **TAX.parameters)
    assert (bill.bill_key, bill.bill_number, bill.account) == ("", "", "123456700001")
    assert (bill.total, bill.vat) == (Money(402_500), Money(0))
    assert bill.biller_quote == {
        "tin": "123456700001",
        "mobile": MOBILE,
        "demand_no": "",
        "organization_code": "1130101100001",
        "heads": "1111101=4025.00",
        "amount": "4025.00",
        "remarks": "assessment_year 2025-2026",
    }


async def test_the_treasury_is_told_what_the_payer_stated() -> None:
    async with challan_stage(ChallanDesk(), INCOME_TAX, TAX) as stage:
        assert isinstance(await stage.adapter.pay(await stage.order("pay")), Approved)
    assert stage.paths() == ["/token", INITIATE, CONFIRM]
    told = sent(stage, INITIATE)[0]
    assert (told["paymenttype"], told["organization_code"]) == ("1111101", "1130101100001")
    assert (told["tin"], told["addleconomic"], told["demand_no"]) == ("123456700001", [], "")
    assert told["remarks"] == "assessment_year 2025-2026"


async def test_vat_stands_under_its_own_code_beside_another_head() -> None:
    bill = await quoted(VAT, **VAT_DUE, vat_amount="500.50")
    assert (bill.total, bill.vat, bill.amount) == (Money(250_000), Money(50_050), Money(199_950))
    assert bill.charges == (ChargeLine("1141201", Money(199_950)), ChargeLine("1141101", Money(50_050)))
    assert bill.biller_quote["heads"] == "1141201=1999.50;1141101=500.50"
    assert bill.biller_quote["bin"] == "0012345600001"


@pytest.mark.parametrize("more", [{}, {"vat_amount": "2500"}, {"vat_amount": "500"}])
async def test_vat_alone_is_one_head(more: dict[str, str]) -> None:
    bill = await quoted(VAT, **{**VAT_DUE, "economic_code": "1141101"}, **more)
    assert bill.biller_quote["heads"] == "1141101=2500.00"
    assert (bill.vat, bill.amount) == (Money(250_000), Money(0))


@pytest.mark.parametrize("vat", ["2500", "2500.01"])
async def test_a_head_with_nothing_left_in_it_is_refused(vat: str) -> None:
    async with challan_stage(ChallanDesk(), VAT) as stage:
        query = BillQuery(VAT.id, {**VAT_DUE, "vat_amount": vat})
        assert await stage.adapter.fetch(query) == AmountRefused(Money(250_000))


@pytest.mark.parametrize("changes", [{"amount": "1e3"}, {"economic_code": "111"}, {"vat_amount": "some"}])
async def test_what_no_pattern_should_have_let_in_is_quoted_to_nobody(changes: dict[str, str]) -> None:
    async with challan_stage(ChallanDesk(), VAT) as stage:
        assert isinstance(await stage.adapter.fetch(BillQuery(VAT.id, VAT_DUE | changes)), BillerSilent)
        assert await stage.adapter.fetch(BillQuery(VAT.id, {**VAT_DUE, "amount": ""})) == AmountRefused()


async def test_any_office_may_be_named_by_the_payer() -> None:
    generic = the_manifest("achallan_generic")
    told = {"economic_code": "1422199", "organization_code": "1090101100001", "amount": "2500"}
    bill = await quoted(generic, nid="1990000001", **told)
    assert (bill.account, bill.biller_quote["organization_code"]) == ("1990000001", "1090101100001")
    async with challan_stage(ChallanDesk(), generic) as stage:
        short = BillQuery(generic.id, {"nid": "1990000001", **told, "organization_code": "109"})
        assert isinstance(await stage.adapter.fetch(short), BillerSilent)


async def test_customs_is_asked_and_its_assessment_is_the_only_amount() -> None:
    manifest, desk = the_manifest("customs_duty"), ChallanDesk()
    query = BillQuery(manifest.id, CUSTOMS, {"phone": MOBILE})
    path = "/customs_duty/demand"
    desk.answers[path] = demand_said(CUSTOMS)
    async with challan_stage(desk, manifest, query) as stage:
        bill = await stage.bill()
        assert (bill.bill_key, bill.account, bill.total) == ("EP-1", "C200001", Money(402_500))
        assert bill.biller_quote["mobile"] == MOBILE
        assert sent(stage, path) == [CUSTOMS]
        less = replace(query, parameters={**CUSTOMS, "amount": "4024"})
        desk.answers[path] = demand_said(dict(less.parameters))
        assert await stage.adapter.fetch(less) == AmountRefused(Money(402_500))
        desk.answers[path] = said("102")
        paid = await stage.adapter.fetch(query)
        desk.answers[path] = demand_said({**CUSTOMS, "bill_of_entry_no": "C200002"})
        assert isinstance(await stage.adapter.fetch(query), BillerSilent)
    assert isinstance(paid, BillFound)
    assert paid.bill.is_paid


GAPS = {
    "nobody names a head": ("income_tax", "parameters", "economic_code", "economic_code"),
    "nobody names an organisation": (
        "achallan_generic",
        "parameters",
        "organization_code",
        "organization_code",
    ),
    "VAT has no code": ("vat_online", "family_settings", "vat_economic_code", "vat_economic_code"),
    "nobody can be asked": ("customs_duty", "operations", "validate", "validate"),
}


@pytest.mark.parametrize(("biller", "section", "name", "told"), GAPS.values(), ids=GAPS.keys())
async def test_a_manifest_that_leaves_the_account_open_is_refused(
    biller: str, section: str, name: str, told: str
) -> None:
    manifest = the_manifest(biller)
    kept: object = (
        {key: value for key, value in dict(getattr(manifest, section)).items() if key != name}
        if (section != "parameters")
        else tuple(entry for entry in manifest.parameters if entry.name != name)
    )
    wire = HttpWire(DhakaClock())
    around = FamilyContext(wire, InMemoryTokens(), StoppedClock(NOON), {})
    with pytest.raises(ManifestError, match=told):
        adapter_of(manifest.model_copy(update={section: kept}), around)
    await wire.close()
