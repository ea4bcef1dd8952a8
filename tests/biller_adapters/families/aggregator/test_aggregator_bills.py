"""aggregator: what is looked up, under which number, and what of the answers becomes a bill."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from biller_adapters.manifest import Manifest
from biller_adapters.registry import adapter_of
from biller_adapters.stated_months import due_on, months_between
from ekpay_switch.domain.bill import (
    AmountRefused,
    BillerSilent,
    BillFound,
    BillMissing,
    BillQuery,
    ChargeLine,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.families.aggregator.aggregator_stage import (
    BPDB,
    DPDC,
    INFO,
    PAYMENT,
    AggregatorDesk,
    aggregator_stage,
    bill_data,
    refused,
)
from tests.biller_adapters.far_side_stage import rude_manners
from tests.wire.conftest import HandClock
from tests.wire.scripted_peer import Manners

INVOICE = BillQuery("titas_metered", {"invoice_no": "250911012345", "customer_code": "11012345"})
TAX = {
    "source_tax_amount": "60",
    "challan_no": "2526-0001234567",
    "challan_date": "2025-10-14",
    "challan_bank": "Example Bank",
}
TAXED = replace(INVOICE, parameters={**INVOICE.parameters, **TAX})
GAS = BillQuery(
    "titas_nonmetered",
    {
        "customer_code": "22012345",
        "burner_type": "single",
        "from_month": "202508",
        "to_month": "202510",
        "mobile": "01712345678",
    },
    {"mobile": "01712345678"},
)
STATED = {
    "account_no": "22012345",
    "customer_name": "Rahela Khatun",
    "address": "House 4, Road 2, Wari",
    "particulars": "202508,202509,202510",
    "amount": "2970.00",
    "surcharge": "99.00",
    "payable": "3069.00",
}
RUDE = rude_manners(b'{"status": "111", "bill": {}}')
BAD_BILLS: Mapping[str, Mapping[str, object]] = {
    "another account": {"account_no": "40120000"},
    "another month": {"bill_month": "08"},
    "another year": {"bill_year": "2024"},
    "no account": {"account_no": None},
    "no number": {"bill_no": ""},
    "no VAT": {"vat": None},
    "a negative VAT": {"vat": "-50.00"},
    "a total of its own": {"total": "1050.00"},
    "less than all is taken": {"payable": "1050.00"},
    "more than all is taken": {"payable": "1070.00"},
    "no due date": {"due_date": None},
}


# ---- bills as they are presented ---------------------------------------------------------------------------


async def test_a_bill_comes_with_its_lines_and_the_number_it_was_asked_under() -> None:
    async with aggregator_stage(the_manifest(BPDB.biller_id)) as stage:
        bill = await stage.far.bill()
    (asked,) = stage.sent(INFO)
    assert asked == {
        "transaction_id": asked["transaction_id"],
        "account_number": "40123456",
        "bill_year": "2025",
        "bill_month": "09",
        "utility_auth_key": "utility_auth_key of the utility",
        "utility_secret_key": "utility_secret_key of the utility",
    }
    assert (bill.bill_key, bill.bill_number, bill.account) == ("250940123456", "250940123456", "40123456")
    assert (bill.amount, bill.vat, bill.late_fee) == (Money(101_000), Money(5_000), Money(0))
    assert bill.total == Money(106_000)
    lines = {"amount": 100_000, "vat": 5_000, "stamp": 1_000}
    assert bill.charges == tuple(ChargeLine(label, Money(minor)) for label, minor in lines.items())
    assert (bill.details["period_from"], bill.details["period_to"]) == ("2025-09-01", "2025-09-30")
    assert bill.biller_quote == {**BPDB.parameters, "aggregator_transaction": asked["transaction_id"]}


async def test_every_fetch_has_a_number_of_its_own() -> None:
    async with aggregator_stage(the_manifest(BPDB.biller_id)) as stage:
        for _ in range(3):
            await stage.far.bill()
    assert len({asked["transaction_id"] for asked in stage.sent(INFO)}) == 3


async def test_a_route_names_a_bill_by_what_the_payer_gave() -> None:
    async with aggregator_stage(
        the_manifest(DPDC.biller_id), DPDC, AggregatorDesk(bill_data("23456789"))
    ) as stage:
        assert (await stage.far.bill()).bill_key == "23456789/202509"
        elsewhere = replace(DPDC, parameters={**DPDC.parameters, "location_code": "C12"})
        assert isinstance(await stage.far.adapter.fetch(elsewhere), BillFound)
    assert [asked["location_code"] for asked in stage.sent(INFO)] == ["B6", "C12"]


@pytest.mark.parametrize("changes", BAD_BILLS.values(), ids=BAD_BILLS)
async def test_a_bill_that_is_not_wholly_the_one_is_none(changes: Mapping[str, object]) -> None:
    desk = AggregatorDesk({**bill_data(), **changes})
    async with aggregator_stage(the_manifest(BPDB.biller_id), desk=desk) as stage:
        assert isinstance(await stage.far.adapter.fetch(BPDB), BillerSilent)


@pytest.mark.parametrize("manners", RUDE.values(), ids=RUDE)
async def test_an_answer_that_is_none_is_silence(manners: Manners) -> None:
    desk = AggregatorDesk(rude={INFO: manners})
    async with aggregator_stage(the_manifest(BPDB.biller_id), desk=desk) as stage:
        assert isinstance(await stage.far.adapter.fetch(BPDB), BillerSilent)
        assert stage.calls() == [INFO]


async def test_no_bill_and_a_paid_bill_are_answers() -> None:
    desk = AggregatorDesk()
    async with aggregator_stage(the_manifest(BPDB.biller_id), desk=desk) as stage:
        desk.answers[INFO] = refused("901")
        assert await stage.far.adapter.fetch(BPDB) == BillMissing()
        desk.answers[INFO] = refused("902")
        reply = await stage.far.adapter.fetch(BPDB)
    assert isinstance(reply, BillFound)
    assert (reply.bill.is_paid, reply.bill.account) == (True, "40123456")


async def test_a_water_bill_is_named_by_number_or_by_account_and_tells_who_pays() -> None:
    manifest, desk = the_manifest("dhaka_wasa"), AggregatorDesk(bill_data("51112345"))
    payer = {"mobile": "01712345678"}
    for name, text in (("bill_no", "250951112345"), ("account_no", "51112345")):
        query = BillQuery(manifest.id, {name: text, **payer}, payer)
        async with aggregator_stage(manifest, query, desk) as stage:
            await stage.far.adapter.pay(await stage.far.order("pay"))
        (asked,), (paid,) = stage.sent(INFO), stage.sent(PAYMENT)
        assert {"billno", "account_no"} & asked.keys() == {"billno" if name == "bill_no" else name}
        assert (paid["mobile_no"], "mobile_no" in asked) == ("01712345678", False)


# ---- tax at source -----------------------------------------------------------------------------------------


async def test_a_bill_less_tax_at_source_shows_bill_tax_and_challan() -> None:
    desk = AggregatorDesk(bill_data("11012345", payable="1000.00"))
    async with aggregator_stage(the_manifest(INVOICE.biller_id), TAXED, desk) as stage:
        bill = await stage.far.bill()
    (asked,) = stage.sent(INFO)
    assert (asked["sourceTaxAmount"], asked["chalanNo"]) == ("60.00", TAX["challan_no"])
    assert (bill.amount, bill.vat, bill.total) == (Money(100_000), Money(0), Money(100_000))
    assert bill.charges[-1] == ChargeLine("tax at source", Money(-6_000))
    assert sum(line.amount.minor for line in bill.charges) == bill.total.minor
    told = {"bill_in_all": "1060.00", **TAX, "source_tax_amount": "60.00"}
    assert {name: bill.details[name] for name in told} == told


@pytest.mark.parametrize("missing", TAX)
async def test_tax_and_challan_come_together_or_not_at_all(missing: str) -> None:
    parameters = {name: text for name, text in TAXED.parameters.items() if name != missing}
    async with aggregator_stage(the_manifest(INVOICE.biller_id)) as stage:
        assert await stage.far.adapter.fetch(replace(TAXED, parameters=parameters)) == AmountRefused()
        assert stage.calls() == []


@pytest.mark.parametrize("tax", ["0", "0.00", "1060.00", "2000.00", "60.001", "half"])
async def test_a_tax_is_something_and_less_than_the_bill(tax: str) -> None:
    query = replace(TAXED, parameters={**TAXED.parameters, "source_tax_amount": tax})
    desk = AggregatorDesk(bill_data("11012345"))
    async with aggregator_stage(the_manifest(INVOICE.biller_id), query, desk) as stage:
        assert await stage.far.adapter.fetch(query) == AmountRefused()


@pytest.mark.parametrize("query", [INVOICE, TAXED])
async def test_the_utility_must_agree_about_the_tax(query: BillQuery) -> None:
    other = "1000.00" if query is INVOICE else "1060.00"
    desk = AggregatorDesk(bill_data("11012345", payable=other))
    async with aggregator_stage(the_manifest(INVOICE.biller_id), query, desk) as stage:
        assert isinstance(await stage.far.adapter.fetch(query), BillerSilent)


# ---- stated months -----------------------------------------------------------------------------------------


async def test_stated_months_are_priced_by_the_schedule_and_surcharged_where_overdue() -> None:
    async with aggregator_stage(the_manifest(GAS.biller_id), GAS, AggregatorDesk(STATED)) as stage:
        bill = await stage.far.bill()
    (asked,) = stage.sent(INFO)
    assert {
        name: asked[name] for name in ("customer", "amount", "surcharge", "particulars", "bill_type")
    } == {
        "customer": "22012345",
        "amount": "2970.00",
        "surcharge": "99.00",
        "particulars": "202508,202509,202510",
        "bill_type": "NONMETERED",
    }
    assert (bill.amount, bill.late_fee, bill.total) == (Money(297_000), Money(9_900), Money(306_900))
    assert bill.bill_key == "22012345/202508-202510"
    assert bill.charges == (
        ChargeLine("gas 202508", Money(99_000)),
        ChargeLine("surcharge 202508", Money(9_900)),
        ChargeLine("gas 202509", Money(99_000)),
        ChargeLine("gas 202510", Money(99_000)),
    )
    assert (bill.details["period_from"], bill.details["period_to"]) == ("2025-08-01", "2025-10-31")
    assert "mobile" not in bill.biller_quote


@pytest.mark.parametrize("member", sorted(STATED.keys() - {"customer_name", "address"}))
async def test_whatever_the_utility_repeats_of_stated_months_must_be_the_same(member: str) -> None:
    for text in ("1.00", None):
        desk = AggregatorDesk({**STATED, member: text})
        async with aggregator_stage(the_manifest(GAS.biller_id), GAS, desk) as stage:
            assert isinstance(await stage.far.adapter.fetch(GAS), BillerSilent)


@pytest.mark.parametrize(("first", "last"), [("202510", "202509"), ("202501", "202601")])
async def test_months_out_of_order_or_beyond_a_year_are_not_asked_for(first: str, last: str) -> None:
    query = replace(GAS, parameters={**GAS.parameters, "from_month": first, "to_month": last})
    async with aggregator_stage(the_manifest(GAS.biller_id), query) as stage:
        assert await stage.far.adapter.fetch(query) == AmountRefused()
        assert stage.calls() == []


async def test_a_connection_without_a_tariff_is_not_asked_for() -> None:
    query = replace(GAS, parameters={**GAS.parameters, "burner_type": "triple"})
    async with aggregator_stage(the_manifest(GAS.biller_id), query) as stage:
        assert isinstance(await stage.far.adapter.fetch(query), BillerSilent)
        assert stage.calls() == []


def test_months_are_counted_over_the_new_year() -> None:
    assert months_between("202511", "202602") == ("202511", "202512", "202601", "202602")
    assert len(months_between("202501", "202512")) == 12
    assert due_on("202511", 20) == date(2025, 12, 20)
    assert due_on("202512", 20) == date(2026, 1, 20)


# ---- the manifest ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("biller", "changes", "names"),
    [
        ("bpdb_postpaid", {"send_shoe_size": "shoe"}, "is not defined"),
        ("bpdb_postpaid", {"send_account_no": None}, "is not sent"),
        ("bpdb_postpaid", {"colour": "red"}, "colour"),
        ("bpdb_postpaid", {"with_payment_account_no": "account"}, "name the payer"),
        ("bpdb_postpaid", {"bills": "stated_months"}, "from_month"),
        ("titas_metered", {"send_source_tax_amount": None}, "requested and not sent"),
        ("titas_nonmetered", {"due_day": "29"}, "due_day"),
    ],
)
def test_words_that_do_not_fit_are_refused(biller: str, changes: dict[str, str | None], names: str) -> None:
    manifest = the_manifest(biller)
    told = {**manifest.family_settings, **changes}
    words = {name: text for name, text in told.items() if text is not None}
    with pytest.raises(ManifestError, match=names):
        made(manifest.model_copy(update={"family_settings": words}))


def test_a_utility_without_keys_of_its_own_is_refused() -> None:
    manifest = the_manifest("bpdb_postpaid")
    secrets = manifest.secrets.model_copy(update={"more": {}})
    with pytest.raises(ManifestError, match="utility keys"):
        made(manifest.model_copy(update={"secrets": secrets}))


def test_stated_months_without_a_schedule_are_refused() -> None:
    manifest = the_manifest("titas_nonmetered")
    amount = manifest.amount.model_copy(update={"schedule": ()})
    with pytest.raises(ManifestError, match="schedule"):
        made(manifest.model_copy(update={"amount": amount}))


def made(manifest: Manifest) -> None:
    clock = HandClock()
    adapter_of(manifest, FamilyContext(HttpWire(clock), InMemoryTokens(), clock, {}))
