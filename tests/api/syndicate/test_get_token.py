import json
from dataclasses import replace

import pytest

from ekpay_switch.api.syndicate.codes import BASE
from ekpay_switch.edge_kit.rates import CALLERS_MAX, RateLimit
from ekpay_switch.security.envelope import SECRET_BYTES
from tests.api.api_setup import Caller, Desk, Reply, code_of
from tests.factories import PASS_KEY, a_partner
from tests.fakes.world import FakeClock

PATH = f"{BASE}/get-token"
NO = {"resp_cd": "2003", "resp_msg": "not allowed"}


async def log_in(desk: Desk, user_id: object = "bank1-user", pass_key: object = PASS_KEY) -> Reply:
    return await desk.request("POST", PATH, json.dumps({"user_id": user_id, "pass_key": pass_key}).encode())


async def test_success_has_six_members_exactly(desk: Desk) -> None:
    reply = await log_in(desk)
    told = reply.plain
    assert reply.status == 200
    assert len(told.pop("security_token")) > 40
    assert told == {
        "token_exp_time": "3600s",
        "token_type": "Bearer",
        "resp_cd": "0000",
        "resp_msg": "success",
        "ack_timestamp": "2026-03-01T12:00:00+06:00",
    }


@pytest.mark.parametrize(
    ("user_id", "pass_key"),
    [("bank1-user", "wrong"), ("nobody", PASS_KEY), ("bank1-user", ""), ("", ""), ("bank1-user\0", PASS_KEY)],
)
async def test_a_wrong_pass_key_and_an_unknown_user_are_told_the_same_two_members(
    desk: Desk, user_id: str, pass_key: str
) -> None:
    reply = await log_in(desk, user_id, pass_key)
    if "\0" in user_id:
        assert (reply.status, reply.plain["resp_cd"]) == (400, "2001")
    else:
        assert (reply.status, reply.plain) == (401, NO)


async def test_a_partner_that_was_switched_off_gets_no_token_and_its_old_one_dies(desk: Desk) -> None:
    bank = desk.partner()
    await bank.log_in()
    desk.small.partners.add(replace(a_partner(), is_active=False))
    assert (await log_in(desk)).status == 401
    assert (await bank.post("fetch-bill", b"")).plain["resp_cd"] == "2002"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"text"',
        b"{",
        b'{"user_id":"bank1-user"}',
        b'{"user_id":"a","user_id":"bank1-user","pass_key":"x"}',
        b'{"user_id":1,"pass_key":null}',
        b'{"user_id":["bank1-user"],"pass_key":{}}',
        b'{"user_id":NaN,"pass_key":Infinity}',
        b'{"user_id":"\\ud800","pass_key":"\\udfff"}',
        b'{"user_id":"bank1-user\\u0000","pass_key":"x"}',
        b'\xef\xbb\xbf{"user_id":"a","pass_key":"b"}',
        b'{"user_id":"\xff","pass_key":"b"}',
        b'{"user_id":"a","pass_key":"b"} trailing',
        b"[" * 60_000,
        b'{"a":' * 10_000,
    ],
)
async def test_rubbish_is_malformed_and_nothing_of_it_comes_back(desk: Desk, body: bytes) -> None:
    reply = await desk.request("POST", PATH, body)
    assert (reply.status, reply.plain["resp_cd"], len(reply.plain)) == (400, "2001", 2)
    assert reply.plain["resp_msg"].removeprefix("malformed message: ") in {
        "the body is no JSON object",
        "user_id is missing or no text",
        "pass_key is missing or no text",
    }


async def test_guesses_wait_and_the_right_key_works_throughout(desk: Desk) -> None:
    """Whoever knows the name of a bank must not be able to lock it out."""
    for guess in range(100):
        expected = 401 if guess < 20 else 429
        assert (await log_in(desk, pass_key=f"guess {guess}")).status == expected
        assert (await log_in(desk)).status == 200
    reply = await log_in(desk, pass_key="wrong")
    assert (reply.status, reply.plain["resp_cd"], reply.headers["retry-after"]) == (429, "2004", "5")
    assert (await log_in(desk, "bank2-user", "wrong")).status == 401


async def test_each_failed_login_is_a_line_of_the_log_without_the_pass_key(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    for guess in range(25):
        await log_in(desk, pass_key=f"guess {guess}")
    await log_in(desk)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    failed = [line for line in lines if line["event"] == "login_failed"]
    assert len(failed) == 20, "those that have to wait fill no log"
    assert {(line["api"], line["address"], line["login_name"]) for line in failed} == {
        ("syndicate", "partner", "bank1-user")
    }
    assert "guess" not in json.dumps(lines)


async def test_a_partner_takes_as_many_tokens_as_it_agreed_to(desk: Desk) -> None:
    desk.small.partners.add(replace(a_partner(), tokens_per_second=50))
    answers = [(await log_in(desk)).status for _ in range(51)]
    assert answers == [200] * 50 + [429]
    assert (await log_in(desk, "bank2-user")).status == 200
    desk.small.clock.pass_by(1)
    assert [(await log_in(desk)).status for _ in range(50)] == [200] * 50


def test_made_up_names_do_not_fill_the_memory() -> None:
    rate = RateLimit(FakeClock(), 1, 2)
    for number in range(CALLERS_MAX + 5):
        assert rate.allows(f"name {number}")
    assert len(vars(rate)["_callers"]) == CALLERS_MAX


async def test_a_token_of_before_a_rotation_is_dead(desk: Desk, bank: Caller) -> None:
    fetched = await bank.fetch()
    rotated = replace(a_partner(), generation=2, secrets=(b"N" * SECRET_BYTES, bank.secret.encode()))
    desk.small.partners.add(rotated)
    before = desk.small.books.image()
    reply = await bank.post("update-billPayment", bank.sealed(bank.payment(fetched)))
    assert (reply.status, reply.plain["resp_cd"]) == (401, "2002")
    assert desk.small.books.image() == before


@pytest.mark.parametrize("secret", ["N" * SECRET_BYTES, "0123456789abcdefABCDEF0123456789"])
async def test_during_an_overlap_each_secret_gets_answers_that_it_can_open(desk: Desk, secret: str) -> None:
    old = a_partner().secrets
    desk.small.partners.add(replace(a_partner(), generation=2, secrets=(b"N" * SECRET_BYTES, *old)))
    bank = desk.partner()
    bank.secret = secret
    assert code_of(await bank.fetch_and_pay()) == "0000"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "")],
        [("Authorization", "Bearer")],
        [("Authorization", "Basic YTpi")],
        [("Authorization", "Bearer " + "A" * 5_000)],
        [("Authorization", "Bearer ../../etc"), ("Content-Type", "text/plain")],
    ],
)
async def test_without_a_token_nothing_is_read(desk: Desk, headers: list[tuple[str, str]]) -> None:
    for name in ("fetch-MDMbillers", "fetch-bill", "update-billPayment", "check-bbalance"):
        reply = await desk.request("POST", f"{BASE}/{name}", b"anything", headers)
        assert (reply.status, reply.plain["resp_cd"]) == (401, "2002")
    assert desk.small.steps.taken == []
