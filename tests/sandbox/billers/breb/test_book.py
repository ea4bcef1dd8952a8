from datetime import date, timedelta
from pathlib import Path

import pytest

from sandbox.billers.breb.book import BillLock, BrebBook, BrebPayment
from sandbox.billers.breb.faults import BrebStep
from sandbox.kit.institution.book import OtherSeedError
from sandbox.kit.institution.journal import JournalInUseError
from tests.sandbox.caller import NOON

TODAY = date(2026, 3, 10)
BILL = "26021003010000000"
ACCOUNT = "1003010000000"


def a_payment(bill_number: str = BILL, transaction_id: str = "T1") -> BrebPayment:
    return BrebPayment(bill_number, bill_number[4:], transaction_id, 501, 50_012, NOON.isoformat())


def open_book(folder: Path, seed: int = 7, today: date = TODAY) -> BrebBook:
    return BrebBook(folder / "book.jsonl", seed, today)


def test_everything_is_known_again_after_reopening(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    book.record_locked(BillLock(BILL, ACCOUNT, "EKP", NOON))
    book.record_saved(a_payment())
    book.record_repeat("T1")
    book.record_rejected(BILL, "T2")
    book.record_dropped(BrebStep.SAVE, "T3")
    book.record_locked(BillLock("26021003010000001", "1003010000001", "EKP", NOON))
    book.record_saved(a_payment("26021003010000001", "T4"))
    book.record_acknowledged("T4", NOON)
    book.record_acknowledged("T4", NOON + timedelta(seconds=9))
    believed = book.dump(NOON)
    book.close()

    again = open_book(tmp_path, today=date(2026, 4, 1))
    assert again.dump(NOON) == believed
    assert again.opened_on == TODAY
    assert again.lock(BILL, NOON) == BillLock(BILL, ACCOUNT, "EKP", NOON)
    assert again.lock(BILL, NOON + timedelta(hours=2)) is None
    assert again.lock("26021003010000001", NOON) is None
    assert (again.is_cut_off(ACCOUNT), again.is_cut_off("1003010000001")) == (True, False)
    assert (again.was_dropped(BrebStep.SAVE, "T3"), again.was_dropped(BrebStep.ACKNOWLEDGE, "T3")) == (
        True,
        False,
    )
    first, second = again.payment("T1"), again.payment_of("26021003010000001")
    assert first is not None
    assert (first.saves, first.is_acknowledged) == (2, False)
    assert second is not None
    assert (second.acknowledges, second.acknowledged_at) == (2, NOON.isoformat())
    again.close()


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    book.record_saved(a_payment())
    book.close()
    with (tmp_path / "book.jsonl").open("ab") as file:
        file.write(b'{"kind":"acknowledged","transa')
    again = open_book(tmp_path)
    assert again.is_cut_off(ACCOUNT)
    again.close()


def test_an_account_with_two_unfinished_payments_stays_cut_off_until_both_are_acknowledged(
    tmp_path: Path,
) -> None:
    book = open_book(tmp_path)
    book.record_saved(a_payment())
    book.record_saved(a_payment("26011003010000000", "T2"))
    book.record_acknowledged("T1", NOON)
    book.record_acknowledged("T1", NOON)
    assert book.is_cut_off(ACCOUNT)
    book.record_acknowledged("T2", NOON)
    assert not book.is_cut_off(ACCOUNT)
    book.close()


def test_another_seed_or_a_second_process_is_refused(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    with pytest.raises(JournalInUseError):
        open_book(tmp_path)
    book.close()
    with pytest.raises(OtherSeedError):
        open_book(tmp_path, seed=8)
    open_book(tmp_path).close()
