"""A biller with two routes: the second is used where not a byte left us on the first.

The core chooses the route as the order's step and stores it before sending; this module passes each call to
the route of its order. A bill is paid on the route that fetched it, or on the second after a fetch on the
first; never on the first after a fetch on the second, since the first does not know that quote.
"""

from collections.abc import Mapping
from dataclasses import replace

from ekpay_switch.domain.bill import BillerSilent, BillFound, BillQuery, FetchReply
from ekpay_switch.domain.outcome import Inquiry, Outcome, Unreached
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.ports.billers import BillerAdapter, BillerProfile
from ekpay_switch.wing_kit.manifest_file import ManifestError

SECOND_ROUTE = "second_route"
# In a quote: the route that fetched it, where that was not the first.
_ROUTE = "route"


class TwoRoutes:
    """A biller with a second route; implements the port `BillerAdapter`.

    Its profile is the first route's. A payment must be one step on either route, since after the first of
    several steps the biller would hold half of it.

    Raises:
        ManifestError: a route has several steps, or the second requires parameters that the first lacks.
    """

    def __init__(self, first: BillerAdapter, second: BillerAdapter) -> None:
        if any(len(route.profile.steps) != 1 for route in (first, second)):
            raise ManifestError(f"{second.profile.id}: only payments of one step may have a second route")
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
        """The facts of this biller: the first route's, and that there is a second."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """Fetch on the first route, and on the second where the first is silent; moves no money.

        The quote keeps the parameters, so that the second route can fetch the bill of the first again.
        """
        first_reply = await self._first.fetch(query)
        if not isinstance(first_reply, BillerSilent):
            return _with_quote_fields(first_reply, query.parameters)
        second_reply = await self._second.fetch(query)
        if isinstance(second_reply, BillerSilent):
            return BillerSilent(f"{first_reply.why}; the other route: {second_reply.why}")
        return _with_quote_fields(second_reply, {**query.parameters, _ROUTE: SECOND_ROUTE})

    async def pay(self, order: PayOrder) -> Outcome:
        """Pay on the route that the order's step names."""
        if order.step == SECOND_ROUTE:
            return await self._second.pay(self._on_second(order))
        if order.biller_quote.get(_ROUTE) == SECOND_ROUTE:
            return Unreached("the bill was fetched on the other route")
        return await self._first.pay(order)

    async def inquire(self, order: PayOrder) -> Inquiry:
        """Ask on the route that the order's step names: a payment in doubt stays on its route."""
        if order.step == SECOND_ROUTE:
            return await self._second.inquire(self._on_second(order))
        return await self._first.inquire(order)

    def _on_second(self, order: PayOrder) -> PayOrder:
        return replace(order, step=self._second.profile.steps[0])


def _with_quote_fields(reply: FetchReply, extra_fields: Mapping[str, str]) -> FetchReply:
    if not isinstance(reply, BillFound):
        return reply
    quote = {**extra_fields, **reply.bill.biller_quote}
    return BillFound(replace(reply.bill, biller_quote=quote))
