"""One token for the whole cluster, and never more than two grants or renewals within an hour."""

import asyncio

import pytest

from connectors.manifest import Manifest
from ekpay_switch.domain.collections.connector_calls import Collected
from ekpay_switch.domain.outcome import InDoubt, NoAnswer, Unreached
from tests.connectors.families.bkash.bkash_stage import (
    EXECUTE,
    FINE,
    GRANT,
    REFRESH,
    BkashDesk,
    BkashStage,
    an_order,
    bkash_stage,
    code,
    said,
)
from tests.wire.scripted_peer import Caller


def logins(stage: BkashStage) -> tuple[int, int]:
    """How often somebody asked for a token, and how often for another in place of the last."""
    return stage.paths().count(GRANT), stage.paths().count(REFRESH)


async def test_a_grant_shows_who_asks_in_its_headers_and_which_app_in_its_body(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        await stage.bkash.inquire(an_order())
    heard = stage.peer.heard[0]
    assert (heard.path, heard.headers["username"], heard.headers["password"]) == (
        GRANT,
        "merchant",
        "open sesame",
    )
    assert stage.bodies(GRANT) == [{"app_key": "the-app", "app_secret": "the-app-secret"}]


async def test_a_call_shows_the_bare_token_and_the_app(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        await stage.bkash.inquire(an_order())
    headers = stage.peer.heard[1].headers
    assert (headers["authorization"], headers["x-app-key"]) == ("token-1", "the-app")


async def test_processes_of_a_cluster_share_one_grant(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        processes = [stage.bkash, stage.another_process(), stage.another_process()]
        told = await asyncio.gather(*(one.inquire(an_order()) for one in processes for _ in range(5)))
        assert all(isinstance(one, Collected) for one in told)
        assert logins(stage) == (1, 0)


async def test_a_token_that_died_is_renewed_and_the_call_repeated_once(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        await stage.bkash.inquire(an_order())
        stage.desk.good_token = "somebody else's"
        assert isinstance(await stage.bkash.execute(an_order()), Collected)
        assert logins(stage) == (1, 1)
        assert stage.paths()[2:] == [EXECUTE, REFRESH, EXECUTE]
        assert stage.bodies(REFRESH) == [
            {"app_key": "the-app", "app_secret": "the-app-secret", "refresh_token": "refresh-1"}
        ]


async def test_a_call_that_is_refused_under_a_new_token_too_is_in_doubt(bkash: Manifest) -> None:
    desk = BkashDesk(rude={EXECUTE: lambda caller: caller.answer(b'{"message": "Unauthorized"}', status=401)})
    async with bkash_stage(bkash, desk) as stage:
        assert await stage.bkash.execute(an_order()) == InDoubt("reply code HTTP 401")
        assert stage.paths().count(EXECUTE) == 2


async def test_a_token_that_died_in_memory_and_in_the_table_is_replaced_within_one_call(
    bkash: Manifest,
) -> None:
    async with bkash_stage(bkash) as stage:
        await stage.bkash.inquire(an_order())
        stage.desk.good_token = "somebody else's"
        await stage.another_process().inquire(an_order())
        stage.desk.good_token = "somebody else's"
        stage.tokens.logins = 0
        assert isinstance(await stage.bkash.inquire(an_order()), Collected)
        assert logins(stage) == (1, 2)


@pytest.mark.parametrize(
    "answer",
    [b'{"message": "Unauthorized"}', code("2001"), said(FINE), said(FINE, id_token="x", expires_in=True)],
)
async def test_a_renewal_that_brings_nothing_is_followed_by_a_grant_where_one_is_left(
    bkash: Manifest, answer: bytes
) -> None:
    async with bkash_stage(bkash, BkashDesk(rude={REFRESH: lambda caller: caller.answer(answer)})) as stage:
        await stage.bkash.inquire(an_order())
        stage.desk.good_token = "somebody else's"
        stage.tokens.logins = 0
        assert isinstance(await stage.bkash.inquire(an_order()), Collected)
        assert logins(stage) == (2, 1)


async def test_a_third_login_within_the_hour_is_never_sent(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        processes = [stage.bkash, stage.another_process()]
        for number in range(6):
            stage.desk.good_token = f"somebody else's {number}"
            await processes[number % 2].inquire(an_order())
        told = await stage.bkash.inquire(an_order())
        assert told == NoAnswer("no login is left within this hour", was_asked=False)
        assert sum(logins(stage)) == 2
        assert await stage.bkash.execute(an_order()) == Unreached("no login is left within this hour")


async def test_a_login_whose_answer_was_lost_counts(bkash: Manifest) -> None:
    async with bkash_stage(bkash, BkashDesk(rude={GRANT: Caller.hang_up})) as stage:
        for _ in range(4):
            assert isinstance(await stage.bkash.inquire(an_order()), NoAnswer)
        assert logins(stage) == (2, 0)


async def test_a_login_that_never_left_us_does_not_count(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        await stage.wire.close()
        for _ in range(3):
            told = await stage.bkash.inquire(an_order())
            assert isinstance(told, NoAnswer)
            assert not told.was_asked
        assert stage.tokens.logins == 0


@pytest.mark.parametrize("name", ["USER", "PASSWORD", "APP_KEY", "APP_SECRET"])
async def test_a_missing_secret_is_named_and_nothing_is_sent_or_counted(bkash: Manifest, name: str) -> None:
    setting = f"EKPAY_BKASH_{name}"
    async with bkash_stage(bkash, None, **{setting: ""}) as stage:
        assert await stage.bkash.create(an_order()) == Unreached(f"{setting} is not set")
        assert (stage.paths(), stage.tokens.logins) == ([], 0)


async def test_a_token_is_renewed_in_its_last_minutes_and_not_before(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        await stage.bkash.inquire(an_order())
        assert stage.tokens.lives == [3240]


async def test_who_has_no_time_left_does_not_wait_for_a_login(bkash: Manifest) -> None:
    async with bkash_stage(bkash, BkashDesk(rude={GRANT: Caller.stay_silent})) as stage:
        assert await stage.bkash.execute(an_order(seconds=-1)) == Unreached("no token in time")
        assert EXECUTE not in stage.paths()


async def test_a_login_under_way_serves_whoever_comes_later(bkash: Manifest) -> None:
    async def slowly(caller: Caller) -> None:
        await asyncio.sleep(0.05)
        await stage.desk.grant(caller)

    async with bkash_stage(bkash, BkashDesk(rude={GRANT: slowly})) as stage:
        calls = (stage.bkash.inquire(an_order()), stage.bkash.execute(an_order()))
        assert [isinstance(one, Collected) for one in await asyncio.gather(*calls)] == [True, True]
        assert logins(stage) == (1, 0)
