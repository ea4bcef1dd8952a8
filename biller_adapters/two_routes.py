"""Two ways to one biller: the second is for where not a byte left us on the first.

Which way a payment takes is its order's step, made durable by the core before it is sent; this here only
leads each call where its order says. What may surprise: a bill is paid on the way that fetched it, or on the
second after a fetch over the first, never the other way round: what the second has told the first never saw.
"""

from collections.abc import Mapping
from dataclasses import replace

from ekpay_switch.domain.bill import BillerSilent, BillFound, BillQuery, FetchReply
from ekpay_switch.domain.delivery import PayOrder
from ekpay_switch.domain.outcome import Inquiry, Outcome, Unreached
from ekpay_switch.ports.billers import BillerAdapter, BillerProfile
from ekpay_switch.wing_kit.manifest_file import ManifestError

SECOND_ROUTE = "second_route"
# In a quote: which way it came, where that was not the first.
_ROUTE = "route"


class TwoRoutes:
    """A biller with a second way to it; implements the port `BillerAdapter`.

    It is the first in everything but where its calls go. A payment must be one call on either way, since
    after a first of several a biller would hold half of it.

    Raises:
        ManifestError: a way takes more than one step, or the second names bills by what the first never asks.
    """

    def __init__(self, first: BillerAdapter, second: BillerAdapter) -> None:
        if any(len(route.profile.steps) != 1 for route in (first, second)):
            raise ManifestError(f"{second.profile.id}: only payments of one step may go another way")
        known = {parameter.name for parameter in first.profile.parameters}
        needed = {parameter.name for parameter in second.profile.parameters if parameter.is_required}
        if not needed <= known:
            raise ManifestError(
                f"{second.profile.id}: {first.profile.id} does not ask {', '.join(sorted(needed - known))}"
            )
        self._first = first
        self._second = second
        self._profile = replace(first.profile, second_route=SECOND_ROUTE)

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller: the first way's, and that there is another."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Ask on the first way, and on the second where the first is silent; moves no money.

        The quote keeps what was asked, so that the second way can look up what the first has fetched.
        """
        found = await self._first.fetch(query)
        if not isinstance(found, BillerSilent):
            return _marked(found, query.parameters)
        other = await self._second.fetch(query)
        if isinstance(other, BillerSilent):
            return BillerSilent(f"{found.why}; the other way: {other.why}")
        return _marked(other, {**query.parameters, _ROUTE: SECOND_ROUTE})

    async def pay(self, order: PayOrder) -> Outcome:
        """Pay on the way that the order's step names."""
        if order.step == SECOND_ROUTE:
            return await self._second.pay(self._on_second(order))
        if order.biller_quote.get(_ROUTE) == SECOND_ROUTE:
            return Unreached("the bill was fetched by the other way")
        return await self._first.pay(order)

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask on the way that the order's step names: a doubt is pinned to where it arose."""
        if order.step == SECOND_ROUTE:
            return await self._second.inquire(self._on_second(order))
        return await self._first.inquire(order)

    def _on_second(self, order: PayOrder) -> PayOrder:
        return replace(order, step=self._second.profile.steps[0])


def _marked(reply: FetchReply, more: Mapping[str, str]) -> FetchReply:
    if not isinstance(reply, BillFound):
        return reply
    quote = {**more, **reply.bill.biller_quote}
    return BillFound(replace(reply.bill, biller_quote=quote))
