from datetime import date, timedelta
from pathlib import Path

import pytest

from sandbox.billers.nesco.book import NescoBook, NescoQuote, NescoTokenLine, NescoVend
from sandbox.kit.institution.book import OtherSeedError
from tests.sandbox.caller import NOON

TODAY = date(2026, 3, 10)
QUOTE = NescoQuote("260310120000000001", "10000000", 50_000, NOON)


def a_vend() -> NescoVend:
    return NescoVend(
        transaction_id=QUOTE.transaction_id,
        customer_no=QUOTE.customer_no,
        amount_paisa=QUOTE.amount_paisa,
        order_no="26031000000001",
        lines=[NescoTokenLine("TARIFF", "1" * 20), NescoTokenLine("CREDIT", "2" * 20)],
        balance_paisa=1,
        vended_at=NOON.isoformat(),
        hides_token=True,
    )


def open_book(folder: Path, seed: int = 7, today: date = TODAY) -> NescoBook:
    return NescoBook(folder / "book.jsonl", seed, today)


def test_everything_is_known_again_after_reopening(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    book.record_quoted(QUOTE)
    book.record_vended(a_vend())
    book.record_repeat(QUOTE.transaction_id)
    book.record_token_viewed(QUOTE.transaction_id)
    book.record_dropped("T2")
    believed = book.dump()
    book.close()

    again = open_book(tmp_path, today=date(2026, 4, 1))
    assert again.dump() == believed
    assert again.quote(QUOTE.transaction_id) == QUOTE
    assert (again.was_dropped("T2"), again.was_dropped(QUOTE.transaction_id)) == (True, False)
    assert (again.quotes, again.vends, again.vended_paisa) == (1, 1, 50_000)
    vend = again.vend(QUOTE.transaction_id)
    assert vend is not None
    assert (vend.asks, vend.hides_token, vend.lines) == (2, False, a_vend().lines)
    again.close()


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    book.record_quoted(QUOTE)
    book.close()
    with (tmp_path / "book.jsonl").open("ab") as file:
        file.write(b'{"kind":"vended","transa')
    again = open_book(tmp_path)
    assert again.quote(QUOTE.transaction_id) == QUOTE
    assert again.vend(QUOTE.transaction_id) is None
    again.close()


def test_another_seed_is_refused(tmp_path: Path) -> None:
    open_book(tmp_path).close()
    with pytest.raises(OtherSeedError):
        open_book(tmp_path, seed=8)


def test_a_quote_lives_for_thirty_minutes() -> None:
    assert QUOTE.is_alive(NOON + timedelta(minutes=29, seconds=59))
    assert not QUOTE.is_alive(NOON + timedelta(minutes=30))
