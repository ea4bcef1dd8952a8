"""Payouts of an invented demo in which everything agrees."""

from datetime import date

from sandbox.rehearsals.day.payout_bank import BookedPayout, Fate
from sandbox.rehearsals.demo.payouts.payee_books import PayeeLine
from sandbox.rehearsals.demo.payouts.payout_desk import PaidOrder
from sandbox.rehearsals.demo.payouts.payout_outcome import BankFigures, PayoutOutcome


def payout(message: str, account: str, fate: Fate, paisa: int = 500) -> BookedPayout:
    day = None if fate is Fate.REJECTED else 250
    return BookedPayout(
        message, "00", f"{message}{account}", account, f"Payee {account}", paisa, fate, day, None
    )


PAYOUTS = (
    payout("M1", "1", Fate.REJECTED),
    payout("M1", "2", Fate.RETURNED),
    payout("M1", "3", Fate.LATE),
    payout("M2", "1", Fate.PAID),
    payout("M3", "2", Fate.PAID, 700),
)
LINES = (PayeeLine("biller:a", 1_500, 1_200, 300, "not received"), PayeeLine("biller:b", 700, 700, 0))
BANK = BankFigures(9_000, 9_000, 0, 0)
OUTCOME = PayoutOutcome([PaidOrder(date(2026, 12, 7), 3, 1_500, ["open nights"])], PAYOUTS, LINES, BANK)
