"""The demands of one office: for each account and key, made of heads."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta

from typing_extensions import override

from sandbox.billers.offices.office import FeeLine, FilingChannel, OfficeInstitution
from sandbox.kit.biller.accounts import BillerAccounts
from sandbox.kit.biller.bills import BillerAccountKind, BillPeriod, SimulatedBill

_BEFORE_KEY = ":"
# So that the licence year of a demand does not end while a new sandbox is being looked at.
_DAYS_INTO_LICENCE_YEAR = 60


class OfficeAccounts(BillerAccounts):
    """A accounts in which an account has one bill for each key of its office, in the order of the keys."""

    def __init__(self, institution: OfficeInstitution, seed: int, accounts: int, opened_on: date) -> None:
        super().__init__(institution, seed, accounts, opened_on)
        self.office = institution
        # The lower half of the normal accounts, see `Filed`.
        self._online_max = self._accounts - self._accounts // 2

    @override
    def bills_of(self, number: str, choice: str | None = None) -> tuple[SimulatedBill, ...]:
        plain = super().bills_of(number)
        if not plain or (choice is not None and not self.office.has_key(choice)):
            return ()
        keys = self.office.keys_of(plain[0]) if choice is None else (choice,)
        return tuple(self._demand(plain[0], key) for key in keys)

    @override
    def bill(self, bill_number: str, choice: str | None = None) -> SimulatedBill | None:
        number, _, key = bill_number.partition(_BEFORE_KEY)
        bills = self.bills_of(number, key or choice)
        return next((bill for bill in bills if bill.bill_number == bill_number), None)

    @override
    def bill_of_unknown(self, number: str) -> SimulatedBill:
        plain = super().bill_of_unknown(number)
        return self._demand(plain, self.office.keys_of(plain)[0])

    @override
    def number_of(self, kind: BillerAccountKind, nth: int) -> str | None:
        if kind is not BillerAccountKind.NORMAL or nth < 0:
            return super().number_of(kind, nth)
        serials = self._normal_serials()
        return self.office.number_of(serials[nth]) if nth < len(serials) else None

    @override
    def normal_numbers(self) -> Iterator[str]:
        return (self.office.number_of(serial) for serial in self._normal_serials())

    def find_demand(self, texts: Mapping[str, str]) -> SimulatedBill | None:
        """Return the demand that a payer's parameters name, paid or not, or None if there is none."""
        naming_fields = {name: text for name, text in texts.items() if name not in self.office.key_parameters}
        accounts = self.find_bills(naming_fields)
        key = self.office.key_of(texts)
        bills = self.bills_of(accounts[0].number, key) if accounts else ()
        if not bills:
            return None
        fields, unchecked_fields = self.office.fields_of(bills[0]), self.office.unchecked_fields
        agrees = all(
            texts.get(name, text) == text for name, text in fields.items() if name not in unchecked_fields
        )
        return bills[0] if agrees else None

    def _normal_serials(self) -> range:
        match self.office.filing_channel:
            case FilingChannel.ALL:
                return range(1, self._accounts + 1)
            case FilingChannel.ONLINE:
                return range(1, self._online_max + 1)
            case FilingChannel.ON_PAPER:
                return range(self._online_max + 1, self._accounts + 1)

    def _demand(self, plain: SimulatedBill, key: str) -> SimulatedBill:
        """Return a plain bill as the demand of a key."""
        chosen = replace(plain, choice=key)
        lines: Counter[FeeLine] = Counter()
        for amount in self.office.heads_of(chosen):
            lines[amount.head.line] += amount.paisa
        is_many = key and not self.office.is_one_bill
        return replace(
            chosen,
            kind=self._kind_of_demand(plain),
            bill_number=f"{plain.number}{_BEFORE_KEY}{key}" if is_many else plain.number,
            period=self._period_of(plain),
            principal_paisa=lines[FeeLine.PRINCIPAL],
            vat_paisa=lines[FeeLine.VAT],
            other_paisa=lines[FeeLine.OTHER_CHARGES],
        )

    def _kind_of_demand(self, plain: SimulatedBill) -> BillerAccountKind:
        was_on_paper = (
            self.office.filing_channel is FilingChannel.ONLINE and int(plain.serial) > self._online_max
        )
        return (
            BillerAccountKind.ALREADY_PAID
            if was_on_paper and plain.kind is BillerAccountKind.NORMAL
            else plain.kind
        )

    def _period_of(self, plain: SimulatedBill) -> BillPeriod:
        if not self.office.is_licence_year:
            return plain.period
        within = plain.issued_on + timedelta(days=_DAYS_INTO_LICENCE_YEAR)
        return BillPeriod(within.year, within.month)
