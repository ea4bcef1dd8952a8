"""Every member of every answer of both APIs, held against docs/ekpay-members.md."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ekpay_switch.domain.payment import State
from tests.api.api_setup import Caller, Content, Desk, code_of
from tests.api.merchant.merchant_api_setup import Stall
from tests.factories import BILL_NO, PASS_KEY
from tests.scenarios.merchant_orders import BY_BKASH, ELSEWHERE, a_payment, an_order

PAGE = (Path(__file__).parents[2] / "docs" / "ekpay-members.md").read_text(encoding="utf-8")
ENVELOPE = "Every sealed answer"
BILL = "FETCH_BLL_REQ, UPDT_BLL_PYMNT_REQ, CHCK_BLL_STTS_REQ"
# Members of ours, which come only where there is something to say.
OURS = {"bll_rndng", "bll_lines", "bll_cnt", "token", "token_lines", "rcpt_no", "rcpt_no_fnl"}


@pytest.fixture
def stall() -> Stall:
    return Stall()


def listed(section: str) -> list[list[tuple[str, str]]]:
    """The tables of a section, each with its members and their types."""
    text = PAGE.partition(f"## {section}\n")[2].partition("\n## ")[0]
    tables = [part for part in re.split(r"\n\n", text) if part.lstrip().startswith("| member")]
    assert tables, section
    return [
        [(row[0].strip("` "), row[1].strip()) for row in rows]
        for rows in (
            [line.strip("| ").split("|") for line in table.strip().split("\n")[2:]] for table in tables
        )
    ]


def members(answer: Content) -> Iterator[tuple[str, object]]:
    """Every leaf by its path, in order."""
    for name, value in answer.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", leaf) for inner, leaf in value.items() if inner not in OURS)
        else:
            yield name, value


def check(answer: Content, table: list[tuple[str, str]]) -> None:
    """The answer has exactly these members in this order, each of its type."""
    found = list(members(answer))
    assert [name for name, _ in found] == [name for name, _ in table]
    for (name, leaf), (_, kind) in zip(found, table, strict=True):
        is_right = {
            "text": isinstance(leaf, str),
            "code": isinstance(leaf, str) and leaf != "",
            "text or null": leaf is None or isinstance(leaf, str),
            "list": isinstance(leaf, list),
        }[kind]
        assert is_right, name


def check_sealed(answer: Content, blocks: list[tuple[str, str]]) -> None:
    """The envelope of a sealed answer around these blocks."""
    (envelope,) = listed(ENVELOPE)
    head = [row for row in envelope if not row[0].startswith("resp_status")]
    check(answer, [*head, *blocks, *(row for row in envelope if row[0].startswith("resp_status"))])


async def test_merchant_api(stall: Stall) -> None:
    answer, refused = listed("merchant-api")
    check(await stall.taken(), answer)
    check((await stall.order(an_order({"trns_info": {"trnx_amt": "5"}}))).plain, answer)
    check((await stall.order({})).plain, refused)
    check((await stall.order(an_order({"cust_info": {"cust_mobo_no": "1"}}))).plain, refused)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("address", [None, ELSEWHERE])
async def test_get_status(stall: Stall, state: State, address: str | None) -> None:
    (document,) = listed("get-status and the IPN")
    asked = {"trnx_id": "1709272800", "trans_date": "2026-03-01"}
    stall.market.stands(replace(a_payment(funding=BY_BKASH), state=state))
    reply = await (stall.ask(asked) if address is None else stall.ask(asked, address=address))
    assert reply.plain["msg_code"] != "404"
    check(reply.plain, document)
    check((await stall.ask({"trnx_id": "nothing"})).plain, document)


async def test_get_token(desk: Desk, bank: Caller) -> None:
    (answer,) = listed("get-token")
    login = json.dumps({"user_id": f"{bank.bank}-user", "pass_key": "wrong"}).encode()
    assert set((await desk.request("POST", "/syndicate/api/get-token", login)).plain) == {
        "resp_cd",
        "resp_msg",
    }
    login = login.replace(b"wrong", PASS_KEY.encode())
    check((await desk.request("POST", "/syndicate/api/get-token", login)).plain, answer)


async def test_bills_fetched_paid_and_asked_about(bank: Caller) -> None:
    bill, paid = listed(BILL)
    fetched = await bank.fetch()
    ask = bank.write.status(fetched["hdrs"]["ref_id"], "b025")
    check_sealed(fetched, bill)
    check_sealed(await bank.exchange(ask), bill)
    check_sealed(await bank.exchange(bank.payment(fetched)), bill)
    answer = await bank.exchange(ask)
    check({"pyd_inf": answer.pop("pyd_inf")}, paid)
    check_sealed(answer, bill)


@pytest.mark.parametrize(
    ("block", "member", "value"),
    [("hdrs", "ref_id", "x"), ("usr_inf", "syndct_id", "s999"), ("bll_inf", "bllr_id", "b999")],
)
async def test_refused_fetches_have_every_member(bank: Caller, block: str, member: str, value: str) -> None:
    (bill, _) = listed(BILL)
    message = bank.write.fetch("b025", bll_no=BILL_NO)
    message[block][member] = value
    answer = await bank.exchange(message)
    assert code_of(answer) in {"2001", "2003", "1001"}
    check_sealed(answer, bill)
    assert answer["bllr_inf"]["is_bll_pd"] == "N"


async def test_refused_payments_and_questions_have_every_member(bank: Caller) -> None:
    (bill, _) = listed(BILL)
    message = bank.payment(await bank.fetch())
    message["trx"]["refno_ack"] = "NOTHING"
    answer = await bank.exchange(message)
    assert code_of(answer) == "1005"
    check_sealed(answer, bill)
    assert (answer["bllr_inf"]["bllr_id"], answer["bllr_inf"]["bll_no"]) == ("b025", BILL_NO)
    check_sealed(await bank.exchange(bank.write.status("A" * 24, "b025")), bill)


async def test_balance_and_master_data(bank: Caller) -> None:
    (balance,), (data,) = listed("CHCK_BKT_BLNC_REQ"), listed("FETCH_MDM_DATA_REQ")
    for message, blocks in ((bank.write.balance(), balance), (bank.write.master_data(), data)):
        check_sealed(await bank.exchange(message), blocks)
        refused = await bank.exchange(message | {"hdrs": {**message["hdrs"], "nd_id": "NS999"}})
        assert code_of(refused) == "2003"
        check_sealed(refused, blocks)
