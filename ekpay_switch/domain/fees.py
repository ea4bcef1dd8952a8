"""What the payer is charged on top of a bill, and the VAT in it.

Rows come from config/fees.toml: by payee, instrument and slab, effective-dated. The result is
frozen into the quote, so that a change of the table never changes a fetched bill.
"""

from dataclasses import dataclass
from datetime import date

from ekpay_switch.domain.errors import NoFeeError
from ekpay_switch.domain.money import Money, percent_half_up

ANY = "*"


@dataclass(frozen=True, slots=True)
class FeeRow:
    """One line of the fee table; amounts in paisa, rates in basis points, dates inclusive."""

    payee: str  # a biller id, a biller category, or * for all
    instrument: str  # prefund, wallet, card …, or * for all
    amount_max: int | None  # the slab's upper bound, inclusive; None for the last slab
    fixed: int
    rate_basis_points: int
    vat_basis_points: int
    is_vat_inside: bool
    effective_from: date
    effective_until: date | None = None

    def covers(self, payee_names: frozenset[str], instrument: str, amount: int, on: date) -> bool:
        """Whether this row prices such a payment on that day."""
        return (
            self.payee in payee_names
            and self.instrument in {instrument, ANY}
            and (self.amount_max is None or amount <= self.amount_max)
            and self.effective_from <= on
            and (self.effective_until is None or on <= self.effective_until)
        )


@dataclass(frozen=True, slots=True)
class Fee:
    """The fee without its VAT, the VAT, and the version of the fee table that priced it."""

    fee: Money
    vat: Money
    version: str

    @property
    def total(self) -> Money:
        """What the payer pays on top of the bill: `ekpay_fee` on the wire."""
        return self.fee + self.vat


@dataclass(frozen=True, slots=True)
class FeeTable:
    """All fee rows of one version; the first row that covers a payment prices it."""

    version: str
    rows: tuple[FeeRow, ...]

    def price(self, payee_names: frozenset[str], instrument: str, amount: Money, on: date) -> Fee:
        """The fee on `amount`, each line rounded half up.

        Raises:
            NoFeeError: no row covers it; a missing price never means free of charge.
        """
        names = payee_names | {ANY}
        for row in self.rows:
            if row.covers(names, instrument, amount.minor, on):
                return _priced(row, amount, self.version)
        raise NoFeeError(f"no fee row for {sorted(payee_names)} by {instrument} on {on}")


def _priced(row: FeeRow, amount: Money, version: str) -> Fee:
    gross = row.fixed + percent_half_up(amount.minor, row.rate_basis_points)
    if row.is_vat_inside:
        # The share of a gross price that is VAT: rate / (1 + rate), half up.
        whole = 10_000 + row.vat_basis_points
        vat = (gross * row.vat_basis_points * 2 + whole) // (2 * whole)
        return Fee(Money(gross - vat, amount.currency), Money(vat, amount.currency), version)
    vat = percent_half_up(gross, row.vat_basis_points)
    return Fee(Money(gross, amount.currency), Money(vat, amount.currency), version)
