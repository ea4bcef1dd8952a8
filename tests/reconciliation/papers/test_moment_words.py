"""Every moment of an entry has words in both languages."""

import re
from pathlib import Path

from ekpay_switch.domain.decisions.journal import JOURNAL_MOMENT
from ekpay_switch.domain.decisions.suspense import TAKING_MOMENT
from reconciliation.papers.moment_words import MOMENT_WORDS, moment_words

ROOT = Path(__file__).parents[3]
NAMED = re.compile(r"""Entry(?:\.of)?\(\s*"([a-z_]+)"|"(break_[a-z_]+)"\)""")
PLACES = ("ekpay_switch/domain", "reconciliation/resolutions/resolution_postings.py")


def test_every_moment_that_our_entries_name_has_words() -> None:
    modules = [path for place in PLACES for path in [*(ROOT / place).rglob("*.py"), ROOT / place]]
    source = "\n".join(path.read_text(encoding="utf-8") for path in modules if path.is_file())
    named = {entry or action for entry, action in NAMED.findall(source)}
    assert len(named) > 30
    assert {name.removesuffix("_reversed") for name in named} | {JOURNAL_MOMENT, TAKING_MOMENT} <= set(
        MOMENT_WORDS
    )


def test_a_reversal_says_what_it_reverses_and_an_unknown_moment_is_named() -> None:
    assert moment_words("topped_up_reversed").en == "reversal: top-up"
    assert moment_words("topped_up_reversed").bn == "বাতিল: জমা"
    assert moment_words("of_another_release").en == "of another release"
