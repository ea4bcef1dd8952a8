"""A chargeback row from a file to the end of its break, over the real books, windows and desk."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.disputes.chargeback_rows import ChargebackRowOutcome
from ekpay_switch.domain.disputes.dispute import DisputeEvent, DisputeState
from ekpay_switch.persistence.collections.file_evidence import FileEvidenceStore
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.ports.finance import FileEvidence
from reconciliation.nightly.night_run import NightContext, NightOutcome, run_nights
from tests.persistence.collections.collection_setup import open_till
from tests.persistence.conftest import open_books
from tests.persistence.disputes.dispute_setup import COLLECTED, DisputeRoom, open_room
from tests.reconciliation.institution_files import Head, Movement, bkash
from tests.reconciliation.nightly.stage import nobody
from tests.reconciliation.resolutions.scene import FinanceOnTrial

STATES = """
SELECT b.code, (SELECT state FROM reconciliation.break_events AS e WHERE e.break_id = b.id
  ORDER BY seq DESC LIMIT 1) AS state
FROM reconciliation.breaks AS b WHERE b.institution = 'bkash' AND b.code IN ('FILE_ONLY', 'REVERSAL_PENDING')
"""


@dataclass
class RealFinance(FinanceOnTrial):
    """Everything that a night needs of the core is real."""

    @property
    def evidence(self) -> FileEvidence:
        return FileEvidenceStore()

    def send(self, rows: list[Movement], day: date) -> None:
        inbox = self.home_folder / "reconciliation" / "inbox"
        inbox.mkdir(parents=True, exist_ok=True)
        (inbox / f"bkash_{day:%Y%m%d}_01.csv").write_bytes(bkash(rows, Head(day)))

    async def night(self, day: date) -> NightOutcome:
        return (await run_nights(self, day, NightContext(nobody)))[-1]


@pytest.fixture
async def room(place: Endpoint) -> AsyncIterator[DisputeRoom]:
    """A desk of disputes whose books are proven once the test is through."""
    async with open_books(place) as books:
        await books.partner()
        async with open_till(books) as till, open_room(till) as room:
            yield room
            assert await books.audit() is None


async def test_a_chargeback_row_becomes_a_dispute_whose_money_ends_the_break(
    room: DisputeRoom, place: Endpoint, tmp_path: Path
) -> None:
    finance, paid = RealFinance(place, tmp_path / "home"), await room.completed()
    today = business_date(datetime.now(UTC))
    taken = Movement(
        paid.order.reference, datetime.now(UTC), -COLLECTED, theirs="4111111111111111", event="chargeback"
    )
    finance.send([taken], today)
    ran = await finance.night(today)
    assert ran.run.holds, ran.run.invariants
    ((outcome, number),) = [(answer.outcome, answer.dispute_id) for answer in ran.chargebacks]
    dispute = await room.desk.last()
    assert (outcome, number) == (ChargebackRowOutcome.OPENED, dispute.id)
    assert (dispute.payment_id, dispute.state) == (paid.payment_id, DisputeState.NOTIFIED)
    assert await states(room) == {("FILE_ONLY", "open")}

    refund_id = (await room.held(dispute, dispute.name))["id"]
    assert isinstance(refund_id, UUID)
    ran = await finance.night(today + timedelta(days=1))
    assert ran.run.holds, ran.run.invariants
    assert ran.chargebacks == ()
    assert await states(room) == {("FILE_ONLY", "closed")}
    await room.decided(dispute, DisputeEvent.LOST)
    assert (await room.office.row(refund_id))["state"] == "done"


async def states(room: DisputeRoom) -> set[tuple[str, str]]:
    """Code and state of every break about what goes back."""
    return {tuple(row) for row in await room.office.books.rows(STATES)}
