"""The accounts and bills of one institution, computed from a seed on demand.

Nothing is stored: seed, opening day and number decide every bill. Today's date decides only
whether a late fee applies, so it is an argument of the bill and never read here.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from sandbox.kit.biller import templates
from sandbox.kit.biller.bills import BillerAccountKind, BillPeriod, SimulatedBill, split_amount
from sandbox.kit.biller.institution import AmountRange, BillerInstitution, FeeByChoice, FixedFee
from sandbox.kit.institution.seeded_values import INVENTED_NAMES, Draws, invented_name, share_half_up

NORMAL_MAX = 90_000
"""How many normal accounts an institution can have: the serials above are kept for the magic ones."""
MAGIC_RANGE_LENGTH = 1_000

_WHOLE_BP = 10_000
_DAYS_TO_PAY = 18
# The shortest month: with more, a bill could be issued before its own month has ended.
_DAYS_PER_MONTH = 28
_MONTHS = 12
_WARDS = 36


class BillerAccounts:
    """All accounts of one institution: the normal ones and nine magic ranges of 1,000 each.

    The same seed, number of accounts and opening day give the same bills for ever, so bill numbers
    stay valid when the process is restarted in another month. Of more than `NORMAL_MAX` accounts
    the first so many exist.
    """

    def __init__(self, institution: BillerInstitution, seed: int, accounts: int, opened_on: date) -> None:
        self.institution = institution
        self._seed = seed
        self._accounts = min(accounts, NORMAL_MAX)
        self._opened_on = opened_on
        self._bills_by_number: dict[str, tuple[SimulatedBill, ...]] = {}

    def kind(self, number: str) -> BillerAccountKind:
        """Return how the account of this number behaves; `UNKNOWN` if there is none."""
        serial = self.institution.serial_in("{number}", number)
        return BillerAccountKind.UNKNOWN if serial is None else self._kind(serial)

    def bills_of(self, number: str, choice: str | None = None) -> tuple[SimulatedBill, ...]:
        """Return every bill of an account, paid or not, oldest first; empty if it is unknown.

        `choice` is what the payer chose, where the fee depends on that; a key that the institution does
        not have names no bill.
        """
        if choice is not None:
            return self._bills_of_choice(number, choice)
        bills = self._bills_by_number.get(number)
        if bills is not None:
            return bills
        kind = self.kind(number)
        if kind is BillerAccountKind.UNKNOWN:
            # Not remembered, so that rubbish numbers cannot fill the memory.
            return ()
        bills = self._make_bills(number, kind, None)
        self._bills_by_number[number] = bills
        return bills

    def bill(self, bill_number: str, choice: str | None = None) -> SimulatedBill | None:
        """Return the bill of this number, paid or not, or None if there is no such bill."""
        serial = self.institution.serial_in("{bill_number}", bill_number)
        if serial is None:
            return None
        bills = self.bills_of(self.institution.number_of(serial), choice)
        return next((bill for bill in bills if bill.bill_number == bill_number), None)

    def find_bills(self, texts: Mapping[str, str]) -> tuple[SimulatedBill, ...]:
        """Return the bills that a payer's parameters name, paid or not, oldest first.

        Every parameter of the institution that is given, and not free, must be as the bill has it; others
        are passed over. Parameters that name no account name nothing.
        """
        amount = self.institution.amount
        choice = texts.get(amount.parameter) if isinstance(amount, FeeByChoice) else None
        for name, template in self.institution.naming_fields.items():
            serial = self.institution.serial_in(template, texts.get(name, ""))
            if serial is not None:
                bills = self.bills_of(self.institution.number_of(serial), choice)
                return tuple(bill for bill in bills if self.institution.matches_parameters(bill, texts))
        return ()

    def normal_numbers(self) -> Iterator[str]:
        """Yield the numbers of the normal accounts in their order."""
        for serial in range(1, self._accounts + 1):
            yield self.institution.number_of(serial)

    def number_of(self, kind: BillerAccountKind, nth: int) -> str | None:
        """Return the number of the nth account of a kind, from 0 on; None if there are not so many.

        `UNKNOWN` gives numbers of the right form of no account.
        """
        if kind is BillerAccountKind.NORMAL:
            return self.institution.number_of(nth + 1) if 0 <= nth < self._accounts else None
        first = kind.value * MAGIC_RANGE_LENGTH
        if kind is BillerAccountKind.UNKNOWN:
            # Serial 90,000 may be the last normal one.
            return self.institution.number_of(first + 1 + nth) if 0 <= nth < MAGIC_RANGE_LENGTH - 1 else None
        return self.institution.number_of(first + nth) if 0 <= nth < MAGIC_RANGE_LENGTH else None

    def bill_of_unknown(self, number: str) -> SimulatedBill:
        """Return the bill that an account would have, so that calls about unknown accounts can be made."""
        return self._make_bills(number, BillerAccountKind.UNKNOWN, None)[0]

    def _kind(self, serial: int) -> BillerAccountKind:
        if 1 <= serial <= self._accounts:
            return BillerAccountKind.NORMAL
        leading = serial // MAGIC_RANGE_LENGTH
        return (
            BillerAccountKind(leading)
            if leading >= BillerAccountKind.UNKNOWN.value
            else BillerAccountKind.UNKNOWN
        )

    def _bills_of_choice(self, number: str, choice: str) -> tuple[SimulatedBill, ...]:
        amount, kind = self.institution.amount, self.kind(number)
        if (
            kind is BillerAccountKind.UNKNOWN
            or not isinstance(amount, FeeByChoice)
            or choice not in amount.paisa_by_key
        ):
            return ()
        return self._make_bills(number, kind, choice)

    def _make_bills(
        self, number: str, kind: BillerAccountKind, choice: str | None
    ) -> tuple[SimulatedBill, ...]:
        has_three = kind is BillerAccountKind.THREE_BILLS and self.institution.has_monthly_bills
        months = self.institution.months_apart
        months_back = (2 * months, months, 0) if has_three else (0,)
        return tuple(self._make_bill(number, kind, back, choice) for back in months_back)

    def _make_bill(
        self, number: str, kind: BillerAccountKind, back: int, choice: str | None
    ) -> SimulatedBill:
        institution = self.institution
        person, due_on = self._draws(number), self._newest_due(number)
        issued_on = due_on - timedelta(days=_DAYS_TO_PAY + _DAYS_PER_MONTH * back)
        period = self._period(due_on - timedelta(days=_DAYS_TO_PAY), back)
        paisa, chosen = self._amount(number, back, choice)
        lines = split_amount(paisa, institution.lines)
        places = {"number": number, "serial": f"{institution.serial_in('{number}', number):05d}"}
        places |= {
            "yyyy": f"{period.year:04d}",
            "yy": f"{period.year % 100:02d}",
            "mm": f"{period.month:02d}",
        }
        return SimulatedBill(
            institution_id=institution.id,
            kind=kind,
            serial=places["serial"],
            number=number,
            bill_number=templates.fill(institution.bill_number, places),
            customer_name=invented_name(person.below(INVENTED_NAMES)),
            address=f"House {1 + person.below(90)}, Road {1 + person.below(40)}, {institution.town}",
            ward=f"{1 + person.below(_WARDS):02d}",
            meter_no=f"{20_000_000_000 + person.below(7_000_000_000)}",
            period=period,
            issued_on=issued_on,
            due_on=issued_on + timedelta(days=_DAYS_TO_PAY),
            principal_paisa=lines.principal_paisa,
            vat_paisa=lines.vat_paisa,
            other_paisa=lines.other_paisa,
            late_fee_paisa=share_half_up(paisa, institution.lines.late_bp, _WHOLE_BP),
            stamp_paisa=lines.stamp_paisa,
            choice=chosen,
        )

    def _amount(self, number: str, back: int, choice: str | None) -> tuple[int, str]:
        """Return the amount of a bill before any late fee, and the choice that decided it."""
        draws = self._draws(number, str(back))
        match self.institution.amount:
            case FixedFee(paisa):
                return paisa, ""
            case AmountRange(low, high, step):
                # The smaller of two draws, because most bills are small.
                steps = (high - low) // step + 1
                return low + step * min(draws.below(steps), draws.below(steps)), ""
            case FeeByChoice(paisa_by_key, _):
                keys = list(paisa_by_key)
                key = choice or keys[self._draws(number, "choice").below(len(keys))]
                return paisa_by_key[key], key

    def _newest_due(self, number: str) -> date:
        # All bills of an account hang on one day, so that its months follow each other. Days of
        # grace on either side keep amounts still while a demonstration passes midnight.
        draws = self._draws(number, "due")
        is_overdue = draws.below(10) == 0
        days_left = -2 - draws.below(20) if is_overdue else 3 + draws.below(14)
        return self._opened_on + timedelta(days=days_left)

    def _period(self, newest_issued: date, back: int) -> BillPeriod:
        months = newest_issued.year * _MONTHS + newest_issued.month - 2 - back
        return BillPeriod(months // _MONTHS, months % _MONTHS + 1)

    def _draws(self, *of: str) -> Draws:
        return Draws(
            "/".join((self.institution.shares_accounts_with or self.institution.id, str(self._seed), *of))
        )
