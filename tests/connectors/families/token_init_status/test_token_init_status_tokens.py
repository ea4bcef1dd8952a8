"""One token for the whole cluster, and one new login where it is not taken."""

import asyncio
import json

import pytest

from connectors.families.token_init_status.sign_in import LoginSession
from ekpay_switch.domain.collections.connector_calls import Collected, PageCreated
from ekpay_switch.domain.outcome import InDoubt, NoAnswer, Unreached
from tests.connectors.families.token_init_status.token_init_status_stage import (
    DIALECTS,
    SHURJOPAY,
    TAP,
    UPAY,
    Desk,
    Dialect,
    a_refund,
    an_order,
    stage_of,
)
from tests.wire.scripted_peer import Caller

SHUT_OUT = "the far side refuses the tokens that it gives"
EVERY = pytest.mark.parametrize("dialect", DIALECTS, ids=[dialect.id for dialect in DIALECTS])


@EVERY
async def test_processes_of_a_cluster_share_one_login(dialect: Dialect) -> None:
    async with stage_of(dialect) as stage:
        processes = [stage.connector, stage.another_process(), stage.another_process()]
        told = await asyncio.gather(*(one.inquire(an_order()) for one in processes for _ in range(4)))
        assert all(isinstance(one, Collected) for one in told)
        assert stage.desk.logins == 1


@EVERY
async def test_a_token_that_died_is_replaced_and_the_call_repeated_once(dialect: Dialect) -> None:
    async with stage_of(dialect) as stage:
        await stage.connector.inquire(an_order())
        stage.desk.good_token = "somebody else's"
        assert isinstance(await stage.connector.create(an_order()), PageCreated)
        assert stage.paths()[2:] == [dialect.init, dialect.login, dialect.init]
        stage.desk.good_token = "somebody else's"
        assert isinstance(await stage.connector.inquire(an_order()), Collected)
        assert stage.desk.logins == 3


@EVERY
async def test_a_call_that_is_turned_away_under_a_new_token_too_is_in_doubt(dialect: Dialect) -> None:
    def turned_away(caller: Caller) -> object:
        return caller.answer(b'{"detail": "no"}', status=dialect.turned_away)

    desk = Desk(dialect, rude=dict.fromkeys((dialect.init, dialect.status), turned_away))  # type: ignore[arg-type]
    async with stage_of(dialect, desk) as stage:
        in_doubt = InDoubt(f"reply code HTTP {dialect.turned_away}")
        assert await stage.connector.create(an_order()) == in_doubt
        assert stage.paths() == [dialect.login, dialect.init] * 2
        # Two logins in vain are enough: whoever comes now is not sent a third one at once.
        assert await stage.connector.create(an_order()) == Unreached(SHUT_OUT)
        assert await stage.connector.inquire(an_order()) == NoAnswer(SHUT_OUT, was_asked=False)
        assert stage.desk.logins == 2
    async with stage_of(dialect, desk) as stage:
        assert isinstance(await stage.connector.inquire(an_order()), NoAnswer)
        assert stage.paths() == [dialect.login, dialect.status] * 2


@EVERY
async def test_a_token_that_died_in_memory_and_in_the_table_is_replaced_within_one_call(
    dialect: Dialect,
) -> None:
    async with stage_of(dialect) as stage:
        await stage.connector.inquire(an_order())
        stage.desk.good_token = "somebody else's"
        await stage.another_process().inquire(an_order())
        stage.desk.good_token = "somebody else's"
        assert isinstance(await stage.connector.inquire(an_order()), Collected)
        assert stage.desk.logins == 3


async def test_http_403_is_a_token_at_upay_only() -> None:
    for dialect, times in ((UPAY, 2), (TAP, 1)):
        desk = Desk(dialect, rude={dialect.status: lambda caller: caller.answer(b"{}", status=403)})
        async with stage_of(dialect, desk) as stage:
            await stage.connector.inquire(an_order())
            assert stage.paths().count(dialect.status) == times


@EVERY
async def test_without_a_secret_nothing_is_sent_and_its_setting_is_named(dialect: Dialect) -> None:
    own = f"EKPAY_{dialect.id.upper()}_"
    for name in dialect.secrets:
        async with stage_of(dialect, environ={f"{own}{name}": ""}) as stage:
            unset = f"{own}{name} is not set"
            assert await stage.connector.create(an_order()) == Unreached(unset)
            assert await stage.connector.inquire(an_order()) == NoAnswer(unset, was_asked=False)
            assert stage.paths() == []


@EVERY
@pytest.mark.parametrize("answer", [b"", b"<html>", b"{}", b"[]", b'{"code": "0000", "sp_code": "200"}'])
async def test_a_login_without_a_token_lets_nobody_in(dialect: Dialect, answer: bytes) -> None:
    desk = Desk(dialect, rude={dialect.login: lambda caller: caller.answer(answer)})
    async with stage_of(dialect, desk) as stage:
        assert isinstance(await stage.connector.create(an_order()), Unreached)
        told = await stage.connector.inquire(an_order())
        assert isinstance(told, NoAnswer)
        assert not told.was_asked
        assert set(stage.paths()) == {dialect.login}


@pytest.mark.parametrize("token", ["two words", "line\r\nX-Admin: yes", "\u09e7", "x" * 2_001])
async def test_a_token_that_does_not_fit_a_header_is_none(token: str) -> None:
    async def lets_in(caller: Caller) -> None:
        told = {"code": "0000", "access_token": token, "expires_in": 3600}
        await caller.answer(json.dumps(told).encode())

    async with stage_of(TAP, Desk(TAP, rude={TAP.login: lets_in})) as stage:
        assert isinstance(await stage.connector.create(an_order()), Unreached)


async def test_a_kept_text_that_is_none_of_ours_is_replaced_by_a_login() -> None:
    """What stands in the table may be an older version's."""
    for strange in ("old-token", "%7B%22token%22", "1", LoginSession("token", {"store_id": 7}).stored_text):
        async with stage_of(SHURJOPAY) as stage:
            stage.tokens.token = strange
            assert isinstance(await stage.connector.create(an_order()), PageCreated)
            assert stage.desk.logins == 1
            assert stage.paths().count(SHURJOPAY.init) == 1


async def test_a_word_for_http_401_in_an_answer_is_no_reason_to_send_again() -> None:
    desk = Desk(TAP, rude={TAP.refund: lambda caller: caller.answer(b'{"code": "HTTP 401"}')})
    async with stage_of(TAP, desk) as stage:
        assert isinstance(await stage.connector.refund(a_refund()), InDoubt)
        assert stage.paths().count(TAP.refund) == 1


async def test_a_refund_that_is_turned_away_was_not_done_and_is_sent_once_more() -> None:
    for dialect in (TAP, UPAY):
        desk = Desk(dialect, rude={dialect.refund: lambda caller: caller.answer(b"", status=401)})
        async with stage_of(dialect, desk) as stage:
            told = await stage.connector.refund(a_refund())
            assert told == InDoubt("reply code HTTP 401")
            assert stage.paths().count(dialect.refund) == 2


async def test_secrets_and_tokens_stand_in_no_text_of_an_object() -> None:
    async with stage_of(TAP) as stage:
        await stage.connector.create(an_order())
        shown = repr(vars(stage.connector)) + repr(stage.manifest)
        assert "the password" not in shown
        assert "token-1" not in shown
