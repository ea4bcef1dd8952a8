"""The shape of every answer, member by member (ekpay-syndicate-api.md, "Messages")."""

import asyncio
from dataclasses import replace

from ekpay_switch.domain.money import Money
from tests.api.desk import Caller, Desk, code_of
from tests.factories import BILL_NO, a_bill
from tests.fakes import LOSES_ANSWER


async def test_a_fetched_bill(desk: Desk, bank: Caller) -> None:
    message = bank.write.fetch("b025", bll_no=BILL_NO)
    answer = await bank.exchange(message)
    (quote,) = desk.small.books.quotes.values()
    assert answer["resp_status"] == {"rsp_cd": "0000", "rsp_msg": "success", "refno_ack": quote.quote_id}
    assert answer["hdrs"] == {
        "nm": "FETCH_BLL_REQ",
        "ver": "v1.3.0",
        "ref_id": message["hdrs"]["ref_id"],
        "tms": "2026-03-01T12:00:00+06:00",
        "nd_id": "NS101",
    }
    assert answer["trx"]["trx_id"] == message["trx"]["trx_id"]
    told = answer["bllr_inf"]
    assert (told["bll_amnt"], told["bll_vat"], told["bll_amnt_ttl"]) == ("1000.00", "50.00", "1050.00")
    assert (told["ekpay_fee"], told["is_bll_pd"], told["bll_cstnm"]) == ("5.75", "N", "Rahela Khatun")
    assert "bll_cnt" not in told
    assert (20 <= len(quote.quote_id) <= 32, quote.quote_id.isalnum()) == (True, True)


async def test_the_oldest_of_several_bills_says_how_many_there_are(desk: Desk, bank: Caller) -> None:
    desk.small.biller.bills[BILL_NO] = replace(a_bill(), unpaid_count=3)
    assert (await bank.fetch())["bllr_inf"]["bll_cnt"] == "3"


async def test_a_paid_bill(desk: Desk, bank: Caller) -> None:
    fetched = await bank.fetch()
    answer = await bank.exchange(bank.payment(fetched))
    assert answer["bllr_inf"] == {"bllr_id": "b025", "is_bll_pd": "Y"}
    assert answer["resp_status"]["refno_ack"] == fetched["resp_status"]["refno_ack"]
    assert desk.small.biller.orders[0].sums.amount == Money(105_000)


async def test_a_status_is_answered_from_the_books_and_asks_nobody(desk: Desk, bank: Caller) -> None:
    fetched = await bank.fetch()
    ask = bank.write.status(fetched["hdrs"]["ref_id"], "b025")
    unpaid = await bank.exchange(ask)
    assert (code_of(unpaid), unpaid["bllr_inf"]["is_bll_pd"], "pyd_inf" in unpaid) == ("0000", "N", False)
    await bank.exchange(bank.payment(fetched))
    desk.small.steps.taken.clear()
    paid = await bank.exchange(ask)
    assert desk.small.steps.taken == ["status_of_request"]
    assert (code_of(paid), paid["bllr_inf"]["is_bll_pd"]) == ("0000", "Y")
    assert paid["pyd_inf"] == {
        "pyd_trxn_refid": "R1",
        "pyd_tms": "2026-03-01T12:00:00+06:00",
        "pyd_amnt": "1050.00",
    }


async def test_a_status_in_doubt_is_in_progress(desk: Desk, bank: Caller) -> None:
    desk.small.biller.deeds.append(LOSES_ANSWER)
    fetched = await bank.fetch()
    await bank.exchange(bank.payment(fetched))
    answer = await bank.exchange(bank.write.status(fetched["hdrs"]["ref_id"], "b025"))
    assert (code_of(answer), answer["bllr_inf"]["is_bll_pd"], "pyd_inf" in answer) == ("0102", "N", False)


async def test_the_balance_of_both_buckets(bank: Caller) -> None:
    answer = await bank.exchange(bank.write.balance())
    assert answer["bckt_blnc_inf"] == {"bckt_blnc": "10000.00", "prepaid_blnc": "0.00"}


async def test_the_master_data_under_both_names(bank: Caller) -> None:
    first = await bank.post("fetch-MDMbillers", bank.sealed(bank.write.master_data()))
    again = await bank.post("fetch-MDMbillers-v2", bank.sealed(bank.write.master_data()))
    assert first.status == again.status == 200
    (biller,) = (await bank.exchange(bank.write.master_data()))["mdm_data"]
    assert (biller["bllr_id"], biller["bllr_nm_bn"], biller["bllr_sts"]) == ("b025", "ডেসকো (পোস্টপেইড)", "A")
    (parameter,) = biller["input_params"]
    assert set(parameter) == {"nm", "lbl_en", "lbl_bn", "typ", "reqrd", "rgx", "exmpl", "grp"}
    assert (parameter["nm"], parameter["reqrd"]) == ("bll_no", "Y")


async def test_an_answer_leaves_in_time_and_the_payment_goes_on_without_its_caller() -> None:
    desk = Desk(answer_seconds=0.05)
    bank = desk.partner()
    message = bank.payment(await bank.fetch())
    desk.small.biller.gate = asyncio.Event()
    assert code_of(await bank.exchange(message)) == "0102"
    (running,) = desk.syndicate.running
    desk.small.biller.gate.set()
    await running
    assert code_of(await bank.exchange(message)) == "0000"
    assert desk.syndicate.running == set()


async def test_a_fetch_that_takes_too_long_is_broken_off() -> None:
    desk = Desk(answer_seconds=0.05)
    desk.small.biller.gate = asyncio.Event()
    assert code_of(await desk.partner().fetch()) == "1007"
    assert desk.small.books.quotes == {}


async def test_a_hundred_at_once_with_one_reference_are_one_payment(desk: Desk, bank: Caller) -> None:
    message = bank.payment(await bank.fetch())
    answers = await asyncio.gather(*(bank.exchange(message) for _ in range(100)))
    assert {code_of(answer) for answer in answers} == {"0000"}
    assert len(desk.small.biller.orders) == 1


async def test_fifty_at_once_on_one_bill_are_one_payment(desk: Desk, bank: Caller) -> None:
    fetches = [await bank.fetch() for _ in range(50)]
    orders = [bank.payment(fetched, f"R{n}") for n, fetched in enumerate(fetches)]
    codes = [code_of(answer) for answer in await asyncio.gather(*map(bank.exchange, orders))]
    assert (codes.count("0000"), codes.count("1010")) == (1, 49)
    assert len(desk.small.biller.orders) == 1
