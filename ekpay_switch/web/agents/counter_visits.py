"""One request of an agent's operator: who it is, and the drawer that is open.

An operator signs in by a code as any citizen. Whom the agent has let go is out with the next request.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.responses import Response

from ekpay_switch.domain.agents.counter import AgentOperator, CashDrawer
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.citizens.accounts import SignedIn
from ekpay_switch.ports.agents import AgentPorts
from ekpay_switch.ports.citizens import CitizenPorts
from ekpay_switch.web.portal.code_forms import CodeForm
from ekpay_switch.web.portal.session_cookie import signed_in
from ekpay_switch.web.portal.sign_in_pages import SignInPages
from ekpay_switch.web.portal.typed_numbers import NOTHING_TYPED
from ekpay_switch.web.portal.visits import PortalVisit

DESK = "/agent"
SIGN_IN = SignInPages(DESK, CodeForm("sign_in_code", "ekpay-agent", "/agent/code", DESK))


@dataclass(frozen=True, slots=True)
class CounterVisit:
    """A request of an operator; `drawer` is None where none is open."""

    visit: PortalVisit
    citizens: CitizenPorts
    who: SignedIn
    operator: AgentOperator
    drawer: CashDrawer | None

    @property
    def agents(self) -> AgentPorts:
        """The ports of agents."""
        return self.visit.portal.agents

    @property
    def drawer_of_today(self) -> CashDrawer | None:
        """The open drawer, unless it was opened on an earlier Dhaka date: that is counted first."""
        drawer = self.drawer
        return drawer if drawer is not None and drawer.is_of(business_date(self.who.now)) else None


CounterHandler = Callable[[CounterVisit], Awaitable[Response]]
CounterFormHandler = Callable[[CounterVisit, Mapping[str, str]], Awaitable[Response]]
CitizenHandler = Callable[[PortalVisit, CitizenPorts], Awaitable[Response]]


def counter_page(handler: CounterHandler) -> CitizenHandler:
    """A page for operators; anybody else is led to the form that signs in, or is nobody's operator."""

    async def answer(visit: PortalVisit, citizens: CitizenPorts) -> Response:
        who = await signed_in(visit, citizens)
        if who is None:
            is_read = visit.request.method == "GET"
            return SIGN_IN.page(visit, NOTHING_TYPED) if is_read else visit.redirect(DESK)
        counter = visit.portal.agents.counter
        operator = await counter.operator_of(who.citizen_id)
        if operator is None:
            return visit.notice("no_operator", 403, link="/account")
        drawer = await counter.open_drawer_of(operator)
        return await handler(CounterVisit(visit, citizens, who, operator, drawer))

    return answer


def counter_form(handler: CounterFormHandler) -> CitizenHandler:
    """A form for operators, sent by a page of ours."""

    async def answer(counter: CounterVisit) -> Response:
        sent = await counter.visit.own_fields()
        if sent is None:
            return counter.visit.notice("foreign", 403, link=DESK)
        return await handler(counter, sent)

    return counter_page(answer)
