"""The connectors over host links against simulated banks, written by others from the same document."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from connectors.families.iso8583.connector import HostLink
from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    Collected,
    ConfirmedCollection,
    MismatchedCollection,
    NeverPaid,
    NoHint,
    PageCreated,
    judge_collected,
)
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from sandbox.callers.payer.payer import PayerDecision
from tests.connectors.conftest import the_manifest
from tests.connectors.families.iso8583.bank_stage import BankStage, a_bank, doubted, next_name
from tests.connectors.sandbox_stage import AMOUNT
from tests.sandbox.caller import SetClock
from tests.sandbox.providers.iso8583.caller import HOUSES


class Opens(Protocol):
    def __call__(self, house: str = "janata") -> AbstractAsyncContextManager[BankStage]: ...


@pytest.fixture
def opens(tmp_path: Path) -> Opens:
    return partial(a_bank, tmp_path)


@pytest.mark.parametrize("house", HOUSES)
async def test_every_bank_collects_once(opens: Opens, house: str) -> None:
    async with opens(house) as stage:
        order, collected = await stage.executed()
        assert isinstance(collected, Collected)
        assert judge_collected(order, collected) == ConfirmedCollection(collected)
        assert collected.facts["settlement_date"] == "2026-03-10"
        assert await stage.bank.execute(order) == collected
        assert await stage.bank.inquire(doubted(order)) == collected
        assert await stage.taken() == AMOUNT.minor


@pytest.mark.parametrize("house", ["janata", "npsb"])
@pytest.mark.parametrize(
    ("does", "kind", "claims"),
    [
        (PayerDecision.CANCEL, "normal", "cancelled"),
        (PayerDecision.WRONG_PIN, "normal", "refused"),
        (PayerDecision.APPROVE, "refused_at_page", "refused"),
    ],
)
async def test_who_does_not_agree_brings_no_alias(
    opens: Opens, house: str, does: PayerDecision, kind: str, claims: str
) -> None:
    async with opens(house) as stage:
        _, visit = await stage.visited(kind, does)
        hint = await stage.brought(visit)
        assert isinstance(hint, CallbackHint)
        assert (hint.claims, hint.is_agreed, hint.consent) == (claims, False, "")


async def test_a_forged_return_is_believed_by_nobody(opens: Opens) -> None:
    async with opens() as stage:
        _, visit = await stage.visited("return_forged")
        assert await stage.brought(visit) == NoHint("a wrong signature", is_forged=True)


@pytest.mark.parametrize(
    ("kind", "declined"),
    [
        ("insufficient_funds", Declined("insufficient_balance", "51")),
        ("declined", Declined("refused_by_issuer", "05")),
    ],
)
async def test_who_is_refused_is_declined_for_good(opens: Opens, kind: str, declined: Declined) -> None:
    async with opens() as stage:
        order, outcome = await stage.executed(kind)
        assert outcome == declined
        assert await stage.bank.inquire(doubted(order)) == NeverPaid(f"response code {declined.code}")
        assert await stage.taken() == 0


@pytest.mark.parametrize(
    ("kind", "why"),
    [("other_amount", "another amount"), ("other_currency", "another currency")],
)
async def test_other_money_is_for_people(opens: Opens, kind: str, why: str) -> None:
    async with opens() as stage:
        order, collected = await stage.executed(kind)
        assert isinstance(collected, Collected)
        assert judge_collected(order, collected) == MismatchedCollection(collected, why)


@pytest.mark.parametrize(
    "kind", ["take_lost_done", "take_lost_undone", "pending", "bad_mac", "take_html", "other_stan", "cut"]
)
async def test_what_is_not_answered_well_is_taken_back(opens: Opens, kind: str) -> None:
    async with opens() as stage:
        order, outcome = await stage.executed(kind)
        assert isinstance(outcome, InDoubt)
        told = await stage.taken_back(order)
        moved = kind not in {"take_lost_undone", "pending"}
        assert told == NeverPaid(f"reversed, response code {'00' if moved else '25'}")
        assert stage.bell.rung == ([] if moved else [(Alarm.REVERSAL_NOT_KNOWN, "25")])
        assert await stage.taken() == 0
        # The link is up again, for the next payer.
        _, next_one = await stage.executed()
        assert isinstance(next_one, Collected)


@pytest.mark.parametrize("fault", ["code_06", "code_77", "code_94", "code_96"])
@pytest.mark.parametrize("done", ["", "_done"])
async def test_a_code_that_settles_nothing_is_taken_back(opens: Opens, fault: str, done: str) -> None:
    async with opens() as stage:
        order = await stage.agreed()
        await stage.desk.fault(f"{fault}{done}", "request", order=order.reference)
        assert isinstance(await stage.bank.execute(order), InDoubt)
        assert (await stage.taken_back(order)).why.startswith("reversed")
        assert await stage.taken() == 0


@pytest.mark.parametrize("kind", ["twice_in_one", "single_bytes"])
async def test_segments_do_not_matter(opens: Opens, kind: str) -> None:
    async with opens() as stage:
        order = await stage.agreed()
        await stage.desk.fault(kind, "request", order=order.reference)
        assert isinstance(await stage.bank.execute(order), Collected)


async def test_an_approval_after_the_reversal_credits_nobody(opens: Opens) -> None:
    async with opens() as stage:
        order, outcome = await stage.executed("after_reversal")
        assert isinstance(outcome, InDoubt)
        told = await stage.taken_back(order)
        assert await stage.bell.rings() == [(Alarm.LATE_APPROVAL, "00")]
        assert await stage.bank.inquire(doubted(order)) == told
        assert await stage.taken() == 0


@pytest.mark.parametrize("kind", ["reversal_unanswered", "reversal_96"])
async def test_a_reversal_is_repeated_until_it_is_confirmed(opens: Opens, kind: str) -> None:
    async with opens() as stage:
        order, outcome = await stage.executed(kind, nth=1)
        assert isinstance(outcome, InDoubt)
        assert await stage.taken_back(order) == NeverPaid("reversed, response code 00")
        calls = (await stage.desk.order(order.reference))["calls"]
        assert (calls["0200"], calls["0420"], calls["0421"]) == (1, 1, 2)
        assert await stage.taken() == 0


async def test_an_alias_is_good_for_ten_minutes(opens: Opens) -> None:
    async with opens() as stage:
        order = await stage.agreed()
        assert isinstance(stage.desk.clock, SetClock)
        stage.desk.clock.advance(minutes=11)
        assert isinstance(await stage.bank.execute(order), Declined)
        assert await stage.taken() == 0


@pytest.mark.parametrize("fault", ["code_91", "lost_undone"])
async def test_a_dropped_link_signs_on_again_until_it_is_let_in(opens: Opens, fault: str) -> None:
    async with opens() as stage:
        order = await stage.agreed()
        await stage.desk.fault(fault, "sign_on")
        await stage.desk.admin("POST", "drop", {"house": "janata"})
        assert isinstance(await stage.bank.execute(order), Collected)


async def test_a_host_that_is_down_is_not_reached(opens: Opens) -> None:
    async with opens() as stage:
        order = await stage.agreed()
        await stage.desk.fault("refuse", seconds=60)
        outcome = await stage.bank.execute(replace(order, send_before=time.monotonic() + 0.3))
        assert outcome == Unreached("no link owner took the request in time")
        await stage.desk.fault("refuse", seconds=0.01)
        again = replace(order, epoch=2, send_before=time.monotonic() + 10)
        assert isinstance(await stage.bank.execute(again), Collected)
        assert await stage.taken() == AMOUNT.minor


async def test_a_payer_who_has_not_agreed_is_waited_for(opens: Opens) -> None:
    async with opens() as stage:
        order, visit = await stage.visited(does=PayerDecision.LEAVE)
        assert visit.sent_to is None
        assert await stage.bank.inquire(order) == AwaitingPayer()
        assert await stage.bank.execute(order) == Unreached("the payer has not agreed")


async def test_another_secret_opens_no_page(opens: Opens) -> None:
    async with opens() as stage:
        environ = {**stage.around.environ, "EKPAY_JANATA_CONSENT_SECRET": "another"}
        stranger = HostLink(the_manifest("janata"), replace(stage.around, environ=environ))
        order = replace((await stage.visited(does=PayerDecision.LEAVE))[0], reference=next_name())
        created = await stranger.create(order)
        assert isinstance(created, PageCreated)
        async with stage.desk.session.get(created.page_url) as answer:
            assert answer.status == 403


async def test_a_payment_whose_reversal_overtook_it_is_reversed_anew(opens: Opens) -> None:
    async with opens() as stage:
        order = await stage.agreed()
        await stage.desk.fault("behind_reversal", "request", order=order.reference)
        assert isinstance(await stage.bank.execute(order), InDoubt)
        confirmed = NeverPaid("reversed, response code 00")
        async with asyncio.timeout(20):
            while (told := await stage.bank.inquire(doubted(order))) != confirmed:
                assert isinstance(told, NoAnswer | NeverPaid)
        assert await stage.taken() == 0
        assert stage.bell.rung == [(Alarm.REVERSAL_NOT_KNOWN, "25"), (Alarm.LATE_APPROVAL, "00")]
