"""The customers of the simulated NESCO and what their money buys, computed from a seed.

Nothing is stored: the seed and the customer number decide name, meter and charges, and a vend's
transaction decides its digits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from hashlib import blake2b
from typing import NamedTuple

from sandbox.kit.institution.seeded_values import INVENTED_NAMES, Draws, invented_name, share_half_up

FIRST_NORMAL_CUSTOMER = 10_000_000
MAGIC_RANGE_LENGTH = 1_000
CUSTOMER_LENGTH = 8
DIGITS_LENGTH = 20

_KIND_UNIT = 1_000_000
_TARIFF_LINES = 11
_KEY_LINES = 2


class CustomerKind(Enum):
    """How a customer's account behaves; the values are the first two digits of the magic ranges."""

    NORMAL = 10
    IN_DOUBT_VENDED = 81
    IN_DOUBT_UNVENDED = 82
    LATE_TOKEN = 83
    TARIFF_CHANGE = 84
    KEY_CHANGE = 85
    NUMERIC_CODE = 86
    VEND_LIMIT = 91
    UNKNOWN = 92
    SLOW = 93
    ANSWER_LOST_VENDED = 94
    ANSWER_LOST_UNVENDED = 95
    REFUSES = 96
    HTML_ANSWER = 98
    ECHOES_OTHER_AMOUNT = 99


_KIND_BY_DIGITS = {kind.value: kind for kind in CustomerKind if kind is not CustomerKind.NORMAL}


class NescoLineKind(StrEnum):
    """What a token line does to the meter."""

    CREDIT = "CREDIT"
    KEYCHANGE = "KEYCHANGE"
    TARIFF = "TARIFF"


@dataclass(frozen=True, slots=True)
class NescoCustomer:
    """An invented customer with a meter; all names are invented.

    The charges are in paisa, taken off each purchase as far as it reaches.
    """

    number: str
    kind: CustomerKind
    name: str
    meter_number: str
    demand_charge_paisa: int
    meter_rent_paisa: int
    debt_paisa: int


class PurchaseBreakdown(NamedTuple):
    """What a purchase is made of, in paisa: the lines after the first sum to the first."""

    purchase: int
    energy: int
    demand_charge: int
    rebate: int
    pfc: int
    debt: int
    meter_rent: int
    vat: int
    tax: int


class NescoCustomers:
    """All customers of one simulator: the normal ones and the magic ranges of 1,000 each."""

    def __init__(self, seed: int, customers: int) -> None:
        self._seed = seed
        self._customers = customers

    def customer(self, number: str) -> NescoCustomer | None:
        """Return the customer of this number, or None if there is none."""
        kind = self._kind(number)
        return None if kind is CustomerKind.UNKNOWN else self._make_customer(number, kind)

    def customer_of_old(self, number: str) -> NescoCustomer:
        """Return a customer who was quoted for, even if the accounts has become smaller since."""
        kind = self._kind(number)
        return self._make_customer(number, CustomerKind.NORMAL if kind is CustomerKind.UNKNOWN else kind)

    def normal_customers(self) -> Iterator[str]:
        """Yield the numbers of the normal customers in their order."""
        for number in range(FIRST_NORMAL_CUSTOMER, FIRST_NORMAL_CUSTOMER + self._customers):
            yield str(number)

    def digits(self, transaction_id: str, count: int) -> list[str]:
        """Return so many different lines of 20 digits; the same transaction has the same for ever."""
        lines: list[str] = []
        tries = 0
        while len(lines) < count:
            digest = blake2b(f"{self._seed}/{transaction_id}/{tries}".encode(), digest_size=16).digest()
            line = f"{int.from_bytes(digest, 'big') % 10**DIGITS_LENGTH:0{DIGITS_LENGTH}d}"
            tries += 1
            if line not in lines:
                lines.append(line)
        return lines

    def _kind(self, number: str) -> CustomerKind:
        # isdigit alone would let Bangla digits through, and int() would read them.
        if len(number) != CUSTOMER_LENGTH or not (number.isascii() and number.isdigit()):
            return CustomerKind.UNKNOWN
        value = int(number)
        if FIRST_NORMAL_CUSTOMER <= value < FIRST_NORMAL_CUSTOMER + self._customers:
            return CustomerKind.NORMAL
        leading, rest = divmod(value, _KIND_UNIT)
        if rest >= MAGIC_RANGE_LENGTH:
            return CustomerKind.UNKNOWN
        return _KIND_BY_DIGITS.get(leading, CustomerKind.UNKNOWN)

    def _make_customer(self, number: str, kind: CustomerKind) -> NescoCustomer:
        draws = Draws(f"nesco/{self._seed}/{number}")
        return NescoCustomer(
            number=number,
            kind=kind,
            name=invented_name(draws.below(INVENTED_NAMES)),
            meter_number=f"{31_000_000_000 + draws.below(900_000_000)}",
            demand_charge_paisa=3_500 + 500 * draws.below(20),
            meter_rent_paisa=4_000,
            # One customer in five still owes something from the days of paper bills.
            debt_paisa=5_000 + draws.below(20_000) if draws.below(5) == 0 else 0,
        )


def is_in_unknown_range(number: str) -> bool:
    """Whether a number lies in the magic range 92, whose customers are unknown under a code of their own."""
    return number.startswith(str(CustomerKind.UNKNOWN.value))


def break_down_purchase(customer: NescoCustomer, amount_paisa: int) -> PurchaseBreakdown:
    """Return what an amount buys: 5 % VAT inside, the charges, a rebate of 1 %, and energy for the rest."""
    vat = share_half_up(amount_paisa, 5, 105)
    net = amount_paisa - vat
    demand_charge = min(customer.demand_charge_paisa, net)
    meter_rent = min(customer.meter_rent_paisa, net - demand_charge)
    # Half of what is left at most: an old debt never takes all of a purchase.
    debt = min(customer.debt_paisa, (net - demand_charge - meter_rent) // 2)
    rest = net - demand_charge - meter_rent - debt
    rebate = -(rest // 100)
    return PurchaseBreakdown(
        purchase=amount_paisa,
        energy=rest - rebate,
        demand_charge=demand_charge,
        rebate=rebate,
        pfc=0,
        debt=debt,
        meter_rent=meter_rent,
        vat=vat,
        tax=0,
    )


def line_kinds(kind: CustomerKind) -> list[NescoLineKind]:
    """Return what the lines of a vend do, in the order in which they are keyed in."""
    before: list[NescoLineKind] = []
    if kind is CustomerKind.TARIFF_CHANGE:
        before = [NescoLineKind.TARIFF] * _TARIFF_LINES
    elif kind is CustomerKind.KEY_CHANGE:
        before = [NescoLineKind.KEYCHANGE] * _KEY_LINES
    return [*before, NescoLineKind.CREDIT]
