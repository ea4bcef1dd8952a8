from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from sandbox.kit.institution.book import OtherSeedError
from sandbox.kit.institution.journal import JournalInUseError
from sandbox.providers.bkash.book import BkashBook, Execution
from sandbox.providers.bkash.faults import BkashStep
from sandbox.providers.bkash.payment import BkashIntent, BkashMode, BkashPayment, BkashRefund, BkashStatus
from sandbox.providers.bkash.tokens import BkashTokenState, block_event, grant_event
from sandbox.providers.bkash.wallets import BkashWallets, WalletKind, magic_wallet
from tests.sandbox.caller import NOON

TODAY = date(2026, 3, 10)
WALLET = "01700000000"
OTHER = "01700000001"
THIRD = "01700000002"


def a_payment(payment_id: str = "P1", invoice: str = "I1") -> BkashPayment:
    return BkashPayment(
        payment_id, "hash", invoice, 10_000, "01712345678", "https://m.example", NOON.isoformat()
    )


def open_book(folder: Path, seed: int = 7, today: date = TODAY) -> BkashBook:
    return BkashBook(folder / "book.jsonl", seed, today)


def fill(book: BkashBook) -> None:
    book.record_subscribed("http://127.0.0.1:9/sns")
    for number in ("1", "2", "3", "4"):
        book.record_created(a_payment(f"P{number}", f"I{number}"))
    book.record_verified("P1", WALLET, NOON)
    book.record_executed("P1", Execution("TRX1", NOON, 150, 100, "N1"))
    book.record_repeat("P1")
    book.record_refunded("P1", BkashRefund("RTRX1", 4_000, NOON.isoformat(), "sku", "why"))
    book.record_cancelled("P2")
    book.record_declined("P3", None, "2017")
    book.record_verified("P4", OTHER, NOON)
    book.record_dropped(BkashStep.EXECUTE, "P4")
    book.record_executed("P4", Execution("TRX4", NOON, 0, notice_id="N4"))
    book.record_delivered("N4", NOON)
    book.record_delivered("never owed", NOON)
    for number in ("5", "6"):
        book.record_created(replace(a_payment(f"P{number}", ""), mode=BkashMode.AGREEMENT, amount_paisa=0))
        book.record_verified(f"P{number}", OTHER, NOON)
        book.record_agreed(f"P{number}", f"A{number}", NOON)
    book.record_agreement_cancelled("A6", NOON)
    for number in ("7", "8", "9"):
        book.record_created(replace(a_payment(f"P{number}", f"I{number}"), intent=BkashIntent.AUTHORISATION))
        book.record_verified(f"P{number}", THIRD, NOON)
        book.record_authorised(f"P{number}", f"TRX{number}", 0, NOON)
    book.record_captured("P8", Execution("TRX8", NOON + timedelta(days=1), 150))
    book.record_voided("P9", NOON)


def test_everything_is_known_again_after_reopening(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    fill(book)
    pair = grant_event(NOON)
    book.record(pair)
    book.record(block_event(NOON))
    believed, agreed = list(book.payments()), list(book.agreements())
    book.close()

    again = open_book(tmp_path, today=date(2026, 4, 1))
    assert list(again.payments()) == believed
    assert [payment.status(NOON) for payment in again.payments()] == [
        BkashStatus.COMPLETED,
        BkashStatus.CANCELLED,
        BkashStatus.DECLINED,
        *[BkashStatus.COMPLETED] * 3,
        BkashStatus.AUTHORISED,
        BkashStatus.COMPLETED,
        BkashStatus.CANCELLED,
    ]
    assert (again.held_paisa(THIRD), again.moved_paisa(THIRD)) == (10_000, -10_000)
    assert (again.moved_paisa(WALLET), again.moved_paisa(OTHER)) == (-6_000, -10_000)
    first = again.payment("P1")
    assert first is not None
    assert (first.execute_calls, first.reported_paisa, first.refundable_paisa) == (2, 10_100, 6_000)
    assert list(again.agreements()) == agreed
    assert [(one.agreement_id, one.wallet, one.is_active) for one in agreed] == [
        ("A5", OTHER, True),
        ("A6", OTHER, False),
    ]
    assert again.latest_of("") is None
    assert again.movement("TRX1") == (first, None)
    assert again.movement("RTRX1") == (first, first.refunds[0])
    assert again.latest_of("I1") is first
    assert (again.was_dropped(BkashStep.EXECUTE, "P4"), again.was_dropped(BkashStep.REFUND, "P4")) == (
        True,
        False,
    )
    assert [notice.message_id for notice in again.undelivered_notifications()] == ["N1"]
    assert again.endpoint == "http://127.0.0.1:9/sns"
    assert again.tokens.standing(str(pair["id_token"]), NOON) is BkashTokenState.ALIVE
    assert again.tokens.is_blocked(NOON + timedelta(minutes=59))
    assert not again.tokens.is_blocked(NOON + timedelta(minutes=60))
    again.close()


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    fill(book)
    book.close()
    with (tmp_path / "book.jsonl").open("ab") as file:
        file.write(b'{"kind":"executed","payment_id":"P2"')
    again = open_book(tmp_path)
    assert again.moved_paisa(WALLET) == -6_000
    again.close()


def test_another_seed_or_a_second_process_is_refused(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    with pytest.raises(JournalInUseError):
        open_book(tmp_path)
    book.close()
    with pytest.raises(OtherSeedError):
        open_book(tmp_path, seed=8)
    open_book(tmp_path).close()


def test_a_payment_is_initiated_for_24_hours_and_then_expired() -> None:
    payment = a_payment()
    assert payment.status(NOON + timedelta(hours=24, microseconds=-1)) is BkashStatus.INITIATED
    assert payment.status(NOON + timedelta(hours=24)) is BkashStatus.EXPIRED
    with pytest.raises(ValueError, match="not executed"):
        _ = payment.execution_time


@pytest.mark.parametrize("kind", [kind for kind in WalletKind if kind is not WalletKind.NORMAL])
def test_every_magic_kind_has_a_thousand_wallets(kind: WalletKind) -> None:
    wallets = BkashWallets(accounts=3)
    assert {wallets.kind(magic_wallet(kind, number)) for number in (0, 999)} == {kind}
    assert wallets.kind(magic_wallet(kind, 1_000)) is None


def test_normal_wallets_are_as_many_as_were_asked_for() -> None:
    wallets = BkashWallets(accounts=3)
    numbers = list(wallets.normal_wallets())
    assert numbers == ["01700000000", "01700000001", "01700000002"]
    assert {wallets.kind(number) for number in numbers} == {WalletKind.NORMAL}
    for other in ("01700000003", "1700000000", "০১৭০০০০০০০০", "0170000000a", "01990000000", ""):
        assert wallets.kind(other) is None
