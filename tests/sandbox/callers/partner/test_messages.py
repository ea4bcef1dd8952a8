import re
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.callers.partner.messages import ECHOED_MEMBERS_MIN, MessageWriter, Payout, new_reference

WRITER = MessageWriter("NS42", "s7", now=lambda: datetime(2026, 3, 10, 20, 0, tzinfo=UTC))
FETCHED: dict[str, Any] = {
    "hdrs": {"nm": "FETCH_BLL_REQ", "ref_id": "R" * 24},
    "trx": {"trx_id": "F" * 24},
    "bllr_inf": {
        "bllr_id": "b025",
        "bll_no": "022610000000",
        "bll_typ": "NM",
        "ekpay_fee": "5.00",
        "bll_amnt_ttl": "500.00",
        "is_bll_pd": "N",
    },
    "resp_status": {"rsp_cd": "0000", "rsp_msg": "success", "refno_ack": "ACK1"},
}


def test_references_have_24_capitals_and_digits_and_never_repeat() -> None:
    references = {new_reference() for _ in range(200)}
    assert len(references) == 200
    assert all(re.fullmatch("[A-Z0-9]{24}", reference) for reference in references)


def test_a_fetch_carries_the_whole_envelope() -> None:
    message = WRITER.fetch("b025", bll_no="022610000000")
    assert message["hdrs"].keys() == {"nm", "ver", "tms", "ref_id", "nd_id"}
    assert message["hdrs"]["nm"] == "FETCH_BLL_REQ"
    assert message["hdrs"]["tms"] == message["trx"]["trx_tms"] == "2026-03-11T02:00:00+06:00"
    assert message["hdrs"]["nd_id"] == "NS42"
    assert message["bll_inf"] == {
        "bllr_id": "b025",
        "bll_typ": "NM",
        "mode": "SAPI",
        "bll_no": "022610000000",
    }
    assert message["usr_inf"] == {"syndct_id": "s7"}


def test_master_data_is_the_one_message_without_a_ref_id() -> None:
    message = WRITER.master_data()
    assert message["hdrs"]["nm"] == "FETCH_MDM_DATA_REQ"
    assert "ref_id" not in message["hdrs"]
    assert message.keys() == {"hdrs", "trx"}


def test_a_payment_keeps_ref_id_and_acknowledgement_and_has_a_new_trx_id() -> None:
    message = WRITER.payment(FETCHED, Payout("PAY1"))
    assert message["hdrs"]["nm"] == "UPDT_BLL_PYMNT_REQ"
    assert message["hdrs"]["ref_id"] == FETCHED["hdrs"]["ref_id"]
    assert message["trx"]["refno_ack"] == "ACK1"
    assert message["trx"]["trx_id"] != FETCHED["trx"]["trx_id"]
    assert message["bllr_inf"] == FETCHED["bllr_inf"]
    assert message["pyd_inf"] == {
        "pyd_trxn_refid": "PAY1",
        "pyd_tms": "2026-03-11T02:00:00+06:00",
        "pyd_amnt": "500.00",
    }
    assert message["usr_inf"] == {"syndct_id": "s7"}


def test_a_short_payment_echoes_five_members_only() -> None:
    message = WRITER.payment(FETCHED, Payout("PAY1", "505.00"), is_whole=False)
    assert set(message["bllr_inf"]) == set(ECHOED_MEMBERS_MIN)
    assert message["pyd_inf"]["pyd_amnt"] == "505.00"


def test_spoiling_a_payment_leaves_the_fetched_bill_alone() -> None:
    message = WRITER.payment(FETCHED, Payout("PAY1"))
    message["bllr_inf"]["bll_amnt_ttl"] = "1.00"
    assert FETCHED["bllr_inf"]["bll_amnt_ttl"] == "500.00"


def test_a_status_call_asks_by_the_ref_id_of_the_fetch() -> None:
    message = WRITER.status("R" * 24, "b025")
    assert (message["hdrs"]["nm"], message["hdrs"]["ref_id"]) == ("CHCK_BLL_STTS_REQ", "R" * 24)
    assert message["bll_inf"] == {"mode": "SAPI", "bllr_id": "b025"}


def test_a_balance_call_acknowledges_itself() -> None:
    message = WRITER.balance()
    assert message["hdrs"]["nm"] == "CHCK_BKT_BLNC_REQ"
    assert message["trx"]["refno_ack"] == message["trx"]["trx_id"]


@pytest.mark.parametrize("message", [WRITER.fetch("b025"), WRITER.balance()])
def test_ref_id_and_trx_id_differ(message: dict[str, Any]) -> None:
    assert message["hdrs"]["ref_id"] != message["trx"]["trx_id"]
