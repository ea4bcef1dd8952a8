"""A counter over real books: an agent with a prefund, an operator whom two persons linked, a biller."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import UUID

from ekpay_switch.domain.agents.counter import AgentOperator, AgentOrder, CashDrawer
from ekpay_switch.domain.fees import FeeTable
from ekpay_switch.domain.money import Money
from ekpay_switch.flows.agents.serve_payer import fetch_for_payer, find_order, pay_order
from ekpay_switch.persistence.access.client_access import ClientAccess, operator_order
from ekpay_switch.persistence.agents.counter import PostgresAgentCounter
from ekpay_switch.persistence.agents.operators import AgentOperators
from ekpay_switch.persistence.citizens.accounts import PostgresCitizenAccounts
from ekpay_switch.persistence.short_transactions import ShortTransactions, TransactionLimits
from ekpay_switch.ports.agents import AgentPorts
from ekpay_switch.security.identifiers import uuid7
from ekpay_switch.security.keys import KeyRing
from tests.fakes.carts import NUMBERS
from tests.fakes.world import FIVE_TAKA
from tests.persistence.books import SEALER, Books
from tests.persistence.carts.cart_setup import Portal, open_portal
from tests.persistence.citizens.conftest import DIGESTS
from tests.persistence.citizens.test_saved_bills import entered
from tests.persistence.staff_rows import persons

AGENT, PREFUND = "udc1", 10_000_000
BILL = 105_000
# The counter takes no fee of ours unless a test says so.
CASH = BILL
FEE = 500


@dataclass
class Centre:
    """One test's agent; `alice` and `bob` are of finance."""

    portal: Portal
    transactions: ShortTransactions
    counter: PostgresAgentCounter
    accounts: PostgresCitizenAccounts
    access: ClientAccess
    operators: AgentOperators
    ports: AgentPorts

    @property
    def books(self) -> Books:
        return self.portal.books

    def take_fee(self, fee: int = FEE) -> None:
        """From here on, a bill at the counter costs so many paisa and their VAT."""
        world = replace(self.ports.world, fees=FeeTable("fee", (replace(FIVE_TAKA, fixed=fee),)))
        self.ports = AgentPorts(world, self.counter)

    async def citizen(self, number: str = "01712345678") -> UUID:
        return (await entered(self.accounts, number)).citizen_id

    async def linked(self, number: str = "01712345678", name: str = "Rahim", agent: str = AGENT) -> UUID:
        """A citizen whom two persons have made an operator; the id of the operator."""
        order = operator_order(agent, await self.citizen(number), name)
        shown = await self.access.approve(await self.access.ask(order, "alice"), "bob")
        return UUID(shown["operator_id"])

    async def operator(self, number: str = "01712345678") -> AgentOperator:
        await self.linked(number)
        operator = await self.counter.operator_of(await self.citizen(number))
        assert operator is not None
        return operator

    async def fetched(
        self, operator: AgentOperator, drawer: CashDrawer, name: str = "desco_postpaid"
    ) -> AgentOrder:
        fields = {"bill_no": NUMBERS[name]}
        order_id = await fetch_for_payer(operator, drawer, name, fields, self.ports)
        assert isinstance(order_id, UUID), order_id
        return await self.standing(operator, order_id)

    async def paid(
        self, operator: AgentOperator, drawer: CashDrawer, name: str = "desco_postpaid"
    ) -> AgentOrder:
        order = await self.fetched(operator, drawer, name)
        assert await pay_order(operator, drawer, order, self.ports) is None
        return await self.standing(operator, order.order_id)

    async def standing(self, operator: AgentOperator, order_id: UUID) -> AgentOrder:
        order = await find_order(operator, order_id, self.ports)
        assert order is not None
        return order

    async def opened(self, operator: AgentOperator, opening: int = 50_000) -> CashDrawer:
        return await self.counter.open_drawer(uuid7(), operator, Money(opening))


@asynccontextmanager
async def open_centre(books: Books) -> AsyncIterator[Centre]:
    """An agent with a prefund beside the portal, whose billers it pays."""
    async with (
        open_portal(books) as portal,
        ShortTransactions(books.database.connect_hot, TransactionLimits(connections=4)) as transactions,
    ):
        await books.tell(persons("alice", "bob"))
        await books.partner(AGENT, prefund=PREFUND)
        counter = PostgresAgentCounter(transactions)
        yield Centre(
            portal=portal,
            transactions=transactions,
            counter=counter,
            accounts=PostgresCitizenAccounts(transactions, DIGESTS, SEALER),
            access=ClientAccess(portal.engine, KeyRing(bytes(range(32)))),
            operators=AgentOperators(portal.engine),
            ports=AgentPorts(portal.world, counter),
        )
