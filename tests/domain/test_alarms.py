"""Alarms: what they are about, and how a repeat of one is told from another."""

from uuid import UUID

from ekpay_switch.domain.alarms import (
    MEANING,
    Alarm,
    RaisedAlarm,
    breaks_subject,
    complaint_subject,
    deposit_subject,
    dispute_subject,
    distinct_alarms,
    endpoint_subject,
    entry_subject,
    instruction_subject,
    payment_subject,
    refund_subject,
    restore_subject,
    staff_subject,
    withdrawals_subject,
)

ID = UUID(int=1)
SUBJECTS = (payment_subject, refund_subject, entry_subject, endpoint_subject, restore_subject)


def test_every_alarm_has_a_meaning() -> None:
    assert set(MEANING) == set(Alarm)
    assert all(MEANING.values())


def test_records_with_the_same_id_are_different_subjects() -> None:
    subjects = {name(ID) for name in SUBJECTS}
    assert len(subjects) == len(SUBJECTS)
    assert breaks_subject("bkash") == "breaks bkash"
    assert deposit_subject("nesco_prepaid") == "deposit nesco_prepaid"
    assert dispute_subject(7) == "dispute 7"
    assert withdrawals_subject("bank1") == "withdrawals bank1"
    assert instruction_subject("EABC") == "instruction EABC"
    assert staff_subject("Karim") == "staff Karim"
    assert complaint_subject(12) == "complaint 12"


def test_of_repeats_about_one_subject_the_last_counts() -> None:
    first = RaisedAlarm(Alarm.SHUT_OUT, "biller a", amount=1)
    again = RaisedAlarm(Alarm.SHUT_OUT, "biller a", amount=2)
    other = RaisedAlarm(Alarm.SHUT_OUT, "biller b", amount=1)
    assert distinct_alarms([first, other, again]) == [again, other]
