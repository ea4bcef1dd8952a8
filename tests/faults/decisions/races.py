"""What happens at the moment at which two persons decide: answers on their way, other doors of finance."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.outcome import Outcome
from ekpay_switch.domain.payments.delivery import NextSend, SendStarted
from ekpay_switch.domain.refunds.refund import RefundAnswer
from ekpay_switch.ports.decisions import ProposalView
from ekpay_switch.security.identifiers import uuid7
from tests.faults.decisions.stories import proposal_of
from tests.persistence.books import APPROVED, REFUSED, SILENT, Books, delivery_of
from tests.persistence.collections.collection_setup import SUMS
from tests.persistence.decisions.decision_setup import THIRD, Desk
from tests.persistence.refunds.refund_setup import NO, SILENCE, given

Meanwhile = Callable[[], Awaitable[object]]
Prepare = Callable[[Desk], Awaitable[tuple[ProposalView, Meanwhile]]]
# The alarm that makes a case of it, as `AlarmUpkeep` raises it once it is late.
STUCK = {
    "payments": """
INSERT INTO alarms (id, kind, subject, payment_id, owner, due_on, facts)
VALUES ($1, 'delivery_stuck', 'payment ' || $2::uuid, $2, 'operator', current_date, '{}')
""",
    "refunds": """
INSERT INTO alarms (id, kind, subject, payment_id, owner, due_on, facts)
SELECT $1, 'refund_stuck', 'refund ' || id, payment_id, 'finance', current_date, '{}'
FROM refunds WHERE id = $2
""",
}
# What everyone who posts takes first, and what whoever decides takes last.
LANES, ALARMS = "lanes", "alarms"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@dataclass(frozen=True, slots=True)
class Race:
    """What is proposed, and what else happens to the same money.

    `prepare` returns the proposal and the other act. `decided` and `overtaken` are the states of the payment
    after both, by which came first; `evidence` is what the books keep of an act that came too late. Where the
    other act begins without what everyone who posts takes, they cannot stand in line for it.
    """

    name: str
    prepare: Prepare
    decided: str
    overtaken: str
    evidence: str = ""
    takes_lanes: bool = True

    def __str__(self) -> str:
        return self.name


# ---- the biller


def _answer(action: DecisionAction, answer: Outcome) -> Prepare:
    """A delivery of which nothing was heard for a month, and an answer to its only send."""

    async def prepare(desk: Desk) -> tuple[ProposalView, Meanwhile]:
        started = await desk.books.start()
        await desk.books.finish(started, SILENT)
        proposed = await _proposed(desk, started.claim.payment_id, "payments", action)
        return proposed, lambda: desk.books.finish(started, answer)

    return prepare


async def _send_again(desk: Desk) -> tuple[ProposalView, Meanwhile]:
    """The same delivery, and the resolver that sends it once more; then the biller refuses it."""
    started = await desk.books.start()
    await desk.books.finish(started, SILENT)
    proposed = await _proposed(desk, started.claim.payment_id, "payments", DecisionAction.GIVE_BACK)

    async def send_and_hear() -> None:
        answer = await desk.books.submit(NextSend(delivery_of(started), "pay", 2, 10.0, 30.0))
        if isinstance(answer, SendStarted):
            await desk.books.finish(started, REFUSED)

    return proposed, send_and_hear


# ---- the connector


def _late_answer(action: DecisionAction, answer: RefundAnswer | None) -> Prepare:
    """A refund of which nothing was heard for a month, and the answer to its first send; None: it is paid."""

    async def prepare(desk: Desk) -> tuple[ProposalView, Meanwhile]:
        refund_id = await desk.office.given_back(await desk.office.refused())
        first = await desk.office.sent(refund_id)
        await desk.office.record(await desk.office.sent(refund_id), SILENCE)
        proposed = await _proposed(desk, refund_id, "refunds", action)
        heard = answer or _paid(refund_id)
        return proposed, lambda: desk.office.refunds.record(first, heard)

    return prepare


async def _ask_again(desk: Desk) -> tuple[ProposalView, Meanwhile]:
    """The same refund, and the worker that sends it once more; then its connector has paid it."""
    refund_id = await desk.office.given_back(await desk.office.refused())
    await desk.office.record(await desk.office.sent(refund_id), SILENCE)
    proposed = await _proposed(desk, refund_id, "refunds", DecisionAction.NOT_PAID_BACK)
    held = await desk.office.leased(refund_id)

    async def send_and_hear() -> None:
        if await desk.office.refunds.begin_send(held, 90.0):
            await desk.office.record(held, _paid(refund_id))

    return proposed, send_and_hear


def _paid(refund_id: UUID) -> RefundAnswer:
    return given(f"R-{refund_id}", SUMS.total.minor)


# ---- the other door of finance


def _given_back_beside(action: DecisionAction) -> Prepare:
    """Money that came short, and two persons who give it back by `ekpay refunds`."""

    async def prepare(desk: Desk) -> tuple[ProposalView, Meanwhile]:
        payment_id = await desk.short_money()
        proposed = await desk.desk.propose(proposal_of(payment_id, action))

        async def give_back() -> object:
            try:
                asked = await desk.office.desk.request_review_give_back(payment_id, "the payer asks", THIRD)
                return (await desk.office.desk.approve(asked.refund_id, "Karim")).state
            except SwitchError as problem:
                return type(problem).__name__

        return proposed, give_back

    return prepare


async def _proposed(desk: Desk, subject: UUID, table: str, action: DecisionAction) -> ProposalView:
    await desk.books.tell(STUCK[table], uuid7(), subject)
    return await desk.desk.propose(proposal_of(subject, action))


_ACCEPT, _BACK, _DELIVER = DecisionAction.ACCEPT, DecisionAction.GIVE_BACK, DecisionAction.DELIVER
_PAID, _UNPAID = DecisionAction.PAID_BACK, DecisionAction.NOT_PAID_BACK
RACES = (
    Race("accepted, and posted", _answer(_ACCEPT, APPROVED), "completed", "completed", "late:approved"),
    Race("accepted, and refused", _answer(_ACCEPT, REFUSED), "completed", "refunded", "late:declined"),
    Race("given back, and posted", _answer(_BACK, APPROVED), "refunded", "completed", "late:approved"),
    Race("given back, and refused", _answer(_BACK, REFUSED), "refunded", "refunded", "late:declined"),
    Race("given back, and sent again", _send_again, "refunded", "refunded"),
    # Left to finance, it is done by what its connector says after all (docs/adr/0072).
    Race("unpaid, and paid", _late_answer(_UNPAID, None), "refunded", "refunding", "late_refund:given"),
    Race("paid, and paid", _late_answer(_PAID, None), "refunded", "refunding", "late_refund:given"),
    Race(
        "paid, and refused", _late_answer(_PAID, NO), "refunded", "refunding", "late_refund:left_to_finance"
    ),
    Race("unpaid, and sent again", _ask_again, "refunding", "refunded", takes_lanes=False),
    Race("taken short, and given back beside", _given_back_beside(_DELIVER), "funded", "refunding"),
    Race("given back, and given back beside", _given_back_beside(_BACK), "refunding", "refunding"),
)


# ---- at once


async def in_line(books: Books, *calls: Callable[[], Awaitable[Any]]) -> Sequence[Any]:
    """The answers of calls that all wait for one lock, which is granted to them in this order."""
    connection = await books.superuser()
    try:
        async with held(connection):
            asked: list[asyncio.Future[Any]] = []
            for call in calls:
                asked.append(asyncio.ensure_future(call()))
                await until_there_wait(connection, len(asked))
        return await asyncio.gather(*asked)
    finally:
        await connection.close()


@asynccontextmanager
async def held(connection: Any, rows: str = LANES) -> AsyncIterator[None]:  # noqa: ANN401 - the driver's
    """Hold the locks of these rows."""
    async with connection.transaction():
        await connection.execute(f"SELECT FROM {rows} FOR UPDATE")
        yield


async def until_there_wait(
    connection: Any,  # noqa: ANN401 - the driver's
    count: int,
    unless: "asyncio.Future[Any] | None" = None,
) -> None:
    """Wait until so many transactions wait for a lock, or something is done that should have waited."""
    async with asyncio.timeout(30):
        # The database has no bell.
        while await connection.fetchval(WAITING) < count and not (unless and unless.done()):  # noqa: ASYNC110
            await asyncio.sleep(0.003)
