"""The document of get-status and IPN, held against what was recorded (ekpay-merchant-api.md 2.4)."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import ZERO, Money, parse_taka
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.merchants.merchant_document import (
    Document,
    Instrument,
    ekpay_timestamp,
    instrument_lookup,
    mask_document,
    not_found_document,
    payment_document,
    plain_taka,
    readable_timestamp,
)
from ekpay_switch.ports.merchants import MerchantPayment
from tests.fakes.world import SmallWorld
from tests.scenarios.merchant_orders import A_TEXT, BY_BKASH, a_payment

INSTRUMENTS = {
    "bkash": Instrument("bKash", "wallet", "bKash-msbksh"),
    "dbbl_nexus": Instrument("DBBL Nexus", "card", "DBBL-Nexus Network"),
}
NULL_AS_RECORDED = {"scroll_no", "remarks", "pi_charge", "pi_discount", "discount", "promo_discount"}
# What a payment of 1 taka with a charge of 1.50 looked like (LIVE, 34 rows); names and ids are ours.
PAID: Document = {
    "secure_token": "a.b.c",
    "msg_code": "1020",
    "msg_det": "Transaction completed successfully",
    "req_timestamp": "2026-03-01 12:00:00 GMT+6",
    "basic_Info": {
        "mer_reg_id": "shop_test",
        "ipn_info": "3,ipn@shop.example,https://shop.example/ipn",
        "redirect_to": "https://shop.example/done?appid=7",
        "dgtl_sign": "WEB",
        "ord_desc": "একটি শাড়ি",
        "remarks": None,
    },
    "cust_info": {
        "cust_id": "1042",
        "cust_name": "Rahela Khatun",
        "cust_mobo_no": "+8801712345678",
        "cust_email": "",
        "cust_mail_addr": "",
    },
    "scroll_no": None,
    "trnx_info": {
        "trnx_amt": "1.00",
        "trnx_id": "2603011200000a1b2",
        "mer_trnx_id": "1709272800",
        "curr": "BDT",
        "pi_trnx_id": "7BC90XYZ12",
        "pi_charge": None,
        "ekpay_charge": "1.5",
        "pi_discount": None,
        "discount": None,
        "promo_discount": None,
        "total_ser_chrg": "1.5",
        "total_pabl_amt": "2.5",
    },
    "pi_det_info": {
        "pay_timestamp": "2026-03-01 12:05:41 GMT+06:00",
        "pi_name": "bKash",
        "pi_type": "bkash",
        "pi_number": "NOTHING PROVIDED",
        "pi_gateway": "bKash-msbksh",
        "card_holder_name": "NOTHING PROVIDED",
    },
}


def told(payment: MerchantPayment) -> Document:
    return payment_document(payment, "a.b.c", INSTRUMENTS.__getitem__)


def block(found: Document, name: str) -> dict[str, str | None]:
    part = found[name]
    assert isinstance(part, dict)
    return part


def one_taka() -> MerchantPayment:
    text = replace(A_TEXT, order={**A_TEXT.order, "trnx_amt": "1.00"})
    sums = Sums(Money(100), ZERO, Money(130), Money(20))
    return a_payment(text=text, amount=Money(100), sums=sums, state=State.COMPLETED, funding=BY_BKASH)


def test_a_paid_payment_reads_as_it_was_recorded_to_the_byte() -> None:
    assert json.dumps(told(one_taka()), ensure_ascii=False) == json.dumps(PAID, ensure_ascii=False)


@pytest.mark.parametrize(
    ("state", "refusal", "code", "detail", "uri"),
    [
        (State.CREATED, None, "1023", "Transaction is pending", ""),
        (State.COLLECTING, None, "1023", "Transaction is pending", ""),
        (State.FUNDED, None, "1023", "Transaction is pending", ""),
        (State.IN_REVIEW, None, "1023", "Transaction is pending", ""),
        (State.REFUNDING, None, "1023", "Transaction is pending", ""),
        (State.EXPIRED, None, "1021", "Transaction failed", "https://shop.example/failed"),
        (State.DECLINED, None, "1021", "Transaction failed", "https://shop.example/failed"),
        (State.REFUNDED, None, "1021", "Transaction failed", "https://shop.example/failed"),
        (
            State.DECLINED,
            Refusal.CANCELLED,
            "1022",
            "Transaction cancelled",
            "https://shop.example/#/cancelled",
        ),
    ],
)
def test_every_state_has_every_block_and_nothing_but_a_success_looks_paid(
    state: State, refusal: Refusal | None, code: str, detail: str, uri: str
) -> None:
    found = told(replace(one_taka(), state=state, refusal=refusal))
    assert list(found) == list(PAID)
    for name, part in PAID.items():
        if isinstance(part, dict):
            assert list(block(found, name)) == list(part)
    assert (found["msg_code"], found["msg_det"]) == (code, detail)
    assert block(found, "basic_Info")["redirect_to"] == uri
    assert block(found, "trnx_info")["pi_trnx_id"] == ""
    assert set(block(found, "pi_det_info").values()) == {""}
    assert block(found, "cust_info") == PAID["cust_info"]


def test_a_payment_that_nobody_has_tried_to_pay_costs_its_price() -> None:
    found = block(told(a_payment()), "trnx_info")
    assert (found["trnx_amt"], found["total_pabl_amt"]) == ("100.00", "100")
    assert (found["pi_charge"], found["ekpay_charge"], found["total_ser_chrg"]) == (None, "0", "0")


def test_charges_of_instrument_and_ekpay_are_told_apart_and_added_up() -> None:
    sums = Sums(Money(10_000), Money(151), Money(500), Money(75))
    found = block(told(a_payment(sums=sums)), "trnx_info")
    assert (found["pi_charge"], found["ekpay_charge"]) == ("1.51", "5.75")
    assert (found["total_ser_chrg"], found["total_pabl_amt"]) == ("7.26", "107.26")


def test_a_card_is_told_masked_and_a_wallet_is_not_told() -> None:
    facts = {"payer_account": "************3114"}
    card = replace(BY_BKASH, connector_id="dbbl_nexus", facts=facts)
    found = block(told(replace(one_taka(), funding=card)), "pi_det_info")
    assert (found["pi_name"], found["pi_type"]) == ("DBBL Nexus", "dbbl_nexus")
    assert (found["pi_number"], found["card_holder_name"]) == ("************3114", "NOTHING PROVIDED")
    unknown = replace(one_taka(), funding=replace(card, facts={}))
    assert block(told(unknown), "pi_det_info")["pi_number"] == "NOTHING PROVIDED"


def test_what_was_left_out_is_empty() -> None:
    bare = replace(
        A_TEXT, order={"trnx_amt": "100", "cust_id": None}, ipn_email="", ipn_uri="", ipn_channel="0"
    )
    found = told(a_payment(text=bare))
    assert found["req_timestamp"] == ""
    assert set(block(found, "cust_info").values()) == {""}
    assert block(found, "basic_Info")["ord_desc"] == ""
    assert block(found, "basic_Info")["ipn_info"] == "0,,"


def leaves(found: Document) -> dict[str, str | None]:
    """Every leaf by its name; no name occurs twice."""
    flat: dict[str, str | None] = {}
    for name, part in found.items():
        flat |= part if isinstance(part, dict) else {name: part}
    return flat


@pytest.mark.parametrize("state", State)
def test_only_what_was_recorded_as_null_is_null(state: State) -> None:
    payment = replace(one_taka(), state=state)
    bare = replace(payment, text=replace(A_TEXT, order={}))
    for document in (told(payment), told(bare), mask_document(told(bare)), not_found_document()):
        assert list(document) == list(PAID)
        assert list(leaves(document)) == list(leaves(PAID))
        assert {name for name, leaf in leaves(document).items() if leaf is None} == NULL_AS_RECORDED


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=20))
def test_what_merchants_find_their_records_by_comes_back_byte_for_byte(
    cust_id: str, order_text: str, amount: str
) -> None:
    order = {"cust_id": cust_id, "ord_det": order_text, "trnx_amt": amount}
    found = told(a_payment(text=replace(A_TEXT, order=order)))
    assert block(found, "cust_info")["cust_id"] == cust_id
    assert block(found, "basic_Info")["ord_desc"] == order_text
    for seen in (found, mask_document(found)):
        assert block(seen, "trnx_info")["trnx_amt"] == amount


def test_strangers_see_that_it_was_paid_and_not_by_whom() -> None:
    seen = mask_document(told(one_taka()))
    assert list(seen) == list(PAID)
    assert seen["secure_token"] == ""
    assert (seen["msg_code"], seen["trnx_info"]) == ("1020", PAID["trnx_info"])
    assert seen["cust_info"] == {
        "cust_id": "1***",
        "cust_name": "R***",
        "cust_mobo_no": "+***",
        "cust_email": "",
        "cust_mail_addr": "",
    }
    assert block(seen, "basic_Info")["ord_desc"] == "এ***"
    assert block(seen, "pi_det_info")["pi_number"] == "N***"
    assert block(seen, "pi_det_info")["card_holder_name"] == "N***"
    assert block(seen, "pi_det_info")["pi_name"] == "bKash"


def test_strangers_do_not_learn_where_the_ipn_goes() -> None:
    whole = told(one_taka())
    seen = mask_document(whole)
    assert block(seen, "basic_Info")["ipn_info"] == "3,***,***"
    assert block(seen, "basic_Info")["redirect_to"] == ""
    assert block(whole, "basic_Info") == PAID["basic_Info"]


def test_a_payment_that_is_not_there_says_its_code_and_is_empty_otherwise() -> None:
    said = {name: leaf for name, leaf in leaves(not_found_document()).items() if leaf}
    assert said == {"msg_code": "404", "msg_det": "Transaction not found"}


def test_instruments_have_the_names_of_their_connectors() -> None:
    small = SmallWorld()
    instrument_of = instrument_lookup(small.connectors)
    assert instrument_of("bkash") == Instrument("bKash", "wallet", "bKash-bkash")
    assert instrument_of("gone") == Instrument("gone", "", "gone")


def test_times_are_dhakas() -> None:
    assert (
        ekpay_timestamp(datetime(2022, 3, 27, 7, 37, 41, 999_999, tzinfo=UTC))
        == "2022-03-27 13:37:41 GMT+06:00"
    )
    assert ekpay_timestamp(datetime(2022, 3, 31, 18, 0, tzinfo=UTC)) == "2022-04-01 00:00:00 GMT+06:00"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2024-11-08 18:14:00 GMT+6", "2024-11-08 18:14:00 GMT+6"),
        ("2024-11-08 18:14:00 GMT + 6", "2024-11-08 18:14:00 GMT+6"),
        ("2024-11-08 18:14:00 GMT +06:00", "2024-11-08 18:14:00 GMT+06:00"),
        ("2024-11-08T18:14:00Z", "2024-11-08T18:14:00Z"),
        ("GMT +", "GMT +"),
    ],
)
def test_a_merchants_time_keeps_its_zone_in_one_piece(written: str, read: str) -> None:
    assert readable_timestamp(written) == read


@pytest.mark.parametrize(
    ("minor", "text"),
    [(0, "0"), (5, "0.05"), (50, "0.5"), (100, "1"), (150, "1.5"), (10_000, "100"), (10_010, "100.1")],
)
def test_what_is_added_up_has_no_idle_zeros(minor: int, text: str) -> None:
    assert plain_taka(minor) == text


@given(st.integers(0, 10**13))
def test_what_is_added_up_is_read_back_the_same(minor: int) -> None:
    assert parse_taka(plain_taka(minor)) == Money(minor)
