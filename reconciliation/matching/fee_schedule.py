"""The agreed fee that an institution keeps of a payment.

Fee and VAT are rounded half up per row, in whole paisa, as the posting side does it (architecture.md 6).
"""

from dataclasses import dataclass

from ekpay_switch.domain.money import percent_half_up


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """A rate in basis points with floor and cap in paisa, and VAT on the fee in basis points."""

    basis_points: int
    floor: int
    cap: int | None
    vat_basis_points: int

    def fee(self, gross: int) -> int:
        """The fee on a payment of `gross` paisa, without VAT."""
        rated = max(percent_half_up(abs(gross), self.basis_points), self.floor)
        return rated if self.cap is None else min(rated, self.cap)

    def fee_with_vat(self, gross: int) -> int:
        """Fee and VAT together, the difference of gross and net."""
        fee = self.fee(gross)
        return fee + percent_half_up(fee, self.vat_basis_points)
