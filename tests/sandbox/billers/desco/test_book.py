from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from sandbox.billers.desco.book import DescoBook, DescoPayment, PaymentKey
from sandbox.kit.institution.book import OtherSeedError
from sandbox.kit.institution.journal import BrokenJournalError, JournalInUseError

TODAY = date(2026, 3, 10)
PAYMENT = DescoPayment(
    bill_number="022610000000",
    transaction_id="T1",
    account="10000000",
    scroll_no=1,
    scroll_date="2026-03-10",
    amount_paisa=50_000,
    vat_paisa=2_381,
    lpc_paisa=0,
    stamp_qty=1,
    saved_at="2026-03-10T06:00:00+00:00",
)
PAIR = PaymentKey(PAYMENT.bill_number, PAYMENT.transaction_id)


def open_book(folder: Path, seed: int = 7, today: date = TODAY) -> DescoBook:
    return DescoBook(folder / "book.jsonl", seed, today)


def test_everything_is_known_again_after_reopening(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    book.record_saved(replace(PAYMENT))
    book.record_repeat(PAIR)
    book.record_rejected(PaymentKey(PAYMENT.bill_number, "T2"))
    book.record_dropped(PaymentKey("022695000000", "T3"))
    believed = book.dump()
    book.close()

    again = open_book(tmp_path, today=date(2026, 4, 1))
    assert again.dump() == believed
    assert again.opened_on == TODAY
    assert again.is_paid(PAYMENT.bill_number)
    assert again.is_scroll_used(TODAY, 1)
    assert not again.is_scroll_used(date(2026, 3, 11), 1)
    assert again.was_dropped(PaymentKey("022695000000", "T3"))
    payment = again.payment(PAIR)
    assert payment is not None
    assert payment.saves == 2
    again.close()


def test_a_torn_last_line_is_cut_off_and_writing_goes_on(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    book.record_saved(replace(PAYMENT))
    book.close()
    with (tmp_path / "book.jsonl").open("ab") as file:
        file.write(b'{"kind":"saved","bill_num')

    again = open_book(tmp_path)
    again.record_repeat(PAIR)
    again.close()
    last = open_book(tmp_path)
    payment = last.payment(PAIR)
    assert payment is not None
    assert payment.saves == 2
    last.close()


@pytest.mark.parametrize("line", [b"rubbish\n", b"[]\n"])
def test_a_broken_whole_line_is_an_error(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "book.jsonl").write_bytes(line)
    with pytest.raises(BrokenJournalError):
        open_book(tmp_path)


def test_a_second_process_cannot_write_the_same_book(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    with pytest.raises(JournalInUseError):
        open_book(tmp_path)
    book.close()
    open_book(tmp_path).close()


def test_another_seed_is_refused_and_leaves_the_book_free(tmp_path: Path) -> None:
    open_book(tmp_path, seed=7).close()
    with pytest.raises(OtherSeedError):
        open_book(tmp_path, seed=8)
    open_book(tmp_path, seed=7).close()
