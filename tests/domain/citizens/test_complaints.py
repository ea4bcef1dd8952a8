"""When a complaint waits, is escalated, and by whom it may be answered; what is kept of typed words."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from ekpay_switch.domain.citizens.complaints import (
    MESSAGES_MAX,
    WORDS_MAX,
    AnswerRefusal,
    Complaint,
    ComplaintMessage,
    ComplaintState,
    ComplaintTopic,
    MessageAuthor,
    WordsFault,
    answer_refusal,
    read_words,
)
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.security.identifiers import uuid7

FILED_AT, DUE_ON = datetime(2026, 12, 3, 6, 0, tzinfo=UTC), date(2026, 12, 7)
RAHIMA, KARIM = "Rahima", "Karim"
WORDS = "DESCO says that it has nothing."


def with_messages(*staff_names: str) -> Complaint:
    """A complaint whose messages were written by these, its payer where the name is empty."""
    messages = [
        ComplaintMessage(
            nth, MessageAuthor.STAFF if name else MessageAuthor.PAYER, FILED_AT, WORDS, staff_name=name
        )
        for nth, name in enumerate(staff_names, 1)
    ]
    return Complaint(
        complaint_id=uuid7(),
        number=1,
        cart_id=uuid7(),
        bill_seq=None,
        topic=ComplaintTopic.NOT_DELIVERED,
        language=PayerLanguage.BANGLA,
        state=ComplaintState.ANSWERED if staff_names[-1] else ComplaintState.WAITING,
        created_at=FILED_AT,
        due_on=DUE_ON,
        read_on=DUE_ON,
        escalated_at=None,
        messages=messages,
    )


@pytest.mark.parametrize(
    ("late_by", "was_continued", "is_escalated"),
    [(-4, False, False), (0, False, False), (1, False, True), (-4, True, True)],
    ids=["in time", "on its last day", "the day after", "written again"],
)
def test_a_complaint_is_escalated_after_its_date_and_when_its_payer_writes_again(
    *, late_by: int, was_continued: bool, is_escalated: bool
) -> None:
    waiting = replace(
        with_messages(""),
        read_on=DUE_ON + timedelta(days=late_by),
        escalated_at=FILED_AT if was_continued else None,
    )
    assert waiting.is_waiting
    assert waiting.is_escalated is is_escalated


def test_an_answered_complaint_waits_for_nobody_and_is_never_escalated() -> None:
    late = replace(with_messages("", RAHIMA), read_on=DUE_ON + timedelta(days=9), escalated_at=FILED_AT)
    assert not late.is_waiting
    assert not late.is_escalated


def test_a_payer_writes_again_after_an_answer_while_there_is_room_for_another() -> None:
    assert not with_messages("").can_be_continued
    assert with_messages("", RAHIMA).can_be_continued
    full = ["", RAHIMA] * (MESSAGES_MAX // 2)
    assert with_messages(*full[:-2]).can_be_continued
    assert not with_messages(*full).can_be_continued


@pytest.mark.parametrize(
    ("staff_names", "refusal"),
    [
        ([""], None),
        (["", RAHIMA], AnswerRefusal.ANSWERED),
        (["", KARIM], AnswerRefusal.ANSWERED),
        (["", RAHIMA, ""], AnswerRefusal.SAME_PERSON),
        (["", RAHIMA, "", KARIM, ""], AnswerRefusal.SAME_PERSON),
        (["", KARIM, ""], None),
    ],
)
def test_somebody_else_answers_after_an_answer_that_was_not_enough(
    staff_names: list[str], refusal: AnswerRefusal | None
) -> None:
    assert answer_refusal(with_messages(*staff_names), RAHIMA) is refusal


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", WordsFault.MISSING),
        (" \r\n\u200b\u202e\n ", WordsFault.MISSING),
        (" Paid  twice.\r\n\r\n\r\nOn Monday.\n", "Paid twice.\n\nOn Monday."),
        ("ক" * WORDS_MAX, "ক" * WORDS_MAX),
        (f" {'ক' * WORDS_MAX}\n\u200b", "ক" * WORDS_MAX),
        ("ক" * (WORDS_MAX + 1), WordsFault.TOO_LONG),
    ],
)
def test_words_are_kept_on_their_lines_and_have_to_be_seen(typed: str, kept: str) -> None:
    assert read_words(typed) == kept


def test_no_printed_complaint_tells_what_was_written() -> None:
    assert WORDS not in repr(with_messages("", RAHIMA))
