"""What holds for every gateway of the family, over a socket, whatever manners it has."""

import asyncio
from typing import Any

import pytest

from connectors.families.bank_redirect.connector import BankRedirect
from connectors.manifest import Manifest
from connectors.registry import FAMILIES
from ekpay_switch.domain.collections.connector_calls import Collected, NoHint, PageCreated
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.connectors import Connector
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.families.scroll_rest.desco_stage import DhakaClock
from tests.biller_adapters.far_side_stage import rude_manners
from tests.connectors.conftest import the_manifest
from tests.connectors.families.bank_redirect.bank_redirect_stage import (
    ASKS,
    CREATES,
    GETRANSID,
    GETRESULT,
    IDS,
    REFERENCE,
    REFUND,
    Desk,
    redirect_stage,
    surroundings,
)
from tests.wire.scripted_peer import Caller, http_answer

EVERY = pytest.mark.parametrize("connector_id", IDS)
RUDE = pytest.mark.parametrize("manners", list(rude_manners(b"{}")))


def create_path(connector_id: str) -> str:
    return CREATES.get(connector_id, GETRANSID)


def ask_path(connector_id: str) -> str:
    return ASKS.get(connector_id, GETRESULT)


def rude(path: str, manners: str) -> Desk:
    desk = Desk()
    desk.rude[path] = rude_manners(desk.answers[path])[manners]
    return desk


@EVERY
async def test_it_implements_the_port(connector_id: str) -> None:
    async with redirect_stage(connector_id) as stage:
        connector: Connector = stage.bank
        assert connector.profile.id == connector_id
        assert not connector.profile.executes
        assert connector.profile.refunds is None
    assert FAMILIES["bank_redirect"] is BankRedirect


@EVERY
async def test_a_polite_gateway_opens_a_page_and_tells_of_the_money(connector_id: str) -> None:
    async with redirect_stage(connector_id) as stage:
        created = await stage.bank.create(stage.order(provider_reference=""))
        assert isinstance(created, PageCreated)
        told = await stage.bank.inquire(stage.order(provider_reference=created.provider_reference))
    assert isinstance(told, Collected)
    assert (told.reference, told.amount) == (REFERENCE, Money(50_000))


@EVERY
@RUDE
async def test_a_page_without_a_usable_answer_is_in_doubt_and_asked_for_once(
    connector_id: str, manners: str
) -> None:
    path = create_path(connector_id)
    async with redirect_stage(connector_id, rude(path, manners)) as stage:
        assert isinstance(await stage.bank.create(stage.order()), InDoubt)
        assert stage.paths().count(path) == 1


@EVERY
@RUDE
async def test_a_question_without_a_usable_answer_teaches_nothing(connector_id: str, manners: str) -> None:
    async with redirect_stage(connector_id, rude(ask_path(connector_id), manners)) as stage:
        told = await stage.bank.inquire(stage.order())
    assert isinstance(told, NoAnswer)
    assert told.was_asked


@EVERY
async def test_an_answer_that_comes_twice_counts_once(connector_id: str) -> None:
    desk, path = Desk(), ask_path(connector_id)
    good = desk.answers[path]

    async def twice(caller: Caller) -> None:
        await caller.say(http_answer(good) * 2)

    desk.rude[path] = twice
    async with redirect_stage(connector_id, desk) as stage:
        assert isinstance(await stage.bank.inquire(stage.order()), Collected)
        del desk.rude[path]
        desk.answers[path] = b"{}"
        assert not isinstance(await stage.bank.inquire(stage.order()), Collected)


@EVERY
async def test_nobody_there_is_unreached(connector_id: str) -> None:
    async with redirect_stage(connector_id) as stage:
        nobody = stage.again(**{stage.manifest.endpoint.url_setting: "http://127.0.0.1:1"})
        assert isinstance(await nobody.create(stage.order()), Unreached)
        told = await nobody.inquire(stage.order())
        assert isinstance(told, NoAnswer)
        assert not told.was_asked


@EVERY
async def test_nothing_leaves_after_the_last_moment(connector_id: str) -> None:
    async with redirect_stage(connector_id) as stage:
        assert isinstance(await stage.bank.create(stage.order(seconds=-1)), Unreached)
        assert stage.paths() == []


@EVERY
@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(999)},
        {"amount": Money(100_000_001)},
        {"amount": Money(-50_000)},
        {"amount": Money(50_000, "USD")},
        {"reference": "lower-case-0000000000"},
        {"reference": "SHORT"},
        {"reference": REFERENCE + "\n"},
    ],
)
async def test_what_may_be_refused_over_there_is_not_sent(connector_id: str, changes: dict[str, Any]) -> None:
    async with redirect_stage(connector_id) as stage:
        assert isinstance(await stage.bank.create(stage.order(**changes)), Unreached)
        assert stage.paths() == []


@EVERY
@pytest.mark.parametrize("reference", ["", "two words", "x" * 201, "\u09e7"])
async def test_what_has_no_name_over_there_is_not_asked(connector_id: str, reference: str) -> None:
    async with redirect_stage(connector_id) as stage:
        told = await stage.bank.inquire(stage.order(provider_reference=reference))
        assert isinstance(told, NoAnswer)
        assert not told.was_asked
        assert stage.paths() == []


@EVERY
async def test_the_money_is_neither_executed_nor_given_back_from_here(connector_id: str) -> None:
    async with redirect_stage(connector_id) as stage:
        assert await stage.bank.execute(stage.order()) == Unreached(
            "the payer's agreement moves the money at this provider"
        )
        assert isinstance(await stage.bank.refund(REFUND), Unreached)
        told = await stage.bank.inquire_refunds(REFUND)
        assert isinstance(told, NoAnswer)
        assert not told.was_asked
        assert stage.paths() == []


@pytest.mark.parametrize(
    ("connector_id", "setting"),
    [
        (connector_id, setting)
        for connector_id in IDS
        for name, setting in the_manifest(connector_id).secrets.items()
        if not name.startswith("ipn_")
    ],
)
async def test_without_a_secret_it_is_there_and_cannot_be_asked(connector_id: str, setting: str) -> None:
    async with redirect_stage(connector_id, environ={setting: ""}) as stage:
        assert await stage.bank.create(stage.order()) == Unreached(f"{setting} is not set")
        assert await stage.bank.inquire(stage.order()) == NoAnswer(f"{setting} is not set", was_asked=False)
        assert stage.paths() == []


@EVERY
async def test_no_secret_stands_in_a_printed_connector(connector_id: str) -> None:
    async with redirect_stage(connector_id) as stage:
        outcomes = [await stage.bank.create(stage.order()), await stage.bank.inquire(stage.order())]
        assert "sesame" not in f"{stage.bank!r}{outcomes!r}"


@EVERY
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"a=1&a=2",
        b"trans_id=",
        b"trans_id=%00",
        b"session_token=two words here",
        b"xmlmsg=%FF",
        b"&".join(b"f%d=1" % number for number in range(60)),
        b"trans_id=x&session_token=x&pad=" + b"x" * 70_000,
    ],
)
async def test_what_nobody_can_read_is_no_hint_and_no_error(connector_id: str, body: bytes) -> None:
    bank = BankRedirect(the_manifest(connector_id), surroundings(HttpWire(DhakaClock()), {}))
    read = await bank.read_callback({}, body)
    assert isinstance(read, NoHint)
    assert not read.is_forged


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"family_settings": {"dialect": "morse"}}, "dialect is one of dbbl, spg, city"),
        ({"family_settings": {}}, "dialect is one of"),
        ({"family_settings": {"dialect": "dbbl"}}, "card_type"),
        ({"executes": True}, "nothing is executed"),
        ({"secrets": {"user": "EKPAY_ROCKET_USER"}}, "secrets of this dialect are user, password, checksum"),
        ({"operations": {}}, "operations getransid, getresult are missing"),
    ],
)
def test_what_the_family_misses_is_named(changes: dict[str, object], names: str) -> None:
    manifest: Manifest = the_manifest("rocket").model_copy(update=changes)
    with pytest.raises(ManifestError, match=names):
        BankRedirect(manifest, surroundings(HttpWire(DhakaClock()), {}))


@EVERY
async def test_a_slow_answer_is_not_taken_for_the_next_one(connector_id: str) -> None:
    desk, path = Desk(), ask_path(connector_id)
    good = desk.answers[path]

    async def late(caller: Caller) -> None:
        await asyncio.sleep(0.7)
        await caller.answer(good)

    desk.rude[path] = late
    async with redirect_stage(connector_id, desk) as stage:
        assert isinstance(await stage.bank.inquire(stage.order()), NoAnswer)
        del desk.rude[path]
        desk.answers[path] = b"{}"
        assert isinstance(await stage.bank.inquire(stage.order()), NoAnswer)
