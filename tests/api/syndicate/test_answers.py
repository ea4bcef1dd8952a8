"""The shape of every answer, member by member (ekpay-syndicate-api.md, "Messages")."""

import asyncio
from dataclasses import replace

import pytest

from ekpay_switch.domain.bill import ChargeLine
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved
from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.ports.billers import Parameter
from tests.api.api_setup import Caller, Desk, code_of
from tests.factories import BILL_NO, a_bill
from tests.fakes.billers import LOSES_ANSWER, PROFILE, Deed


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


async def test_bangla_digits_that_a_partner_passes_on_name_the_same_bill(desk: Desk, bank: Caller) -> None:
    message = bank.write.fetch("b025", bll_no="০৯২৫১২৩৪৫৬৭৮")
    assert (await bank.exchange(message))["bllr_inf"]["bll_no"] == BILL_NO
    assert len(desk.small.books.quotes) == 1


async def test_a_payment_tells_what_proves_it_at_its_biller(desk: Desk, bank: Caller) -> None:
    challan, dakhila = {"receipt": "2526-0000000017"}, {"final_receipt": "DAK-9"}
    desk.small.biller.deeds.append(Deed(Approved(challan | dakhila), posts=True))
    fetched = await bank.fetch()
    told = {"rcpt_no": "2526-0000000017", "rcpt_no_fnl": "DAK-9"}
    message = bank.payment(fetched)
    for answer in (
        await bank.exchange(message),
        await bank.exchange(message),
        await bank.exchange(bank.write.status(fetched["hdrs"]["ref_id"], "b025")),
    ):
        assert told.items() <= answer["bllr_inf"].items()


async def test_a_paid_bill(desk: Desk, bank: Caller) -> None:
    fetched = await bank.fetch()
    answer = await bank.exchange(bank.payment(fetched))
    told = {name: text for name, text in answer["bllr_inf"].items() if text}
    assert (told["bllr_id"], told["is_bll_pd"], told["bll_amnt_ttl"]) == ("b025", "Y", "1050.00")
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
    (running,) = desk.syndicate.tasks.running
    desk.small.biller.gate.set()
    await running
    assert code_of(await bank.exchange(message)) == "0000"
    assert desk.syndicate.tasks.running == set()


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


# ---- rounding, a biller's own lines, tokens


async def test_what_is_rounded_up_is_shown_and_asked_for(desk: Desk, bank: Caller) -> None:
    desk.small.biller.bills[BILL_NO] = replace(a_bill(total=105_056), rounding=Money(44))
    fetched = await bank.fetch()
    told = fetched["bllr_inf"]
    assert (told["bll_amnt_ttl"], told["bll_rndng"]) == ("1051.00", "0.44")
    assert code_of(await bank.exchange(bank.payment(fetched))) == "0000"
    assert desk.small.books.balance("rounding") == 44
    assert desk.small.books.balance("payable:desco_postpaid") == 105_056
    status = await bank.exchange(bank.write.status(fetched["hdrs"]["ref_id"], "b025"))
    assert status["pyd_inf"]["pyd_amnt"] == "1051.00"


async def test_the_exact_amount_of_a_rounded_bill_is_refused(desk: Desk, bank: Caller) -> None:
    desk.small.biller.bills[BILL_NO] = replace(a_bill(total=105_056), rounding=Money(44))
    fetched = await bank.fetch()
    message = bank.payment(fetched)
    message["pyd_inf"]["pyd_amnt"] = "1050.56"
    assert code_of(await bank.exchange(message)) == "1004"


def _prepaid(desk: Desk) -> tuple[TokenLine, ...]:
    """Make the biller a prepaid one that answers with twelve lines after a tariff change."""
    lines = tuple(
        TokenLine(seq, TokenKind.TARIFF if seq < 12 else TokenKind.CREDIT, f"{seq:020d}")
        for seq in range(1, 13)
    )
    amount = Parameter("amount", "amount", "Amount", "টাকা", "^[1-9][0-9]{2,4}$", "500", "A", is_required=True)
    desk.small.biller.profile = replace(
        PROFILE, gives_tokens=True, steps=("vend",), parameters=(*PROFILE.parameters, amount)
    )
    charges = (ChargeLine("energyCost", Money(104_000)), ChargeLine("rebate", Money(-500)))
    desk.small.biller.bills[BILL_NO] = replace(a_bill(), charges=charges)
    desk.small.biller.deeds.append(Deed(Approved({}, lines), posts=True))
    return lines


async def test_twelve_token_lines_in_order_on_every_answer(desk: Desk, bank: Caller) -> None:
    lines = _prepaid(desk)
    fetched = await bank.exchange(bank.write.fetch("b025", bll_no=BILL_NO, amount="500.00"))
    assert fetched["bllr_inf"]["bll_lines"] == [
        {"nm": "energyCost", "amnt": "1040.00"},
        {"nm": "rebate", "amnt": "-5.00"},
    ]
    message = bank.payment(fetched)
    ask = bank.write.status(fetched["hdrs"]["ref_id"], "b025")
    for answer in (await bank.exchange(message), await bank.exchange(message), await bank.exchange(ask)):
        told = answer["bllr_inf"]
        assert told["token"] == ",".join(line.digits for line in lines)
        assert [line["seq"] for line in told["token_lines"]] == [str(seq) for seq in range(1, 13)]
        assert [line["kind"] for line in told["token_lines"]] == ["tariff"] * 11 + ["credit"]
        assert [line["digits"] for line in told["token_lines"]] == [line.digits for line in lines]
    assert len(desk.small.biller.orders) == 1


@pytest.mark.parametrize("amount", ["99", "500.50", "100000", "0"])
async def test_an_amount_that_the_biller_does_not_take_is_malformed(
    desk: Desk, bank: Caller, amount: str
) -> None:
    _prepaid(desk)
    answer = await bank.exchange(bank.write.fetch("b025", bll_no=BILL_NO, amount=amount))
    assert code_of(answer) == "2001"
    assert "fetch" not in desk.small.steps.taken
