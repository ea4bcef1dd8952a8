"""Complaints in memory: `ports.complaints.Complaints`, and what the staff answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from uuid import UUID

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.citizens.complaints import (
    COMPLAINTS_MAX,
    AnswerRefusal,
    Complaint,
    ComplaintMessage,
    ComplaintState,
    ComplaintTopic,
    MessageAuthor,
    answer_refusal,
)
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.ports.complaints import AnswerRefusedError, NewComplaint, NextMessage
from ekpay_switch.security.identifiers import uuid7
from tests.fakes.world import FakeClock

# Days until an answer is due: of a new complaint, and of one whose payer wrote again.
DUE_DAYS, ESCALATED_DUE_DAYS = 2, 1


@dataclass
class FakeComplaints:
    """Complaints by their id; `is_ordered` says which carts may have any."""

    clock: FakeClock
    is_ordered: Callable[[UUID], bool] = lambda _: True
    kept: dict[UUID, Complaint] = field(default_factory=dict)

    async def file(self, new: NewComplaint) -> bool:
        known = self.kept.get(new.complaint_id)
        if known is not None:
            return known.cart_id == new.cart_id
        if not self.is_ordered(new.cart_id) or len(await self.of_cart(new.cart_id)) >= COMPLAINTS_MAX:
            return False
        self._store(new)
        return True

    async def add(self, message: NextMessage) -> bool:
        complaint = self.kept.get(message.complaint_id)
        if complaint is None or complaint.cart_id != message.cart_id or not complaint.can_be_continued:
            return False
        if message.nth != len(complaint.messages) + 1:
            return False
        now = self.clock.now()
        written = ComplaintMessage(message.nth, MessageAuthor.PAYER, now, message.words)
        self.kept[complaint.complaint_id] = replace(
            complaint,
            state=ComplaintState.WAITING,
            escalated_at=now,
            due_on=self._today() + timedelta(days=ESCALATED_DUE_DAYS),
            messages=(*complaint.messages, written),
        )
        return True

    async def of_cart(self, cart_id: UUID) -> Sequence[Complaint]:
        of_cart = (complaint for complaint in self.kept.values() if complaint.cart_id == cart_id)
        return [replace(complaint, read_on=self._today()) for complaint in of_cart]

    def filed_for(self, cart_id: UUID, words: str) -> Complaint:
        """A complaint of a cart, as if its payer had filed it."""
        new = NewComplaint(uuid7(), cart_id, None, ComplaintTopic.OTHER, PayerLanguage.BANGLA, words)
        return self._store(new)

    def answer(self, number: int, words: str, by: str) -> Complaint:
        """Answer one as a person of the staff; the same answer is no other.

        Raises:
            AnswerRefusedError: there is none, or this person may not answer it.
        """
        numbered = (complaint for complaint in self.kept.values() if complaint.number == number)
        complaint = next(numbered, None)
        if complaint is None:
            raise AnswerRefusedError(f"there is no complaint {number}")
        refusal, last = answer_refusal(complaint, by), complaint.messages[-1]
        if refusal is AnswerRefusal.ANSWERED and (last.staff_name, last.words) == (by, words):
            return complaint
        if refusal is not None:
            raise AnswerRefusedError(f"complaint {number}: {refusal}")
        nth = len(complaint.messages) + 1
        message = ComplaintMessage(nth, MessageAuthor.STAFF, self.clock.now(), words, by)
        answered = replace(complaint, state=ComplaintState.ANSWERED, messages=(*complaint.messages, message))
        self.kept[complaint.complaint_id] = answered
        return answered

    def _store(self, new: NewComplaint) -> Complaint:
        now, today = self.clock.now(), self._today()
        complaint = Complaint(
            complaint_id=new.complaint_id,
            number=len(self.kept) + 1,
            cart_id=new.cart_id,
            bill_seq=new.bill_seq,
            topic=new.topic,
            language=new.language,
            state=ComplaintState.WAITING,
            created_at=now,
            due_on=today + timedelta(days=DUE_DAYS),
            read_on=today,
            escalated_at=None,
            messages=(ComplaintMessage(1, MessageAuthor.PAYER, now, new.words),),
        )
        self.kept[new.complaint_id] = complaint
        return complaint

    def _today(self) -> date:
        return business_date(self.clock.now())
