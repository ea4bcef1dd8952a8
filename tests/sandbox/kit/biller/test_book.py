from datetime import date
from pathlib import Path

import pytest

from sandbox.kit.biller.bills import BillerAccountKind
from sandbox.kit.biller.call_results import PaymentTaken
from sandbox.kit.institution.book import OtherSeedError
from sandbox.kit.institution.journal import JournalInUseError
from tests.sandbox.kit.biller.sample_institutions import OPENED_ON, Shop

HOUSE = "a_house"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_everything_is_known_again_after_reopening(shop: Shop) -> None:
    bill, other = shop.bill(), shop.bill(BillerAccountKind.ECHOES_OTHER)
    order = shop.order(bill, facts={"channel": "web"})
    shop.intake.pay(order)
    shop.intake.pay(order)
    shop.pay(bill, "T2", amount_paisa=1)
    shop.pay(shop.bill(BillerAccountKind.LOST_UNPAID), "T3")
    shop.pay(other, "T4")
    shop.book.record_facts(HOUSE, "T1", {"certificate": "C-1", "channel": "shop"})
    shop.book.record_note(HOUSE, "quote-1", {"amount": "100.00"})
    shop.book.record_note(HOUSE, "quote-1", {"amount": "200.00"})
    shop.intake.cancel("T4")
    believed = shop.book.dump()
    shop.clock.advance(days=30)
    shop.reopen()
    assert shop.book.dump() == believed
    assert shop.book.opened_on == OPENED_ON
    assert shop.book.is_paid(HOUSE, bill.bill_number)
    assert not shop.book.is_paid(HOUSE, other.bill_number)
    assert shop.book.was_dropped(HOUSE, "T3")
    assert not shop.book.was_dropped("another_house", "T3")
    assert shop.book.note(HOUSE, "quote-1") == {"amount": "200.00"}
    assert shop.book.note("another_house", "quote-1") is None
    first, echo = shop.intake.status("T1"), shop.intake.status("T4")
    assert first is not None
    assert (first.sends, first.facts) == (2, {"channel": "shop", "certificate": "C-1"})
    assert echo is not None
    assert echo.reported_paisa == echo.amount_paisa + 100
    assert shop.reasons() == ["paid"]


def test_a_reference_is_of_one_house_only(shop: Shop) -> None:
    shop.pay(shop.bill())
    assert shop.book.payment("another_house", "T1") is None
    assert list(shop.book.payments_of("another_house")) == []


def test_the_dump_tells_the_real_amount_and_how_much_more_is_told(shop: Shop) -> None:
    bill = shop.bill(BillerAccountKind.ECHOES_OTHER)
    taken = shop.pay(bill)
    assert isinstance(taken, PaymentTaken)
    (line,) = dumped(shop)
    assert line["amount_paisa"] == taken.payment.amount_paisa
    assert line["echo_extra_paisa"] == 100
    assert (line["house"], line["state"], line["sends"]) == (HOUSE, "paid", 1)


def dumped(shop: Shop) -> list[dict[str, object]]:
    payments = shop.book.dump()["payments"]
    assert isinstance(payments, list)
    return payments


def test_receipts_are_never_given_twice(shop: Shop) -> None:
    for nth in range(5):
        shop.pay(shop.bill(nth=nth), f"T{nth}")
        shop.intake.cancel(f"T{nth}")
        shop.reopen()
    receipts = [payment.receipt for payment in shop.book.payments_of(HOUSE)]
    assert receipts == [f"260310{number:06d}" for number in range(1, 6)]


def test_a_torn_last_line_is_cut_off_and_writing_goes_on(shop: Shop) -> None:
    order = shop.order(shop.bill())
    shop.intake.pay(order)
    shop.book.close()
    with (shop.folder / "book.jsonl").open("ab") as file:
        file.write(b'{"kind":"paid","hou')
    shop.open()
    shop.intake.pay(order)
    shop.reopen()
    assert [line["sends"] for line in dumped(shop)] == [2]


def test_an_event_that_the_book_does_not_have_is_an_error(shop: Shop) -> None:
    shop.pay(shop.bill())
    shop.book.close()
    with (shop.folder / "book.jsonl").open("ab") as file:
        file.write(b'{"kind":"burnt","house":"a_house","reference":"T1"}\n')
    with pytest.raises(ValueError, match="burnt"):
        shop.open()


def test_another_seed_or_a_second_process_is_refused(shop: Shop) -> None:
    book, path = type(shop.book), shop.folder / "book.jsonl"
    with pytest.raises(JournalInUseError):
        book(path, 7, OPENED_ON)
    shop.book.close()
    with pytest.raises(OtherSeedError):
        book(path, 8, date(2026, 4, 1))
    shop.open()
