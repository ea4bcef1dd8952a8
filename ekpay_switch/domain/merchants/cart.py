"""What a merchant's payer buys, as the merchant says it: lines, a discount, the delivery (docs/adr/0114).

It is there to be read. What is credited to whom is said by shares alone.
"""

from dataclasses import dataclass, field

from ekpay_switch.domain.money import ZERO, Money, total


@dataclass(frozen=True, slots=True)
class CartLine:
    """One good: `quantity` as it was spelled, whole or with up to three decimals; `amount` of all of it.

    `biller_id` is empty but where the line is a bill of a cart of the portal: our fee is then the bill's.
    """

    name: str
    quantity: str
    amount: Money
    biller_id: str = ""


@dataclass(frozen=True, slots=True)
class CartDelivery:
    """How the goods come: empty where the merchant did not say. `address` is personal."""

    charge: Money = ZERO
    carrier: str = ""
    expected: str = ""
    address: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Cart:
    """Everything that makes up the amount of an order, in the merchant's order and words."""

    lines: tuple[CartLine, ...]
    discount: Money = ZERO
    delivery: CartDelivery | None = None

    @property
    def amount(self) -> Money:
        """The lines and the delivery, less the discount."""
        charge = ZERO if self.delivery is None else self.delivery.charge
        return total(line.amount for line in self.lines) + charge - self.discount
