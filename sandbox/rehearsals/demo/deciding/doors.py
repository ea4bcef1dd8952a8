"""The end of a demo: two persons of finance open every kind of door through which money leaves a wait.

What waits already after the day is decided first; what nothing made wait yet is paid meanwhile, and the wire
keeps it from its end (`waiting_payments`). Whatever alarm is open afterwards must have a cause.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.kit.institution.amounts import lakh
from sandbox.rehearsals.demo.admin_clients.desco import DescoAdminClient
from sandbox.rehearsals.demo.citizens.books import PORTAL, CitizenOutcome
from sandbox.rehearsals.demo.collecting.book_reader import PayerOutcome
from sandbox.rehearsals.demo.collecting.scenarios import CollectionCourse
from sandbox.rehearsals.demo.comparison.biller_books import IN_REVIEW, Comparison
from sandbox.rehearsals.demo.deciding.finance_desk import DecisionRequest, FinanceDesk, NothingWaitsError
from sandbox.rehearsals.demo.deciding.held_money import take_held_money
from sandbox.rehearsals.demo.deciding.open_alarms import DemoCauses, OpenAlarm, plain_id
from sandbox.rehearsals.demo.deciding.played_doors import PlayedDoor, approved, decided, proposed_words
from sandbox.rehearsals.demo.deciding.shortened_times import (
    LATE_BILLER,
    RECEIPT_BILLER,
    UNDOING_BILLER,
)
from sandbox.rehearsals.demo.deciding.silent_billers import SilentPayment, decide_silent
from sandbox.rehearsals.demo.deciding.waiting_payments import (
    WaitingPayments,
    open_waiting_payments,
    pay_all,
)
from sandbox.rehearsals.demo.paying.load import DemoBillers
from sandbox.rehearsals.demo.paying.partner import Reference
from sandbox.rehearsals.installation.installation import Stage
from sandbox.rehearsals.installation.parties import Parties

_ENDED_SECONDS, _POLL_SECONDS = 300.0, 1.0
_CLOSED_BY_PERSONS = ("late_approval", "reversal_not_known")
_BANK_FEE = ("bank_charges=57.50", "settlement_bank=-57.50")

Row = Mapping[str, Any]


DOORS = frozenset(
    {
        "another amount at the biller", "collected money that differs", "a refund paid by hand",
        "an entry by hand", "late success", "a late success that is undone", "a delivery without an answer",
        "a proposal that lapses", "a final receipt that never came", "money that a connector holds",
        "a completed payment that is returned", "money in suspense of no payment",
    }
)  # fmt: skip
"""Every kind of door; a demo that opened less is not proven."""


@dataclass(frozen=True, slots=True)
class DoorsOutcome:
    """The doors that were opened, and every alarm that is open afterwards."""

    played: Sequence[PlayedDoor]
    alarms: Sequence[OpenAlarm]
    seconds: float = 0.0

    @property
    def unexplained(self) -> Sequence[OpenAlarm]:
        """The open alarms without a cause."""
        return [alarm for alarm in self.alarms if not alarm.cause]

    @property
    def is_explained(self) -> bool:
        """Whether every kind of door was opened, and every alarm that is still open has a cause."""
        return {door.name for door in self.played} >= DOORS and not self.unexplained


@dataclass(frozen=True, slots=True)
class DayEvidence:
    """What the day and its nights have found: exported payments, contradictions, breaks, unagreed payouts."""

    exported: Sequence[Row]
    comparison: Comparison
    payers: PayerOutcome
    citizens: CitizenOutcome
    standing_breaks: Mapping[str, int]
    unagreed: Mapping[str, tuple[str, int]]

    def causes(self) -> DemoCauses:
        """What has made the day's alarms."""
        contradictions = [*self.comparison.contradictions]
        for provider in self.payers.providers:
            contradictions += provider.comparison.contradictions
        return DemoCauses(
            contradictions,
            self.payers.experience.payments,
            self.standing_breaks,
            self.unagreed,
            self.citizens.owed,
        )

    @property
    def tried_bills(self) -> frozenset[str]:
        """The number of every bill that a payment of ours names."""
        return frozenset(line["bill_number"] for line in self.exported if line["bill_number"])

    def review_at(self, biller: str) -> Row:
        """A payment from a prefund in review because its biller says another amount.

        Raises:
            NothingWaitsError: there is none.
        """
        contradicted = {plain_id(each.subject) for each in self.comparison.contradictions}
        for line in self.exported:
            is_review = line["state"] == IN_REVIEW and line["biller_id"] == biller
            if is_review and plain_id(line["id"]) in contradicted:
                return line
        raise NothingWaitsError(f"{biller} contradicts itself about no payment")

    def completed_at(self, biller: str) -> Row:
        """The newest completed payment of a partner to this biller, with nothing that is said against it.

        Raises:
            NothingWaitsError: there is none.
        """
        contradicted = {plain_id(each.subject) for each in self.comparison.contradictions}
        for line in reversed(self.exported):
            is_of_partner = line["partner_id"] != PORTAL and not line["tries"]
            is_candidate = line["biller_id"] == biller and is_of_partner
            if is_candidate and line["state"] == "completed" and plain_id(line["id"]) not in contradicted:
                return line
        raise NothingWaitsError(f"no payment to {biller} is completed")

    def has_course(self, payment_id: str, course: CollectionCourse) -> bool:
        """Whether a payer paid it in this course."""
        collected = self.payers.experience.payments.get(f"pay_{plain_id(payment_id)}")
        return collected is not None and collected.order.course is course


async def open_doors(
    stage: Stage, billers: DemoBillers, parties: Parties, evidence: DayEvidence
) -> DoorsOutcome:
    """Decide what waits, at least once by each kind of door, and explain what is left.

    Raises:
        CommandFailedError: a command of the switch failed.
        NothingWaitsError: something that must wait for two persons does not.
    """
    began_at = time.monotonic()
    first, second, *_ = parties.staff
    desk = FinanceDesk(stage.tool, first, second)
    async with open_waiting_payments(billers, parties) as waiting:
        of_the_day, of_the_wire, held = await asyncio.gather(
            _decide_day(desk, evidence),
            _decide_waiting(desk, waiting),
            take_held_money(
                desk, stage, billers.admin_clients[DescoAdminClient.biller], evidence.tried_bills
            ),
        )
    alarms = await _left_alarms(desk, evidence.causes())
    return DoorsOutcome([*of_the_wire, held, *of_the_day], alarms, time.monotonic() - began_at)


async def _left_alarms(desk: FinanceDesk, causes: DemoCauses) -> Sequence[OpenAlarm]:
    """The open alarms; those whose state is over end at the next sweep, for which this waits."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + _ENDED_SECONDS
    while True:
        alarms = causes.open_alarms(await desk.open_alarms())
        if all(alarm.cause for alarm in alarms) or loop.time() > give_up_at:
            return alarms
        await asyncio.sleep(_POLL_SECONDS)


def _payment(line: Row) -> str:
    return f"payment {line['payment_id']}, {lakh(line['amount'])} taka"


# ---- what waits after the day


async def _decide_day(desk: FinanceDesk, evidence: DayEvidence) -> list[PlayedDoor]:
    alarms = await desk.open_alarms()
    closed = {alarm["kind"]: alarm for alarm in alarms if alarm["kind"] in _CLOSED_BY_PERSONS}
    plays: list[Awaitable[PlayedDoor]] = [
        _accept_other_amount(desk, evidence),
        _give_back_what_differs(desk, evidence, alarms),
        _pay_by_hand(desk, alarms),
        _write_entry(desk),
        _return_suspense(desk),
        _return_completed(desk, evidence),
        *(_close(desk, alarm) for alarm in closed.values()),
    ]
    return list(await asyncio.gather(*plays))


async def _accept_other_amount(desk: FinanceDesk, evidence: DayEvidence) -> PlayedDoor:
    """DESCO says another amount than it booked: its book decides, and holds what we sent."""
    line = evidence.review_at(DescoAdminClient.known_as)
    held = line["attempts"][-1]["reference"]
    request = DecisionRequest(line["id"], "accept", "its book holds the amount that we sent", held)
    waited = f"payment {line['id']}, {lakh(line['amount'])} taka: DESCO says another amount when it is asked"
    return PlayedDoor("another amount at the biller", waited, [await decided(desk, request)])


async def _give_back_what_differs(
    desk: FinanceDesk, evidence: DayEvidence, alarms: Sequence[Row]
) -> PlayedDoor:
    """A provider says that it collected more than it was asked for: nobody owes us to keep that."""

    def _is_meant(alarm: Row) -> bool:
        return evidence.has_course(alarm["payment_id"] or "", CollectionCourse.OTHER_AMOUNT)

    alarm = _alarm(alarms, "collected_mismatch", _is_meant)
    await desk.acknowledge(alarm["alarm_id"])
    request = DecisionRequest(alarm["payment_id"], "give_back", "the payer does not owe us what is more")
    waited = f"{_payment(alarm)}: {alarm['facts']['connector_id']} says that it collected more than that"
    acknowledged = f"{desk.first.name} acknowledged its alarm, due on {alarm['due_on']}."
    return PlayedDoor("collected money that differs", waited, [acknowledged, await decided(desk, request)])


async def _pay_by_hand(desk: FinanceDesk, alarms: Sequence[Row]) -> PlayedDoor:
    """A connector gives nothing back: our bank pays the payer."""
    alarm = _alarm(alarms, "refund_needs_a_person", lambda _: True)
    refund, connector = alarm["subject"].removeprefix("refund "), alarm["facts"]["connector_id"]
    bank_reference = f"FT{refund[-12:].upper()}"
    await desk.pay_by_hand(refund, bank_reference)
    amount = lakh(alarm["amount"])
    act = (
        f"{desk.first.name} wrote down our bank's transfer {bank_reference}; {desk.second.name} confirmed "
        f"it. Posted: debit refund_due:{connector} {amount}, credit settlement_bank {amount}."
    )
    waited = f"refund {refund}, {amount} taka: {connector} does not give it back"
    return PlayedDoor("a refund paid by hand", waited, [act])


async def _write_entry(desk: FinanceDesk) -> PlayedDoor:
    """The bank has taken a fee, of which no message tells the switch."""
    reason, reference = "the bank's fee of November", "STATEMENT-2026-11"
    proposal = await desk.propose_journal(_BANK_FEE, reason, reference)
    proposed = f"{desk.first.name} proposed an entry: {reason} ({reference})"
    waited = "57.50 taka on our bank's statement, of which nothing in the books knows"
    return PlayedDoor("an entry by hand", waited, [await approved(desk, proposal, proposed)])


async def _return_suspense(desk: FinanceDesk) -> PlayedDoor:
    """Money came to our bank without a name; once the bank has named its sender, it is sent back."""
    came, reason = (
        ("settlement_bank=1250.00", "suspense:bkash=-1250.00"),
        "nobody is named on the bank's line",
    )
    taken = await desk.propose_journal(came, reason, "LINE-2026-11-29-7")
    kept = await approved(desk, taken, f"{desk.first.name} proposed an entry: {reason} (LINE-2026-11-29-7)")
    item = await desk.suspense_item("suspense:bkash", 125_000)
    back, why = ("suspense:bkash=1250.00", "settlement_bank=-1250.00"), "the bank has named the sender"
    proposal = await desk.propose_journal(back, why, "LETTER-2026-31", item)
    proposed = f"{desk.first.name} proposed an entry that takes from it: {why} (LETTER-2026-31)"
    waited = "1250.00 taka on our bank's statement that belong to no payment"
    acts = [kept, await approved(desk, proposal, proposed)]
    return PlayedDoor("money in suspense of no payment", waited, acts)


async def _return_completed(desk: FinanceDesk, evidence: DayEvidence) -> PlayedDoor:
    """A bank's customer has paid a stranger's bill; DESCO keeps what is paid, and we bear it."""
    line = evidence.completed_at(DescoAdminClient.known_as)
    reason = "our screen showed the wrong account, so we bear it"
    request = DecisionRequest(line["id"], "return_at_our_loss", reason, "COMPLAINT-2026-118")
    waited = f"payment {line['id']}, {lakh(line['amount'])} taka: complete, and its partner complains"
    return PlayedDoor("a completed payment that is returned", waited, [await decided(desk, request)])


async def _close(desk: FinanceDesk, alarm: Row) -> PlayedDoor:
    """Nothing is posted: the bank's file of the night agrees with our books."""
    reason = "the file of the bank agrees with our books"
    await desk.close(alarm["alarm_id"], reason)
    waited = f"{_payment(alarm)}: {alarm['kind'].replace('_', ' ')}, at {alarm['facts']['connector_id']}"
    return PlayedDoor("an alarm that a person closes", waited, [f"{desk.first.name} closed it: {reason}."])


def _alarm(alarms: Sequence[Row], kind: str, is_meant: Callable[[Row], bool]) -> Row:
    chosen = next((alarm for alarm in alarms if alarm["kind"] == kind and is_meant(alarm)), None)
    if chosen is None:
        raise NothingWaitsError(f"no alarm {kind} is open")
    return chosen


# ---- what the wire keeps from its end


async def _decide_waiting(desk: FinanceDesk, waiting: WaitingPayments) -> list[PlayedDoor]:
    references = await pay_all(waiting)
    ids = await desk.payment_ids(references.texts())
    late, undone, silent, named = await asyncio.gather(
        _decide_late_success(desk, waiting, references.late, ids[references.late.text]),
        _undo_late_success(desk, waiting, references.late_to_undo, ids[references.late_to_undo.text]),
        decide_silent(
            desk,
            waiting,
            SilentPayment(references.stuck, ids[references.stuck.text]),
            SilentPayment(references.answering, ids[references.answering.text]),
        ),
        _name_receipt(desk, waiting, references.without_receipt, ids[references.without_receipt.text]),
    )
    return [late, undone, *silent, named]


async def _decide_late_success(
    desk: FinanceDesk, waiting: WaitingPayments, reference: Reference, payment_id: str
) -> PlayedDoor:
    """The biller books what it had not found; a first proposal is rejected, the partner pays after all."""
    await waiting.arrive_after_give_back(LATE_BILLER, reference)
    await desk.until_listed(payment_id, "review")
    hasty = DecisionRequest(payment_id, "write_off", "it is our loss")
    await desk.reject(await desk.propose(hasty), "the partner is asked first")
    rejected = f"{proposed_words(desk, hasty)}; {desk.second.name} rejected it: the partner is asked first."
    consent = DecisionRequest(payment_id, "debit_partner", "the partner agrees to pay", "MEMO-2026-17")
    waited = (
        f"payment {payment_id}, {lakh(reference.amount_paisa)} taka: {LATE_BILLER} found nothing, the money "
        "went back, and then the request arrived and was booked"
    )
    return PlayedDoor("late success", waited, [rejected, await decided(desk, consent)])


async def _undo_late_success(
    desk: FinanceDesk, waiting: WaitingPayments, reference: Reference, payment_id: str
) -> PlayedDoor:
    """The same at a biller that undoes on our call: it is called, and its booking reversed."""
    await waiting.arrive_after_give_back(UNDOING_BILLER, reference)
    await desk.until_listed(payment_id, "review")
    request = DecisionRequest(payment_id, "undo", "the biller shall not keep what went back")
    act = await decided(desk, request)
    await desk.until_undone(payment_id)
    waited = f"payment {payment_id}, {lakh(reference.amount_paisa)} taka: the same at {UNDOING_BILLER}"
    called = f"The switch called {UNDOING_BILLER}, which has undone it: its booking is reversed."
    return PlayedDoor("a late success that is undone", waited, [act, called])


async def _name_receipt(
    desk: FinanceDesk, waiting: WaitingPayments, reference: Reference, payment_id: str
) -> PlayedDoor:
    """The office makes no final receipt by itself, and names it in writing."""
    await desk.until_listed(payment_id, "missing_receipt")
    number = f"DK{await waiting.known_at_biller(RECEIPT_BILLER, reference)}"
    request = DecisionRequest(payment_id, "accept", "the office names the dakhila in a letter", number)
    waited = (
        f"payment {payment_id}, {lakh(reference.amount_paisa)} taka: complete, and {RECEIPT_BILLER} made no "
        "final receipt in time"
    )
    return PlayedDoor("a final receipt that never came", waited, [await decided(desk, request)])
