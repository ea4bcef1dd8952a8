"""Every code of the table in ekpay-syndicate-api.md can be reached, and every reason has one."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ekpay_switch.api.problems import STATUS_OF
from ekpay_switch.api.syndicate.codes import BASE, DONE, IN_PROGRESS, MESSAGES, REFUSALS
from ekpay_switch.api.syndicate.codes import code_of as code_of_state
from ekpay_switch.domain.bill import BillerSilent
from ekpay_switch.domain.errors import CommitUnknownError, OverloadedError, SwitchError
from ekpay_switch.domain.outcome import Declined, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from tests.api.api_setup import Caller, Desk, code_of
from tests.factories import BILL_NO, PREFUND, TAKEN, a_bill
from tests.fakes.billers import LOSES_ANSWER, Deed


def kinds_of(error: type[SwitchError]) -> Iterator[type[SwitchError]]:
    for kind in error.__subclasses__():
        yield kind
        yield from kinds_of(kind)


def test_every_refusal_has_a_code_and_every_code_a_text() -> None:
    assert REFUSALS.keys() == set(Refusal)
    # What was collected from a payer is never asked for here: its two refusals borrow a code. So does the
    # daily limit, for which clients of ekPay know none.
    borrowed = {
        Refusal.CANCELLED: Refusal.BILLER_UNAVAILABLE,
        Refusal.INSTRUMENT_REFUSED: Refusal.BILLER_UNAVAILABLE,
        Refusal.DAILY_LIMIT_REACHED: Refusal.PREFUND_TOO_LOW,
    }
    assert len(set(REFUSALS.values())) == len(REFUSALS) - len(borrowed)
    assert all(REFUSALS[refusal] == REFUSALS[owner] for refusal, owner in borrowed.items())
    assert MESSAGES.keys() == {DONE, IN_PROGRESS, "2002", "2004", *REFUSALS.values()}


def test_every_error_of_the_core_has_a_status() -> None:
    of_the_core = {kind for kind in kinds_of(SwitchError) if kind.__module__ == SwitchError.__module__}
    assert STATUS_OF.keys() == of_the_core


@pytest.mark.parametrize("state", State)
def test_only_a_completed_payment_is_a_success_and_only_released_money_a_failure(state: State) -> None:
    code = code_of_state(state, None)
    is_over = state in {State.COMPLETED, State.DECLINED, State.EXPIRED, State.REFUNDED}
    assert (code == DONE) == (state is State.COMPLETED)
    assert (code == IN_PROGRESS) == (not is_over)


async def test_0000_paid(bank: Caller) -> None:
    answer = await bank.fetch_and_pay()
    assert (code_of(answer), answer["bllr_inf"]["is_bll_pd"]) == ("0000", "Y")


async def test_0102_the_answer_of_the_biller_was_lost(desk: Desk, bank: Caller) -> None:
    desk.small.biller.deeds.append(LOSES_ANSWER)
    answer = await bank.fetch_and_pay()
    assert (code_of(answer), answer["bllr_inf"]["is_bll_pd"]) == ("0102", "N")


async def test_1001_unknown_biller(bank: Caller) -> None:
    assert code_of(await bank.exchange(bank.write.fetch("b999", bll_no=BILL_NO))) == "1001"
    message = bank.payment(await bank.fetch())
    message["bllr_inf"]["bllr_id"] = "b999"
    assert code_of(await bank.exchange(message)) == "1001"
    assert code_of(await bank.exchange(bank.write.status("F" * 24, "b999"))) == "1001"


async def test_1002_no_such_bill(bank: Caller) -> None:
    assert code_of(await bank.fetch("0" * 12)) == "1002"
    assert code_of(await bank.exchange(bank.write.status("F" * 24, "b025"))) == "1002"


async def test_1003_the_biller_calls_it_paid(desk: Desk, bank: Caller) -> None:
    desk.small.biller.bills[BILL_NO] = a_bill(is_paid=True)
    fetched = await bank.fetch()
    assert (code_of(fetched), fetched["bllr_inf"]["is_bll_pd"]) == ("0000", "Y")
    assert code_of(await bank.exchange(bank.payment(fetched))) == "1003"


@pytest.mark.parametrize(
    ("block", "member", "text"),
    [
        ("pyd_inf", "pyd_amnt", "1049.99"),
        ("pyd_inf", "pyd_amnt", "0"),
        ("bllr_inf", "bll_amnt_ttl", "1050.01"),
        ("bllr_inf", "ekpay_fee", "5.74"),
    ],
)
async def test_1004_an_echoed_value_differs(
    desk: Desk, bank: Caller, block: str, member: str, text: str
) -> None:
    message = bank.payment(await bank.fetch())
    message[block][member] = text
    assert code_of(await bank.exchange(message)) == "1004"
    assert desk.small.biller.orders == []


async def test_1005_expired_or_unknown_or_of_somebody_else(desk: Desk, bank: Caller) -> None:
    theirs = await desk.partner(202).fetch()
    assert code_of(await bank.exchange(bank.payment(theirs, "R1"))) == "1005"
    fetched = await bank.fetch()
    desk.small.clock.pass_by(901)
    assert code_of(await bank.exchange(bank.payment(fetched, "R2"))) == "1005"
    fetched["resp_status"]["refno_ack"] = "A" * 26
    assert code_of(await bank.exchange(bank.payment(fetched, "R3"))) == "1005"
    assert desk.small.biller.orders == []


async def test_1006_the_prefund_does_not_cover_it(desk: Desk, bank: Caller) -> None:
    desk.small.books.entries.clear()
    desk.small.books.top_up("bank1", "postpaid", TAKEN - 1)
    assert code_of(await bank.fetch_and_pay()) == "1006"
    assert desk.small.books.balance(PREFUND) == TAKEN - 1


def test_1006_the_daily_limit_is_reached() -> None:
    assert code_of_state(State.DECLINED, Refusal.DAILY_LIMIT_REACHED) == "1006"


async def test_1007_the_biller_was_not_reached(desk: Desk, bank: Caller) -> None:
    desk.small.biller.deeds.append(Deed(Unreached("refused")))
    assert code_of(await bank.fetch_and_pay()) == "1007"
    desk.small.biller.replies.append(BillerSilent("refused"))
    assert code_of(await bank.fetch()) == "1007"


async def test_1008_the_biller_refused(desk: Desk, bank: Caller) -> None:
    desk.small.biller.deeds.append(Deed(Declined("blocked", "17")))
    assert code_of(await bank.fetch_and_pay()) == "1008"


async def test_1009_the_same_reference_with_other_content(desk: Desk, bank: Caller) -> None:
    fetched = await bank.fetch()
    await bank.exchange(bank.payment(fetched))
    before = desk.small.books.image()
    message = bank.payment(fetched)
    message["pyd_inf"]["pyd_amnt"] = "1055.75"
    assert code_of(await bank.exchange(message)) == "1009"
    assert desk.small.books.image() == before


async def test_1010_the_bill_is_paid_under_another_reference(desk: Desk, bank: Caller) -> None:
    await bank.fetch_and_pay("R1")
    assert code_of(await bank.fetch_and_pay("R2")) == "1010"
    assert len(desk.small.biller.orders) == 1


async def test_2001_malformed(bank: Caller) -> None:
    assert code_of(await bank.say("fetch-bill", b"{}")) == "2001"
    told = (await bank.post("fetch-bill", b"no envelope")).plain
    assert told == {"resp_cd": "2001", "resp_msg": told["resp_msg"]}
    assert told["resp_msg"].startswith(f"{MESSAGES['2001']}: ")


def test_the_reference_page_says_what_to_do_with_each_code() -> None:
    page = (Path(__file__).parents[3] / "docs" / "syndicate-api.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| ([0-9]{4}) \|", page, re.MULTILINE))
    assert listed == set(MESSAGES)
    assert all(f"`{code}`" in page for code in ("2002", "2004"))


async def test_2002_no_token_or_an_expired_or_a_rotated_one(desk: Desk, bank: Caller) -> None:
    await bank.log_in()
    grant = desk.syndicate.tokens.read(bank.token)
    assert grant is not None
    assert grant.expires_at == desk.small.clock.now() + timedelta(seconds=3_600)
    for token in ("", "x", bank.token[:-1], bank.token + "A", "Ω".encode().decode("latin-1")):
        headers = [("Authorization", f"Bearer {token}")]
        reply = await desk.request("POST", f"{BASE}/fetch-bill", b"", headers)
        assert (reply.status, reply.plain["resp_cd"]) == (401, "2002")
    desk.small.clock.pass_by(3_600)
    assert (await bank.post("fetch-bill", b"")).status == 401


async def test_2003_in_the_name_of_another_partner(desk: Desk, bank: Caller) -> None:
    for block, member, text in (("hdrs", "nd_id", "NS202"), ("usr_inf", "syndct_id", "s202")):
        message = bank.write.fetch("b025", bll_no=BILL_NO)
        message[block][member] = text
        assert code_of(await bank.exchange(message)) == "2003"
    assert desk.small.steps.taken == []


async def test_2004_too_many_questions(bank: Caller) -> None:
    message = bank.write.status("F" * 24, "b025")
    for _ in range(200):
        assert code_of(await bank.exchange(message)) == "1002"
    reply = await bank.post("check-bill-status", bank.sealed(message))
    assert (reply.status, reply.plain["resp_cd"]) == (429, "2004")
    assert int(reply.headers["retry-after"]) > 0
    bank.desk.small.clock.pass_by(1)
    assert code_of(await bank.exchange(message)) == "1002"


async def test_a_full_queue_is_503_and_the_same_order_may_come_again(desk: Desk, bank: Caller) -> None:
    message = bank.payment(await bank.fetch())
    for name in ("update-billPayment", "fetch-bill"):
        sent = message if name == "update-billPayment" else bank.write.fetch("b025", bll_no=BILL_NO)
        desk.small.books.trouble.append(OverloadedError())
        reply = await bank.post(name, bank.sealed(sent))
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert set(reply.plain) == {"resp_cd", "resp_msg"}
    assert code_of(await bank.exchange(message)) == "0000"


@pytest.mark.parametrize("trouble", [CommitUnknownError(), RuntimeError("a bug")])
async def test_a_verdict_that_nobody_heard_is_in_progress_never_a_failure(
    desk: Desk, bank: Caller, trouble: Exception
) -> None:
    message = bank.payment(await bank.fetch())
    desk.small.books.trouble.append(trouble)
    assert code_of(await bank.exchange(message)) == "0102"


def test_what_was_refused_stays_refused_while_two_persons_look_at_it() -> None:
    assert code_of_state(State.IN_REVIEW, None) == IN_PROGRESS
    assert code_of_state(State.IN_REVIEW, Refusal.BILLER_UNAVAILABLE) == "1007"
    assert code_of_state(State.IN_REVIEW, Refusal.BILLER_REFUSED) == "1008"
