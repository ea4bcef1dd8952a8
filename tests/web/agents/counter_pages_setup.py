"""An operator's browser before the counter: signed in, with an open drawer, with a payer's bill."""

from ekpay_switch.domain.agents.counter import AgentOperator
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined
from tests.fakes.agents import AGENT, FakeAgentCounter
from tests.fakes.billers import Deed
from tests.web.checkout.checkout_setup import Seen
from tests.web.portal.portal_setup import BILL_NO, DESCO, PortalStand
from tests.web.portal.test_account_pages import NUMBER, accounts_of, entered

BILL = {"group": "A", "A-bill_no": BILL_NO}
REFUSES = Deed(Declined("closed_account"))
TOTAL = Money(105_000)


def counter_of(stand: PortalStand) -> FakeAgentCounter:
    return stand.counter.agent_counter


async def operator_of(stand: PortalStand, number: str = NUMBER, agent: str = AGENT) -> AgentOperator:
    """Whoever signs in with this number is an operator, and is signed in now."""
    await entered(stand, number)
    operator = counter_of(stand).link(accounts_of(stand).citizens[number], "Rahim", agent)
    stand.scene.small.books.top_up(agent, "postpaid", 1_000_000)
    return operator


async def opened(stand: PortalStand, cash: str = "500") -> Seen:
    """An operator before an open drawer."""
    await operator_of(stand)
    page = await stand.browser.get("/agent")
    return await stand.browser.follow(await stand.press(page, "/agent/drawer", opening=cash))


async def shown(stand: PortalStand, path: str = f"/agent{DESCO}") -> Seen:
    """The page of an order whose bill was typed in."""
    return await stand.browser.follow(await stand.send(BILL, path))


async def confirmed(stand: PortalStand) -> Seen:
    """The page of an order whose cash was taken."""
    page = await shown(stand)
    answer = await stand.press(page, path_of(page))
    return await stand.browser.follow(answer)


def path_of(page: Seen) -> str:
    """Where the page of an order or of a day is: its switch of languages leads there."""
    links = (link.partition("?")[0] for link in page.html.links())
    return next(link for link in links if link.startswith(("/agent/orders/", "/agent/days/")))


async def closed(stand: PortalStand, cash: str) -> Seen:
    page = await stand.browser.get("/agent/close")
    return await stand.browser.follow(await stand.press(page, "/agent/close", counted=cash))
