"""The words of text messages, their length, and the pace of their tries."""

from datetime import date, timedelta

import pytest

from ekpay_switch.domain.citizens.text_messages import (
    DueBill,
    PaidCart,
    ReminderStage,
    answer_text,
    code_text,
    masked_number,
    outcome_text,
    reminder_text,
    retry_after,
)
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.money import Money

GSM_PART, UNICODE_PART = 160, 70


@pytest.mark.parametrize(("language", "part"), [("bn", UNICODE_PART), ("en", GSM_PART)])
def test_a_code_costs_one_message(language: str, part: int) -> None:
    text = code_text("482913", "একপে" if language == "bn" else "ekPay", PayerLanguage(language))
    assert "482913" in text
    assert len(text) <= part
    assert text.isascii() == (language == "en")


PAID, BACK = [Money(551_793), Money(284_911), Money(21_111)], [Money(151_111)]
NUMBER = "261202144316bf0ed"


@pytest.mark.parametrize(
    ("cart", "english", "bangla"),
    [
        (
            PaidCart(NUMBER, PAID, []),
            "ekPay: 3 bills paid, Tk 8,578.15. Payment 261202144316bf0ed.",
            "একপে: ৩টি বিল পরিশোধ হয়েছে, ৮,৫৭৮.১৫ টাকা। নম্বর 261202144316bf0ed।",
        ),
        (
            PaidCart(NUMBER, [], BACK),
            "ekPay: 1 bill not paid, Tk 1,511.11 and its charges go back. Payment 261202144316bf0ed.",
            "একপে: ১টি বিল পরিশোধ হয়নি, ১,৫১১.১১ টাকা ও এর ভাগের চার্জ ফেরত যাবে। নম্বর 261202144316bf0ed।",
        ),
        (
            PaidCart(NUMBER, PAID[:1], BACK),
            (
                "ekPay: 1 bill paid, Tk 5,517.93. 1 bill not paid, Tk 1,511.11 and its charges go back. "
                "Payment 261202144316bf0ed."
            ),
            (
                "একপে: ১টি বিল পরিশোধ হয়েছে, ৫,৫১৭.৯৩ টাকা। "
                "১টি বিল পরিশোধ হয়নি, ১,৫১১.১১ টাকা ও এর ভাগের চার্জ ফেরত যাবে। নম্বর 261202144316bf0ed।"
            ),
        ),
    ],
)
def test_the_outcome_of_a_cart_is_said_in_both_languages(cart: PaidCart, english: str, bangla: str) -> None:
    assert outcome_text(cart, "ekPay", PayerLanguage.ENGLISH) == english
    assert outcome_text(cart, "একপে", PayerLanguage.BANGLA) == bangla
    assert len(english) <= GSM_PART
    assert "http" not in english + bangla


def test_a_cart_that_was_paid_whole_costs_one_message() -> None:
    text = outcome_text(PaidCart(NUMBER, PAID, []), "একপে", PayerLanguage.BANGLA)
    assert len(text) <= UNICODE_PART


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "ekPay: complaint 1207 is answered. See it with payment 261202144316bf0ed."),
        ("bn", "একপে: অভিযোগ ১২০৭: উত্তর দেওয়া হয়েছে। লেনদেন 261202144316bf0ed।"),
    ],
)
def test_an_answer_to_a_complaint_is_said_without_its_words(language: str, text: str) -> None:
    name = "একপে" if language == "bn" else "ekPay"
    assert answer_text(1207, NUMBER, name, PayerLanguage(language)) == text


@pytest.mark.parametrize(("language", "part"), [("bn", UNICODE_PART), ("en", GSM_PART)])
def test_an_answer_costs_one_message(language: str, part: int) -> None:
    name = "একপে" if language == "bn" else "ekPay"
    assert len(answer_text(999_999, NUMBER, name, PayerLanguage(language))) <= part


def test_the_staff_see_the_ends_of_a_number() -> None:
    assert masked_number("01712345678") == "017*****678"


def test_tries_are_further_and_further_apart_up_to_a_minute() -> None:
    seconds = [retry_after(tries) / timedelta(seconds=1) for tries in (1, 2, 3, 6, 7, 30_000)]
    assert seconds == [2, 4, 8, 60, 60, 60]


@pytest.mark.parametrize(
    ("stage", "due_on", "english", "bangla"),
    [
        (
            ReminderStage.DUE,
            date(2026, 12, 14),
            "bill of Tk 1,234.50, due 14 December.",
            "বিল ১,২৩৪.৫০ টাকা, শেষ তারিখ ১৪ ডিসেম্বর।",
        ),
        (ReminderStage.DUE, None, "bill of Tk 1,234.50.", "বিল ১,২৩৪.৫০ টাকা।"),
        (
            ReminderStage.PREPARED,
            date(2026, 12, 14),
            "bill of Tk 1,234.50 is ready, due 14 December. Confirm it in your account.",
            "বিল ১,২৩৪.৫০ টাকা প্রস্তুত, শেষ তারিখ ১৪ ডিসেম্বর। অ্যাকাউন্টে গিয়ে পরিশোধ করুন।",
        ),
        (
            ReminderStage.ABOVE_CAP,
            None,
            "bill of Tk 1,234.50 is above your limit. Nothing was prepared.",
            "বিল ১,২৩৪.৫০ টাকা আপনার সীমার বেশি। প্রস্তুত করা হয়নি।",
        ),
        (
            ReminderStage.STILL_OPEN,
            date(2026, 12, 14),
            "bill of Tk 1,234.50 is still open at the biller, due 14 December.",
            "বিল ১,২৩৪.৫০ টাকা বিলদাতার কাছে এখনো বাকি, শেষ তারিখ ১৪ ডিসেম্বর।",
        ),
    ],
)
def test_a_reminder_names_the_bill_its_amount_and_its_day(
    stage: ReminderStage, due_on: date | None, english: str, bangla: str
) -> None:
    amount = Money(123_450)
    due = DueBill(stage, "DESCO", "Home", amount, due_on)
    assert reminder_text(due, "ekPay", PayerLanguage.ENGLISH) == f"ekPay: DESCO (Home): {english}"
    due = DueBill(stage, "ডেসকো", "বাসা", amount, due_on)
    text = reminder_text(due, "একপে", PayerLanguage.BANGLA)
    assert text == f"একপে: ডেসকো (বাসা): {bangla}"
    assert len(text) <= UNICODE_PART * (1 if stage is ReminderStage.DUE else 2)
