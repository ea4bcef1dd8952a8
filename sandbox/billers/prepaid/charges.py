"""What an amount buys: the lines of billers.md 1.3, drawn for each account; amounts in paisa."""

from typing import NamedTuple

from sandbox.kit.biller.bills import WHOLE_BP, SimulatedBill
from sandbox.kit.institution.seeded_values import Draws, share_half_up

VAT_BP = 500
_REBATE_BP = 50


class Charges(NamedTuple):
    """What a purchase is made of: the lines after the first sum to the first."""

    purchase: int
    energy: int
    demand_charge: int
    meter_rent: int
    debt: int
    rebate: int
    vat: int

    @property
    def fees(self) -> int:
        """Everything that is neither energy nor an old debt."""
        return self.purchase - self.energy - self.debt


def charges_of(bill: SimulatedBill, paisa: int) -> Charges:
    """Return what an amount buys for an account: VAT inside, the charges, a rebate, energy for the rest."""
    draws = Draws(f"{bill.institution_id}/{bill.number}/charges")
    demand, rent = 4_200 * (1 + draws.below(4)), 4_000
    # One account in five still owes something from the days of paper bills.
    old_debt = 5_000 + draws.below(20_000) if draws.below(5) == 0 else 0
    vat = share_half_up(paisa, VAT_BP, WHOLE_BP + VAT_BP)
    net = paisa - vat
    demand = min(demand, net)
    rent = min(rent, net - demand)
    # Half of what is left at most: an old debt never takes all of a purchase.
    debt = min(old_debt, (net - demand - rent) // 2)
    rest = net - demand - rent - debt
    rebate = -share_half_up(rest, _REBATE_BP, WHOLE_BP)
    return Charges(paisa, rest - rebate, demand, rent, debt, rebate, vat)
