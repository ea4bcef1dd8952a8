"""`/costs`: what a bill would cost by each bank, card and wallet, before anything is typed of it (ADR 0126).

The prices are those of the checkout, by the same function; nothing is stored and nobody is asked.
"""

from collections.abc import Sequence

from starlette.responses import Response

from ekpay_switch.domain.bangla import fold_bangla_digits
from ekpay_switch.domain.carts.bill_cart import PORTAL
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import Money, parse_taka
from ekpay_switch.flows.merchants.offers import Offer, bill_offers
from ekpay_switch.web.portal.catalogue import BillerTile
from ekpay_switch.web.portal.visits import PortalVisit

BILLER, AMOUNT = "biller", "amount"
# What is shown where nothing was typed.
EXAMPLE = Money(100_000)
_TYPED_MAX = 20


async def show_costs(visit: PortalVisit) -> Response:
    """The form, and below it what it was asked for; an example at first."""
    query = visit.request.query_params
    typed = query.get(AMOUNT, "").strip()[:_TYPED_MAX]
    amount = read_amount(typed) if typed else EXAMPLE
    tile = _tile(visit, query.get(BILLER, ""))
    offers = [] if tile is None or amount is None else await _offers(visit, tile, amount)
    values = {
        "groups": visit.portal.catalogue.groups,
        "tile": tile,
        "typed": typed,
        "amount": amount,
        "offers": [offer for offer in offers if offer.why_not is None],
        "closed": [offer for offer in offers if offer.why_not is not None],
        "now": visit.portal.office.world.clock.now(),
    }
    return visit.page("costs.html", values, 200 if amount is not None else 422)


def read_amount(typed: str) -> Money | None:
    """A typed sum of taka above zero; None for anything else.

    Bangla digits, blanks and the commas between lakhs make no difference.
    """
    text = "".join(fold_bangla_digits(typed).replace(",", "").replace("৳", "").split())
    try:
        amount = parse_taka(text)
    except MalformedAmountError:
        return None
    return amount if amount.minor > 0 else None


def _tile(visit: PortalVisit, biller_id: str) -> BillerTile | None:
    """The biller of the form; at first, and for one that is not offered, the most used of all."""
    catalogue = visit.portal.catalogue
    offered = [*catalogue.most_used, *(tile for group in catalogue.groups for tile in group.tiles)]
    return catalogue.by_id(biller_id) or next(iter(offered), None)


async def _offers(visit: PortalVisit, tile: BillerTile, amount: Money) -> Sequence[Offer]:
    world = visit.portal.office.world
    merchant = await world.merchants.by_partner(PORTAL)
    return [] if merchant is None else await bill_offers(tile.profile, amount, merchant, world)
