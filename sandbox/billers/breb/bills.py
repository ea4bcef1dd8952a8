"""The accounts and bills of the simulated BREB, computed from a seed on demand.

Nothing is stored: seed, opening day and account number decide every bill. The exact amount is
what BREB is owed; the payer pays it rounded up to whole taka.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from sandbox.kit.institution.seeded_values import Draws

FIRST_NORMAL_ACCOUNT = 1_003_010_000_000
MAGIC_RANGE_LENGTH = 1_000
ACCOUNT_LENGTH = 13

_DUE_MIN_PAISA = 12_000
_DUE_MAX_PAISA = 600_000
_WHOLE_TAKA_ONE_IN = 8
_DAYS_TO_PAY_MIN = 20
_MONTHS = 12
_KIND_UNIT = 100_000_000_000
_SOCIETIES = (
    "Dhaka PBS-1",
    "Gazipur PBS-2",
    "Cumilla PBS-1",
    "Bogura PBS-2",
    "Jashore PBS-1",
    "Rangpur PBS-1",
    "Sylhet PBS-2",
    "Barishal PBS-1",
)


class BrebAccountKind(Enum):
    """How an account behaves; the values are the first two digits of the magic ranges."""

    NORMAL = 10
    BEGUN_ELSEWHERE = 81
    CUT_OFF_EARLIER = 82
    SLOW_ACKNOWLEDGE = 83
    ACKNOWLEDGE_LOST_DONE = 84
    ACKNOWLEDGE_LOST_UNDONE = 85
    ALREADY_PAID = 91
    UNKNOWN = 92
    SLOW_SAVE = 93
    SAVE_LOST_DONE = 94
    SAVE_LOST_UNDONE = 95
    REFUSES = 96
    THREE_BILLS = 97
    HTML_ANSWER = 98


_KIND_BY_DIGITS = {kind.value: kind for kind in BrebAccountKind if kind is not BrebAccountKind.NORMAL}


@dataclass(frozen=True, slots=True)
class BrebBill:
    """One monthly bill; `due_paisa` is exact and never grows."""

    number: str
    account: str
    kind: BrebAccountKind
    year: int
    month: int
    due_paisa: int
    issued_on: date
    due_on: date
    society: str

    @property
    def payable_taka(self) -> int:
        """What the payer pays: the due amount rounded up to whole taka."""
        return -(-self.due_paisa // 100)


class BrebAccounts:
    """All accounts of one simulator: the normal ones and the magic ranges of 1,000 each.

    The same seed, number of accounts and opening day give the same bills for ever, so bill
    numbers stay valid when the process is restarted in another month.
    """

    def __init__(self, seed: int, accounts: int, opened_on: date) -> None:
        self._seed = seed
        self._accounts = accounts
        self._opened_on = opened_on

    def kind(self, account: str) -> BrebAccountKind:
        """Return how an account behaves; any other text is unknown."""
        # isdigit alone would let Bangla digits through, and int() would read them.
        if len(account) != ACCOUNT_LENGTH or not (account.isascii() and account.isdigit()):
            return BrebAccountKind.UNKNOWN
        number = int(account)
        if FIRST_NORMAL_ACCOUNT <= number < FIRST_NORMAL_ACCOUNT + self._accounts:
            return BrebAccountKind.NORMAL
        leading, rest = divmod(number, _KIND_UNIT)
        if rest >= MAGIC_RANGE_LENGTH:
            return BrebAccountKind.UNKNOWN
        return _KIND_BY_DIGITS.get(leading, BrebAccountKind.UNKNOWN)

    def bills_of(self, account: str) -> tuple[BrebBill, ...]:
        """Return every bill of an account, paid or not, oldest first; empty if it is unknown."""
        kind = self.kind(account)
        if kind is BrebAccountKind.UNKNOWN:
            return ()
        months_back = (2, 1, 0) if kind is BrebAccountKind.THREE_BILLS else (0,)
        return tuple(self._make_bill(account, kind, back) for back in months_back)

    def bill_of(self, account: str, year: int, month: int) -> BrebBill | None:
        """Return the bill of this month, paid or not, or None if there is none."""
        for bill in self.bills_of(account):
            if (bill.year, bill.month) == (year, month):
                return bill
        return None

    def normal_bills(self) -> Iterator[BrebBill]:
        """Yield the bills of the normal accounts in the order of their numbers."""
        for number in range(FIRST_NORMAL_ACCOUNT, FIRST_NORMAL_ACCOUNT + self._accounts):
            yield from self.bills_of(str(number))

    def _make_bill(self, account: str, kind: BrebAccountKind, months_back: int) -> BrebBill:
        draws = Draws(f"breb/{self._seed}/{account}/{months_back}")
        # The smaller of two draws, because most households use little.
        span = _DUE_MAX_PAISA - _DUE_MIN_PAISA + 1
        due = _DUE_MIN_PAISA + min(draws.below(span), draws.below(span))
        if draws.below(_WHOLE_TAKA_ONE_IN) == 0:
            due -= due % 100
        months = self._opened_on.year * _MONTHS + self._opened_on.month - 2 - months_back
        year, month = months // _MONTHS, months % _MONTHS + 1
        # The first day after the month it is for: never later than the day the book was begun.
        issued_on = date((months + 1) // _MONTHS, (months + 1) % _MONTHS + 1, 1)
        return BrebBill(
            number=f"{year % 100:02d}{month:02d}{account}",
            account=account,
            kind=kind,
            year=year,
            month=month,
            due_paisa=due,
            issued_on=issued_on,
            due_on=issued_on + timedelta(days=_DAYS_TO_PAY_MIN + draws.below(8)),
            society=_SOCIETIES[int(account) % len(_SOCIETIES)],
        )


def account_of(bill_number: str) -> str:
    """Return the account that a bill number names; it need not exist."""
    return bill_number[4:]
