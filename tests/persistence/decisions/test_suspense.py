"""Money in suspense that belongs to no payment: linked, split and returned, and never more than there is."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import pytest

from ekpay_switch.domain.decisions.journal import ForbiddenEntryError
from ekpay_switch.domain.decisions.suspense import UnfitTakingError
from ekpay_switch.domain.ledger.entries import Entry, Posting
from ekpay_switch.domain.ledger.settlement_postings import PayoutParts, payout_received_entry
from ekpay_switch.persistence.alarms.desk import AlarmStandsError, PostgresAlarmDesk
from ekpay_switch.persistence.decisions.journals import NoItemError
from ekpay_switch.persistence.ledger.adjustments import Adjustments
from ekpay_switch.ports.decisions import JournalProposal, ProposalState, ProposalView
from ekpay_switch.ports.finance import Adjustment
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.collections.collection_setup import Till
from tests.persistence.decisions.decision_setup import APPROVES, PROPOSES, THIRD, Desk, open_desk
from tests.persistence.refunds.refund_setup import open_office

SUSPENSE, BANK = "suspense:bkash", "settlement_bank"
HELD = 5_000
Lines = tuple[tuple[str, int], ...]


@dataclass
class Counter:
    """The desk, with the books that payouts are posted to."""

    desk: Desk
    adjustments: Adjustments
    letters: int = 0

    async def post(self, entry: Entry) -> UUID:
        made = Adjustment.of(uuid7(), entry)
        await self.adjustments.open_accounts([account for account, _ in made.postings])
        connection = await self.desk.books.database.connect()
        try:
            async with connection.transaction():
                await self.adjustments.post(connection, [made])
        finally:
            await connection.close()
        return made.id

    async def payout(self, suspense: int = HELD) -> UUID:
        """A payout of which so much is not agreed."""
        return await self.post(payout_received_entry("bkash", PayoutParts(suspense, 0, 0, suspense, 0)))

    async def propose(self, entry_id: UUID | None, lines: Lines, by: str = PROPOSES) -> ProposalView:
        self.letters += 1
        reference = f"MAIL-{self.letters}"
        proposal = JournalProposal(uuid7(), lines, "bKash named it", reference, by, entry_id)
        return await self.desk.desk.propose_journal(proposal)

    async def approve(self, view: ProposalView, by: str = APPROVES) -> ProposalView:
        return await self.desk.desk.approve(view.id, view.code, by)

    async def take(self, entry_id: UUID | None, lines: Lines) -> ProposalView:
        return await self.approve(await self.propose(entry_id, lines))

    async def remains(self) -> dict[UUID, int]:
        return {view.item.entry_id: view.item.remains for view in await self.desk.desk.list_suspense(10)}

    async def finding(self) -> str:
        return str(await self.desk.books.audit())


@pytest.fixture
async def counter(till: Till) -> AsyncIterator[Counter]:
    """A desk whose books are proven once the test is through, unless it has spoilt them itself."""
    async with open_office(till) as office, open_desk(office) as desk:
        yield Counter(desk, Adjustments(till.books.database.connect))


def _to(account: str, amount: int) -> Lines:
    return ((SUSPENSE, amount), (account, -amount))


async def test_an_item_is_linked_and_the_rest_returned(counter: Counter) -> None:
    entry_id = await counter.payout()
    assert await counter.remains() == {entry_id: HELD}

    linked = await counter.take(entry_id, _to("receivable:bkash", 3_000))
    assert linked.state is ProposalState.APPROVED
    assert await counter.remains() == {entry_id: 2_000}
    (listed,) = await counter.desk.desk.list_suspense(10)
    assert [(view.reason, view.reference) for view in listed.proposals] == [("bKash named it", "MAIL-1")]
    await counter.take(entry_id, _to(BANK, 2_000))

    assert await counter.remains() == {}
    (shown,) = await counter.desk.desk.show_suspense(entry_id)
    assert (shown.item.posted, shown.item.remains, len(shown.proposals)) == (HELD, 0, 2)
    assert (await counter.desk.balances()).get(SUSPENSE, 0) == 0
    assert await counter.desk.books.audit() is None


async def test_one_decision_splits_an_item(counter: Counter) -> None:
    entry_id = await counter.payout()
    lines = ((SUSPENSE, HELD), ("receivable:bkash", -1_000), ("write_off", -3_500), (BANK, -500))
    await counter.take(entry_id, lines)
    assert await counter.remains() == {}
    assert await counter.desk.books.audit() is None


async def test_a_claim_is_settled_in_the_other_direction(counter: Counter) -> None:
    entry_id = await counter.payout(-HELD)
    assert await counter.remains() == {entry_id: -HELD}
    with pytest.raises(UnfitTakingError, match="it has to credit suspense:bkash"):
        await counter.propose(entry_id, _to(BANK, HELD))
    await counter.take(entry_id, _to(BANK, -HELD))
    assert await counter.remains() == {}
    assert await counter.desk.books.audit() is None


async def test_a_journal_into_suspense_is_an_item_and_what_takes_from_one_is_none(counter: Counter) -> None:
    await counter.take(None, _to(BANK, -700))
    ((entry_id, remains),) = (await counter.remains()).items()
    assert remains == 700
    await counter.take(entry_id, _to(BANK, 700))
    assert await counter.remains() == {}


REFUSED: dict[str, tuple[Lines, str]] = {
    "more than remains": (_to(BANK, HELD + 1), "5000 paisa remain on suspense:bkash, not 5001"),
    "no suspense": ((("receivable:bkash", -5), (BANK, 5)), "exactly one posting"),
    "two of suspense": (((SUSPENSE, 1), ("suspense:nagad", 1), (BANK, -2)), "exactly one posting"),
    "another account": ((("suspense:nagad", 5), (BANK, -5)), "holds nothing on suspense:nagad"),
    "the same direction": (_to(BANK, -5), "it has to debit suspense:bkash"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_does_not_fit_its_item_is_refused(counter: Counter, name: str) -> None:
    lines, why = REFUSED[name]
    entry_id = await counter.payout()
    with pytest.raises(UnfitTakingError, match=f"of: .*{why}"):
        await counter.propose(entry_id, lines)
    assert await counter.desk.books.count("decisions") == 0


async def test_the_chart_says_what_may_meet(counter: Counter) -> None:
    with pytest.raises(ForbiddenEntryError, match="may not meet"):
        await counter.propose(await counter.payout(), _to("prefund:bank1:postpaid", 5))


async def test_only_what_is_decided_here_can_be_named(counter: Counter) -> None:
    """What a break has put into suspense has the doors of its break; and an entry must be there at all."""
    lines = (Posting(BANK, 40), Posting(SUSPENSE, -40))
    of_a_break = await counter.post(Entry.of("break_to_suspense", lines))
    assert await counter.remains() == {}
    for entry_id in (of_a_break, uuid7()):
        with pytest.raises(NoItemError, match="of: entry"):
            await counter.propose(entry_id, _to(BANK, 40))


async def test_a_journal_that_settles_the_claim_of_a_chargeback_makes_no_item(counter: Counter) -> None:
    lines = (Posting(SUSPENSE, 90), Posting("refund_due:bkash", -90))
    claim = await counter.post(Entry.of("charged_back_from_suspense", lines))
    await counter.take(claim, _to("write_off", -90))
    assert await counter.remains() == {}


async def test_two_who_approve_at_once_never_take_more_than_remains(counter: Counter) -> None:
    entry_id = await counter.payout()
    first = await counter.propose(entry_id, _to("receivable:bkash", 3_000))
    second = await counter.propose(entry_id, _to(BANK, 2_500), THIRD)

    views = await asyncio.gather(counter.approve(first), counter.approve(second))

    assert sorted(view.state for view in views) == [ProposalState.APPROVED, ProposalState.LAPSED]
    (lapsed,) = [view for view in views if view.state is ProposalState.LAPSED]
    left = 2_000 if lapsed.id == second.id else 2_500
    assert f"{left} paisa remain" in lapsed.end_reason
    assert await counter.remains() == {entry_id: left}
    # Whoever decides next is shown what was tried.
    (shown,) = await counter.desk.desk.show_suspense(entry_id)
    assert {view.id for view in shown.proposals} == {first.id, second.id}
    assert await counter.desk.books.audit() is None


async def test_an_item_has_its_alarm_until_it_is_settled(counter: Counter) -> None:
    entry_id = await counter.payout()
    await counter.desk.upkeep.sweep()
    query = "SELECT id, subject, amount FROM alarms WHERE kind = 'money_in_suspense' AND ended_at IS NULL"
    (alarm,) = await counter.desk.books.rows(query)
    assert (alarm["subject"], alarm["amount"]) == (f"entry {entry_id}", HELD)
    alarms = PostgresAlarmDesk(counter.desk.books.database.connect)
    with pytest.raises(AlarmStandsError):
        await alarms.close(alarm["id"], "somebody else does it", PROPOSES)

    await counter.take(entry_id, _to(BANK, 1_000))
    await counter.desk.upkeep.sweep()
    assert await counter.desk.books.rows(query)
    await counter.take(entry_id, _to(BANK, 4_000))

    assert await counter.desk.books.rows(query) == []
    assert (await alarms.show(alarm["id"])).ended_by == "decision"


async def test_a_claim_that_was_paid_before_its_break_closed_waits_with_its_alarm(counter: Counter) -> None:
    """The night's rule has reversed it; the money is at our bank, and nobody else would ask whose it is."""
    entry = Entry("break_claim_received_reversed", (Posting("claim:bkash", 700), Posting(SUSPENSE, -700)))
    entry_id = await counter.post(entry)
    assert await counter.remains() == {entry_id: 700}
    await counter.desk.upkeep.sweep()
    assert await counter.desk.open_alarms() == ["money_in_suspense"]
    await counter.take(entry_id, _to(BANK, 700))
    assert await counter.remains() == {}
    assert await counter.desk.open_alarms() == []


OTHER_ITEM = """
UPDATE decisions SET takes_from = (
  SELECT id FROM journal_entries WHERE id <> takes_from AND moment = 'payout_received')
"""
SPOILT: dict[str, tuple[str, str]] = {
    "more was taken": (OTHER_ITEM, "2000 paisa of -1000 on suspense:bkash were taken"),
    "its item is not named": ("UPDATE decisions SET takes_from = NULL", "names no item"),
}


@pytest.mark.parametrize("name", SPOILT)
async def test_the_audit_proves_what_items_gave(counter: Counter, name: str) -> None:
    statement, why = SPOILT[name]
    await counter.payout(1_000)
    await counter.take(await counter.payout(), _to(BANK, 2_000))
    assert await counter.desk.books.audit() is None

    await counter.desk.books.tell(statement)

    assert why in await counter.finding()
