from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sandbox.billers.aggregator.caller import (
    BPDB,
    DPDC,
    HOUSES,
    METERED,
    STATED,
    TARIFF,
    WASA,
    AggregatorCaller,
    aggregator_at,
    paisa,
    stated,
    taka,
)
from tests.sandbox.billers.direct.caller import direct_at
from tests.sandbox.caller import SetClock

CHALLAN = {"chalanNo": "2526-0001234567", "chalanDate": "2026-03-05", "chalanBank": "Example Bank"}


@pytest.fixture
async def aggregator(tmp_path: Path, clock: SetClock) -> AsyncIterator[AggregatorCaller]:
    async with aggregator_at(tmp_path, clock) as caller:
        yield caller


@pytest.mark.parametrize("house", HOUSES)
async def test_info_payment_status_and_cancel_tell_one_story(
    aggregator: AggregatorCaller, house: str
) -> None:
    bill = await aggregator.info(house)
    assert (await aggregator.about(house, "bill-status"))["status"] == "906"
    paid = await aggregator.ask(house, "bill-payment", aggregator.a_payment())
    (line,) = await aggregator.payments()
    told = {"transaction_id": "T1", "core_transaction_id": "CORE-T1", "lid": line["receipt"]}
    told |= {"amount": bill["payable"], "status": "111"}
    assert paid == {"message": "SUCCESS", **told}
    assert await aggregator.about(house, "bill-status") == {"message": "OK", **told}
    assert (line["reference"], line["amount_paisa"]) == ("CORE-T1", paisa(bill["payable"]))
    assert line["facts"]["collector_reference"] == "T1"
    assert (await aggregator.look(house, "T2", await aggregator.named(house)))["status"] == "902"
    for _ in range(2):
        assert (await aggregator.about(house, "bill-cancel")) == {"message": "taken back", **told}
    assert (await aggregator.about(house, "bill-status"))["status"] == "910"
    assert await aggregator.pay(house) == "900"
    assert await aggregator.info(house, "T3") == bill
    assert await aggregator.pay(house, "T3") == "111"


@pytest.mark.parametrize("house", HOUSES)
async def test_a_transaction_pays_once_and_for_one_reference(
    aggregator: AggregatorCaller, house: str
) -> None:
    await aggregator.info(house)
    await aggregator.info(house, "T2")
    assert [await aggregator.pay(house) for _ in range(2)] == ["111", "111"]
    assert await aggregator.pay(house, core="ANOTHER") == "902"
    assert await aggregator.pay(house, "T2", core="CORE-T1") == "909"
    assert await aggregator.pay(house, "T2") == "902"
    assert await aggregator.pay(house, "T9") == "904"
    assert [line["sends"] for line in await aggregator.payments()] == [2]


@pytest.mark.parametrize("house", HOUSES)
async def test_a_transaction_asks_one_thing(aggregator: AggregatorCaller, house: str) -> None:
    bill = await aggregator.info(house)
    assert await aggregator.info(house) == bill
    assert (await aggregator.look(house, "T1", await aggregator.named(house, nth=1)))["status"] == "909"


async def test_a_transaction_that_was_refused_serves_no_other_reference(aggregator: AggregatorCaller) -> None:
    await aggregator.info(BPDB, kind="refuses")
    assert [await aggregator.pay(BPDB, core=core) for core in ("A", "B", "A")] == ["900", "909", "900"]


@pytest.mark.parametrize("house", [house for house in HOUSES if house != STATED])
async def test_the_lines_of_a_bill_sum_to_its_total(
    aggregator: AggregatorCaller, clock: SetClock, house: str
) -> None:
    on_time = await aggregator.info(house)
    clock.advance(days=60)
    late = await aggregator.info(house, "T2")
    for bill in (on_time, late):
        lines = [paisa(bill[name]) for name in ("amount", "vat", "surcharge", "stamp")]
        assert sum(lines) == paisa(bill["total"]) == paisa(bill["payable"])
    assert paisa(on_time["surcharge"]) == 0 < paisa(late["surcharge"])
    assert await aggregator.pay(house) == "903"
    assert await aggregator.pay(house, "T2") == "111"


async def test_a_bill_looked_up_again_on_a_later_day_is_paid_as_it_then_is(
    aggregator: AggregatorCaller, clock: SetClock
) -> None:
    await aggregator.info(BPDB)
    clock.advance(days=60)
    late = await aggregator.info(BPDB)
    answer = await aggregator.ask(BPDB, "bill-payment", aggregator.a_payment())
    assert (answer["status"], answer["amount"]) == ("111", late["payable"])


async def test_a_water_account_stands_for_its_oldest_bill(aggregator: AggregatorCaller) -> None:
    number = (await aggregator.cast(WASA, "three_bills"))["number"]
    seen = []
    for left in ("3", "2", "1"):
        answer = await aggregator.look(WASA, f"T{left}", {"account_no": number})
        assert answer["bill"]["bill_count"] == left
        seen.append(answer["bill"]["bill_no"])
        assert await aggregator.pay(WASA, f"T{left}") == "111"
    assert seen == sorted(seen)
    assert (await aggregator.look(WASA, "T9", {"account_no": number}))["status"] == "902"


async def test_the_other_way_to_dpdc_tells_the_same_bills_out_of_its_own_books(
    aggregator: AggregatorCaller, clock: SetClock, tmp_path: Path
) -> None:
    async with direct_at(tmp_path / "direct", clock) as direct:
        for nth in range(5):
            one = await direct.fetch("dpdc_postpaid", nth=nth)
            other = await aggregator.info(DPDC, f"T{nth}", nth=nth)
            assert (one["accountNo"], one["total"]) == (other["account_no"], other["total"])
    assert await aggregator.pay(DPDC, "T0") == "111"


# ---- tax at source -----------------------------------------------------------------------------------------


async def test_a_bill_less_tax_is_paid_whole(aggregator: AggregatorCaller) -> None:
    asked, whole = await aggregator.named(METERED), await aggregator.info(METERED, "T0")
    taxed = {**asked, "sourceTaxAmount": "100.00", **CHALLAN}
    bill = (await aggregator.look(METERED, "T1", taxed))["bill"]
    assert bill == {**whole, "payable": taka(paisa(whole["total"]) - 10_000)}
    answer = await aggregator.ask(METERED, "bill-payment", aggregator.a_payment())
    assert (answer["status"], answer["amount"]) == ("111", bill["payable"])
    (line,) = await aggregator.payments()
    assert (line["amount_paisa"], line["facts"]["challan_no"]) == (
        paisa(bill["payable"]),
        CHALLAN["chalanNo"],
    )
    assert (await aggregator.look(METERED, "T2", asked))["status"] == "902"
    assert f",{bill['payable']}," in await aggregator.end_of_day(METERED, "2026-03-10")


async def test_a_challan_goes_with_one_bill(aggregator: AggregatorCaller) -> None:
    taxes = [
        {**await aggregator.named(METERED, nth=nth), "sourceTaxAmount": "50.00", **CHALLAN} for nth in (0, 1)
    ]
    for nth, taxed in enumerate(taxes):
        assert (await aggregator.look(METERED, f"T{nth}", taxed))["status"] == "111"
    assert [await aggregator.pay(METERED, name) for name in ("T0", "T0", "T1")] == ["111", "111", "905"]
    assert (await aggregator.look(METERED, "T2", taxes[1]))["status"] == "905"
    await aggregator.about(METERED, "bill-cancel", "T0")
    assert (await aggregator.look(METERED, "T3", taxes[1]))["status"] == "111"
    assert [one["reason"] for one in (await aggregator.admin("GET", "dump"))["refused"]] == ["905"]


async def test_tax_and_challan_come_together_or_not_at_all(aggregator: AggregatorCaller) -> None:
    asked, tax = await aggregator.named(METERED), {"sourceTaxAmount": "50.00"}
    for wrong in (
        tax,
        CHALLAN,
        *({**tax, **CHALLAN, name: ""} for name in CHALLAN),
        {**tax, **CHALLAN, "chalanDate": "2026-02-30"},
        {**tax, **CHALLAN, "chalanNo": "no such number"},
    ):
        assert (await aggregator.look(METERED, "T1", {**asked, **wrong}))["status"] == "908", wrong
    whole = (await aggregator.info(METERED))["total"]
    too_much = {**asked, **CHALLAN, "sourceTaxAmount": whole}
    assert (await aggregator.look(METERED, "T2", too_much))["status"] == "903"


# ---- stated months -----------------------------------------------------------------------------------------


async def a_household(aggregator: AggregatorCaller, nth: int = 0) -> tuple[str, int]:
    fields = (await aggregator.cast(STATED, nth=nth))["fields"]
    return fields["customer_code"], TARIFF[fields["burner_type"]]


async def test_months_are_paid_once_each(aggregator: AggregatorCaller) -> None:
    customer, tariff = await a_household(aggregator)
    asked = stated(customer, tariff, "202602", "202603", "202604")
    overlapping = stated(customer, tariff, "202604", "202605")
    assert (await aggregator.look(STATED, "T1", asked))["bill"]["payable"] == taka(3 * tariff)
    assert (await aggregator.look(STATED, "T2", overlapping))["status"] == "111"
    assert [await aggregator.pay(STATED, name) for name in ("T1", "T1", "T2")] == ["111", "111", "902"]
    for again in (asked, overlapping):
        assert (await aggregator.look(STATED, "T3", again))["status"] == "902"
    assert (await aggregator.look(STATED, "T4", stated(customer, tariff, "202605")))["status"] == "111"
    other, theirs = await a_household(aggregator, 1)
    assert (await aggregator.look(STATED, "T5", stated(other, theirs, "202604")))["status"] == "111"


async def test_a_month_is_surcharged_from_the_day_after_it_was_due(
    aggregator: AggregatorCaller, clock: SetClock
) -> None:
    customer, tariff = await a_household(aggregator)
    months = ("202601", "202602", "202603")
    for days, overdue in ((0, 1), (10, 1), (1, 2), (30, 2), (1, 3)):
        clock.advance(days=days)
        wrong, right = (stated(customer, tariff, *months, overdue=late) for late in (overdue - 1, overdue))
        assert (await aggregator.look(STATED, f"W{clock.now()}", wrong))["status"] == "903"
        assert (await aggregator.look(STATED, f"R{clock.now()}", right))["status"] == "111"


async def test_the_tariff_is_that_of_the_connection(aggregator: AggregatorCaller) -> None:
    customer, tariff = await a_household(aggregator)
    other = sum(TARIFF.values()) - tariff
    assert (await aggregator.look(STATED, "T1", stated(customer, other, "202604")))["status"] == "903"


@pytest.mark.parametrize(
    "particulars",
    ["", "202604,", "202604,202603", "202604,202604", "202613", "2026-04", "April", None, 202604],
)
async def test_months_that_are_no_list_of_months_are_malformed(
    aggregator: AggregatorCaller, particulars: object
) -> None:
    customer, tariff = await a_household(aggregator)
    asked = {**stated(customer, tariff, "202604"), "particulars": particulars}
    assert (await aggregator.look(STATED, "T1", asked))["status"] == "908"


async def test_more_than_twelve_months_are_malformed(aggregator: AggregatorCaller) -> None:
    customer, tariff = await a_household(aggregator)
    months = [f"2026{month:02d}" for month in range(4, 13)] + [f"2027{month:02d}" for month in range(1, 5)]
    assert (await aggregator.look(STATED, "T1", stated(customer, tariff, *months)))["status"] == "908"
    assert (await aggregator.look(STATED, "T2", stated(customer, tariff, *months[:12])))["status"] == "111"
