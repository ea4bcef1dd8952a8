"""What two persons decide about money that a connector holds for its risk, over real books."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import Collected
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.collections.held_money import MoneyHeld
from ekpay_switch.domain.decisions.case import HeldMoney
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.collections.held import (
    NotHeldError,
    NotRefusableError,
    accept_held,
    accounts_of_held,
    find_held,
    let_go_of_held,
    refuse_held,
)
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.collections import TryRecorded
from tests.persistence.collections.collection_setup import (
    KEPT,
    KEPT_BASIS_POINTS,
    LAPSED,
    NOT_YET,
    QUOTE_OVER,
    TAKEN,
    Till,
    a_try,
    agreed,
    page,
)
from tests.persistence.merchants.merchant_setup import BKASH, Shop, open_shop

Decision = Callable[[Connection, UUID, str, str], Awaitable[TryRecorded]]
IN_BOOKS = {"receivable:bkash": TAKEN - KEPT, "connector_fee:bkash": KEPT}
REFUNDS = "SELECT kind, state, amount, asked_by FROM refunds WHERE attempt_id = $1"
SAID = "SELECT facts FROM evidence WHERE attempt_id = $1 AND kind = $2"


async def hold(till: Till, held: LockedTry, **changes: Any) -> LockedTry:  # noqa: ANN401 - fields of Collected
    """The connector holds the money of this try; the try as it was leased for the question."""
    again = await till.leased(held)
    money = Collected(held.order.reference, held.order.amount, "TRX1", {"risk_level": "1"})
    finding = MoneyHeld(replace(money, **changes), KEPT_BASIS_POINTS, 3_600.0, "held for its risk")
    await till.record(again, finding)
    return again


async def held_page(till: Till) -> LockedTry:
    """A payment whose payer has paid on the page, and whose money is held."""
    return await hold(till, await till.on_page())


async def decide(till: Till, held: LockedTry, decision: Decision, by: str = "nasrin") -> TryRecorded:
    """What the command of two persons does: the accounts first, then everything in one transaction."""
    transactions = till.collections._transactions  # noqa: SLF001 - the same connections as the store
    accounts = await transactions.run(lambda connection: accounts_of_held(connection, held.attempt_id))
    return await transactions.run(
        lambda connection: decision(connection, held.attempt_id, by, "the card's bank has confirmed it"),
        accounts,
    )


async def found(till: Till, attempt_id: UUID) -> HeldMoney | None:
    transactions = till.collections._transactions  # noqa: SLF001 - as above
    held: HeldMoney | None = await transactions.run(lambda connection: find_held(connection, attempt_id))
    return held


@pytest.fixture(autouse=True)
async def proven(till: Till) -> AsyncIterator[None]:
    """The audit is clean when a test is over."""
    yield
    assert await till.books.audit() is None


# ---- what is held


async def test_the_newest_answer_is_what_is_shown_and_decided(till: Till) -> None:
    held = await held_page(till)
    assert await found(till, held.attempt_id) == HeldMoney(
        held.attempt_id, Money(TAKEN), "TRX1", KEPT_BASIS_POINTS
    )
    await hold(till, held, amount=Money(TAKEN - 1))
    newest = HeldMoney(held.attempt_id, Money(TAKEN - 1), "TRX1", KEPT_BASIS_POINTS)
    assert await found(till, held.attempt_id) == newest
    assert await decide(till, held, accept_held) == TryRecorded(State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)


async def test_nothing_is_found_of_a_try_that_was_never_held(till: Till) -> None:
    assert await found(till, (await till.on_page()).attempt_id) is None


async def test_money_that_is_collected_is_held_no_more_whatever_code_records_it(till: Till) -> None:
    """Code of before the mark sets what was collected, and knows nothing of it."""
    held = await held_page(till)
    await till.books.tell(
        "UPDATE tries SET collected = 1, collected_at = now() WHERE attempt_id = $1", held.attempt_id
    )
    assert (await till.row(held))["held_at"] is None
    with pytest.raises(asyncpg.CheckViolationError, match="ck_tries_held"):
        await till.books.tell("UPDATE tries SET held_at = now() WHERE attempt_id = $1", held.attempt_id)
    await till.books.tell(
        "UPDATE tries SET collected = NULL, collected_at = NULL WHERE attempt_id = $1", held.attempt_id
    )


# ---- accepted


async def test_accepted_money_funds_its_payment_and_any_holder_of_the_try_loses_it(till: Till) -> None:
    held = await held_page(till)
    asking = await till.leased(held)

    assert await decide(till, held, accept_held) == TryRecorded(State.FUNDED)
    assert await decide(till, held, accept_held, by="karim") == TryRecorded(State.FUNDED)

    assert await till.collections.record(asking, agreed(asking)) is None
    assert await till.balances() == IN_BOOKS | {"in_flight": -TAKEN}
    row = await till.row(held)
    assert (row["outcome"], row["held_at"], row["provider_transaction"]) == ("approved", None, "TRX1")
    assert await till.events(held) == ["collection_started", "collected"]
    ((facts,),) = await till.books.rows(SAID, held.attempt_id, "held_accepted")
    assert '"by": "nasrin"' in str(facts) or facts["by"] == "nasrin"
    assert "nasrin" not in str((await till.view(held)).facts)
    with pytest.raises(NotHeldError, match="held_accepted"):
        await decide(till, held, refuse_held)


async def test_accepted_money_of_a_cancelled_payment_goes_back(till: Till) -> None:
    held = await till.on_page()
    assert await till.collections.cancel("bank1", held.payment_id) is None
    await hold(till, held)
    assert await decide(till, held, accept_held) == TryRecorded(State.DECLINED, Alarm.UNEXPECTED_MONEY)
    assert await till.balances() == IN_BOOKS | {"refund_due:bkash": -TAKEN}


# ---- refused


async def test_refused_money_goes_back_and_the_bill_is_free(till: Till) -> None:
    held = await held_page(till)

    assert await decide(till, held, refuse_held) == TryRecorded(State.CREATED)
    assert await decide(till, held, refuse_held) == TryRecorded(State.CREATED)

    assert await till.balances() == IN_BOOKS | {"refund_due:bkash": -TAKEN}
    refunds = await till.books.rows(REFUNDS, held.attempt_id)
    assert [tuple(row) for row in refunds] == [("unexpected", "approved", TAKEN, "switch")]
    row = await till.row(held)
    assert (row["state"], row["outcome"], row["held_at"]) == ("closed", "second_success", None)
    assert row["next_action_at"] is None
    assert await till.events(held) == ["collection_started", "collection_came_to_nothing"]
    assert isinstance(await till.collections.open_try("bank1", held.payment_id, a_try(), 0.0), LockedTry)
    with pytest.raises(NotHeldError, match="held_refused"):
        await decide(till, held, accept_held)


async def test_refused_money_after_the_quote_expires_the_payment(till: Till) -> None:
    held = await held_page(till)
    await till.books.tell(QUOTE_OVER, held.payment_id)
    assert await decide(till, held, refuse_held) == TryRecorded(State.EXPIRED)
    assert await till.notices(held) == [("expired", 3)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"amount": Money(100, "USD")}, "amount"), ({"provider_transaction": ""}, "provider_transaction")],
)
async def test_what_cannot_be_given_back_names_its_field_and_writes_nothing(
    till: Till, changes: dict[str, object], field: str
) -> None:
    held = await hold(till, await till.on_page(), **changes)
    with pytest.raises(NotRefusableError, match=field):
        await decide(till, held, refuse_held)
    assert (await till.row(held))["held_at"] is not None
    assert await till.evidence(held) == ["page_opened", "held"]


# ---- let go of


async def test_what_the_connector_has_let_go_of_books_nothing_and_frees_the_bill(till: Till) -> None:
    held = await held_page(till)
    asking = await till.leased(held)

    assert await decide(till, held, let_go_of_held) == TryRecorded(State.CREATED)
    assert await decide(till, held, let_go_of_held) == TryRecorded(State.CREATED)

    assert await till.collections.record(asking, LAPSED) is None
    assert await till.balances() == {}
    row = await till.row(held)
    assert (row["state"], row["outcome"], row["held_at"]) == ("closed", "never_paid", None)
    with pytest.raises(NotHeldError, match="held_let_go"):
        await decide(till, held, accept_held)
    assert await _alarms(till) == []


async def test_what_is_held_again_is_decided_again(till: Till) -> None:
    held = await held_page(till)
    await decide(till, held, let_go_of_held)
    await hold(till, held)
    assert await decide(till, held, let_go_of_held) == TryRecorded(State.CREATED)
    assert (await till.row(held))["held_at"] is None


# ---- the connector ends it otherwise afterwards


@pytest.mark.parametrize("decision", [accept_held, refuse_held])
async def test_a_late_refusal_of_the_connector_is_told_to_finance(till: Till, decision: Decision) -> None:
    held = await held_page(till)
    slow = await till.leased(held)
    await decide(till, held, decision)
    before = await till.balances()

    assert await till.collections.record(slow, LAPSED) is None

    assert await _alarms(till) == ["held_ended_otherwise"]
    assert await till.balances() == before


async def test_a_later_refusal_of_what_was_taken_is_told_to_finance(till: Till) -> None:
    held = await held_page(till)
    await decide(till, held, accept_held)
    await till.record(await till.leased(held), LAPSED)
    assert await _alarms(till) == ["held_ended_otherwise"]


async def test_a_late_release_contradicts_a_refusal_alone(till: Till) -> None:
    taken, refused = await held_page(till), await hold(till, await till.on_page(), provider_transaction="T2")
    for held, decision in ((taken, accept_held), (refused, refuse_held)):
        slow = await till.leased(held)
        await decide(till, held, decision)
        assert await till.collections.record(slow, agreed(slow, "TRX1" if held is taken else "T2")) is None
    rows = await till.books.rows("SELECT payment_id FROM alarms WHERE kind = 'held_ended_otherwise'")
    assert [row["payment_id"] for row in rows] == [refused.payment_id]


async def _alarms(till: Till) -> list[str]:
    query = "SELECT kind FROM alarms WHERE ended_at IS NULL AND kind <> 'held_for_risk' ORDER BY kind"
    return [row["kind"] for row in await till.books.rows(query)]


# ---- what is not held


@pytest.mark.parametrize("decision", [accept_held, refuse_held, let_go_of_held])
async def test_what_was_never_held_is_not_decided(till: Till, decision: Decision) -> None:
    held = await till.on_page()
    with pytest.raises(NotHeldError, match="never said"):
        await decide(till, held, decision)


@pytest.mark.parametrize("decision", [accept_held, refuse_held, let_go_of_held])
async def test_what_the_connector_has_ended_meanwhile_is_not_decided(till: Till, decision: Decision) -> None:
    released, failed = (
        await held_page(till),
        await hold(till, await till.on_page(), provider_transaction="T2"),
    )
    again = await till.leased(released)
    await till.record(again, agreed(again))
    await till.record(await till.leased(failed), LAPSED)
    for held, end in ((released, "approved"), (failed, "never_paid")):
        with pytest.raises(NotHeldError, match=end):
            await decide(till, held, decision)
    assert await till.balances() == IN_BOOKS | {"in_flight": -TAKEN}


async def test_two_decisions_at_once_are_one(till: Till) -> None:
    held = await held_page(till)
    ends = await asyncio.gather(
        decide(till, held, accept_held), decide(till, held, refuse_held), return_exceptions=True
    )
    assert sum(isinstance(end, NotHeldError) for end in ends) == 1
    assert sum(isinstance(end, TryRecorded) for end in ends) == 1


async def test_a_decision_and_the_connectors_release_book_the_money_once(till: Till) -> None:
    held = await held_page(till)
    again = await till.leased(held)
    await asyncio.gather(
        decide(till, held, accept_held), till.collections.record(again, agreed(again)), return_exceptions=True
    )
    assert await till.balances() == IN_BOOKS | {"in_flight": -TAKEN}


async def test_an_undecided_answer_leaves_the_mark(till: Till) -> None:
    held = await held_page(till)
    await till.record(await till.leased(held), NOT_YET)
    assert (await till.row(held))["held_at"] is not None


# ---- a merchant's payment


async def test_accepted_money_of_a_merchants_payment_credits_its_shares(till: Till) -> None:
    async with open_shop(till.books) as shop:
        held = await on_shops_page(shop)
        assert await decide(shop.till, held, accept_held) == TryRecorded(State.COMPLETED)
        assert await shop.till.events(held) == ["collection_started", "collected", "merchant_credited"]


async def test_refused_money_of_a_merchants_payment_credits_nobody(till: Till) -> None:
    async with open_shop(till.books) as shop:
        held = await on_shops_page(shop)
        assert await decide(shop.till, held, refuse_held) == TryRecorded(State.CREATED)


async def on_shops_page(shop: Shop) -> LockedTry:
    await shop.merchant()
    begun = await shop.begun(await shop.opened(), BKASH)
    await shop.till.record(begun, page("TR1"))
    return await hold(shop.till, begun)
