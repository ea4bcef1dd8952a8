"""get-status: who is told what of a payment (ekpay-merchant-api.md 1.5 and 2.4)."""

import json
from dataclasses import replace

import orjson
import pytest

from ekpay_switch.domain.payment import State
from ekpay_switch.flows.merchants.merchant_document import (
    instrument_lookup,
    mask_document,
    not_found_document,
    payment_document,
)
from tests.api.merchant.merchant_api_setup import MALFORMED, TOKENS, TOO_MANY, Stall, refusal, without_member
from tests.scenarios.merchant_orders import BY_BKASH, ELSEWHERE, a_payment

ASKED = {"trnx_id": "1709272800", "trans_date": "2026-03-01"}
NOT_FOUND = orjson.dumps(not_found_document())
PAID = a_payment(state=State.COMPLETED, funding=BY_BKASH)


@pytest.fixture
def paid(stall: Stall) -> Stall:
    stall.market.stands(PAID)
    return stall


def expected(stall: Stall, *, is_own: bool = True) -> bytes:
    token = TOKENS.derive(PAID.payment_id, "shop_test", PAID.token_expires_at)
    told = payment_document(PAID, token, instrument_lookup(stall.market.small.connectors))
    found = told if is_own else mask_document(told)
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()


async def test_a_merchants_own_server_is_told_everything(paid: Stall) -> None:
    reply = await paid.ask(ASKED)
    assert (reply.status, reply.body) == (200, expected(paid))
    assert reply.plain["msg_code"] == "1020"
    assert reply.headers["cache-control"] == "no-store"


async def test_the_token_of_a_status_opens_the_page_as_the_first_one_does(stall: Stall) -> None:
    first = await stall.taken()
    told = (await stall.ask(ASKED)).plain
    assert told["secure_token"] == first["secure_token"]
    assert told["msg_code"] == "1023"


@pytest.mark.parametrize("day", ["2026-02-28", "2027-01-01", "", None])
async def test_no_day_hides_a_payment_from_its_own_merchant(paid: Stall, day: str | None) -> None:
    assert (await paid.ask(ASKED | {"trans_date": day})).body == expected(paid)
    assert (await paid.ask({"trnx_id": "1709272800"})).body == expected(paid)


async def test_others_are_told_that_it_was_paid_and_not_by_whom(paid: Stall) -> None:
    reply = await paid.ask(ASKED, address=ELSEWHERE)
    assert (reply.status, reply.body) == (200, expected(paid, is_own=False))
    for hidden in (b"Rahela", b"1712345678", b"ipn@shop", b"/ipn", b"eyJ"):
        assert hidden not in reply.body


@pytest.mark.parametrize("day", ["2026-02-28", "2026-03-02", "", None])
async def test_others_that_do_not_know_the_day_are_told_nothing(paid: Stall, day: str | None) -> None:
    reply = await paid.ask(ASKED | {"trans_date": day}, address=ELSEWHERE)
    assert (reply.status, reply.body) == (200, NOT_FOUND)


async def test_what_is_not_there_says_its_code_and_is_empty_otherwise(paid: Stall) -> None:
    for asked in ({"trnx_id": "1709272801"}, {"trnx_id": "a b\u0001"}, ASKED | {"username": "other_test"}):
        reply = await paid.ask(asked)
        assert (reply.status, reply.body) == (200, NOT_FOUND)


async def test_what_may_be_two_merchants_is_nobodys(paid: Stall) -> None:
    paid.market.stands(a_payment(2, partner_id="other", mer_reg_id="other_test"))
    assert (await paid.ask(ASKED, address=ELSEWHERE)).body == NOT_FOUND
    assert (await paid.ask(ASKED | {"username": "shop_test"}, address=ELSEWHERE)).plain["msg_code"] == "1020"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"trans_date": "2026-03-01"},
        ASKED | {"trnx_id": ""},
        ASKED | {"trnx_id": None},
        ASKED | {"trnx_id": ["1709272800"]},
        ASKED | {"trnx_id": "x" * 257},
        ASKED | {"trans_date": "2026-02-30"},
        ASKED | {"trans_date": "2026-13-01"},
        ASKED | {"trans_date": "0000-01-01"},
        ASKED | {"trans_date": "01-03-2026"},
        ASKED | {"trans_date": "20260301"},
        ASKED | {"trans_date": "2026-W09-7"},
        ASKED | {"trans_date": "2026-03-01 12:00:00"},
        ASKED | {"trans_date": "২০২৬-০৩-০১"},
        ASKED | {"trans_date": ["2026-03-01"]},
        ASKED | {"username": {"a": 1}},
        [],
        b"",
        b'{"trnx_id":"1709272800","trnx_id":"1709272800"}',
    ],
)
async def test_a_question_that_is_none_is_refused(paid: Stall, asked: object) -> None:
    reply = await paid.ask(asked)
    assert (reply.status, without_member(reply.body)) == (400, MALFORMED)


async def test_numbers_and_further_members_are_taken(paid: Stall) -> None:
    assert (await paid.ask({"trnx_id": 1709272800, "x": {"y": 1}})).body == expected(paid)


async def test_whoever_guesses_is_told_to_wait_and_merchants_are_not() -> None:
    stall = Stall(strange_calls=3)
    stall.market.stands(PAID)
    asked = [await stall.ask(ASKED | {"trnx_id": f"g-{number}"}, address=ELSEWHERE) for number in range(4)]
    assert [reply.status for reply in asked] == [200, 200, 200, 429]
    assert asked[-1].body == TOO_MANY
    assert (await stall.ask(ASKED, address=ELSEWHERE)).body == TOO_MANY
    for _ in range(5):
        assert (await stall.ask(ASKED)).body == expected(stall)


async def test_whoever_asks_without_end_is_told_to_wait() -> None:
    stall = Stall(calls=2)
    assert [(await stall.ask(ASKED)).status for _ in range(3)] == [200, 200, 429]


async def test_trouble_of_ours_is_no_result_of_a_payment(paid: Stall) -> None:
    paid.books.trouble = OSError("the database is away")
    reply = await paid.ask(ASKED)
    assert (reply.status, reply.body) == (503, refusal("1028", "Busy, send the same again"))
    assert "msg_code" not in reply.plain


@pytest.mark.parametrize("state", list(State))
async def test_no_state_is_ever_told_as_1000(stall: Stall, state: State) -> None:
    stall.market.stands(replace(PAID, state=state))
    told = (await stall.ask(ASKED)).plain
    assert (told["msg_code"] == "1020") == (state is State.COMPLETED)
    assert told["msg_code"] not in {"1000", "100", "4"}
    assert (told["msg_det"] == "Transaction completed successfully") == (state is State.COMPLETED)
