"""What may be taken from an item in suspense: only its own side, and never more than remains."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from ekpay_switch.domain.decisions.suspense import TAKING_MOMENT, SuspenseItem, taking_fault
from ekpay_switch.domain.ledger.entries import Entry, Posting

BKASH, NAGAD, BANK = "suspense:bkash", "suspense:nagad", "settlement_bank"
ITEM = SuspenseItem(
    UUID(int=1), BKASH, "payout_received", "BDT", None, datetime(2026, 11, 29, tzinfo=UTC), 500, 300
)
CLAIM = replace(ITEM, posted=-500, remains=-300)


def _entry(*lines: tuple[str, int], currency: str = "BDT") -> Entry:
    return Entry.of(TAKING_MOMENT, [Posting(*line) for line in lines], currency)


@pytest.mark.parametrize(
    ("item", "lines"),
    [
        (ITEM, ((BKASH, 300), (BANK, -300))),
        (ITEM, ((BKASH, 1), (BANK, -1))),
        (CLAIM, ((BKASH, -300), (BANK, 300))),
    ],
)
def test_up_to_what_remains_is_taken(item: SuspenseItem, lines: tuple[tuple[str, int], ...]) -> None:
    assert taking_fault(_entry(*lines), [item]) == ""


@pytest.mark.parametrize(
    ("item", "lines", "fault"),
    [
        (ITEM, ((BKASH, 301), (BANK, -301)), "300 paisa remain on suspense:bkash, not 301"),
        (ITEM, ((BKASH, -1), (BANK, 1)), "it has to debit suspense:bkash"),
        (CLAIM, ((BKASH, 1), (BANK, -1)), "it has to credit suspense:bkash"),
        (ITEM, ((NAGAD, 1), (BANK, -1)), "it holds nothing on suspense:nagad in BDT"),
        (ITEM, ((BKASH, 1), (NAGAD, -1)), "exactly one posting is on the suspense account of the item"),
        (ITEM, (("write_off", 1), (BANK, -1)), "exactly one posting is on the suspense account of the item"),
    ],
)
def test_what_may_not_be_taken_says_why(
    item: SuspenseItem, lines: tuple[tuple[str, int], ...], fault: str
) -> None:
    assert taking_fault(_entry(*lines), [item]) == fault


def test_an_item_is_taken_in_its_own_currency() -> None:
    entry = _entry((BKASH, 1), (BANK, -1), currency="USD")
    assert taking_fault(entry, [ITEM]) == "it holds nothing on suspense:bkash in USD"
