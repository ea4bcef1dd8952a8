"""Tokens: who gets one, how long it lives, and what asking too often comes to."""

from pathlib import Path

import pytest

import sandbox.providers.bkash.institution as bkash_house
from sandbox.kit.institution.clock import Clock
from sandbox.providers.bkash.settings import BkashSettings
from tests.sandbox.caller import SetClock
from tests.sandbox.conftest import served
from tests.sandbox.providers.bkash.caller import APP, LOGIN, PREFIX, BkashCaller

GRANT, REFRESH = f"{PREFIX}/token/grant", f"{PREFIX}/token/refresh"


@pytest.mark.parametrize(
    ("login", "app", "status", "code"),
    [
        ({"username": "other"}, {}, 401, None),
        ({"password": "other"}, {}, 401, None),
        ({}, {"app_secret": "other"}, 401, None),
        ({}, {"app_secret": 5}, 401, None),
        ({}, {"app_key": "other"}, 200, "2001"),
    ],
)
async def test_a_wrong_login_or_app_gets_no_token_and_does_not_count(
    bkash: BkashCaller, login: dict[str, str], app: dict[str, object], status: int, code: str | None
) -> None:
    for _ in range(5):
        found, answer = await bkash.post(GRANT, APP | app, LOGIN | login)
        assert (found, answer.get("statusCode")) == (status, code)
        assert "id_token" not in answer
    assert (await bkash.grant())[0] == 200


async def test_two_grants_within_an_hour_are_given_and_the_third_blocks_the_app_for_an_hour(
    bkash: BkashCaller, clock: SetClock
) -> None:
    assert (await bkash.grant())[0] == 200
    status, answer = await bkash.grant()
    assert (status, list(answer)) == (401, ["message"])
    # Blocked is blocked: living tokens do not help.
    assert (await bkash.post(f"{PREFIX}/payment/status", {"paymentID": "TR0011x"}))[0] == 401
    clock.advance(seconds=3_599)
    assert (await bkash.grant())[0] == 401
    clock.advance(seconds=1)
    assert (await bkash.grant())[0] == 200


async def test_a_refresh_counts_as_a_grant(bkash: BkashCaller) -> None:
    body = APP | {"refresh_token": bkash.refresh_token}
    assert (await bkash.post(REFRESH, body, LOGIN))[0] == 200
    assert (await bkash.post(REFRESH, body, LOGIN))[0] == 401


async def test_a_grant_an_hour_for_ever_is_never_blocked(bkash: BkashCaller, clock: SetClock) -> None:
    for _ in range(6):
        clock.advance(minutes=55)
        assert (await bkash.grant())[0] == 200


async def test_an_id_token_dies_after_an_hour_and_its_refresh_token_after_28_days(
    bkash: BkashCaller, clock: SetClock
) -> None:
    clock.advance(seconds=3_600)
    status, answer = await bkash.post(f"{PREFIX}/payment/status", {"paymentID": "TR0011x"})
    assert (status, answer) == (401, {"message": "The incoming token has expired"})
    body = APP | {"refresh_token": bkash.refresh_token}
    status, answer = await bkash.post(REFRESH, body, LOGIN)
    assert (status, answer["expires_in"]) == (200, 3600)
    bkash.token = answer["id_token"]
    assert (await bkash.post(f"{PREFIX}/payment/status", {"paymentID": "TR0011x"}))[0] == 200
    clock.advance(days=28)
    assert (await bkash.post(REFRESH, body, LOGIN))[0] == 401


@pytest.mark.parametrize("token", ["unknown", "", None, 5])
async def test_an_unknown_refresh_token_is_worth_nothing(bkash: BkashCaller, token: object) -> None:
    assert (await bkash.post(REFRESH, APP | {"refresh_token": token}, LOGIN))[0] == 401


async def test_a_new_token_leaves_the_one_before_alive(bkash: BkashCaller) -> None:
    await bkash.grant()
    assert (await bkash.create())["statusCode"] == "0000"


async def test_the_limit_can_be_switched_off_for_clients_that_ask_often(
    tmp_path: Path, clock: SetClock
) -> None:
    settings = BkashSettings(home=tmp_path, grants_an_hour=0)
    institution = bkash_house.BkashInstitution.open(settings, Clock(clock.now))
    async with served(institution) as (session, origin):
        caller = BkashCaller(session, origin)
        assert [(await caller.grant())[0] for _ in range(10)] == [200] * 10


async def test_tokens_grants_and_blocks_outlive_the_process(tmp_path: Path, clock: SetClock) -> None:
    settings = BkashSettings(home=tmp_path)
    async with served(bkash_house.BkashInstitution.open(settings, Clock(clock.now))) as (session, origin):
        first = BkashCaller(session, origin)
        await first.log_in()
        await first.grant()
    async with served(bkash_house.BkashInstitution.open(settings, Clock(clock.now))) as (session, origin):
        again = BkashCaller(session, origin, first.token, first.refresh_token)
        assert (await again.create())["statusCode"] == "0000"
        assert (await again.grant())[0] == 401
    async with served(bkash_house.BkashInstitution.open(settings, Clock(clock.now))) as (session, origin):
        again = BkashCaller(session, origin, first.token)
        clock.advance(minutes=59)
        assert (await again.grant())[0] == 401
