"""Many orders at the same moment: one bill is paid once, and a prefund gives what it holds and no more."""

import asyncio
from collections import Counter

import pytest

from sandbox.callers.partner.client import result_code
from sandbox.kit.tcp_ports import free_port
from sandbox.rehearsals.installation.readiness import wait_until_ready
from tests.acceptance.installation import DONE, IN_PROGRESS, Bank, House, a_reference

# The processes and connections of the house live in one event loop, so its stories do too.
pytestmark = pytest.mark.asyncio(loop_scope="package")

CROWD = 50


async def test_a_hundred_orders_with_one_reference_are_one_payment(house: House) -> None:
    bank, reference, bill = house.shapla, a_reference(), house.bill()
    before, fetched = await bank.balance_paisa(), await bank.fetch(bill)
    codes = await asyncio.gather(*(bank.pay(fetched, reference) for _ in range(100)))
    assert set(codes) <= {DONE, IN_PROGRESS}
    await bank.hears_it_is_paid(fetched)
    assert before - await bank.balance_paisa() == bill.amount_paisa
    assert len(await house.payments(reference)) == 1
    assert [line["saves"] for line in await house.saved(bill.number)] == [1]
    await house.ends_well()


async def test_fifty_references_of_two_banks_for_one_bill_are_one_payment(house: House) -> None:
    bill, banks = house.bill(), [house.shapla, house.doyel] * (CROWD // 2)
    quotes = await asyncio.gather(*(bank.fetch(bill) for bank in banks))
    before = [await bank.balance_paisa() for bank in banks[:2]]
    orders = (bank.pay(quote, a_reference()) for bank, quote in zip(banks, quotes, strict=True))
    codes = await asyncio.gather(*orders)
    assert [code for code in codes if code not in {"1010", "1003"}] == [DONE]
    after = [await bank.balance_paisa() for bank in banks[:2]]
    assert sum(before) - sum(after) == bill.amount_paisa
    assert [line["saves"] for line in await house.saved(bill.number)] == [1]
    await house.ends_well()


async def test_fifty_orders_on_one_prefund_get_exactly_what_it_holds(house: House) -> None:
    bank, bills = house.poor, [house.bill() for _ in range(CROWD)]
    enough_for = sorted(bill.amount_paisa for bill in bills)[: CROWD // 2]
    await house.top_up(bank, sum(enough_for) // 100)
    held = await bank.balance_paisa()
    quotes = await asyncio.gather(*(bank.fetch(bill) for bill in bills))
    references = [a_reference() for _ in bills]
    orders = (bank.pay(quote, reference) for quote, reference in zip(quotes, references, strict=True))
    codes = await asyncio.gather(*orders)

    assert set(codes) == {DONE, "1006"}
    left = await bank.balance_paisa()
    told = list(zip(bills, codes, strict=True))
    assert held - left == sum(bill.amount_paisa for bill, code in told if code == DONE)
    # Refused in their turn, when no more was left than there is now or less than they asked for.
    assert 0 <= left < min(bill.amount_paisa for bill, code in told if code == "1006")

    await house.top_up(bank, 500_000)
    refused = [number for number, code in enumerate(codes) if code == "1006"]
    again = await asyncio.gather(*(bank.pay(quotes[number], references[number]) for number in refused))
    assert Counter(again) == {"1006": len(refused)}
    anew = await asyncio.gather(*(bank.pay(quotes[number], a_reference()) for number in refused))
    assert Counter(anew) == {DONE: len(refused)}
    await house.ends_well()


async def test_one_reference_sent_to_two_switches_at_once_is_one_payment(house: House) -> None:
    port, bank = free_port(), house.shapla
    stage = house.stage
    serve = stage.tool.command("serve", "--host", "127.0.0.1", "--port", str(port))
    await stage.children.start("second_switch", serve)
    await wait_until_ready(f"http://127.0.0.1:{port}/health/ready")
    second = Bank(bank.player, await house.client(bank.player, f"http://127.0.0.1:{port}"))

    bills = [house.bill() for _ in range(5)]
    quotes = await asyncio.gather(*(bank.fetch(bill) for bill in bills))
    before = await bank.balance_paisa()
    for quote in quotes:
        reference = a_reference()
        codes = await asyncio.gather(*(one.pay(quote, reference) for one in (bank, second) * 4))
        assert set(codes) <= {DONE, IN_PROGRESS}
        await bank.hears_it_is_paid(quote)
        assert result_code(await second.ask(quote)) == DONE
    assert before - await second.balance_paisa() == sum(bill.amount_paisa for bill in bills)
    for bill in bills:
        assert [line["saves"] for line in await house.saved(bill.number)] == [1]
    await stage.children.stop("second_switch")
    await house.ends_well()
