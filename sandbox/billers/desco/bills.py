"""The accounts and bills of the simulated DESCO, computed from a seed on demand.

Nothing is stored: seed, opening day and account number decide every bill. Today's date decides
only whether the late charge applies, so it is an argument and never read here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from sandbox.kit.institution.seeded_values import INVENTED_NAMES, Draws, invented_name, share_half_up

FIRST_NORMAL_ACCOUNT = 10_000_000
MAGIC_RANGE_LENGTH = 10_000
BILL_NUMBER_LENGTH = 12
ACCOUNT_LENGTH = 8

_TOTAL_MIN_PAISA = 15_000
_TOTAL_MAX_PAISA = 900_000
_STAMP_ABOVE_PAISA = 40_000
_DAYS_TO_PAY = 18
# The shortest month: with more, a bill could be issued before its own month has ended.
_DAYS_BETWEEN_BILLS = 28
_MONTHS = 12
_TARIFFS = ("LT-A", "LT-A", "LT-A", "LT-A", "LT-A", "LT-B", "LT-C1", "LT-D1", "LT-E", "LT-E")
_DEPARTMENTS = ("4101", "4102", "4103", "4107", "4110", "4112", "4115", "4118")
_AREAS = ("Mirpur", "Pallabi", "Kafrul", "Uttara", "Dakshinkhan", "Badda", "Gulshan", "Khilkhet")


class DescoAccountKind(Enum):
    """How an account behaves; the values are the first two digits of the magic ranges."""

    NORMAL = 10
    ALREADY_PAID = 91
    UNKNOWN = 92
    SLOW = 93
    ANSWER_LOST_PAID = 94
    ANSWER_LOST_UNPAID = 95
    REFUSES = 96
    THREE_BILLS = 97
    HTML_ANSWER = 98
    ECHOES_OTHER_AMOUNT = 99


@dataclass(frozen=True, slots=True)
class DescoAccount:
    """An invented customer with a meter; all names are invented."""

    number: str
    kind: DescoAccountKind
    meter_number: str
    tariff: str
    department_code: str
    customer_name: str
    address: str


@dataclass(frozen=True, slots=True)
class DescoBill:
    """One monthly bill; amounts in paisa.

    `total_paisa` has the VAT inside and the late charge outside (billers.md 2.3);
    `late_charge_paisa` is owed only after `due_on`.
    """

    number: str
    account: DescoAccount
    year: int
    month: int
    total_paisa: int
    vat_paisa: int
    late_charge_paisa: int
    issued_on: date
    due_on: date
    kwh: int

    def late_charge_on(self, today: date) -> int:
        """Return the late charge in force on a Dhaka day, in paisa; nothing on the due day itself."""
        return self.late_charge_paisa if today > self.due_on else 0

    def to_be_paid_on(self, today: date) -> int:
        """Return what has to be paid on a Dhaka day, in paisa."""
        return self.total_paisa + self.late_charge_on(today)


def stamps_for(paid_paisa: int) -> int:
    """Return how many revenue stamps a receipt carries: one above 400.00 taka."""
    return 1 if paid_paisa > _STAMP_ABOVE_PAISA else 0


class DescoAccounts:
    """All accounts of one simulator: the normal ones and nine magic ranges of 10,000 each.

    The same seed, number of accounts and opening day give the same bills for ever, so bill
    numbers stay valid when the process is restarted in another month.
    """

    def __init__(self, seed: int, accounts: int, opened_on: date) -> None:
        self._seed = seed
        self._accounts = accounts
        self._opened_on = opened_on
        self._bills_by_account: dict[str, tuple[DescoBill, ...]] = {}

    def has_account(self, account_number: str) -> bool:
        """Whether the utility has such an account."""
        return self._kind(account_number) is not DescoAccountKind.UNKNOWN

    def bills_of(self, account_number: str) -> tuple[DescoBill, ...]:
        """Return every bill of an account, paid or not, oldest first; empty if it is unknown."""
        bills = self._bills_by_account.get(account_number)
        if bills is not None:
            return bills
        kind = self._kind(account_number)
        if kind is DescoAccountKind.UNKNOWN:
            # Not remembered, so that rubbish numbers cannot fill the memory.
            return ()
        bills = self._make_bills(account_number, kind)
        self._bills_by_account[account_number] = bills
        return bills

    def bill(self, bill_number: str) -> DescoBill | None:
        """Return the bill of this number, paid or not, or None if there is no such bill."""
        if len(bill_number) != BILL_NUMBER_LENGTH:
            return None
        for bill in self.bills_of(bill_number[-ACCOUNT_LENGTH:]):
            if bill.number == bill_number:
                return bill
        return None

    def normal_bills(self) -> Iterator[DescoBill]:
        """Yield the bills of the normal accounts in the order of their numbers."""
        for number in range(FIRST_NORMAL_ACCOUNT, FIRST_NORMAL_ACCOUNT + self._accounts):
            yield from self.bills_of(str(number))

    def _kind(self, account_number: str) -> DescoAccountKind:
        # isdigit alone would let Bangla digits through, and int() would read them.
        is_number = account_number.isascii() and account_number.isdigit()
        if len(account_number) != ACCOUNT_LENGTH or not is_number:
            return DescoAccountKind.UNKNOWN
        number = int(account_number)
        if FIRST_NORMAL_ACCOUNT <= number < FIRST_NORMAL_ACCOUNT + self._accounts:
            return DescoAccountKind.NORMAL
        leading, rest = divmod(number, 1_000_000)
        if leading < DescoAccountKind.ALREADY_PAID.value or rest >= MAGIC_RANGE_LENGTH:
            return DescoAccountKind.UNKNOWN
        return DescoAccountKind(leading)

    def _make_bills(self, account_number: str, kind: DescoAccountKind) -> tuple[DescoBill, ...]:
        account = _make_account(account_number, kind, Draws(f"{self._seed}/{account_number}"))
        months_back = (2, 1, 0) if kind is DescoAccountKind.THREE_BILLS else (0,)
        return tuple(self._make_bill(account, back) for back in months_back)

    def _make_bill(self, account: DescoAccount, months_back: int) -> DescoBill:
        draws = Draws(f"{self._seed}/{account.number}/{months_back}")
        # The smaller of two draws, because most households use little.
        span = _TOTAL_MAX_PAISA - _TOTAL_MIN_PAISA + 1
        total = _TOTAL_MIN_PAISA + min(draws.below(span), draws.below(span))
        newest_due = self._newest_due(account)
        newest_issued = newest_due - timedelta(days=_DAYS_TO_PAY)
        months = newest_issued.year * _MONTHS + newest_issued.month - 2 - months_back
        year, month = months // _MONTHS, months % _MONTHS + 1
        issued_on = newest_issued - timedelta(days=_DAYS_BETWEEN_BILLS * months_back)
        return DescoBill(
            number=f"{month:02d}{year % 100:02d}{account.number}",
            account=account,
            year=year,
            month=month,
            total_paisa=total,
            vat_paisa=share_half_up(total, 5, 105),
            late_charge_paisa=share_half_up(total, 5, 100),
            issued_on=issued_on,
            due_on=issued_on + timedelta(days=_DAYS_TO_PAY),
            kwh=total // (700 + draws.below(400)),
        )

    def _newest_due(self, account: DescoAccount) -> date:
        # All bills of an account hang on one day, so that its months follow each other. Days of
        # grace on either side keep amounts still while a demonstration passes midnight.
        draws = Draws(f"{self._seed}/{account.number}/due")
        is_overdue = draws.below(10) == 0
        days_left = -2 - draws.below(20) if is_overdue else 3 + draws.below(14)
        return self._opened_on + timedelta(days=days_left)


def _make_account(number: str, kind: DescoAccountKind, draws: Draws) -> DescoAccount:
    name, place = draws.below(INVENTED_NAMES), draws.below(len(_AREAS))
    return DescoAccount(
        number=number,
        kind=kind,
        meter_number=f"{200_000_000 + draws.below(700_000_000)}",
        tariff=_TARIFFS[draws.below(len(_TARIFFS))],
        department_code=_DEPARTMENTS[place],
        customer_name=invented_name(name),
        address=f"House {1 + draws.below(90)}, Road {1 + draws.below(40)}, {_AREAS[place]}, Dhaka",
    )
