"""What becomes of a try: asked about, executed, and over at its time."""

import asyncio
from dataclasses import replace

import pytest

from ekpay_switch.domain.collections.connector_calls import AwaitingPayer
from ekpay_switch.domain.collections.funding import LockedTry, TryEnd
from ekpay_switch.domain.ledger.posting_rules import IN_FLIGHT
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, NoAnswer, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.flows.collections.resolve_collection import resolve_collection
from tests.factories import TOTAL
from tests.fakes.connectors import LOST, LOST_ORDER, Move
from tests.scenarios.collections import COLLECTED, DAY, KEPT, RECEIVABLE, Payer
from tests.scenarios.job_rounds import collect_due

BEGUN = "begun:execute:1"


async def an_open_page() -> Payer:
    payer = Payer()
    await payer.order()
    return payer


async def leased(payer: Payer, number: int = -1) -> LockedTry:
    held = await payer.small.collections.lease_try(payer.tries()[number].new.reference, 45)
    assert held is not None
    return held


def asked(payer: Payer) -> tuple[int, int]:
    """How often the connector was asked for money, and about it."""
    counts = payer.small.connector.asked
    return counts["execute"], counts["inquire"]


# ---- the payer agrees


async def test_what_the_payer_agreed_to_is_executed_funded_and_delivered() -> None:
    payer = await an_open_page()
    await payer.pay()
    assert payer.events == ["collection_started", "collected", "delivery_started", "biller_acknowledged"]
    assert payer.moments() == ["collected", "delivered"]
    assert (payer.tries()[0].end, payer.tries()[0].collected) == (TryEnd.APPROVED, Money(COLLECTED))
    assert payer.balance(RECEIVABLE) == COLLECTED - KEPT
    assert payer.balance("connector_fee:bkash") == KEPT
    assert payer.balance("payable:desco_postpaid") == TOTAL
    assert payer.balance(IN_FLIGHT) == 0
    assert asked(payer) == (1, 0)


async def test_asking_for_money_is_durable_before_it_happens() -> None:
    payer = await an_open_page()
    await payer.pay()
    steps = payer.small.steps.taken
    begun = steps.index("begin_execute")
    assert steps[begun : begun + 3] == ["begin_execute", "execute", "record_try"]


async def test_an_agreement_that_nobody_told_us_of_is_found_by_asking() -> None:
    payer = await an_open_page()
    payer.agree()
    await payer.wait(179)
    assert asked(payer) == (0, 0)
    await payer.wait(1)
    assert (payer.state, asked(payer)) == (State.COMPLETED, (1, 1))


async def test_a_page_is_looked_at_after_3_6_and_12_minutes_and_at_the_quotes_end() -> None:
    payer = await an_open_page()
    looks = []
    for second in range(1, 1000):
        before = payer.small.connector.asked["inquire"]
        payer.small.clock.pass_by(1)
        await collect_due(payer.small.world)
        if payer.small.connector.asked["inquire"] > before:
            looks.append(second)
    assert looks == [180, 360, 720, 901]
    assert payer.state is State.EXPIRED


async def test_a_claimed_agreement_that_is_none_changes_nothing() -> None:
    """Anybody can type the address; the connector says that nobody has agreed, and the page lives on."""
    payer = await an_open_page()
    await payer.come_back(status="success")
    assert (payer.state, payer.tries()[0].executes_begun, asked(payer)) == (State.COLLECTING, 0, (1, 0))
    await payer.another_page()
    await payer.pay()
    assert payer.state is State.COMPLETED


async def test_what_is_executed_and_declined_frees_the_payment_for_another_try() -> None:
    payer = await an_open_page()
    payer.small.connector.executes.append(Move(Declined("insufficient_balance", "2023")))
    await payer.pay()
    assert (payer.state, payer.tries()[0].end) == (State.CREATED, TryEnd.DECLINED)
    await payer.another_page()
    await payer.pay()
    assert (payer.state, payer.small.connector.taken()) == (State.COMPLETED, COLLECTED)


async def test_an_execute_that_never_left_us_does_not_count() -> None:
    payer = await an_open_page()
    payer.small.connector.executes.append(Move(Unreached("refused")))
    await payer.pay()
    assert (payer.state, payer.tries()[0].executes_begun) == (State.COLLECTING, 0)
    await payer.wait(90)
    assert (payer.state, asked(payer)) == (State.COMPLETED, (2, 1))


async def test_an_execute_whose_moment_passed_is_not_sent() -> None:
    payer = await an_open_page()
    payer.small.connector.stalls_seconds = 11
    await payer.pay()
    assert (payer.state, asked(payer)) == (State.COLLECTING, (0, 0))


# ---- the answer is lost


async def test_executed_and_the_answer_lost_is_asked_about_and_collected() -> None:
    payer = await an_open_page()
    payer.small.connector.executes.append(LOST)
    await payer.pay()
    assert (payer.state, payer.moments()) == (State.COLLECTING, [])
    await payer.wait(90)
    assert (payer.state, asked(payer)) == (State.COMPLETED, (1, 1))
    assert payer.small.connector.taken() == COLLECTED


async def test_an_order_that_was_lost_is_executed_again_while_the_quote_lives() -> None:
    payer = await an_open_page()
    payer.small.connector.executes.append(LOST_ORDER)
    await payer.pay()
    await payer.wait(90)
    assert (payer.state, asked(payer)) == (State.COMPLETED, (2, 1))
    assert [what for _, what in payer.small.books.evidence] == [BEGUN, "begun:execute:2"]


async def test_an_order_that_was_lost_is_not_executed_after_the_quotes_death() -> None:
    """Our word may still be heard, so the payment waits for the connector to say that it never will be."""
    payer = await an_open_page()
    payer.small.connector.executes.append(LOST_ORDER)
    payer.small.clock.pass_by(850)
    await payer.pay()
    await payer.wait(90)
    assert (payer.state, asked(payer)) == (State.COLLECTING, (1, 1))
    payer.page().is_gone = True
    await payer.wait(DAY)
    assert (payer.state, payer.tries()[0].end) == (State.EXPIRED, TryEnd.NEVER_PAID)
    assert (asked(payer)[0], payer.notices()) == (1, ["expired"])


async def test_a_doubt_is_asked_about_less_and_less_often() -> None:
    payer = await an_open_page()
    payer.small.connector.executes.append(LOST_ORDER)
    await payer.pay()
    payer.page().is_agreed = False
    gaps = []
    for _ in range(5):
        due = payer.tries()[0].next_action_at
        assert due is not None
        gaps.append((due - payer.small.clock.now()).total_seconds())
        await payer.wait(gaps[-1])
    assert gaps == [90, 210, 3300, 3600, 3600]


async def test_a_word_that_did_nothing_does_not_count_beside_one_that_was_lost() -> None:
    payer = await an_open_page()
    payer.small.connector.executes.extend([LOST_ORDER, Move(AwaitingPayer()), Move(Unreached("refused"))])
    await payer.pay()
    for _ in range(2):
        assert payer.tries()[0].executes_begun == 1
        await payer.wait(300)
    assert payer.tries()[0].executes_begun == 1
    assert asked(payer)[0] == 3


async def test_a_process_that_dies_while_it_executes_is_asked_about() -> None:
    payer = await an_open_page()
    payer.agree()
    payer.small.steps.crash_at = "after execute"
    with pytest.raises(Exception, match="after execute"):
        await payer.come_back()
    await payer.wait(91)
    assert (payer.state, asked(payer)) == (State.COMPLETED, (1, 1))


async def test_whoever_lost_the_try_leaves_evidence_and_changes_nothing() -> None:
    payer = await an_open_page()
    payer.agree()
    payer.small.clock.pass_by(180)
    slow = await leased(payer)
    payer.small.clock.pass_by(60)
    await resolve_collection(await leased(payer), payer.small.world)
    before = payer.small.books.balance(RECEIVABLE)
    payer.small.clock.pass_by(1)
    assert await resolve_collection(slow, payer.small.world) is None
    assert payer.small.books.balance(RECEIVABLE) == before == COLLECTED - KEPT
    assert asked(payer)[0] == 1


async def test_two_who_look_at_the_same_page_execute_it_once() -> None:
    payer = await an_open_page()
    payer.agree()
    payer.small.clock.pass_by(180)
    slow = await leased(payer)
    payer.small.clock.pass_by(46)
    fresh = await leased(payer)
    world = payer.small.world
    assert set(await asyncio.gather(resolve_collection(fresh, world), resolve_collection(slow, world))) == {
        State.FUNDED,
        None,
    }
    assert asked(payer)[0] == 1


# ---- nobody pays


async def test_a_page_that_nobody_agreed_on_lapses_with_the_quote() -> None:
    payer = await an_open_page()
    await payer.wait(901)
    assert (payer.state, payer.tries()[0].end) == (State.EXPIRED, TryEnd.LAPSED)
    assert payer.notices() == ["expired"]
    assert payer.tries()[0].next_action_at is None


async def test_an_agreement_after_the_quotes_death_is_not_executed() -> None:
    payer = await an_open_page()
    payer.small.clock.pass_by(900.5)
    await payer.pay()
    await payer.wait(1)
    assert (payer.state, asked(payer)[0]) == (State.EXPIRED, 0)


async def test_a_page_that_was_cancelled_over_there_leaves_the_payment_waiting() -> None:
    payer = await an_open_page()
    payer.page().is_gone = True
    await payer.come_back(status="cancel")
    assert (payer.state, payer.tries()[0].end) == (State.CREATED, TryEnd.NEVER_PAID)
    await payer.another_page()
    await payer.pay()
    assert payer.state is State.COMPLETED


async def test_where_the_payer_alone_moves_money_it_is_never_executed_and_believed_when_found() -> None:
    payer = Payer()
    payer.small.connector.profile = replace(payer.small.connector.profile, executes=False)
    await payer.order()
    payer.agree()
    await payer.wait(180)
    assert (payer.state, asked(payer)) == (State.COLLECTING, (0, 1))
    payer.small.connector.take(payer.page())
    await payer.wait(180)
    assert (payer.state, asked(payer)) == (State.COMPLETED, (0, 2))


async def a_page_that_only_its_payer_pays_on(life_seconds: int = 2_000) -> Payer:
    payer = Payer()
    payer.small.connector.profile = replace(
        payer.small.connector.profile,
        executes=False,
        page_life_seconds=life_seconds,
        page_ask_after_seconds=(),
    )
    await payer.order()
    return payer


async def test_where_the_payer_alone_moves_money_a_page_ends_once_it_was_asked_about_after_its_life() -> None:
    payer = await a_page_that_only_its_payer_pays_on()
    await payer.wait(1_999)
    assert (payer.state, asked(payer)) == (State.COLLECTING, (0, 0))
    await payer.wait(1.002)
    assert (payer.state, asked(payer)) == (State.COLLECTING, (0, 1))
    await payer.wait(90)
    assert (payer.state, payer.tries()[0].end) == (State.EXPIRED, TryEnd.NEVER_PAID)
    assert asked(payer) == (0, 2)


async def test_money_of_the_last_moment_still_pays_the_bill_that_waits_for_it() -> None:
    payer = await a_page_that_only_its_payer_pays_on(life_seconds=600)
    await payer.wait(601)
    payer.small.connector.take(payer.page())
    await payer.wait(90)
    assert (payer.state, payer.tries()[0].end) == (State.COMPLETED, TryEnd.APPROVED)


@pytest.mark.parametrize("after_seconds", [300, 3_600])
async def test_money_that_a_provider_decided_about_after_the_end_is_found_and_goes_back(
    after_seconds: int,
) -> None:
    payer = await a_page_that_only_its_payer_pays_on()
    for seconds in (2_001, 90, *([210] if after_seconds == 3_600 else [])):
        await payer.wait(seconds)
    assert payer.state is State.EXPIRED
    payer.small.connector.take(payer.page())
    await payer.wait(after_seconds)
    assert (payer.state, payer.tries()[0].end) == (State.EXPIRED, TryEnd.SECOND_SUCCESS)
    await payer.wait(3_600)
    assert payer.small.connector.given_back() == COLLECTED
    assert payer.balance(RECEIVABLE) == -KEPT


async def test_a_page_that_has_ended_is_not_asked_about_for_ever() -> None:
    payer = await a_page_that_only_its_payer_pays_on()
    for seconds in (2_001, 90, 210, 3_300, 86_400):
        await payer.wait(seconds)
    assert (payer.tries()[0].next_action_at, asked(payer)) == (None, (0, 4))


async def test_a_page_that_was_looked_at_too_late_ends_at_once_and_is_watched_all_the_same() -> None:
    payer = await a_page_that_only_its_payer_pays_on()
    await payer.wait(2_200)
    assert (payer.state, payer.tries()[0].end) == (State.EXPIRED, TryEnd.NEVER_PAID)
    due = payer.tries()[0].next_action_at
    assert due is not None
    assert (due - payer.small.clock.now()).total_seconds() == pytest.approx(100, abs=0.1)


async def test_a_page_without_a_known_end_is_looked_at_as_often_as_any_doubt() -> None:
    payer = Payer()
    payer.small.connector.profile = replace(
        payer.small.connector.profile, executes=False, page_ask_after_seconds=(60,)
    )
    await payer.order()
    payer.tries()[0].page_until = None
    await payer.wait(60)
    due = payer.tries()[0].next_action_at
    assert due is not None
    assert (due - payer.small.clock.now()).total_seconds() == 3_600


async def test_a_page_that_was_never_told_comes_to_nothing() -> None:
    """The process died before the connector's answer: without a name over there nobody can pay."""
    payer = Payer()
    payer.small.steps.crash_at = "after create"
    with pytest.raises(Exception, match="after create"):
        await payer.order()
    payer.payment_id = payer.small.books.only().standing.payment_id
    await payer.wait(43)
    assert (payer.state, payer.tries()[0].end, asked(payer)) == (State.CREATED, TryEnd.NO_PAGE, (0, 0))


# ---- whom to ask


async def test_without_its_connector_a_try_waits_an_hour() -> None:
    payer = await an_open_page()
    payer.small.connectors.known.clear()
    await payer.wait(180)
    due = payer.tries()[0].next_action_at
    assert due is not None
    assert (due - payer.small.clock.now()).total_seconds() == 3_600
    assert (payer.state, asked(payer)) == (State.COLLECTING, (0, 0))


async def test_a_budget_that_is_used_up_postpones_the_question_and_costs_none() -> None:
    payer = await an_open_page()
    payer.small.clock.pass_by(180)
    await payer.small.budget.take("bkash", 0.1)
    await collect_due(payer.small.world)
    due = payer.tries()[0].next_action_at
    assert due is not None
    assert (due - payer.small.clock.now()).total_seconds() == 10
    assert (payer.tries()[0].asked, asked(payer)) == (0, (0, 0))


@pytest.mark.parametrize(("was_asked", "counted"), [(True, 1), (False, 0)], ids=["heard", "not sent"])
async def test_without_an_answer_nothing_is_learned(was_asked: object, counted: int) -> None:
    payer = await an_open_page()
    payer.small.connector.inquiries.append(NoAnswer("silence", was_asked=bool(was_asked)))
    payer.small.clock.pass_by(180)
    await collect_due(payer.small.world)
    assert (payer.state, payer.tries()[0].asked) == (State.COLLECTING, counted)
