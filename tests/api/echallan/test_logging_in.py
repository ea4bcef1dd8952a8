"""Logging in: one answer for everything that is wrong, and tokens that die."""

from datetime import timedelta

import pytest

from ekpay_switch.api.echallan.routes import TOKEN_SECONDS
from ekpay_switch.security.access_tokens import AccessTokens
from tests.api.echallan.echallan_setup import KEY, KEYS, Window, a_user

DEAD = {"STATUS": "401", "MESSAGE": "Token missing or expired"}


async def test_success_has_three_members_exactly(window: Window) -> None:
    reply = await window.log_in()
    assert reply.status == 200
    assert len(reply.content.pop("jwt_token")) > 40
    assert reply.content == {"msg_code": "1000", "msg_details": "Secure token generated successfully"}
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("username", "key"),
    [("shop_challan_test", "wrong"), ("nobody", KEY), ("shop_challan_test", ""), ("", "")],
)
async def test_a_wrong_name_and_a_wrong_key_are_told_the_same(
    window: Window, username: str, key: str
) -> None:
    reply = await window.log_in(username, key)
    told = {"jwt_token": None, "msg_code": "1004", "msg_details": "Merchant authentication failed"}
    assert (reply.status, reply.content) == (401, told)


async def test_access_that_is_off_gets_no_token_and_its_old_one_dies(window: Window) -> None:
    token = await window.token()
    window.users.add(a_user(is_active=False))
    assert (await window.log_in()).status == 401
    assert (await window.create(token)).content == DEAD


async def test_a_token_dies_with_its_key(window: Window) -> None:
    token = await window.token()
    window.users.add(a_user(generation=2))
    reply = await window.create(token)
    assert (reply.status, reply.content) == (401, DEAD)


async def test_a_token_dies_with_its_time(window: Window) -> None:
    token = await window.token()
    window.scene.small.clock.pass_by(TOKEN_SECONDS - 1)
    assert (await window.search(token=token, REQUEST_ID="R1")).status == 200
    window.scene.small.clock.pass_by(1)
    assert (await window.search(token=token, REQUEST_ID="R1")).status == 401


async def test_a_token_of_somebody_who_is_gone_opens_nothing(window: Window) -> None:
    token = await window.token()
    window.users.known.clear()
    assert (await window.create(token)).status == 401


async def test_a_token_of_the_syndicate_api_opens_nothing_here(window: Window) -> None:
    until = window.scene.small.clock.now() + timedelta(hours=1)
    theirs = AccessTokens(KEYS).issue("shop", 1, until)
    assert (await window.create(theirs)).status == 401
    assert AccessTokens(KEYS).read(await window.token()) is None


@pytest.mark.parametrize("written", ["{}", "Bearer {}", "bearer {}", "Bearer  {}", " {} "])
async def test_a_token_comes_bare_or_after_the_word_bearer(window: Window, written: str) -> None:
    reply = await window.create(written.format(await window.token()))
    assert reply.status == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "A" * 5_000, "Token {}", "{}x"])
async def test_anything_else_is_no_token(window: Window, header: str) -> None:
    written = header.format(await window.token())
    reply = await window.request("POST", "challan/create", b"{}", written)
    assert (reply.status, reply.content) == (401, DEAD)
    assert (await window.request("POST", "challan/create", b"{}")).content == DEAD


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"{", b'{"username":null,"key":[]}', b'{"username":"a"}', b"\xff"]
)
async def test_rubbish_is_malformed_and_nothing_of_it_comes_back(window: Window, body: bytes) -> None:
    reply = await window.request("POST", "authenticate", body)
    told = {"jwt_token": None, "msg_code": "1024", "msg_details": "Validation error"}
    assert (reply.status, reply.content) == (400, told)


async def test_whoever_guesses_waits_and_the_right_key_never_does(window: Window) -> None:
    replies = []
    for _ in range(60):
        replies.append(await window.log_in(key="wrong", address="thief"))
        for address in ("shop", "thief"):
            assert (await window.log_in(address=address)).status == 200
    assert [reply.status for reply in replies] == [401] * 20 + [429] * 40
    reply = replies[-1]
    assert (reply.content["msg_code"], reply.headers["retry-after"]) == ("1029", "5")


async def test_logging_in_for_every_call_is_never_refused(window: Window) -> None:
    assert {(await window.log_in()).status for _ in range(200)} == {200}
