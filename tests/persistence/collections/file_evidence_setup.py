"""Settlement files told to real books, and one round of each job that does what they allow."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from ekpay_switch.domain.collections.funding import LockedTry, StillOpen
from ekpay_switch.domain.payments.claims import StartedClaim
from ekpay_switch.domain.refunds.refund import LockedRefund
from ekpay_switch.persistence.collections.file_evidence import FileEvidenceStore
from ekpay_switch.persistence.payments.store import PostgresPayments
from ekpay_switch.ports.finance import FileAnswer, FileSays, LineEvent, LineRole
from ekpay_switch.ports.world import World
from tests.fakes.world import SmallWorld
from tests.persistence.books import SEALER, SILENT, Books
from tests.persistence.collections.collection_setup import HOLD_SECONDS, Till, open_till
from tests.persistence.refunds.refund_setup import SILENCE, Office, open_office
from tests.scenarios.job_rounds import collect_due, resolve_due

# Later than any send of a test.
FIRST_NIGHT, SECOND_NIGHT = date(2199, 12, 30), date(2199, 12, 31)
LONG_AGO = "UPDATE attempts SET send_until = now() - interval '1 hour' WHERE payment_id = $1"
DUE_NOW = "UPDATE payments SET next_action_at = now(), lease_until = NULL WHERE id = $1"
ROW = "SELECT *, next_action_at <= now() AS is_due FROM payments WHERE id = $1"
KINDS = "SELECT kind FROM evidence WHERE payment_id = $1 AND kind ~ '^(file|aside):' ORDER BY id"


class FreeBudget:
    """Everybody may ask at any time."""

    async def take(self, far_side: str, per_second: float) -> float:
        """See `ports.Budget`."""
        assert far_side
        assert per_second > 0
        return 0.0


@dataclass
class Night:
    """What a night tells, and a world whose books are real and whose far sides are not."""

    office: Office
    small: SmallWorld
    world: World
    payments: PostgresPayments

    @property
    def till(self) -> Till:
        return self.office.till

    @property
    def books(self) -> Books:
        return self.office.books

    # ---- what is in doubt

    async def delivery(self) -> StartedClaim:
        """A payment from a prefund that its biller gave no usable answer about, an hour ago."""
        started = await self.books.start()
        await self.books.finish(started, SILENT)
        await self.books.tell(LONG_AGO, started.claim.payment_id)
        return started

    async def execute(self) -> LockedTry:
        """A try whose connector was given our word and gave no usable answer, an hour ago."""
        held = await self.till.leased(await self.till.on_page())
        assert await self.till.collections.begin_execute(held, 10.0, HOLD_SECONDS)
        held = replace(held, executes_begun=1)
        await self.till.record(held, StillOpen(90.0, "no answer in time", was_asked=False, is_new_doubt=True))
        await self.books.tell(LONG_AGO, held.payment_id)
        return held

    async def refund(self) -> LockedRefund:
        """A refund that its connector was told and gave no usable answer about."""
        view = await self.office.take(await self.office.completed())
        held = await self.office.sent(view.refund_id)
        await self.office.record(held, SILENCE)
        return held

    # ---- what files say, and what follows

    async def tell(self, *answers: FileAnswer) -> int:
        """One night's transaction, as the switch's own role."""
        connection = await self.books.database.connect_hot()
        try:
            async with connection.transaction():
                return await FileEvidenceStore().tell(connection, answers)
        finally:
            await connection.close()

    async def wake(self, movements: Collection[UUID]) -> int:
        """Two persons have the far sides asked again."""
        connection = await self.books.database.connect_hot()
        try:
            async with connection.transaction():
                return await FileEvidenceStore().wake(connection, movements)
        finally:
            await connection.close()

    async def resolve(self) -> None:
        """Ask about what is due."""
        await resolve_due(self.world, 45.0)

    async def collect(self) -> None:
        """Look at tries, refunds and what was funded, as far as it is due."""
        await collect_due(self.world)

    # ---- what is asked

    async def row(self, payment_id: UUID) -> Any:  # noqa: ANN401 - a record of the driver
        return (await self.books.rows(ROW, payment_id))[0]

    async def state(self, payment_id: UUID) -> str:
        return await self.books.state_of(payment_id)

    async def kinds(self, payment_id: UUID) -> list[str]:
        """What files have said of a payment, in order."""
        return [row[0] for row in await self.books.rows(KINDS, payment_id)]

    def alarms(self) -> list[str]:
        return [event for event, _ in self.small.alarms.raised]


@asynccontextmanager
async def open_night(books: Books) -> AsyncIterator[Night]:
    """A night upon books of which the audit must be clean when it is over."""
    engine = books.database.engine()
    payments = PostgresPayments(engine, books.group_commit, 16, SEALER)
    small = SmallWorld()
    async with open_till(books, connections=8) as till, open_office(till, connections=8) as office:
        world = replace(
            small.world,
            payments=payments,
            collections=till.collections,
            callbacks=till.callbacks,
            refunds=office.refunds,
            budget=FreeBudget(),
        )
        yield Night(office, small, world, payments)
    await engine.dispose()
    assert await books.audit() is None


def of_delivery(
    started: StartedClaim,
    says: FileSays,
    night: date = FIRST_NIGHT,
    **changes: Any,  # noqa: ANN401 - its fields
) -> FileAnswer:
    answer = FileAnswer(
        movement=started.claim.attempt_id,
        payment_id=started.claim.payment_id,
        role=LineRole.BILLER,
        event=LineEvent.PAYMENT,
        says=says,
        file="desco-20991230.csv",
        ordinal=7,
        night=night,
        their_reference="D-1",
        amount=started.quote.sums.billed_amount.minor,
    )
    return replace(answer, **changes)


def of_try(held: LockedTry, says: FileSays, night: date = FIRST_NIGHT) -> FileAnswer:
    return FileAnswer(
        movement=held.attempt_id,
        payment_id=held.payment_id,
        role=LineRole.CONNECTOR,
        event=LineEvent.PAYMENT,
        says=says,
        file="bkash-20991230.csv",
        ordinal=9,
        night=night,
        their_reference="TRX9",
        amount=held.order.amount.minor,
    )


def of_refund(held: LockedRefund, says: FileSays, night: date = FIRST_NIGHT) -> FileAnswer:
    return FileAnswer(
        movement=held.refund_id,
        payment_id=held.payment_id,
        role=LineRole.CONNECTOR,
        event=LineEvent.REFUND,
        says=says,
        file="bkash-20991230.csv",
        ordinal=11,
        night=night,
        their_reference="R9",
        amount=-held.order.amount.minor,
    )
