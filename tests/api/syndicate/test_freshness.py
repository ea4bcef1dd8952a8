"""A message that was sent long ago, or that our clock has not reached, starts nothing."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.parties.partner_limits import MessageWindow
from tests.api.api_setup import Caller, Content, Desk, code_of
from tests.factories import BILL_NO, a_partner

OLD, AHEAD = "2020-03-01T12:00:00+06:00", "2026-03-01T12:15:01+06:00"
FAULTS = {
    OLD: "malformed message: hdrs.tms is more than 86400 seconds ago",
    AHEAD: "malformed message: hdrs.tms is more than 900 seconds ahead of our clock",
}


def at(message: Content, tms: str) -> Content:
    return message | {"hdrs": message["hdrs"] | {"tms": tms}}


def said(answer: Content) -> tuple[str, str]:
    return code_of(answer), answer["resp_status"]["rsp_msg"]


@pytest.mark.parametrize("tms", FAULTS)
async def test_neither_fetched_nor_paid_and_the_member_is_named(desk: Desk, bank: Caller, tms: str) -> None:
    refused = await bank.exchange(at(bank.write.fetch("b025", bll_no=BILL_NO), tms))
    assert said(refused) == ("2001", FAULTS[tms])
    fetched = await bank.fetch()
    before = desk.small.books.image()
    refused = await bank.exchange(at(bank.payment(fetched), tms))
    assert said(refused) == ("2001", FAULTS[tms])
    assert desk.small.books.image() == before
    # The reference is not burnt.
    assert code_of(await bank.exchange(bank.payment(fetched))) == "0000"


async def test_a_late_repeat_gets_the_truth_of_its_payment(desk: Desk, bank: Caller) -> None:
    payment = bank.payment(await bank.fetch())
    assert code_of(await bank.exchange(payment)) == "0000"
    desk.small.clock.pass_by(2 * 86_400)
    bank.token = ""
    assert code_of(await bank.exchange(payment)) == "0000"
    other = payment | {"pyd_inf": payment["pyd_inf"] | {"pyd_trxn_refid": "R2"}}
    assert code_of(await bank.exchange(other)) == "2001"


@pytest.mark.parametrize("tms", ["2025-02-30T12:00:00+06:00", None])
async def test_a_time_that_is_none_is_not_judged(bank: Caller, tms: str | None) -> None:
    message = bank.write.fetch("b025", bll_no=BILL_NO)
    message["hdrs"].pop("tms")
    if tms is not None:
        message["hdrs"]["tms"] = tms
    assert code_of(await bank.exchange(message)) == "0000"


async def test_other_times_of_a_message_are_not_judged(bank: Caller) -> None:
    payment = bank.payment(await bank.fetch())
    payment["trx"]["trx_tms"] = payment["pyd_inf"]["pyd_tms"] = OLD
    assert code_of(await bank.exchange(payment)) == "0000"


async def test_the_window_is_a_term_of_the_agreement(desk: Desk, bank: Caller) -> None:
    desk.small.partners.add(replace(a_partner(), messages=MessageWindow(None, 86_400)))
    for tms in (OLD, AHEAD):
        assert code_of(await bank.exchange(at(bank.write.fetch("b025", bll_no=BILL_NO), tms))) == "0000"


async def test_a_question_may_be_of_any_time(bank: Caller) -> None:
    await bank.fetch_and_pay()
    assert code_of(await bank.exchange(at(bank.write.balance(), OLD))) == "0000"
