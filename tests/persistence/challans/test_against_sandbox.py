"""A shop's challans at the simulated treasury, over HTTP and real books, by our own manifests and prices."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ekpay_switch.config_files.challan_accounts import read_challan_accounts
from ekpay_switch.config_files.fees import read_fee_table
from ekpay_switch.domain.challans import BILLER, ChallanOrder, ChallanRefusal, Progress, StoredChallan
from ekpay_switch.domain.money import Money
from ekpay_switch.flows.challans.raise_challan import raise_challan
from ekpay_switch.ports.challans import ChallanPorts
from tests.biller_adapters.challans.treasury_sandbox_stage import Town, town
from tests.fakes.billers import FakeBillers
from tests.persistence.challans.challan_setup import Counter
from tests.persistence.collections.merchant_money_setup import AMOUNT

CONFIG = Path(__file__).parents[3] / "config"
ACCOUNTS = read_challan_accounts(CONFIG / "challan_accounts.toml")


@asynccontextmanager
async def office_in_town(counter: Counter, home: Path) -> AsyncIterator[tuple[Town, ChallanPorts]]:
    async with town(home) as place:
        fees = read_fee_table(CONFIG / "fees.toml")
        counter.world = replace(counter.world, billers=FakeBillers([place.adapters[BILLER]]), fees=fees)
        yield place, ChallanPorts(counter.world, counter.challans, ACCOUNTS)


async def raised(order: ChallanOrder, office: ChallanPorts) -> StoredChallan:
    answer = await raise_challan(order, office)
    assert isinstance(answer, StoredChallan), answer
    return answer


async def test_each_line_becomes_one_challan_of_the_treasury(counter: Counter, tmp_path: Path) -> None:
    held = await counter.stall.sold()
    async with office_in_town(counter, tmp_path) as (place, office):
        order = await counter.order_for(held, "R1", 50_050, 7_500)
        standing = await raised(order, office)
        assert standing.progress is Progress.DONE
        numbers = [line.challan_no for line in standing.lines]
        assert numbers == ["2526-0000000001", "2526-0000000002"]
        assert await raised(order, office) == standing
        assert await place.paid_paisa(BILLER) == [Money(50_050), Money(7_500)]
        booked = [payment.facts for payment in place.far_side.book.payments_of(BILLER)]
        assert {facts["organization_code"] for facts in booked} == {"1090101100001"}
    assert await counter.balances() == (0, 0, 57_550, AMOUNT - 57_550)


async def test_a_payer_whom_the_treasury_does_not_know_costs_nothing(
    counter: Counter, tmp_path: Path
) -> None:
    held = await counter.stall.sold()
    async with office_in_town(counter, tmp_path) as (place, office):
        order = replace(
            await counter.order_for(held), payer={"bin": "9999999999999", "mobile": "01712345678"}
        )
        assert (await raised(order, office)).progress is Progress.NOTHING_RAISED
        assert await place.paid_paisa(BILLER) == []
    assert await counter.balances() == (0, 0, 0, AMOUNT)


@pytest.mark.parametrize("payer", [{"bin": "12", "mobile": "01712345678"}, {"bin": "0012345600001"}])
async def test_what_the_manifest_does_not_take_is_refused_before_money_moves(
    counter: Counter, tmp_path: Path, payer: dict[str, str]
) -> None:
    held = await counter.stall.sold()
    async with office_in_town(counter, tmp_path) as (_, office):
        order = replace(await counter.order_for(held), payer=payer)
        assert await raise_challan(order, office) is ChallanRefusal.NOT_TAKEN
    assert await counter.balances() == (0, 0, 0, AMOUNT)
