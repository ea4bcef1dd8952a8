"""Another movement of money under a try that has collected: booked once, owed back, and paid by hand."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import MismatchedCollection
from ekpay_switch.domain.collections.funding import LockedTry, MoneyCollected
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import LockedRefund, NoRefundRoute, RefundKind, RefundState
from ekpay_switch.ports.collections import TryRecorded
from ekpay_switch.ports.finance import LineEvent, LineRole, LineStatus
from tests.persistence.collections.collection_setup import KEPT_BASIS_POINTS, Till, agreed
from tests.persistence.ledger.window_closing_setup import Closing
from tests.persistence.refunds.refund_setup import Office, open_office

FIRST, FURTHER, FEE = 99_900, 7_000, 105
MOVEMENTS = """
SELECT f.attempt_id, f.connector_id, f.provider_transaction, f.amount, f.entry_id, e.moment, e.payment_id
FROM further_movements AS f JOIN journal_entries AS e ON e.id = f.entry_id ORDER BY f.provider_transaction
"""
ANOTHER = TryRecorded(State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
BY_HAND = NoRefundRoute("another movement of money under a try is paid back by hand")


@pytest.fixture
async def office(till: Till) -> AsyncIterator[Office]:
    async with open_office(till) as opened:
        yield opened


async def came_again(till: Till, held: LockedTry, name: str = "OTHER", amount: int = FURTHER) -> TryRecorded:
    """The connector says that under this try it has this movement of money, too."""
    again = await till.leased(held)
    return await till.record(again, agreed(again, name, amount=Money(amount)))


async def further_refund(office: Office, held: LockedTry) -> LockedRefund:
    """The give-back of the try's only further movement, held."""
    query = "SELECT id FROM refunds WHERE attempt_id = $1 AND further_movement_id IS NOT NULL"
    (row,) = await office.books.rows(query, held.attempt_id)
    return await office.leased(row["id"])


async def test_second_movement_under_a_disagreed_try_is_booked(office: Office) -> None:
    till, held = office.till, await office.disagreed(FIRST)

    assert await came_again(till, held) == ANOTHER

    (movement,) = await office.books.rows(MOVEMENTS)
    assert tuple(movement)[:4] == (held.attempt_id, "bkash", "OTHER", FURTHER)
    assert (movement["moment"], movement["payment_id"]) == ("collected_without_payment", held.payment_id)
    # The first movement waits in suspense for two persons; the further one is owed to its payer.
    first_fee = 1_499
    assert await till.balances() == {
        "receivable:bkash": FIRST - first_fee + FURTHER - FEE,
        "connector_fee:bkash": first_fee + FEE,
        "suspense:bkash": -FIRST,
        "refund_due:bkash": -FURTHER,
    }
    assert await office.running_total(held) == 0
    assert await office.books.audit() is None


async def test_the_same_further_movement_is_booked_and_owed_once(office: Office) -> None:
    held = await office.disagreed(FIRST)
    for _ in range(100):
        assert await came_again(office.till, held) == ANOTHER
    assert len(await office.books.rows(MOVEMENTS)) == 1
    assert (await office.entries(held.payment_id)).count("collected_without_payment") == 2
    refunds = await office.refunds.of_payment("bank1", held.payment_id)
    assert [(each.kind, each.amount) for each in refunds] == [(RefundKind.UNEXPECTED, Money(FURTHER))]
    assert await office.books.audit() is None


async def test_a_repeat_under_its_epoch_answers_with_the_same_alarm(office: Office) -> None:
    """The COMMIT of a finding was not acknowledged."""
    held = await office.till.funded()
    again = await office.till.leased(held)
    finding = agreed(again, "OTHER", amount=Money(FURTHER))
    answers = [await office.till.record(again, finding) for _ in range(2)]
    assert answers == [TryRecorded(State.FUNDED, Alarm.COLLECTED_MISMATCH)] * 2
    assert len(await office.books.rows(MOVEMENTS)) == 1


async def test_several_further_movements_are_booked_each(office: Office) -> None:
    held = await office.paid_twice()
    for name, amount in (("OTHER-1", 100), ("OTHER-2", 200)):
        recorded = await came_again(office.till, held, name, amount)
        assert recorded.alarm is Alarm.COLLECTED_MISMATCH
    booked = [(row["provider_transaction"], row["amount"]) for row in await office.books.rows(MOVEMENTS)]
    assert booked == [("OTHER-1", 100), ("OTHER-2", 200)]
    assert len(await office.refunds.of_payment("bank1", held.payment_id)) == 3
    assert await office.books.audit() is None


@pytest.mark.parametrize("amount", [Money(FURTHER, "USD"), Money(0), Money(-1)])
async def test_money_that_is_not_taka_is_evidence_alone(office: Office, amount: Money) -> None:
    held = await office.disagreed(FIRST)
    again = await office.till.leased(held)
    finding = agreed(again, "OTHER", amount=amount)
    assert isinstance(finding.judged, MismatchedCollection)
    assert await office.till.record(again, finding) == ANOTHER
    assert await office.books.rows(MOVEMENTS) == []
    assert (await office.till.evidence(held))[-1] == "money_came"
    assert await office.books.audit() is None


async def test_a_movement_without_a_name_is_evidence_alone(office: Office) -> None:
    """Nothing shows that it is another movement and not the first one."""
    held = await office.disagreed(FIRST)
    assert await came_again(office.till, held, "") == ANOTHER
    assert await office.books.rows(MOVEMENTS) == []


async def test_a_movement_of_another_try_is_not_booked_again(office: Office) -> None:
    till = office.till
    funded, held = await till.funded(), await office.disagreed(FIRST)
    name = (await till.row(funded))["provider_transaction"]
    assert await came_again(till, held, name) == ANOTHER
    third = await office.disagreed(FIRST)
    await came_again(till, held)
    assert await came_again(till, third) == ANOTHER
    assert [row["attempt_id"] for row in await office.books.rows(MOVEMENTS)] == [held.attempt_id]
    # Neither does a further movement fund a payment.
    page = await till.leased(await till.on_page())
    assert await till.record(page, agreed(page, "OTHER")) == ANOTHER
    assert (await till.row(page))["collected"] is None
    assert await office.books.audit() is None


async def test_two_tries_with_one_further_movement_at_once_book_it_once(office: Office) -> None:
    till = office.till
    held = [await till.leased(await office.disagreed(FIRST)) for _ in range(2)]
    findings = [agreed(each, "OTHER", amount=Money(FURTHER)) for each in held]
    pairs = zip(held, findings, strict=True)
    recorded = await asyncio.gather(*(till.record(each, finding) for each, finding in pairs))
    assert list(recorded) == [ANOTHER] * 2
    assert len(await office.books.rows(MOVEMENTS)) == 1
    assert await office.books.audit() is None


async def test_a_late_further_movement_is_asked_about_and_then_booked(office: Office) -> None:
    """An answer under an older epoch sets nothing, and wakes the resolver (law 14)."""
    held = await office.disagreed(FIRST)
    late = await office.till.leased(held)
    await office.till.leased(held)
    finding = agreed(late, "OTHER", amount=Money(FURTHER))
    assert await office.till.collections.record(late, finding) is None
    assert (await office.till.row(held))["is_woken"]
    assert await office.books.rows(MOVEMENTS) == []
    await came_again(office.till, held)
    older = MoneyCollected(finding.judged, KEPT_BASIS_POINTS)
    assert await office.till.collections.record(late, older) is None
    assert not (await office.till.row(held))["is_woken"]
    assert len(await office.books.rows(MOVEMENTS)) == 1


async def test_a_further_movement_goes_back_by_hand(office: Office) -> None:
    """Its refund never waits for those of its try, and is never sent to the connector."""
    held = await office.paid_twice()
    (own,) = await office.refunds.of_payment("bank1", held.payment_id)
    await office.sent(own.refund_id)
    await came_again(office.till, held)

    refund = await further_refund(office, held)

    order = refund.order
    assert (order.provider_transaction, order.amount, order.collected) == ("OTHER", *[Money(FURTHER)] * 2)
    assert refund.is_of_further_movement
    recorded = await office.refunds.record(refund, BY_HAND)
    assert recorded is not None
    assert (recorded.state, recorded.alarm) == (RefundState.BY_HAND, Alarm.REFUND_NEEDS_A_PERSON)
    await office.desk.record_paid_by_hand(refund.refund_id, "BB-2026-77", "Rahima")
    await office.desk.confirm_paid_by_hand(refund.refund_id, "Karim")
    assert (await office.row(refund.refund_id))["state"] == "done"
    balances = await office.till.balances()
    assert balances["settlement_bank"] == -FURTHER
    assert await office.books.audit() is None


async def test_the_review_of_a_disagreed_try_gives_back_its_own_money_alone(office: Office) -> None:
    held = await office.disagreed(FIRST)
    await came_again(office.till, held)
    asked = await office.desk.request_review_give_back(held.payment_id, "the payer agrees", "Rahima")
    await office.desk.approve(asked.refund_id, "Karim")
    assert asked.amount == Money(FIRST)
    assert (await office.till.balances())["refund_due:bkash"] == -(FIRST + FURTHER)
    assert await office.books.audit() is None


async def test_the_database_counts_a_movement_once_and_sends_no_refund_of_it(office: Office) -> None:
    till = office.till
    funded, held = await till.funded(), await office.disagreed(FIRST)
    await came_again(till, held)
    again = "UPDATE tries SET provider_transaction = $2 WHERE attempt_id = $1"
    with pytest.raises(asyncpg.CheckViolationError, match="counts once"):
        await office.books.tell(again, funded.attempt_id, "OTHER")
    name = (await till.row(funded))["provider_transaction"]
    with pytest.raises(asyncpg.CheckViolationError, match="counts once"):
        await office.books.tell(
            "INSERT INTO further_movements (id, attempt_id, connector_id, provider_transaction, amount,"
            " entry_id) SELECT gen_random_uuid(), attempt_id, connector_id, $1, amount, gen_random_uuid()"
            " FROM further_movements",
            name,
        )
    sent = "UPDATE refunds SET sends = 1 WHERE further_movement_id IS NOT NULL"
    with pytest.raises(asyncpg.CheckViolationError, match="further_movement"):
        await office.books.tell(sent)


async def test_frozen_lines_have_the_further_movement_beside_the_first(office: Office) -> None:
    books, held = office.books, await office.disagreed(FIRST)
    await came_again(office.till, held)
    await Closing(books).close()
    lines = await books.rows(
        "SELECT l.*, f.id IS NOT NULL AS is_further FROM ledger_lines AS l"
        " LEFT JOIN further_movements AS f ON f.id = l.movement ORDER BY gross"
    )
    shown = [
        (line["role"], line["event"], line["status"], line["our_reference"], line["their_reference"])
        for line in lines
    ]
    common = (LineRole.CONNECTOR, LineEvent.PAYMENT, LineStatus.SUCCESS, held.order.reference)
    assert shown == [(*common, "OTHER"), (*common, "TRX1")]
    assert [(line["gross"], line["fee"], line["revision"]) for line in lines] == [
        (FURTHER, FEE, 1),
        (FIRST, 1_499, 1),
    ]
    assert [line["is_further"] for line in lines] == [True, False]
    assert await books.audit() is None
