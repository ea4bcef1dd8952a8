"""Complaints of payers about a payment: what they are about, who has to answer, and when one is escalated.

Pure. A complaint moves no money. It waits for a person of the staff, has a date by which it is answered, and
is escalated where that date has passed or where its payer writes again: somebody else answers it then
(docs/adr/0127).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from ekpay_switch.domain.citizens.typed_words import lines
from ekpay_switch.domain.collections.payer_page import PayerLanguage

# How many a payment may have, and how many messages one of them.
COMPLAINTS_MAX, MESSAGES_MAX = 5, 20
WORDS_MAX = 1_000


class ComplaintTopic(StrEnum):
    """What a payer complains about."""

    NOT_DELIVERED = "not_delivered"  # paid, and the biller does not know of it
    MONEY_NOT_BACK = "money_not_back"  # a refund that was promised has not come
    TAKEN_TWICE = "taken_twice"
    WRONG_AMOUNT = "wrong_amount"
    NO_TOKEN = "no_token"  # the token of a prepaid meter is missing or refused  # noqa: S105 - no secret
    OTHER = "other"


class ComplaintState(StrEnum):
    """Whose turn it is."""

    WAITING = "waiting"  # for a person of the staff
    ANSWERED = "answered"  # the payer may write again


class MessageAuthor(StrEnum):
    """Who wrote a message of a complaint."""

    PAYER = "payer"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class ComplaintMessage:
    """A message, the first of a complaint being 1; `staff_name` is empty where its payer wrote it.

    `words` is None where they could not be unsealed: their row was changed.
    """

    nth: int
    author: MessageAuthor
    at: datetime
    words: str | None = field(repr=False)
    staff_name: str = ""


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint with its messages, the first before the others.

    `number` is what people call it by and no secret. `bill_seq` is the bill of the cart that it is about,
    None where it is about the whole payment. `due_on` is the Dhaka date by which it is answered, and
    `read_on` the one on which this was read.
    """

    complaint_id: UUID
    number: int
    cart_id: UUID
    bill_seq: int | None
    topic: ComplaintTopic
    language: PayerLanguage
    state: ComplaintState
    created_at: datetime
    due_on: date
    read_on: date
    escalated_at: datetime | None
    messages: Sequence[ComplaintMessage]

    @property
    def is_waiting(self) -> bool:
        """Whether a person of the staff has to answer."""
        return self.state is ComplaintState.WAITING

    @property
    def is_escalated(self) -> bool:
        """Whether its payer has written again, or its date has passed without an answer."""
        return self.is_waiting and (self.escalated_at is not None or self.due_on < self.read_on)

    @property
    def can_be_continued(self) -> bool:
        """Whether its payer may write again: once it is answered, and some room is left for the answer."""
        return not self.is_waiting and len(self.messages) + 2 <= MESSAGES_MAX


class AnswerRefusal(StrEnum):
    """Why a person may not answer a complaint."""

    ANSWERED = "it is answered already"
    SAME_PERSON = "its payer was not content with an answer of yours; somebody else answers it"


def answer_refusal(complaint: Complaint, staff_name: str) -> AnswerRefusal | None:
    """Why this person may not answer it now; None: they may."""
    if not complaint.is_waiting:
        return AnswerRefusal.ANSWERED
    if any(message.staff_name == staff_name for message in complaint.messages):
        return AnswerRefusal.SAME_PERSON
    return None


class WordsFault(StrEnum):
    """What is wrong with words that somebody typed."""

    MISSING = "missing"
    TOO_LONG = "too_long"


def read_words(typed: str) -> str | WordsFault:
    """The words of a message as they are kept: on their lines, and with nothing invisible in them."""
    text = lines(typed)
    if not text:
        return WordsFault.MISSING
    return text if len(text) <= WORDS_MAX else WordsFault.TOO_LONG
