"""What live clients of ekPay do, each as it was read in its code (ekpay-merchant-api.md 1 and 3).

The letters are those of the specification; only what touches this API is here. The traps of the return page
and of the IPN are tried where a payer pays.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from tests.api.api_setup import Content
from tests.api.merchant.merchant_api_setup import Stall
from tests.scenarios.merchant_orders import A_TEXT, BY_BKASH, a_payment, an_order

PAID = a_payment(state=State.COMPLETED, funding=BY_BKASH)


async def status(stall: Stall, **asked: object) -> Content:
    return (await stall.ask({"trnx_id": "1709272800", "trans_date": "2026-03-01"} | asked)).plain


async def test_a_merges_its_form_into_the_top_level_and_sends_a_channel_as_a_number(stall: Stall) -> None:
    order = an_order({"ipn_info": {"ipn_channel": 1}}) | {"_token": "x", "amount": "100", "name": ["a"]}
    del order["cust_info"]["cust_id"]
    assert int((await stall.taken(order))["msg_code"]) == 1000


async def test_a_compares_the_amount_with_its_own_loosely(stall: Stall) -> None:
    stall.market.stands(PAID)
    assert float((await status(stall))["trnx_info"]["trnx_amt"]) == 100.0


async def test_b_compares_the_words_of_a_success_and_no_code(stall: Stall) -> None:
    stall.market.stands(PAID)
    assert (await status(stall))["msg_det"] == "Transaction completed successfully"
    for state in set(State) - {State.COMPLETED}:
        stall.market.stands(replace(PAID, state=state))
        assert (await status(stall))["msg_det"] != "Transaction completed successfully"


async def test_d_sends_numbers_and_null_and_asks_for_no_ipn(stall: Stall) -> None:
    order = an_order(
        {
            "cust_info": {"cust_id": 42},
            "trns_info": {"trnx_amt": 1500.00, "ord_id": None},
            "ipn_info": {"ipn_channel": "0", "ipn_uri": "www.ekpay.gov.bd/v1/ipn/SendIpn"},
        }
    )
    await stall.taken(order)
    assert stall.books.news[0].text.order["trnx_amt"] == "1500.0"


async def test_e_sends_tsp_members_and_a_new_secret_path_for_each_ipn(stall: Stall) -> None:
    uri = "https://shop.example/ipn/6f1c2a52-6f0e-4d3e-9c0a-4a8f4f1d7c11"
    order = an_order({"ipn_info": {"ipn_uri": uri}}, invoice="I-7", payment_purpose="course",
                     payment_purpose_related_id=9)  # fmt: skip
    await stall.taken(order)
    assert stall.books.news[0].text.ipn_uri == uri


async def test_e_indexes_blocks_that_a_failure_must_have_as_well(stall: Stall) -> None:
    for state, refusal in ((State.EXPIRED, None), (State.DECLINED, Refusal.CANCELLED)):
        stall.market.stands(replace(PAID, state=state, refusal=refusal))
        told = await status(stall)
        assert told["pi_det_info"]["pi_type"] == ""
        assert told["cust_info"]["cust_id"] == "1042"
        assert told["msg_code"] == ("1021" if refusal is None else "1022")


async def test_e_finds_its_invoice_by_amount_and_currency_as_it_wrote_them(stall: Stall) -> None:
    await stall.taken(an_order({"trns_info": {"trnx_amt": "100"}}))
    told = (await status(stall))["trnx_info"]
    assert (told["mer_trnx_id"], told["trnx_amt"], told["curr"]) == ("1709272800", "100", "BDT")


async def test_f_takes_1000_or_1020_for_paid_wherever_it_reads_it(stall: Stall) -> None:
    for state in set(State) - {State.COMPLETED}:
        stall.market.stands(replace(PAID, state=state))
        assert (await status(stall))["msg_code"] not in {"1000", "1020"}


async def test_f_keeps_the_page_of_an_order_that_gave_it_no_token(stall: Stall) -> None:
    reply = await stall.visit("sToken=&trnsID=1709272800")
    assert reply.status == 400


async def test_f_sends_a_user_name_and_does_not_touch_the_customer_of_a_404(stall: Stall) -> None:
    told = await status(stall, username="shop_test")
    assert told["msg_code"] == "404"
    stall.market.stands(PAID)
    assert (await status(stall, username="shop_test"))["cust_info"]["cust_id"] == "1042"


async def test_g_reads_whole_numbers_back_out_of_texts(stall: Stall) -> None:
    order = an_order({"cust_info": {"cust_id": 8_700_001, "cust_mail_addr": "31415"}})
    await stall.taken(order)
    told = (await status(stall))["cust_info"]
    assert (int(told["cust_id"]), int(told["cust_mail_addr"])) == (8_700_001, 31_415)


async def test_g_builds_a_name_of_its_own_and_asks_by_the_day_of_the_token(stall: Stall) -> None:
    name = "1042EKPAY20260301120000"
    await stall.taken(an_order({"trns_info": {"trnx_id": name}}))
    assert (await status(stall, trnx_id=name))["trnx_info"]["mer_trnx_id"] == name


async def test_h_sends_an_empty_customer_id_and_an_address_with_a_fragment(stall: Stall) -> None:
    uri = "https://shop.example/#/appointment/done"
    order = an_order({"cust_info": {"cust_id": ""}, "feed_uri": {"s_uri": uri}},
                     req_timestamp="2026-03-01 12:00:00 GMT + 6")  # fmt: skip
    await stall.taken(order)
    told = await status(stall)
    assert (told["cust_info"]["cust_id"], stall.books.news[0].text.s_uri) == ("", uri)
    assert told["req_timestamp"] == "2026-03-01 12:00:00 GMT+6"


async def test_h_reads_either_spelling_of_the_acknowledgement(stall: Stall) -> None:
    told = await stall.taken()
    assert told["ack_tstamp"] == told["ack_timestamp"] == "2026-03-01 12:00:00 GMT+06:00"


async def test_i_uses_two_accounts_of_which_each_knows_its_own_orders(stall: Stall) -> None:
    stall.market.stands(PAID)
    stall.market.add(replace(stall.market.shop, partner_id="fees", mer_reg_id="fees_test"))
    assert (await status(stall, username="fees_test"))["msg_code"] == "404"
    assert (await status(stall, username="shop_test"))["msg_code"] == "1020"


async def test_i_and_k_have_a_query_in_their_address_already(stall: Stall) -> None:
    uri = "https://shop.example/done?c=payment/done&appid=7"
    await stall.taken(an_order({"feed_uri": {"s_uri": uri}}))
    assert stall.books.news[0].text.s_uri == uri


async def test_j_sends_a_number_and_an_empty_mail_and_asks_again_for_its_whole_history() -> None:
    stall = Stall(strange_calls=3)
    await stall.taken(an_order({"cust_info": {"cust_id": 8_700_001, "cust_email": ""}}))
    for number in range(100):
        await status(stall, trnx_id=f"old-{number}", trans_date="2025-06-30")
    assert (await status(stall))["msg_code"] == "1023"


async def test_j_feeds_the_time_of_payment_to_a_parser_of_dates(stall: Stall) -> None:
    stall.market.stands(PAID)
    written = (await status(stall))["pi_det_info"]["pay_timestamp"]
    read = datetime.strptime(written.replace("GMT", ""), "%Y-%m-%d %H:%M:%S %z")
    assert read == datetime(2026, 3, 1, 6, 5, 41, tzinfo=UTC)
    assert (await status(stall, trans_date=written[:10]))["msg_code"] == "1020"


async def test_k_shows_the_one_message_that_a_refusal_has(stall: Stall) -> None:
    for changes in ({"cust_info": {"cust_mobo_no": "1"}}, {"feed_uri": {"s_uri": "x"}}):
        told = (await stall.order(an_order(changes))).plain
        assert told.keys() == {"responseCode", "responseMessage"}


async def test_l_misspells_its_own_name_asks_by_today_and_fails_to_one_address(stall: Stall) -> None:
    uri = "https://shop.example/failed"
    order = an_order({"feed_uri": {"f_uri": uri, "c_uri": uri}})
    del order["cust_info"]["cust_email"]
    await stall.taken(order)
    assert (await status(stall, username="shop-test", trans_date="2026-03-09"))["msg_code"] == "1023"


async def test_m_parses_its_own_time_strictly(stall: Stall) -> None:
    stall.market.stands(PAID)
    written = (await status(stall))["req_timestamp"]
    read = datetime.strptime(written, "%Y-%m-%d %H:%M:%S GMT+6")  # noqa: DTZ007 - its zone is a name there
    assert read == datetime(2026, 3, 1, 12, 0)  # noqa: DTZ001 - the same


async def test_n_expects_texts_and_null_and_nothing_else(stall: Stall) -> None:
    stall.market.stands(replace(PAID, text=replace(A_TEXT, ipn_email="")))

    def leaves(value: Any) -> list[object]:  # noqa: ANN401 - JSON
        return (
            [leaf for part in value.values() for leaf in leaves(part)] if isinstance(value, dict) else [value]
        )

    for told in (await stall.taken(an_order({"trns_info": {"trnx_id": "n"}})), await status(stall)):
        assert all(leaf is None or isinstance(leaf, str) for leaf in leaves(told))


@pytest.mark.parametrize("name", ["1709272800", "65f1a0b2c3d4e", "UP-1709272800", "20260301120000000001"])
async def test_whatever_clients_call_their_orders_opens_their_page(stall: Stall, name: str) -> None:
    token = (await stall.taken(an_order({"trns_info": {"trnx_id": name}})))["secure_token"]
    assert (await stall.visit(f"sToken={token}&trnsID={name}")).status == 303


async def test_php_escapes_slashes_and_letters_and_means_the_same(stall: Stall) -> None:
    await stall.taken()
    escaped = json.dumps(an_order()).replace("/", "\\/").encode()
    assert b"\\u098f" in escaped
    await stall.taken(escaped)
    assert len(stall.books.news) == 1
