"""The price of an order and its shares: pure, in whole paisa.

Each seller gets the price of its goods less the shop's margin, the delivery partner the carriage, an agent of
a union digital centre a commission out of the margin, and the shop the rest. The shares sum to the total.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.callers.ekshop.catalogue import AGENT_OF, COURIER, DISTRICTS, GOOD_OF, POST, SELLERS, Carrier
from sandbox.kit.institution.seeded_values import share_half_up

QUANTITY_MAX = 9
"""Of one good, in one order."""

SHOP = ""
"""The payee that is the merchant itself."""

_MARGIN_BP, _COMMISSION_BP, _WHOLE_BP = 500, 200, 10_000
_KILOGRAM = 1_000


class NoSuchPurchaseError(ValueError):
    """The purchase is empty, or names an unknown good, district or agent."""


@dataclass(frozen=True, slots=True)
class Share:
    """One part of what an order costs; `payee` is `SHOP` for the shop itself."""

    payee: str
    amount_paisa: int


@dataclass(frozen=True, slots=True)
class OrderBill:
    """The price of a purchase: goods by seller, the carriage, and the shares."""

    goods_paisa: Mapping[str, int]
    carrier: Carrier
    carriage_paisa: int
    shares: tuple[Share, ...]

    @property
    def total_paisa(self) -> int:
        """What the customer pays the shop, before any charge for paying."""
        return sum(self.goods_paisa.values()) + self.carriage_paisa


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase: quantities by good, a district, and the ordering agent, if any."""

    quantities: Mapping[str, int]
    district: str
    agent: str | None = None

    def bill(self) -> OrderBill:
        """Price it.

        Raises:
            NoSuchPurchaseError: the purchase is empty or not possible.
        """
        self._check()
        goods, weights = _by_seller(self.quantities)
        carrier = COURIER if self.agent is None else POST
        districts = {entry.code: entry.district for entry in SELLERS}
        carriage = sum(
            _parcel_paisa(carrier, grams, is_near=districts[seller] == self.district)
            for seller, grams in weights.items()
        )
        return OrderBill(goods, carrier, carriage, _shares(goods, carrier, carriage, self.agent))

    def _check(self) -> None:
        known = self.quantities.keys() <= GOOD_OF.keys() and self.district in DISTRICTS
        if not self.quantities or not known or (self.agent is not None and self.agent not in AGENT_OF):
            raise NoSuchPurchaseError(NoSuchPurchaseError.__doc__)
        if any(not 0 < quantity <= QUANTITY_MAX for quantity in self.quantities.values()):
            raise NoSuchPurchaseError(f"a quantity is from 1 to {QUANTITY_MAX}")


def _by_seller(quantities: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """Price and weight of each seller's goods, in the order of the sellers."""
    goods: dict[str, int] = {}
    weights: dict[str, int] = {}
    for seller in SELLERS:
        goods_ordered = [(GOOD_OF[code], count) for code, count in quantities.items()]
        seller_goods = [(good, count) for good, count in goods_ordered if good.seller == seller.code]
        if seller_goods:
            goods[seller.code] = sum(good.price_paisa * count for good, count in seller_goods)
            weights[seller.code] = sum(good.weight_grams * count for good, count in seller_goods)
    return goods, weights


def _parcel_paisa(carrier: Carrier, grams: int, *, is_near: bool) -> int:
    begun_kilograms = -(-grams // _KILOGRAM)
    return (carrier.near_paisa if is_near else carrier.far_paisa) + (
        begun_kilograms - 1
    ) * carrier.kilogram_paisa


def _shares(
    goods: Mapping[str, int], carrier: Carrier, carriage: int, agent: str | None
) -> tuple[Share, ...]:
    margins = {seller: share_half_up(price, _MARGIN_BP, _WHOLE_BP) for seller, price in goods.items()}
    commission = share_half_up(sum(goods.values()), _COMMISSION_BP, _WHOLE_BP) if agent else 0
    shares = [Share(seller, price - margins[seller]) for seller, price in goods.items()]
    shares.append(Share(carrier.code, carriage))
    if agent is not None:
        shares.append(Share(agent, commission))
    shares.append(Share(SHOP, sum(margins.values()) - commission))
    return tuple(share for share in shares if share.amount_paisa)
