"""A chargeback row from a file to the end of its break, over the real books, windows and desk."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.disputes.chargeback_rows import ChargebackRowOutcome
from ekpay_switch.domain.disputes.dispute import DisputeEvent, DisputeState
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.collections.file_evidence import FileEvidenceStore
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.refunds.chargebacks import DecidedRowError
from ekpay_switch.ports.finance import FileEvidence
from reconciliation.calendar import read_calendar
from reconciliation.nightly.night_run import NightContext, NightOutcome, run_nights
from reconciliation.resolutions.booked_transfers import BookedTransferError
from reconciliation.resolutions.decision_records import CheckerVerdict, Resolution
from reconciliation.resolutions.decisions import CheckOrder, Proposal, ResolutionActions
from reconciliation.resolutions.resolution_actions import ResolutionAction, read_resolution_rules
from reconciliation.resolutions.staff_requests import break_history
from reconciliation.results.records import BreakEventKind
from tests.persistence.collections.collection_setup import open_till
from tests.persistence.conftest import open_books
from tests.persistence.disputes.dispute_setup import AGREES, ASKS, COLLECTED, DisputeRoom, open_room
from tests.reconciliation.institution_files import Head, Movement, bkash
from tests.reconciliation.nightly.stage import nobody
from tests.reconciliation.resolutions.scene import CONFIG, FinanceOnTrial

ROW = "CB-4411"
BREAK = "SELECT id FROM reconciliation.breaks WHERE institution = 'bkash' AND code = 'FILE_ONLY'"
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


@dataclass
class DisputedRow:
    """A chargeback row of a payment that two persons are to decide about."""

    finance: RealFinance
    desk: ResolutionActions
    reference: str
    break_id: UUID

    @classmethod
    async def read(cls, room: DisputeRoom, place: Endpoint, home: Path, reference: str) -> "DisputedRow":
        """Sent by the connector and read by a night; `reference` is that of the collection."""
        finance, today = RealFinance(place, home), business_date(datetime.now(UTC))
        taken = Movement(reference, datetime.now(UTC), -COLLECTED, theirs=ROW, event="chargeback")
        # A decision needs a payment that the night has surely frozen.
        await room.office.books.tell("UPDATE tries SET collected_at = collected_at - interval '1 hour'")
        finance.send([taken], today)
        ran = await finance.night(today)
        assert ran.run.holds, ran.run.invariants
        rules, calendar = (
            read_resolution_rules(CONFIG / "resolutions.toml"),
            read_calendar(CONFIG / "calendar.toml"),
        )
        ((break_id,),) = await room.office.books.rows(BREAK)
        return cls(finance, ResolutionActions(finance, rules, calendar), reference, break_id)

    async def propose(self, action: ResolutionAction, **facts: object) -> Resolution:
        proposal = Proposal(self.break_id, action, "they do not say why", ASKS, **facts)  # type: ignore[arg-type]
        return await self.desk.propose(proposal)

    async def approve(self, resolution: Resolution) -> Resolution:
        return await self.desk.check(CheckOrder(resolution.id, AGREES, CheckerVerdict.APPROVED))

    async def decide(self, action: ResolutionAction, **facts: object) -> Resolution:
        return await self.approve(await self.propose(action, **facts))

    async def fitting(self) -> list[str]:
        return [action.value for action in (await break_history(self.finance, str(self.break_id))).fitting]


async def test_while_a_dispute_has_a_row_its_break_allows_nothing_that_moves_money(
    room: DisputeRoom, place: Endpoint, tmp_path: Path
) -> None:
    paid = await room.completed()
    row = await DisputedRow.read(room, place, tmp_path / "home", paid.order.reference)
    dispute = await room.desk.last()
    before = await room.office.till.balances()
    for action in (ResolutionAction.TO_SUSPENSE, ResolutionAction.CLAIM):
        with pytest.raises(BookedTransferError, match=rf"ekpay disputes held {dispute.id}"):
            await row.propose(action)
    assert await row.fitting() == ["no_action"]
    assert await room.moved(before) == {}


async def test_a_decision_is_not_approved_once_a_dispute_has_its_row(
    room: DisputeRoom, place: Endpoint, tmp_path: Path
) -> None:
    row, paid = await settled_row(room, place, tmp_path)
    waiting = await row.propose(ResolutionAction.CLAIM)
    further = await room.opened(paid, COLLECTED, "D-2")
    with pytest.raises(BookedTransferError, match=rf"dispute {further.id} \(D-2\)"):
        await row.approve(waiting)
    events = (await break_history(row.finance, str(row.break_id))).events
    assert events[-1].event is BreakEventKind.REFUSED


async def test_a_row_that_persons_have_decided_is_no_money_of_a_dispute_until_they_reverse_it(
    room: DisputeRoom, place: Endpoint, tmp_path: Path
) -> None:
    row, paid = await settled_row(room, place, tmp_path)
    assert "claim_from_institution" in await row.fitting()
    claimed = await row.decide(ResolutionAction.CLAIM)
    further = await room.opened(paid, COLLECTED, "D-2")
    with pytest.raises(DecidedRowError, match=r"ekpay reconcile reverse"):
        await room.held(further, ROW)
    # The decision that stands goes on: nothing else can book the row.
    assert "claim_written_off" in await row.fitting()
    reversal = await row.propose(claimed.action, reverses=claimed.id)
    await row.approve(reversal)
    assert await row.fitting() == ["no_action"]
    assert (await room.held(further, ROW))["provider_refund"] == ROW


async def test_a_decided_row_is_no_chargeback_of_its_own(
    room: DisputeRoom, place: Endpoint, tmp_path: Path
) -> None:
    row, paid = await settled_row(room, place, tmp_path)
    await row.decide(ResolutionAction.CLAIM)
    with pytest.raises(DecidedRowError, match=ROW):
        await room.office.desk.record_chargeback(paid.payment_id, Money(COLLECTED), ROW, ASKS)


async def settled_row(room: DisputeRoom, place: Endpoint, tmp_path: Path) -> tuple[DisputedRow, LockedTry]:
    """A row whose dispute was settled otherwise, so that its break is for persons again."""
    paid = await room.completed()
    row = await DisputedRow.read(room, place, tmp_path / "home", paid.order.reference)
    await room.decided(await room.desk.last(), DisputeEvent.SETTLED_OTHERWISE, settlement="by mail")
    return row, paid


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
