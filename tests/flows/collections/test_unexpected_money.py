"""Money that comes from another page than the open one, after the end, or in another amount."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.collections.connector_calls import Collected
from ekpay_switch.domain.collections.funding import LockedTry, TryEnd
from ekpay_switch.domain.ledger.posting_rules import IN_FLIGHT
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import NoAnswer
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import RefundKind, RefundState
from ekpay_switch.flows.collections.resolve_collection import resolve_collection
from tests.factories import BILL_NO
from tests.fakes.connectors import Move
from tests.fakes.payments import books_balance
from tests.scenarios.collections import COLLECTED, KEPT, RECEIVABLE, REFUND_DUE, SUSPENSE, Payer
from tests.scenarios.job_rounds import collect_due


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


# ---- more than one page


async def test_the_page_that_was_abandoned_is_asked_about_and_never_executed() -> None:
    payer = await an_open_page()
    await payer.another_page()
    payer.agree(0)
    await payer.come_back(0)
    assert payer.tries()[0].end is TryEnd.LAPSED
    await payer.wait_for_days()
    assert (payer.state, asked(payer)[0]) == (State.EXPIRED, 0)


async def test_a_page_that_is_abandoned_while_it_is_looked_at_is_not_executed() -> None:
    payer = await an_open_page()
    payer.agree()
    payer.small.clock.pass_by(180)
    held = await leased(payer)
    await payer.another_page()
    assert await resolve_collection(held, payer.small.world) is None
    assert asked(payer)[0] == 0


async def test_an_older_page_that_turns_out_to_have_money_funds_the_payment() -> None:
    payer = await an_open_page()
    await payer.another_page()
    payer.small.connector.take(payer.page(0))
    await payer.wait(180)
    assert payer.state is State.COMPLETED
    assert [one.end for one in payer.tries()] == [TryEnd.APPROVED, None]
    await payer.wait(901)
    assert [one.end for one in payer.tries()] == [TryEnd.APPROVED, TryEnd.LAPSED]


async def test_money_found_while_the_payment_waits_between_tries_funds_it() -> None:
    payer = await an_open_page()
    await payer.another_page()
    payer.page(1).is_gone = True
    await payer.come_back(1, status="failure")
    assert payer.events[-1] == "collection_came_to_nothing"
    payer.small.connector.take(payer.page(0))
    await payer.wait(180)
    assert payer.state is State.COMPLETED
    assert payer.events[:5] == [
        "collection_started",
        "collection_came_to_nothing",
        "collection_started",
        "collected",
        "delivery_started",
    ]


async def test_a_second_success_stands_in_suspense_and_goes_back_with_an_alarm() -> None:
    payer = await an_open_page()
    await payer.another_page()
    payer.small.connector.take(payer.page(0))
    await payer.pay()
    assert (payer.state, payer.alarms()) == (State.COMPLETED, [])
    payer.small.clock.pass_by(180)
    await collect_due(payer.small.world)
    assert payer.alarms() == ["unexpected_money"]
    refund = payer.small.refunds.only()
    assert (refund.new.kind, refund.new.amount) == (RefundKind.UNEXPECTED, Money(COLLECTED))
    assert (payer.balance(SUSPENSE), payer.balance(REFUND_DUE)) == (0, COLLECTED)
    await payer.wait(1)
    assert (refund.state, payer.state) == (RefundState.DONE, State.COMPLETED)
    assert (payer.balance(REFUND_DUE), payer.balance(RECEIVABLE)) == (0, COLLECTED - 2 * KEPT)
    assert payer.moments()[2:] == ["collected_without_payment", "owed_back_from_suspense", "paid_back"]


async def test_money_that_comes_after_the_payment_was_cancelled_goes_back() -> None:
    payer = await an_open_page()
    await payer.another_page()
    await payer.small.collections.cancel("bank1", payer.payment_id)
    payer.small.connector.take(payer.page(0))
    await payer.wait(180)
    await payer.wait(1)
    await payer.wait(1)
    assert (payer.state, payer.alarms()) == (State.DECLINED, ["unexpected_money"])
    assert (payer.small.refunds.only().state, payer.balance(REFUND_DUE)) == (RefundState.DONE, 0)
    assert payer.small.connector.given_back() == COLLECTED


async def test_money_that_is_found_after_the_payment_expired_goes_back() -> None:
    payer = Payer()
    payer.small.connector.profile = replace(
        payer.small.connector.profile, executes=False, page_life_seconds=600
    )
    await payer.order()
    payer.small.clock.pass_by(600)
    await payer.another_page()
    payer.page(1).is_gone = True
    await payer.come_back(1, "failure")
    payer.small.clock.pass_by(1)
    payer.small.connector.inquiries.append(NoAnswer("silence"))
    await payer.wait(300)
    assert payer.state is State.EXPIRED
    payer.small.connector.take(payer.page(0))
    await payer.wait(3_600)
    await payer.wait(1)
    assert (payer.state, payer.alarms()) == (State.EXPIRED, ["unexpected_money"])
    assert (payer.small.refunds.only().state, payer.small.connector.given_back()) == (
        RefundState.DONE,
        COLLECTED,
    )


# ---- what the connector says is not what was asked for


def wrong(payer: Payer, name: str) -> Collected:
    one = payer.tries()[0]
    right = Collected(one.new.reference, Money(COLLECTED), "TRX9", {"payer": "0171"})
    return {
        "another amount": replace(right, amount=Money(COLLECTED - 1)),
        "another currency": replace(right, amount=Money(COLLECTED, "USD")),
        "another reference": replace(right, reference="EK-9"),
        "no name of the movement of money": replace(right, provider_transaction=""),
    }[name]


@pytest.mark.parametrize(
    ("why", "suspense"),
    [
        ("another amount", COLLECTED - 1),
        ("another currency", 0),
        ("another reference", COLLECTED),
        ("no name of the movement of money", COLLECTED),
    ],
)
@pytest.mark.parametrize("call", ["execute", "inquire"])
async def test_money_that_differs_puts_the_payment_into_review(call: str, why: str, suspense: int) -> None:
    payer = await an_open_page()
    if call == "execute":
        payer.small.connector.executes.append(Move(wrong(payer, why)))
        await payer.pay()
    else:
        payer.small.connector.inquiries.append(wrong(payer, why))
        await payer.wait(180)
    await payer.wait_for_days()
    assert (payer.state, payer.tries()[0].end) == (State.IN_REVIEW, TryEnd.DISAGREED)
    assert (payer.alarms(), payer.notices()) == (["collected_mismatch"], ["collected_mismatch"])
    assert (payer.balance(SUSPENSE), payer.balance(IN_FLIGHT)) == (suspense, 0)
    assert payer.small.books.payments[payer.payment_id].standing.facts["why"] == why
    assert (payer.small.biller.orders, payer.small.tables.refunds) == ([], {})
    assert books_balance(payer.small.books)


async def test_one_movement_of_money_brings_money_in_once() -> None:
    payer = await an_open_page()
    await payer.pay()
    payer.small.biller.bills["092512345679"] = payer.small.biller.bills[BILL_NO]
    first = payer.tries()[0]
    second = Payer(payer.small)
    payer.small.biller.bills[BILL_NO] = replace(
        payer.small.biller.bills[BILL_NO], bill_key="another bill", bill_number="another bill"
    )
    await second.order("v1:K2")
    one = second.tries()[0]
    again = Collected(one.new.reference, Money(COLLECTED), first.provider_transaction)
    second.small.connector.executes.append(Move(again))
    await second.pay()
    assert (second.state, one.end, one.collected) == (State.IN_REVIEW, TryEnd.DISAGREED, None)
    assert second.moments() == []
    assert payer.balance(RECEIVABLE) == COLLECTED - KEPT


async def test_a_review_that_is_open_is_not_opened_again_by_another_page() -> None:
    payer = await an_open_page()
    await payer.another_page()
    payer.small.connector.inquiries.append(wrong(payer, "another amount"))
    payer.small.clock.pass_by(180)
    await resolve_collection(await leased(payer, 0), payer.small.world)
    assert payer.state is State.IN_REVIEW
    payer.small.clock.pass_by(1)
    payer.small.connector.inquiries.append(replace(wrong(payer, "another amount"), provider_transaction="T8"))
    await resolve_collection(await leased(payer, 1), payer.small.world)
    assert payer.events.count("facts_disagreed") == 1
    assert payer.balance(SUSPENSE) == 2 * COLLECTED - 2
    assert payer.alarms() == ["collected_mismatch"] * 2
