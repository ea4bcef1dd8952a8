"""The connectors of banks' own gateways against a simulator written by others from the same description."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    Collected,
    MismatchedCollection,
    NeverPaid,
    NoHint,
    judge_collected,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from sandbox.callers.payer.payer import Payer, PayerDecision, pay
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.providers.bank_redirect.family import BankRedirectFamily
from tests.connectors.sandbox_stage import AMOUNT, SandboxStage, a_refund_of, sandbox_stage
from tests.sandbox.caller import Json
from tests.sandbox.kit.provider.push_receiver import Letterbox, a_letterbox

HOUSES = ("dbbl_nexus", "rocket", "sonali_spg", "city_bank")


class Opens(Protocol):
    def __call__(self, house: str) -> AbstractAsyncContextManager[SandboxStage]: ...


@pytest.fixture
async def opens(tmp_path: Path) -> AsyncIterator[Opens]:
    """Opens a house with whose bank the switch has registered its addresses."""
    async with a_letterbox() as registered:
        addresses = {
            "registered_return_url": f"{registered.url}/pay/return",
            "registered_push_url": f"{registered.url}/callbacks/{{house}}",
        }
        yield partial(_open, tmp_path, registered, addresses)


@asynccontextmanager
async def _open(
    folder: Path, registered: Letterbox, addresses: dict[str, str], house: str
) -> AsyncIterator[SandboxStage]:
    async with sandbox_stage(BankRedirectFamily, house, folder, **addresses) as stage:
        registered.answer = stage.connector.profile.callback_answer
        stage.letterbox = registered
        yield stage


@pytest.mark.parametrize("house", HOUSES)
async def test_every_gateway_collects(opens: Opens, house: str) -> None:
    async with opens(house) as bank:
        _, collected = await bank.paid()
        assert collected.amount == AMOUNT


@pytest.mark.parametrize("house", HOUSES)
async def test_a_payer_who_has_not_paid_is_waited_for(opens: Opens, house: str) -> None:
    async with opens(house) as bank:
        order, page_url = await bank.opened()
        assert await bank.connector.inquire(order) == AwaitingPayer()
        payer = Payer(await bank.number("normal"))
        await pay(page_url, payer, PayerDecision.LEAVE_AT_PIN)
        assert await bank.connector.inquire(order) == AwaitingPayer()
        await pay(page_url, payer)
        assert isinstance(await bank.connector.inquire(order), Collected)


@pytest.mark.parametrize(
    ("house", "why"),
    [
        ("dbbl_nexus", "cancelled"),
        ("rocket", "cancelled"),
        ("sonali_spg", "PaymentStatus 499"),
        ("city_bank", "orderStatus CANCELED"),
    ],
)
async def test_who_turns_back_never_pays(opens: Opens, house: str, why: str) -> None:
    async with opens(house) as bank:
        assert await bank.inquired(does=PayerDecision.CANCEL) == NeverPaid(why)


@pytest.mark.parametrize(
    ("house", "kind", "why"),
    [
        ("dbbl_nexus", "insufficient_funds", "failed 116"),
        ("dbbl_nexus", "declined", "failed 100"),
        ("rocket", "insufficient_funds", "failed 116"),
        ("rocket", "says_paid", "failed 100"),
        ("sonali_spg", "declined", "PaymentStatus 400"),
        ("sonali_spg", "says_paid", "PaymentStatus 400"),
        ("city_bank", "declined", "orderStatus DECLINED"),
        ("city_bank", "says_paid", "orderStatus DECLINED"),
    ],
)
async def test_who_is_refused_never_pays(opens: Opens, house: str, kind: str, why: str) -> None:
    async with opens(house) as bank:
        assert await bank.inquired(kind) == NeverPaid(why)


@pytest.mark.parametrize(
    ("house", "why"),
    [
        ("dbbl_nexus", "failed 106"),
        ("sonali_spg", "PaymentStatus 400"),
        ("city_bank", "orderStatus DECLINED"),
    ],
)
async def test_too_many_wrong_pins_end_it(opens: Opens, house: str, why: str) -> None:
    async with opens(house) as bank:
        assert await bank.inquired(does=PayerDecision.WRONG_PIN) == NeverPaid(why)


@pytest.mark.parametrize(
    ("house", "why"),
    [
        ("dbbl_nexus", "timeout"),
        ("rocket", "timeout"),
        ("sonali_spg", "PaymentStatus 408"),
        ("city_bank", "orderStatus EXPIRED"),
    ],
)
async def test_a_page_lapses(opens: Opens, house: str, why: str) -> None:
    async with opens(house) as bank:
        order, _ = await bank.opened()
        bank.clock.advance(seconds=bank.connector.profile.page_life_seconds - 1)
        assert await bank.connector.inquire(order) == AwaitingPayer()
        bank.clock.advance(seconds=1)
        assert await bank.connector.inquire(order) == NeverPaid(why)


@pytest.mark.parametrize("house", HOUSES)
async def test_what_is_pending_is_waited_for(opens: Opens, house: str) -> None:
    async with opens(house) as bank:
        order, _ = await bank.visited("pending_then_paid")
        assert isinstance(await bank.connector.inquire(order), AwaitingPayer | NoAnswer)
        bank.clock.advance(seconds=120)
        assert isinstance(await bank.connector.inquire(order), Collected)


@pytest.mark.parametrize("house", HOUSES)
@pytest.mark.parametrize("kind", ["says_declined", "return_lost", "nothing_comes"])
async def test_what_the_browser_says_changes_nothing(opens: Opens, house: str, kind: str) -> None:
    async with opens(house) as bank:
        await bank.paid(kind)


@pytest.mark.parametrize("house", HOUSES)
async def test_a_forged_return_pays_nothing(opens: Opens, house: str) -> None:
    async with opens(house) as bank:
        order, visit = await bank.visited("return_forged")
        assert isinstance(await bank.brought(visit), CallbackHint)
        assert await bank.connector.inquire(order) == AwaitingPayer()


@pytest.mark.parametrize("house", HOUSES)
async def test_another_amount_is_for_people(opens: Opens, house: str) -> None:
    async with opens(house) as bank:
        order, _ = await bank.visited("other_amount")
        collected = await bank.connector.inquire(order)
        assert isinstance(collected, Collected)
        assert collected.amount == Money(50_100)
        assert judge_collected(order, collected) == MismatchedCollection(collected, "another amount")


async def test_another_currency_is_for_people(opens: Opens) -> None:
    async with opens("city_bank") as city:
        order, _ = await city.visited("other_currency")
        collected = await city.connector.inquire(order)
        assert isinstance(collected, Collected)
        assert judge_collected(order, collected) == MismatchedCollection(collected, "another currency")


@pytest.mark.parametrize("house", HOUSES)
@pytest.mark.parametrize("fault", ["lost_done", "html", "http_500", "unauthorised"])
async def test_a_question_that_is_not_answered_is_asked_again(opens: Opens, house: str, fault: str) -> None:
    async with opens(house) as bank:
        order, _ = await bank.visited(f"status_{fault}")
        assert isinstance(await bank.connector.inquire(order), NoAnswer)
        assert isinstance(await bank.connector.inquire(order), Collected)


@pytest.mark.parametrize("house", HOUSES)
@pytest.mark.parametrize(
    "fault", [ProviderFault.LOST_DONE, ProviderFault.LOST_UNDONE, ProviderFault.HTML, ProviderFault.HTTP_500]
)
async def test_a_page_that_is_not_told_of_is_in_doubt_and_another_can_be_opened(
    opens: Opens, house: str, fault: ProviderFault
) -> None:
    async with opens(house) as bank:
        order = bank.order()
        await bank.fault(fault, ProviderStep.CREATE)
        assert isinstance(await bank.connector.create(order), InDoubt)
        again, page_url = await bank.opened(reference=order.reference)
        await pay(page_url, Payer(await bank.number("normal")))
        collected = await bank.connector.inquire(again)
        assert isinstance(collected, Collected)
        assert collected.reference == order.reference


@pytest.mark.parametrize(
    ("house", "refused"),
    [
        ("dbbl_nexus", Declined("not_allowed", "RSPCODE 0")),
        ("rocket", Declined("not_allowed", "RSPCODE 0")),
        ("sonali_spg", Declined("malformed", "status 400")),
        ("city_bank", Declined("malformed", "responseCode 101")),
    ],
)
async def test_a_page_that_is_refused_is_declined(opens: Opens, house: str, refused: Declined) -> None:
    async with opens(house) as bank:
        await bank.fault(ProviderFault.REFUSE, ProviderStep.CREATE)
        assert await bank.connector.create(bank.order()) == refused


@pytest.mark.parametrize("house", HOUSES)
async def test_nothing_is_opened_or_learned_with_a_wrong_password(opens: Opens, house: str) -> None:
    async with opens(house) as bank:
        order, _ = await bank.visited()
        stranger = bank.another(**{f"EKPAY_{house.upper()}_PASSWORD": "wrong"})
        assert isinstance(await stranger.create(bank.order()), Declined | Unreached | InDoubt)
        assert isinstance(await stranger.inquire(order), NoAnswer)
        assert len((await bank.desk.admin("GET", f"orders?house={house}"))["orders"]) == 1


@pytest.mark.parametrize("house", HOUSES)
async def test_no_gateway_gives_money_back(opens: Opens, house: str) -> None:
    async with opens(house) as bank:
        order, collected = await bank.paid()
        refund = a_refund_of(order, collected, 20_000)
        assert isinstance(await bank.connector.refund(refund), Unreached)
        assert isinstance(await bank.connector.inquire_refunds(refund), NoAnswer)
        assert (await bank.booked(order))["refunded_paisa"] == 0


@pytest.mark.parametrize(
    ("house", "claims", "is_named"),
    [
        ("dbbl_nexus", "returned", False),
        ("rocket", "returned", False),
        ("sonali_spg", "200", False),
        ("city_bank", "approved", True),
    ],
)
async def test_a_browser_that_comes_back_is_a_hint(
    opens: Opens, house: str, claims: str, *, is_named: bool
) -> None:
    async with opens(house) as bank:
        order, visit = await bank.visited()
        hint = await bank.brought(visit)
        assert isinstance(hint, CallbackHint)
        assert (hint.provider_reference, hint.claims) == (order.provider_reference, claims)
        assert hint.reference == (order.reference if is_named else "")
        assert await bank.brought(visit) == hint


async def test_a_transaction_id_of_dbbl_survives_the_whole_way(opens: Opens) -> None:
    async with opens("dbbl_nexus") as dbbl:
        order, visit = await dbbl.visited()
        assert all(letter in order.provider_reference for letter in "+/=")
        assert visit.carries == {"trans_id": order.provider_reference}


async def test_a_result_with_a_wrong_hmac_says_nothing(opens: Opens) -> None:
    async with opens("rocket") as rocket:
        assert await rocket.inquired("bad_hmac") == NoAnswer("a wrong signature")


async def test_a_result_that_failed_by_an_error_settles_nothing(opens: Opens) -> None:
    async with opens("dbbl_nexus") as dbbl:
        assert isinstance(await dbbl.inquired("failed_by_error"), NoAnswer)


async def test_another_checksum_secret_believes_no_result(opens: Opens) -> None:
    async with opens("dbbl_nexus") as dbbl:
        order, _ = await dbbl.visited()
        stranger = dbbl.another(EKPAY_DBBL_NEXUS_CHECKSUM_SECRET="another")
        assert await stranger.inquire(order) == NoAnswer("a wrong signature")


async def test_what_sonali_takes_on_top_is_none_of_the_payment(opens: Opens) -> None:
    async with opens("sonali_spg") as spg:
        _, collected = await spg.paid("charges_on_top")
        assert collected.amount == AMOUNT
        assert (collected.facts["paid"], collected.facts["commission"]) == ("511.50", "10.00")


@pytest.mark.parametrize(
    "fault", [ProviderFault.LOST_DONE, ProviderFault.HTTP_500, ProviderFault.UNAUTHORISED]
)
async def test_without_a_token_sonali_opens_nothing(opens: Opens, fault: ProviderFault) -> None:
    async with opens("sonali_spg") as spg:
        await spg.fault(fault, ProviderStep.LOGIN)
        assert isinstance(await spg.connector.create(spg.order()), InDoubt)
        assert isinstance((await spg.paid())[1], Collected)


async def test_without_a_token_city_is_not_even_asked(opens: Opens) -> None:
    async with opens("city_bank") as city:
        await city.fault(ProviderFault.REFUSE, ProviderStep.LOGIN)
        assert await city.connector.create(city.order()) == Unreached("login: reply code 107")
        order, _ = await city.visited()
        await city.fault(ProviderFault.LOST_DONE, ProviderStep.LOGIN)
        answer = await city.connector.inquire(order)
        assert isinstance(answer, NoAnswer)
        assert not answer.was_asked
        assert isinstance(await city.connector.inquire(order), Collected)


async def test_a_notification_of_sonali_is_a_hint_and_taken(opens: Opens) -> None:
    async with opens("sonali_spg") as spg:
        order, _ = await spg.visited()
        await spg.letterbox.until(1)
        hint = await spg.pushed()
        assert isinstance(hint, CallbackHint)
        assert (hint.provider_reference, hint.reference) == (order.provider_reference, order.reference)
        await spg.push(order, "again")
        assert await spg.pushed() == hint
        # What the switch answers is what the bank takes for an answer; else it would come a second time.
        async with asyncio.timeout(10):
            while not (notice := await _notice_of(spg))["over_at"]:
                pass
        assert (notice["tries"], notice["status"]) == (1, 200)


async def _notice_of(spg: SandboxStage) -> Json:
    pushes: list[Json] = (await spg.desk.admin("GET", "pushes?house=sonali_spg"))["pushes"]
    return next(one for one in pushes if one["kind"] == "notice")


async def test_a_notification_with_a_wrong_password_is_forged(opens: Opens) -> None:
    async with opens("sonali_spg") as spg:
        order, _ = await spg.visited("push_forged")
        await spg.letterbox.until(1)
        assert await spg.pushed() == NoHint("a wrong user or password", is_forged=True)
        assert isinstance(await spg.connector.inquire(order), Collected)


async def test_an_unfounded_notification_sets_nothing(opens: Opens) -> None:
    async with opens("sonali_spg") as spg:
        order, _ = await spg.visited("push_unfounded")
        await spg.letterbox.until(1)
        assert isinstance(await spg.pushed(), CallbackHint)
        assert await spg.connector.inquire(order) == NeverPaid("PaymentStatus 400")


async def test_an_order_of_another_session_is_not_told_by_city(opens: Opens) -> None:
    async with opens("city_bank") as city:
        order, _ = await city.visited()
        order_id, _, _ = order.provider_reference.partition(".")
        other = replace(order, provider_reference=f"{order_id}.ANOTHER")
        assert isinstance(await city.connector.inquire(other), NoAnswer)
