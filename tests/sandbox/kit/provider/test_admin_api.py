"""What a family of gateways says to the admin calls."""

import csv
import io
from pathlib import Path

import pytest

from sandbox.callers.payer.payer import PayerDecision
from sandbox.kit.institution.clock import Clock
from sandbox.kit.payer_pages.language import Text
from sandbox.kit.provider.institution import ProviderDataError, ProviderInstitution, RefundRules
from sandbox.kit.provider.magic_numbers import COMMON_KINDS
from tests.sandbox.caller import Json, SetClock
from tests.sandbox.conftest import served
from tests.sandbox.kit.provider.sample_family import Merchant, Sample, gateway_settings

DAY = "2026-03-10"


async def settlement(merchant: Merchant, more: str = "", day: str = DAY) -> str:
    url = f"{merchant.origin}/_admin/settlement?house={merchant.house}&date={day}{more}"
    async with merchant.session.get(url) as answer:
        assert (answer.status, answer.content_type) == (200, "text/csv")
        return (await answer.read()).decode()


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


async def test_the_houses_are_listed_with_their_rules(merchant: Merchant) -> None:
    houses = (await merchant.admin("GET", "houses"))["houses"]
    assert [house["id"] for house in houses] == ["getpay", "postpay"]
    assert (houses[0]["name"], houses[0]["name_bn"], houses[0]["kind"]) == ("GetPay", "গেটপে", "wallet")
    assert houses[0]["refunds"] == {"parts_max": 3, "is_partial": True, "days": 180, "is_fee_returned": True}


async def test_payers_of_every_kind_are_told_with_what_they_do(merchant: Merchant) -> None:
    payers = (await merchant.admin("GET", "payers?house=postpay"))["payers"]
    assert len(payers) == len(COMMON_KINDS) + 2
    assert len({payer["number"] for payer in payers}) == len(payers)
    one = (await merchant.admin("GET", "payers?house=getpay&kind=pending&nth=7"))["payers"]
    assert one == [{"kind": "pending", "number": "01991600007", "means": "pending for ever"}]


async def test_orders_are_listed_page_by_page_and_by_reference(merchant: Merchant) -> None:
    made = [(await merchant.create())[0] for _ in range(3)]
    listed = (await merchant.admin("GET", "orders?house=getpay&count=1&offset=1"))["orders"]
    assert [order["reference"] for order in listed] == made[1:2]
    assert (await merchant.order(made[1])) == listed[0]
    assert len((await merchant.admin("GET", "dump"))["orders"]) == 3
    async with merchant.session.get(f"{merchant.origin}/_admin/order?house=getpay&reference=x") as answer:
        assert answer.status == 404


async def test_an_order_is_confirmed_or_cancelled_without_a_page(merchant: Merchant) -> None:
    first, second, third = [(await merchant.create())[0] for _ in range(3)]
    number = await merchant.number("normal")
    paid = await merchant.admin("POST", "confirm", {"house": "getpay", "reference": first, "payer": number})
    assert paid["state"] == "paid"
    over = await merchant.admin("POST", "confirm", {"house": "getpay", "reference": second})
    assert over["state"] == "cancelled"
    for reference, payer, status in ((first, number, 409), (third, "1", 409), ("x", number, 404)):
        body = {"house": "getpay", "reference": reference, "payer": payer}
        async with merchant.session.post(f"{merchant.origin}/_admin/confirm", json=body) as answer:
            assert answer.status == status


@pytest.mark.parametrize(
    "query",
    [
        "orders?house=x",
        "order?house=getpay",
        "calls",
        "payers?house=x",
        "pushes?house=x",
        "settlement?house=getpay",
        "settlement?house=getpay&date=today",
        f"settlement?house=x&date={DAY}",
        f"settlement?house=getpay&date={DAY}&wrong=all",
        "payers?house=getpay&nth=1000",
    ],
)
async def test_a_question_that_cannot_be_read_is_400(merchant: Merchant, query: str) -> None:
    async with merchant.session.get(f"{merchant.origin}/_admin/{query}") as answer:
        assert answer.status == 400


@pytest.mark.parametrize(
    "order",
    [
        {"fault": "slow"},
        {"house": "x", "fault": "slow"},
        {"house": "getpay", "fault": "strange"},
        {"house": "getpay", "fault": "slow", "step": "strange"},
        {"house": "getpay", "fault": "slow", "order": "1", "payer": "2"},
        {"house": "getpay", "fault": "slow", "times": 0},
        {"house": "getpay", "fault": "expire_tokens", "step": "status"},
    ],
)
async def test_a_fault_that_cannot_be_is_refused(merchant: Merchant, order: object) -> None:
    assert await merchant.refused_order(order)


async def test_faults_are_kept_house_by_house_until_cleared(merchant: Merchant) -> None:
    body = {"house": "getpay", "fault": "slow", "step": "status", "order": "R", "times": 2}
    listed = (await merchant.admin("POST", "faults", body))["faults"]
    assert listed == [{"house": "getpay", "step": "status", "number": "R", "fault": "slow", "times": 2}]
    assert (await merchant.admin("DELETE", "faults"))["faults"] == []


async def test_a_settlement_file_has_what_moved_on_its_day(merchant: Merchant, clock: SetClock) -> None:
    reference, _ = await merchant.a_visited()
    await merchant.a_visited(behaviour=PayerDecision.CANCEL)
    await merchant.a_visited("pending")
    other, _ = await merchant.a_visited("other_amount")
    clock.advance(seconds=1)
    await merchant.refund(reference, "20.00", "RF1")
    rows = read(await settlement(merchant))
    assert [(row["event"], row["merchant_reference"], row["refund_reference"]) for row in rows] == [
        ("payment", reference, ""),
        ("payment", other, ""),
        ("refund", reference, "RF1"),
    ]
    assert [(row["amount"], row["fee"], row["vat"], row["net"]) for row in rows] == [
        ("120.50", "1.81", "0.27", "118.42"),
        ("120.50", "1.81", "0.27", "118.42"),
        ("-20.00", "-0.30", "-0.04", "-19.66"),
    ]
    assert rows[0]["date_time"] == "2026-03-10 12:00:00"
    clock.advance(hours=12)
    await merchant.log_in()
    await merchant.refund(reference, "30.00", "RF2")
    assert len(read(await settlement(merchant))) == 3
    assert [row["amount"] for row in read(await settlement(merchant, day="2026-03-11"))] == ["-30.00"]


async def test_a_house_has_a_layout_of_its_own(by_card: Merchant) -> None:
    reference, _ = await by_card.a_visited()
    await by_card.ask("POST", f"orders/{reference}/take")
    order = await by_card.order(reference)
    assert await settlement(by_card) == f"\ufeff{order['transaction_id']}|11869\nT|1\n"
    assert (await settlement(by_card, "&wrong=wrong_trailer")).endswith("T|0\n")


@pytest.mark.parametrize(
    ("wrong", "seen"),
    [
        ("missing_row", [("120.50", "1.81")]),
        ("extra_row", [("120.50", "1.81")] * 3),
        ("duplicate_row", [("120.50", "1.81")] * 3),
        ("other_amount", [("121.50", "1.81"), ("120.50", "1.81")]),
        ("other_fee", [("120.50", "2.81"), ("120.50", "1.81")]),
        ("next_day", [("120.50", "1.81")] * 2),
    ],
)
async def test_a_file_can_be_wrong_on_demand(
    merchant: Merchant, wrong: str, seen: list[tuple[str, str]]
) -> None:
    for _ in range(2):
        await merchant.a_visited()
    right, rows = read(await settlement(merchant)), read(await settlement(merchant, f"&wrong={wrong}"))
    assert [(row["amount"], row["fee"]) for row in rows] == seen
    assert rows != right
    assert [row["seq"] for row in rows] == [str(seq) for seq in range(1, len(rows) + 1)]
    assert read(await settlement(merchant)) == right


async def test_an_empty_day_has_nothing_to_go_wrong(merchant: Merchant) -> None:
    assert read(await settlement(merchant, "&wrong=missing_row")) == []


async def test_passwords_come_from_the_environment(
    tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EKPAY_SANDBOX_GATEWAY_PASSWORD", "from outside")
    async with served(Sample.open(gateway_settings(tmp_path), Clock(clock.now))) as (session, origin):
        merchant = Merchant(session, origin)
        for password, status in (("gateway-sandbox", 401), ("from outside", 200)):
            body = {"user": "ekpay", "password": password}
            assert (await merchant.call("POST", "token", body))[0] == status


@pytest.mark.parametrize(
    "changes",
    [
        {"fee_bp": 10_001},
        {"fee_vat_bp": -1},
        {"page_seconds": 0},
        {"push_seconds": (-1,)},
        {"refunds": RefundRules(parts_max=0)},
    ],
)
def test_a_house_that_cannot_be_is_refused(changes: Json) -> None:
    with pytest.raises(ProviderDataError):
        ProviderInstitution(id="x", name=Text("x", "x"), family="x", **changes)
