"""One login for many, one repeat after a 401, and nothing sent without a token."""

import asyncio
import time

import pytest

from biller_adapters.families.scroll_rest import ScrollRest
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Role
from ekpay_switch.domain.bill import BillerSilent, BillFound
from ekpay_switch.domain.outcome import Approved, Declined, NoAnswer, Unreached
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.families.scroll_rest.desco_stage import QUERY, DhakaClock, Manners, Staged
from tests.wire.scripted_peer import Caller, eventually


async def test_twenty_at_once_log_in_once(staged: Staged) -> None:
    async with staged() as stage:
        replies = await asyncio.gather(*(stage.adapter.fetch(QUERY) for _ in range(20)))
    assert all(isinstance(reply, BillFound) for reply in replies)
    assert stage.desk.logins == 1
    assert stage.sent("/login") == [{"user": "ekpay", "password": "open sesame"}]


async def test_a_token_that_ended_costs_one_login_and_one_repeat(staged: Staged) -> None:
    async with staged() as stage:
        order = await stage.order()
        stage.desk.good_token = "rotated"
        assert isinstance(await stage.adapter.pay(order), Approved)
        assert stage.paths() == ["/login", "/bill", "/payment", "/login", "/payment"]
        assert stage.tokens.tokens == {"desco_postpaid": "token-2"}


async def test_twenty_refused_at_once_log_in_once(staged: Staged) -> None:
    async with staged() as stage:
        await stage.bill()
        stage.desk.good_token = "rotated"
        replies = await asyncio.gather(*(stage.adapter.fetch(QUERY) for _ in range(20)))
    assert all(isinstance(reply, BillFound) for reply in replies)
    assert stage.desk.logins == 2


async def test_refused_at_the_door_twice_is_an_answered_no(staged: Staged) -> None:
    async with staged() as stage:
        order = await stage.order()
        stage.desk.rude["/payment"] = lambda caller: caller.answer(b"{}", status=401)
        assert await stage.adapter.pay(order) == Declined("not_authenticated", "401")
        assert stage.paths().count("/payment") == 2


async def test_the_repeat_after_a_401_is_not_sent_after_the_last_moment(staged: Staged) -> None:
    async def log_in_slowly(caller: Caller) -> None:
        await eventually(lambda: time.monotonic() > order.send_before)
        await stage.desk.log_in(caller)

    async with staged() as stage:
        order = await stage.order(seconds=0.2)
        stage.desk.good_token = "rotated"
        stage.desk.rude["/login"] = log_in_slowly
        assert isinstance(await stage.adapter.pay(order), Unreached)
        assert stage.paths().count("/payment") == 1


@pytest.mark.parametrize(
    "manners",
    [
        pytest.param(lambda c: c.answer(b'{"statusCode": 401}', status=401), id="refused"),
        pytest.param(lambda c: c.answer(b"<html>"), id="a page"),
        pytest.param(lambda c: c.answer(b'{"statusCode": 200, "expiresIn": 60}'), id="no token"),
        pytest.param(
            lambda c: c.answer(b'{"statusCode": 200, "token": "a\\r\\nb: c", "expiresIn": 60}'),
            id="a token that would break a header",
        ),
        pytest.param(
            lambda c: c.answer(b'{"statusCode": 200, "token": "t", "expiresIn": "x"}'), id="no life"
        ),
        pytest.param(Caller.hang_up, id="a connection dropped"),
    ],
)
async def test_without_a_login_nothing_is_sent(staged: Staged, manners: Manners) -> None:
    async with staged() as stage:
        order = await stage.order()
        stage.desk.rude["/login"] = manners
        stage.tokens.tokens.clear()
        stage.adapter._client._keeper._token = ""  # type: ignore[union-attr]  # noqa: SLF001 - just started
        assert isinstance(await stage.adapter.pay(order), Unreached)
        assert isinstance(await stage.adapter.fetch(QUERY), BillerSilent)
        inquiry = await stage.adapter.inquire(order)
        assert isinstance(inquiry, NoAnswer)
        assert not inquiry.was_asked
        assert "/payment" not in stage.paths()


async def test_a_missing_password_is_named_and_nothing_is_sent(staged: Staged) -> None:
    async with staged(EKPAY_DESCO_PASSWORD="") as stage:
        assert await stage.adapter.fetch(QUERY) == BillerSilent("EKPAY_DESCO_PASSWORD is not set")
    assert stage.peer.heard == []


def test_a_manifest_without_one_of_the_calls_is_refused(desco: Manifest) -> None:
    operations = {name: call for name, call in desco.operations.items() if name != "status"}
    lacking = desco.model_copy(update={"operations": operations})
    around = FamilyContext(HttpWire(DhakaClock()), InMemoryTokens(), DhakaClock(), {})
    with pytest.raises(ManifestError, match="status"):
        ScrollRest(lacking, around)


def test_a_setting_that_the_family_does_not_know_is_refused(desco: Manifest) -> None:
    odd = desco.model_copy(update={"family_settings": {**desco.family_settings, "colour": "red"}})
    around = FamilyContext(HttpWire(DhakaClock()), InMemoryTokens(), DhakaClock(), {})
    with pytest.raises(ManifestError, match="colour"):
        ScrollRest(odd, around)


def test_a_manifest_without_a_login_is_refused(desco: Manifest) -> None:
    login = desco.operations["login"].model_copy(update={"role": Role.FETCH})
    odd = desco.model_copy(update={"operations": {**desco.operations, "login": login}})
    with pytest.raises(ManifestError, match="log_in"):
        ScrollRest(odd, FamilyContext(HttpWire(DhakaClock()), InMemoryTokens(), DhakaClock(), {}))
