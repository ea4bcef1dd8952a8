"""What a bank sees on an ordinary day."""

import json

import pytest

from sandbox.callers.partner.client import result_code
from sandbox.callers.partner.messages import Message, Payout, dhaka_now, new_reference
from tests.acceptance.installation import DONE, House, UnpaidBill, a_reference, paisa

# The processes and connections of the house live in one event loop, so its stories do too.
pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_a_bank_fetches_and_pays_and_everybody_can_see_it(house: House) -> None:
    bank, reference, bill = house.shapla, a_reference(), house.bill()
    before = await bank.balance_paisa()
    fetched = await bank.fetch(bill)
    assert await bank.pay(fetched, reference) == DONE
    assert before - await bank.balance_paisa() == bill.amount_paisa

    status = await bank.ask(fetched)
    assert status["bllr_inf"]["is_bll_pd"] == "Y"
    assert status["pyd_inf"]["pyd_trxn_refid"] == reference
    assert paisa(status["pyd_inf"]["pyd_amnt"]) == bill.amount_paisa

    told = await house.stage.tool.run("payments", "show", reference)
    assert "the biller acknowledged the payment" in told
    assert "It is completed; callers are told: paid." in told
    assert bill.account not in told
    await house.ends_well()


async def test_a_repeat_by_other_hands_hears_the_same_and_other_content_is_refused(house: House) -> None:
    bank, reference = house.shapla, a_reference()
    fetched, other = await bank.fetch(house.bill()), await bank.fetch(house.bill())
    assert await bank.pay(fetched, reference) == DONE
    before, standing = await bank.balance_paisa(), await house.payments(reference)

    repeated = bank.client.write.payment(fetched, Payout(reference), is_whole=False)
    repeated["hdrs"]["ref_id"], repeated["trx"]["trx_id"] = new_reference(), new_reference()
    elsewhere = await house.client(bank.player)
    assert result_code(await elsewhere.exchange("update-billPayment", _as_first_sent(repeated))) == DONE

    assert await bank.pay(other, reference) == "1009"
    dearer = bank.client.write.payment(fetched, Payout(reference, "1.23"))
    assert result_code(await bank.client.exchange("update-billPayment", dearer)) == "1009"
    assert await house.payments(reference) == standing
    assert await bank.balance_paisa() == before
    await house.ends_well()


def _as_first_sent(message: Message) -> Message:
    """The same order after a journey through somebody's queue: other bytes, the same content."""
    turned = dict(reversed(message.items()))
    turned["pyd_inf"] = dict(message["pyd_inf"], pyd_tms="2026-01-01T00:00:00+06:00", note="sent again")
    again: Message = json.loads(json.dumps(turned, indent=2))
    return again


async def test_a_late_bill_costs_its_late_fee_and_a_bill_above_400_taka_a_stamp(house: House) -> None:
    late, small = await _an_overdue_bill(house), house.bill(lambda bill: bill.amount_paisa <= 40_000)
    for bill, stamps in ((late, 1), (small, 0)):
        fetched = await house.shapla.fetch(bill)
        told = fetched["bllr_inf"]
        late_fee = paisa(told["bll_late_fee"])
        assert paisa(told["bll_amnt_ttl"]) == bill.amount_paisa
        assert await house.shapla.pay(fetched, a_reference()) == DONE
        (line,) = await house.saved(bill.number)
        assert (line["amount_paisa"], line["lpc_paisa"]) == (bill.amount_paisa, late_fee)
        assert line["stamp_qty"] == stamps
    await house.ends_well()


async def _an_overdue_bill(house: House) -> UnpaidBill:
    """A bill whose due date has passed, above 400 taka, with the late fee that the date makes due."""
    while True:
        bill = house.bill(lambda bill: bill.amount_paisa > 40_000)
        told = (await house.shapla.fetch(bill))["bllr_inf"]
        if told["bll_dt_due"] < dhaka_now().date().isoformat():
            # Five percent of the bill without it, half-up, added once.
            without = paisa(told["bll_amnt_ttl"]) - paisa(told["bll_late_fee"])
            assert paisa(told["bll_late_fee"]) == (without * 5 * 2 + 100) // 200
            return bill
        assert paisa(told["bll_late_fee"]) == 0


async def test_of_three_unpaid_bills_the_oldest_is_told_first(house: House) -> None:
    bank, account = house.shapla, house.account("97")
    months = []
    for told_count in ("3", "2", None):
        fetched = await bank.fetch_account(account)
        assert fetched["bllr_inf"].get("bll_cnt") == told_count
        number = fetched["bllr_inf"]["bll_no"]
        months.append((number[2:4], number[:2]))
        assert await bank.pay(fetched, a_reference()) == DONE
    assert months == sorted(set(months))
    assert (await bank.fetch_account(account))["bllr_inf"]["is_bll_pd"] == "Y"
    await house.ends_well()
