"""The words of text messages, their length, and the pace of their tries."""

from datetime import timedelta

import pytest

from ekpay_switch.domain.citizens.text_messages import code_text, masked_number, retry_after
from ekpay_switch.domain.collections.payer_page import PayerLanguage

GSM_PART, UNICODE_PART = 160, 70


@pytest.mark.parametrize(("language", "part"), [("bn", UNICODE_PART), ("en", GSM_PART)])
def test_a_code_costs_one_message(language: str, part: int) -> None:
    text = code_text("482913", "একপে" if language == "bn" else "ekPay", PayerLanguage(language))
    assert "482913" in text
    assert len(text) <= part
    assert text.isascii() == (language == "en")


def test_the_staff_see_the_ends_of_a_number() -> None:
    assert masked_number("01712345678") == "017*****678"


def test_tries_are_further_and_further_apart_up_to_a_minute() -> None:
    seconds = [retry_after(tries) / timedelta(seconds=1) for tries in (1, 2, 3, 6, 7, 30_000)]
    assert seconds == [2, 4, 8, 60, 60, 60]
