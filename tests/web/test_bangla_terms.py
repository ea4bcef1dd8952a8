# ruff: noqa: RUF001 - Bangla digits
"""The Bangla of our pages keeps to one term per idea, and no ending hangs on a name that is a variable."""

import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ekpay_switch.edge_kit.bilingual_text import clock_text
from ekpay_switch.web.wording import Language, read_texts

REPOSITORY = Path(__file__).parents[2]
TEXTS = read_texts(Language.BANGLA)
# Bangla that people read elsewhere: receipts, return pages, break sentences, biller lists, reports.
OTHERS = sorted(
    path
    for folder, kind in (
        ("ekpay_switch", "*.py"), ("reconciliation", "*.py"), ("reconciliation", "*.typ"),
        ("config", "*.toml"),
    )
    for path in (REPOSITORY / folder).rglob(kind)
)  # fmt: skip
BANGLA = re.compile("[\u0980-\u09ff][\u0980-\u09ff\u200c\u200d .,;:।()-]*")
# The words that a term replaces, with the term.
NOT_SAID = {
    "টাকা দেওয়া হয়েছে": "পেমেন্ট সফল হয়েছে",
    "যিনি টাকা পাবেন": "প্রাপক",
    "যার জন্য টাকা": "কিসের জন্য টাকা দিচ্ছেন",
    "ব্যাংক বা ওয়ালেটের নম্বর": "লেনদেন নম্বর (TrxID)",
    "মাধ্যমের লেনদেন নম্বর": "লেনদেন নম্বর (TrxID)",
    "ekPay নম্বর": "ekPay লেনদেন নম্বর",
    "একপে লেনদেন": "ekPay লেনদেন নম্বর",
    "এটি নেয়নি": "পেমেন্টটি প্রত্যাখ্যান করেছে",
    "আমাদের খাতা দেখবে": "নিজে থেকে হালনাগাদ হবে",
    "লেখা হচ্ছে": "জমা করা হচ্ছে",
    "প্রি-পেইড": "প্রিপেইড",
    "মিলকরণ": "হিসাব সমন্বয়",
    r"(?<!গর)অমিল": "গরমিল",
    "খোলা গরমিল": "অনিষ্পন্ন গরমিল",
    "এমন কিছু এখানে নেই": "পাতাটি পাওয়া যায়নি",
    r"এটি কোনো [^।]*নম্বর নয়": "নম্বরটি সঠিক নয়",
    "আপনি রাজি হয়েছেন,": "আপনি রাজি হয়েছেন কি না",
    "আপনি টাকা দিয়েছেন,": "আপনি টাকা দিয়েছেন কি না",
    "ঢাকার সময়": "বাংলাদেশ সময়",
    "তা জানে": "প্রাপককে পেমেন্টের খবর জানানো হয়েছে",
    "দেখতে পারছি না": "দেখানো যাচ্ছে না",
    "ফিরিয়ে নেওয়া হবে": "আপনি দোকানের পাতায় ফিরে যাবেন",
    "অর্ডারটি বোঝা যায়নি": "অর্ডারটি নেওয়া যায়নি",
    r"(?<!টাকার )পরিমাণ": "টাকার পরিমাণ",
}
# Papers of finance speak of other quantities than the sum on a page.
PAGES_ONLY = {r"(?<!টাকার )পরিমাণ", "টাকা দেওয়া হয়েছে"}
HEADINGS = re.compile(r"\.(title|heading|sum_title)$")


def bangla_of(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        yield from BANGLA.findall(line)


@pytest.mark.parametrize("wrong", NOT_SAID)
def test_no_page_says_a_word_that_a_term_replaces(wrong: str) -> None:
    said = {key: text for key, text in TEXTS.items() if re.search(wrong, text)}
    assert said == {}, f"say {NOT_SAID[wrong]}"


def test_no_other_bangla_of_ours_says_such_a_word() -> None:
    everywhere = re.compile("|".join(NOT_SAID.keys() - PAGES_ONLY))
    said = [(path.name, text) for path in OTHERS for text in bangla_of(path) if everywhere.search(text)]
    assert said == []


def test_a_heading_says_pay_by_the_verb_of_the_terms() -> None:
    assert [key for key, text in TEXTS.items() if HEADINGS.search(key) and "দেওয়া" in text] == []


def test_no_ending_hangs_on_a_name_by_a_hyphen() -> None:
    """`{name}-এর` is right for no name: an ending joins the word, or the sentence does without one."""
    breaks = tomllib.loads((REPOSITORY / "config/breaks.toml").read_text(encoding="utf-8"))
    sentences = [*TEXTS.values(), str(breaks)]
    assert [text for text in sentences if re.search("}-[\u0980-\u09ff]", text)] == []


def test_every_digit_and_sum_of_a_bangla_text_is_bangla() -> None:
    assert [key for key, text in TEXTS.items() if re.search("[0-9৳]", text)] == []


@pytest.mark.parametrize(
    ("hour", "minute", "said"),
    [
        (0, 0, "রাত ১২:০০"), (3, 59, "রাত ৩:৫৯"), (4, 0, "ভোর ৪:০০"), (5, 42, "ভোর ৫:৪২"), (6, 0, "সকাল ৬:০০"),
        (10, 5, "সকাল ১০:০৫"), (12, 0, "দুপুর ১২:০০"), (13, 30, "দুপুর ১:৩০"), (15, 0, "বিকাল ৩:০০"),
        (16, 15, "বিকাল ৪:১৫"), (18, 50, "সন্ধ্যা ৬:৫০"), (20, 0, "রাত ৮:০০"), (22, 34, "রাত ১০:৩৪"),
    ],
)  # fmt: skip
def test_a_time_of_day_is_said_as_people_say_it(hour: int, minute: int, said: str) -> None:
    instant = datetime(2026, 11, 28, (hour - 6) % 24, minute, tzinfo=UTC)
    assert clock_text(instant).bangla == said
    assert clock_text(instant).english == f"{hour:02d}:{minute:02d}"
