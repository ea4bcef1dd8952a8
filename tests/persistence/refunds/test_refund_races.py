"""Refunds at once: never more than was taken, never two in the air, nothing posted twice."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.new_refund import RefundRefusal
from ekpay_switch.domain.refunds.refund import LockedRefund, RefundAnswer, RefundState
from ekpay_switch.ports.collections import RefundOpened, RefundView
from tests.persistence.collections.collection_setup import TAKEN, Till
from tests.persistence.refunds.refund_setup import (
    BILLED,
    DAYS_MAX,
    NO,
    NOT_SENT,
    PARTS_MAX,
    SILENCE,
    UNDOABLE,
    Office,
    given,
    open_office,
    wanted,
)

HUNDRED, SIXTY = 10_000, 6_000
DUE_WHERE_NOBODY_IS = """
UPDATE refunds SET next_action_at = now() WHERE id IN (
    SELECT id FROM refunds WHERE state IN ('approved', 'sent', 'in_doubt') AND lease_until IS NULL
    FOR UPDATE SKIP LOCKED
)"""  # waits for no row, so that no two of the workers can wait for each other
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.fixture
async def offices(till: Till) -> AsyncIterator[tuple[Office, Office]]:
    """Two processes' worth of refunds over the same books, which are proven once the test is through."""
    async with open_office(till, connections=8) as one, open_office(till, connections=8) as other:
        yield one, other
        assert await till.books.audit() is None


def _kinds(answers: Sequence[object]) -> Counter[str]:
    return Counter(str(one) if isinstance(one, RefundRefusal) else type(one).__name__ for one in answers)


async def _together(office: Office, *calls: Awaitable[object]) -> list[object]:
    """The answers to calls of which each has looked before any of them may write."""
    connection = await office.books.superuser()
    try:
        async with connection.transaction():
            await connection.execute("SELECT FROM lanes FOR UPDATE")
            waiting = asyncio.gather(*calls, return_exceptions=True)
            while await connection.fetchval(WAITING) < len(calls):  # noqa: ASYNC110 - the database has no bell
                await asyncio.sleep(0.01)
        return list(await waiting)
    finally:
        await connection.close()


async def test_refund_toctou(offices: tuple[Office, Office]) -> None:
    """Two refunds of 60 on 100 at once: both have seen that there is enough, and one is refused."""
    one, other = offices
    paid = await one.completed(HUNDRED)

    answers = await _together(
        one, one.ask(wanted(paid.payment_id, SIXTY)), other.ask(wanted(paid.payment_id, SIXTY))
    )

    assert _kinds(answers) == {"RefundOpened": 1, "refund_exceeds_remaining": 1}
    assert await one.running_total(paid) == SIXTY
    assert await one.books.count("refunds") == 1
    assert (await one.entries(paid.payment_id)).count("owed_back_by_payee") == 1


async def test_refund_toctou_of_staff_and_chargebacks_too(offices: tuple[Office, Office]) -> None:
    """A chargeback has happened, so it is recorded; beside it one refund at most, which was first."""
    one, other = offices
    paid = await one.completed(HUNDRED)
    payment_id, sixty = paid.payment_id, Money(SIXTY)

    answers = await _together(
        one,
        one.desk.request(payment_id, sixty, "a mistake", "Rahima", PARTS_MAX, DAYS_MAX, burden=UNDOABLE),
        other.desk.record_chargeback(payment_id, sixty, "CB-1", "Karim", UNDOABLE),
        other.ask(wanted(payment_id, SIXTY)),
    )

    assert isinstance(answers[1], RefundView)
    refunds = sum(not isinstance(answer, RefundRefusal | Exception) for answer in (answers[0], answers[2]))
    from_suspense = (await one.row(answers[1].refund_id))["from_suspense"]
    assert (refunds, from_suspense) in {(0, 0), (1, 2 * SIXTY - HUNDRED)}
    assert await one.running_total(paid) == (1 + refunds) * SIXTY - from_suspense <= HUNDRED


async def test_one_reference_at_once_is_one_refund(offices: tuple[Office, Office]) -> None:
    one, other = offices
    paid = await one.completed()
    news = [wanted(paid.payment_id, 1_000, reference="v1:the same") for _ in range(12)]

    answers = await asyncio.gather(*(offices[n % 2].ask(new) for n, new in enumerate(news)))

    taken = [answer for answer in answers if isinstance(answer, RefundOpened)]
    assert len(taken) == 12
    assert sum(not answer.is_repeat for answer in taken) == 1
    assert len({answer.view.refund_id for answer in taken}) == 1
    assert await other.running_total(paid) == 1_000


async def test_one_reference_for_two_payments_at_once_is_one_refund(offices: tuple[Office, Office]) -> None:
    one, other = offices
    paid, also = await one.completed(), await one.completed()
    news = [wanted(held.payment_id, 1_000, reference="v1:the same") for held in (paid, also)]

    answers = await _together(one, one.ask(news[0]), other.ask(news[1]))

    assert _kinds(answers) == {"RefundOpened": 1, "idempotency_key_reused": 1}
    assert await one.running_total(paid) + await one.running_total(also) == 1_000


# ---- fifty at once


@dataclass
class Provider:
    """Gives money back, or does not, and counts how many refunds of a payment it is told of at a time."""

    chance: random.Random
    in_the_air: Counter[UUID] = field(default_factory=Counter)
    most: int = 0
    given_back: Counter[UUID] = field(default_factory=Counter)
    lines: dict[UUID, str] = field(default_factory=dict)

    async def tell(self, held: LockedRefund) -> RefundAnswer:
        self.in_the_air[held.payment_id] += 1
        self.most = max(self.most, *self.in_the_air.values())
        await asyncio.sleep(self.chance.random() / 500)
        self.in_the_air[held.payment_id] -= 1
        if held.refund_id not in self.lines:
            fate = self.chance.random()
            if fate < 0.1:
                return NO
            if fate < 0.2:
                return NOT_SENT
            self.lines[held.refund_id] = f"RFD{len(self.lines)}"
            self.given_back[held.payment_id] += held.order.amount.minor
        return (
            given(self.lines[held.refund_id], held.order.amount.minor)
            if self.chance.random() > 0.3
            else SILENCE
        )


async def _send_all(office: Office, provider: Provider) -> None:
    """A worker: send whatever is due, at once, until nothing is left to be sent."""
    while await office.books.count("refunds", "state IN ('approved', 'sent', 'in_doubt')"):
        await office.books.tell(DUE_WHERE_NOBODY_IS)
        await asyncio.gather(*(_send(office, held, provider) for held in await office.lease(8)))


async def _send(office: Office, held: LockedRefund, provider: Provider) -> None:
    if await office.refunds.begin_send(held, 90.0):
        assert await office.refunds.record(held, await provider.tell(held)) is not None


async def test_fifty_partial_refunds_at_once_never_exceed_what_was_taken_nor_meet_in_the_air(
    offices: tuple[Office, Office],
) -> None:
    one, _ = offices
    paid = await one.completed()
    provider = Provider(random.Random(7))  # noqa: S311 - a seeded shuffle is wanted
    news = [wanted(paid.payment_id, 3_000) for _ in range(50)]

    answers = await asyncio.gather(*(offices[n % 2].ask(new, parts_max=99) for n, new in enumerate(news)))

    assert _kinds(answers) == {"RefundOpened": 35, "refund_exceeds_remaining": 15}
    assert await one.running_total(paid) == BILLED
    await asyncio.gather(*(_send_all(office, provider) for office in offices * 2))

    states = Counter(row["state"] for row in await one.books.rows("SELECT state FROM refunds"))
    assert set(states) == {RefundState.DONE, RefundState.FAILED}
    assert provider.most == 1
    assert provider.given_back[paid.payment_id] == states["done"] * 3_000 == await one.running_total(paid)
    assert len(set(provider.lines.values())) == states["done"]


async def test_what_fails_frees_the_total_for_exactly_as_much(offices: tuple[Office, Office]) -> None:
    one, other = offices
    paid = await one.completed(HUNDRED)
    view = await one.take(paid, SIXTY)
    held = await one.sent(view.refund_id)

    answers = await asyncio.gather(
        one.refunds.record(held, NO), *(other.ask(wanted(paid.payment_id, SIXTY)) for _ in range(4))
    )

    assert _kinds(answers)["RefundOpened"] <= 1
    assert await one.running_total(paid) in {0, SIXTY}


# ---- decisions and chores


async def test_approvals_and_a_rejection_at_once_decide_once(offices: tuple[Office, Office]) -> None:
    one, other = offices
    paid = await one.completed()
    view = await one.take(paid, 1_000, needs_approval=True, requested_by="Rahima")

    answers = await _together(
        one,
        *(office.desk.approve(view.refund_id, name) for name in ("Karim", "Salma") for office in offices),
        other.desk.reject(view.refund_id, "Nasima"),
    )

    state = (await one.row(view.refund_id))["state"]
    entries = await one.entries(paid.payment_id)
    assert entries.count("owed_back_by_payee") == (state == "approved")
    assert await one.running_total(paid) == (1_000 if state == "approved" else 0)
    assert len(await one.steps(view.refund_id)) == 1
    assert sum(not isinstance(answer, Exception) for answer in answers) in {1, 2}


async def test_confirmations_at_once_pay_once(offices: tuple[Office, Office]) -> None:
    one, other = offices
    refund_id = await one.by_hand()
    await one.desk.record_paid_by_hand(refund_id, "BANK-1", "Rahima")

    await _together(
        one,
        one.desk.confirm_paid_by_hand(refund_id, "Karim"),
        other.desk.confirm_paid_by_hand(refund_id, "Salma"),
        other.desk.confirm_paid_by_hand(refund_id, "Karim"),
    )

    payment_id = (await one.row(refund_id))["payment_id"]
    assert (await one.entries(payment_id)).count("paid_back_by_hand") == 1
    assert (await one.till.balances())["settlement_bank"] == -TAKEN


async def test_give_backs_are_opened_once_however_many_look(offices: tuple[Office, Office]) -> None:
    one, _ = offices
    refused = [await one.refused() for _ in range(5)]

    opened = await asyncio.gather(*(office.refunds.open_give_backs(3) for office in offices * 3))
    opened += [await one.refunds.open_give_backs(10)]

    assert sum(opened) == len(refused)
    assert await one.books.count("refunds") == len(refused)


async def test_two_workers_never_hold_the_same_refund(offices: tuple[Office, Office]) -> None:
    one, _ = offices
    for _ in range(6):
        await one.take(await one.completed())

    leased = await asyncio.gather(*(office.lease(4) for office in offices * 3))

    held = [refund.refund_id for some in leased for refund in some]
    assert len(held) == len(set(held))
    assert len(held) + len(await one.lease()) == 6
