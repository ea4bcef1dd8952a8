import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sandbox.billers.direct.caller import HOUSES, DirectCaller, direct_at, paisa
from tests.sandbox.caller import SetClock

DPDC = "dpdc_postpaid"
HOLDING = "holding_tax_city"


@pytest.fixture
async def direct(tmp_path: Path, clock: SetClock) -> AsyncIterator[DirectCaller]:
    async with direct_at(tmp_path, clock) as caller:
        yield caller


@pytest.mark.parametrize("house", HOUSES)
async def test_bill_payment_and_status_of_every_house_tell_one_story(
    direct: DirectCaller, house: str
) -> None:
    bill = await direct.fetch(house)
    payment = await direct.a_payment(house)
    assert (await direct.status(house))["code"] == "204"
    paid = await direct.ask(house, "payment", payment)
    (line,) = await direct.payments()
    told = {"transactionId": "T1", "amount": bill["total"], "receiptNo": line["receipt"]}
    assert paid == {"code": "200", "message": "Payment received", **told}
    status = await direct.status(house)
    assert status["payment"] == {
        "billNo": bill["billNo"],
        "state": "PAID",
        "paidAt": "2026-03-10T12:00:00+06:00",
        **told,
    }
    assert (line["house"], line["bill_number"], line["number"]) == (house, bill["billNo"], bill["accountNo"])
    assert line["amount_paisa"] == paisa(bill["total"])
    assert line["facts"] == {"channel": "web", "stamp_qty": "0"}
    assert await direct.code(house, "bill", await direct.named(house)) == "410"


@pytest.mark.parametrize("house", HOUSES)
async def test_the_lines_of_a_bill_sum_to_its_total(
    direct: DirectCaller, clock: SetClock, house: str
) -> None:
    on_time = await direct.fetch(house)
    clock.advance(days=60)
    await direct.log_in(house)
    late = await direct.fetch(house)
    lines = [paisa(on_time[name]) for name in ("amount", "vat", "stamp")]
    assert sum(lines) == paisa(on_time["total"])
    assert sum(lines) + paisa(late["lateFee"]) == paisa(late["total"])
    assert late["lateFee"] == on_time["lateFee"]


async def test_a_bill_is_told_in_full(direct: DirectCaller) -> None:
    bill = await direct.fetch(DPDC)
    assert list(bill) == [
        "billNo", "accountNo", "customerName", "address", "meterNo", "period", "issueDate", "dueDate",
        "amount", "vat", "lateFee", "stamp", "total", "outstanding", "billCount", "paid",
    ]  # fmt: skip
    assert bill["billNo"] == bill["period"][2:] + bill["accountNo"]
    assert bill["period"] < bill["issueDate"].replace("-", "")[:6]
    assert bill["issueDate"] < bill["dueDate"]
    assert (bill["billCount"], bill["paid"], bill["outstanding"]) == (1, "N", bill["total"])


@pytest.mark.parametrize("house", ["wzpdcl_postpaid", "kgdcl_gas", "btcl_bill"])
async def test_an_account_with_three_bills_is_told_the_oldest_first(direct: DirectCaller, house: str) -> None:
    periods = []
    for count in (3, 2, 1):
        payment = await direct.a_payment(house, "three_bills", transactionId=f"T{count}")
        bill = await direct.fetch(house, "three_bills")
        assert bill["billCount"] == count
        assert (paisa(bill["outstanding"]) > paisa(bill["total"])) == (count > 1)
        periods.append(bill["period"])
        assert await direct.pay(house, payment) == "200"
    assert periods == sorted(set(periods))
    assert len(await direct.payments()) == 3


async def test_the_same_transaction_again_is_answered_as_the_first(direct: DirectCaller) -> None:
    payment = await direct.a_payment(DPDC)
    answers = [await direct.ask(DPDC, "payment", payment) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert [line["sends"] for line in await direct.payments()] == [3]


async def test_another_transaction_for_a_paid_bill_is_410(direct: DirectCaller) -> None:
    payment = await direct.a_payment(DPDC)
    assert await direct.pay(DPDC, payment) == "200"
    assert await direct.pay(DPDC, payment | {"transactionId": "T2"}) == "410"
    assert (await direct.status(DPDC, "T2"))["code"] == "204"


async def test_a_transaction_used_for_something_else_is_412(direct: DirectCaller) -> None:
    payment, other = await direct.a_payment(DPDC), await direct.a_payment(DPDC, nth=1)
    assert await direct.pay(DPDC, payment) == "200"
    assert await direct.pay(DPDC, other) == "412"
    assert await direct.pay(DPDC, payment | {"amount": "1.00"}) == "412"
    assert len(await direct.payments()) == 1


async def test_a_transaction_is_of_one_house_only(direct: DirectCaller) -> None:
    for house in (DPDC, "kgdcl_gas"):
        assert (await direct.status(house))["code"] == "204"
        assert await direct.pay(house, await direct.a_payment(house)) == "200"


async def test_fifty_payments_of_one_bill_at_once_are_one(direct: DirectCaller) -> None:
    payment = await direct.a_payment(DPDC)
    calls = [direct.pay(DPDC, payment | {"transactionId": f"T{n}"}) for n in range(50)]
    assert sorted(await asyncio.gather(*calls)) == ["200"] + ["410"] * 49


async def test_another_amount_is_411_and_another_bill_404(direct: DirectCaller) -> None:
    payment = await direct.a_payment(DPDC)
    assert await direct.pay(DPDC, payment | {"amount": "1.00"}) == "411"
    assert await direct.pay(DPDC, payment | {"accountNo": "23400002"}) == "404"
    assert await direct.pay(DPDC, payment | {"billNo": "250123400001"}) == "404"
    assert await direct.payments() == []


@pytest.mark.parametrize("house", [DPDC, "wzpdcl_postpaid", "btcl_bill", HOLDING])
async def test_a_payment_may_name_its_bill_by_the_parameters_of_a_fetch(
    direct: DirectCaller, house: str
) -> None:
    payment = await direct.a_payment(house, "three_bills")
    bill_number = payment.pop("billNo")
    del payment["accountNo"]
    payment |= await direct.named(house, "three_bills")
    assert [await direct.pay(house, payment) for _ in range(2)] == ["200", "200"]
    assert [line["bill_number"] for line in await direct.payments()] == [bill_number]
    strange = payment | await direct.named(house, "unknown") | {"transactionId": "T2"}
    assert await direct.pay(house, strange) == "404"
    assert await direct.pay(house, {**payment, **dict.fromkeys(await direct.named(house), "")}) == "405"


async def test_a_telephone_bill_is_found_by_its_own_number_too(direct: DirectCaller) -> None:
    bill = await direct.fetch("btcl_bill")
    answer = await direct.ask("btcl_bill", "bill", {"billNo": bill["billNo"]})
    assert answer["bill"] == bill


async def test_who_pays_for_gas_may_be_anybody(direct: DirectCaller) -> None:
    named = await direct.named("kgdcl_gas")
    for mobile in ({"mobile": "01899999999"}, {"mobile": None}):
        assert await direct.code("kgdcl_gas", "bill", named | mobile) == "200"


async def test_a_holding_tax_is_paid_in_parts_up_to_its_total(direct: DirectCaller) -> None:
    whole = await direct.a_payment(HOLDING)
    total = paisa(whole["amount"])
    assert await direct.pay(HOLDING, whole | {"amount": "100.00"}) == "200"
    bill = await direct.fetch(HOLDING)
    assert (paisa(bill["total"]), paisa(bill["outstanding"])) == (total, total - 10_000)
    assert await direct.pay(HOLDING, whole | {"transactionId": "T2"}) == "411"
    assert await direct.pay(HOLDING, whole | {"transactionId": "T2", "amount": "0.00"}) == "411"
    rest = whole | {"transactionId": "T2", "amount": bill["outstanding"]}
    assert await direct.pay(HOLDING, rest) == "200"
    assert await direct.pay(HOLDING, rest | {"transactionId": "T3"}) == "410"
    assert sum(line["amount_paisa"] for line in await direct.payments()) == total


@pytest.mark.parametrize("house", HOUSES)
async def test_unknown_and_paid_accounts_are_told_apart(direct: DirectCaller, house: str) -> None:
    unknown, paid = await direct.named(house, "unknown"), await direct.named(house, "already_paid")
    assert await direct.code(house, "bill", unknown) == "404"
    assert await direct.code(house, "bill", paid) == "410"


@pytest.mark.parametrize(
    ("house", "changes"),
    [
        (DPDC, {"billPeriod": "202613"}),
        (DPDC, {"billPeriod": "March"}),
        (DPDC, {"billPeriod": None}),
        (DPDC, {"customerNo": 23_400_001}),
        (DPDC, {"customerNo": ""}),
        ("chattogram_wasa", {"month": "3"}),
        ("chattogram_wasa", {"billNo": None}),
        (HOLDING, {"quarter": "5"}),
        (HOLDING, {"ward": "1"}),
        ("btcl_bill", {"exchangeCode": None}),
    ],
)
async def test_a_malformed_parameter_is_405(
    direct: DirectCaller, house: str, changes: dict[str, object]
) -> None:
    assert await direct.code(house, "bill", await direct.named(house) | changes) == "405"


@pytest.mark.parametrize(
    ("house", "changes"),
    [
        (DPDC, {"billPeriod": "202501"}),
        (DPDC, {"customerNo": "99999999"}),
        ("chattogram_wasa", {"month": "12"}),
        (HOLDING, {"ward": "99"}),
        ("btcl_bill", {"exchangeCode": "9999"}),
    ],
)
async def test_parameters_that_do_not_agree_name_no_bill(
    direct: DirectCaller, house: str, changes: dict[str, object]
) -> None:
    assert await direct.code(house, "bill", await direct.named(house) | changes) == "404"
