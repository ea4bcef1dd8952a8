"""`ekpay audit` proves that two persons have decided each reversal of what a biller held too long."""

from collections.abc import AsyncIterator

import pytest

from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.payments.after_give_back import plan_undone
from ekpay_switch.domain.payments.delivery import Recording
from ekpay_switch.persistence.payments.store import PostgresPayments
from tests.persistence.books import SEALER
from tests.persistence.collections.collection_setup import Till
from tests.persistence.decisions.decision_setup import Desk, open_desk
from tests.persistence.refunds.refund_setup import open_office


@pytest.fixture
async def desk(till: Till) -> AsyncIterator[Desk]:
    async with open_office(till) as office, open_desk(office) as desk:
        yield desk


async def _undone(desk: Desk) -> None:
    await desk.decide(await desk.late_success(), DecisionAction.UNDO)
    engine = desk.books.database.engine()
    store = PostgresPayments(engine, desk.books.group_commit, 16, SEALER)
    (leased,) = await store.lease_due(10, 30)
    await store.record(Recording(leased.delivery, plan_undone(leased.delivery, leased.undo_wanted, {})))
    await engine.dispose()


@pytest.mark.parametrize(
    "forgotten",
    [
        "UPDATE decisions SET action = 'close'",
        "UPDATE decisions SET approved_by = NULL, approved_at = NULL",
        "UPDATE decisions AS d SET payment_id = (SELECT id FROM payments WHERE id <> d.payment_id LIMIT 1)",
    ],
)
async def test_what_a_biller_has_undone_stands_by_the_decision_to_undo_it(desk: Desk, forgotten: str) -> None:
    await desk.books.start()
    await _undone(desk)
    assert await desk.books.audit() is None

    await desk.books.tell(forgotten)

    finding = await desk.books.audit()
    assert finding is not None
    assert finding.why == "posted_after_give_back_reversed without a decision"


async def test_what_a_biller_has_returned_stands_by_the_decision_that_names_its_entry(desk: Desk) -> None:
    await desk.decide(await desk.late_success(), DecisionAction.BILLER_RETURNED)
    assert await desk.books.audit() is None

    await desk.books.tell("UPDATE decisions SET entry_ids = '[]'")

    finding = await desk.books.audit()
    assert finding is not None
    assert finding.why == "posted_after_give_back_reversed without a decision"
