"""Counters of agents in memory, over the same books as their payments: `ports.agents`."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from ekpay_switch.domain.agents.counter import AgentOperator, AgentOrder, CashDrawer, expected_cash
from ekpay_switch.domain.ledger.posting_rules import prefund_account
from ekpay_switch.domain.money import Money, total
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import receipts_of
from ekpay_switch.domain.payments.ends import PrefundEnd, prefund_end
from ekpay_switch.flows.agents.serve_payer import fetch_for_payer, find_order
from ekpay_switch.ports.agents import AgentPorts, NewAgentOrder
from ekpay_switch.security.identifiers import uuid7
from tests.factories import a_bill
from tests.fakes.payments import FakePayments
from tests.fakes.world import FakeClock, SmallWorld

AGENT = "udc1"


@dataclass
class StoredOrder:
    """An order with what became of its cash."""

    new: NewAgentOrder
    begun_at: datetime | None = None
    counted_in: UUID | None = None
    handed_back_at: datetime | None = None
    handed_back_from: UUID | None = None
    commission: Money | None = None


@dataclass
class FakeAgentCounter:
    """The operators, drawers and orders of every agent of a test."""

    clock: FakeClock
    books: FakePayments
    operators: dict[UUID, AgentOperator] = field(default_factory=dict)
    drawers_by_id: dict[UUID, CashDrawer] = field(default_factory=dict)
    orders_by_id: dict[UUID, StoredOrder] = field(default_factory=dict)

    def link(self, citizen_id: UUID, name: str = "Rahim", agent: str = AGENT) -> AgentOperator:
        """Let a citizen be an operator of an agent."""
        operator = AgentOperator(uuid7(), agent, f"Centre {agent}", 0, name)
        self.operators[citizen_id] = operator
        return operator

    async def operator_of(self, citizen_id: UUID) -> AgentOperator | None:
        return self.operators.get(citizen_id)

    async def open_drawer(self, drawer_id: UUID, operator: AgentOperator, opening: Money) -> CashDrawer:
        standing = await self.open_drawer_of(operator)
        if standing is not None:
            return standing
        now = self.clock.now()
        self.drawers_by_id[drawer_id] = CashDrawer(
            drawer_id, operator.operator_id, operator.name, now, opening
        )
        return self.drawers_by_id[drawer_id]

    async def open_drawer_of(self, operator: AgentOperator) -> CashDrawer | None:
        mine = self._drawers_of(operator)
        return next((drawer for drawer in mine if drawer.closed_at is None), None)

    async def drawer(self, partner_id: str, drawer_id: UUID) -> CashDrawer | None:
        drawer = self.drawers_by_id.get(drawer_id)
        agents = {one.operator_id: one.partner_id for one in self.operators.values()}
        return drawer if drawer is not None and agents.get(drawer.operator_id) == partner_id else None

    async def drawers(self, operator: AgentOperator, count_max: int) -> Sequence[CashDrawer]:
        return [one for one in self._drawers_of(operator) if one.closed_at is not None][::-1][:count_max]

    async def close_drawer(self, drawer_id: UUID, counted: Money, closed_by: str = "") -> CashDrawer:
        drawer = self.drawers_by_id[drawer_id]
        if drawer.closed_at is not None:
            return drawer
        for order in self.orders_by_id.values():
            taken_at = self.drawers_by_id[order.new.drawer_id]
            if taken_at.operator_id == drawer.operator_id and self._state(order) is not None:
                order.counted_in = order.counted_in or drawer_id
        taken = [o.new.bill.amount for o in self.orders_by_id.values() if o.counted_in == drawer_id]
        back = [o.new.bill.amount for o in self.orders_by_id.values() if o.handed_back_from == drawer_id]
        expected = expected_cash(drawer.opening, total(taken), total(back))
        closed = replace(
            drawer, closed_at=self.clock.now(), expected=expected, counted=counted, closed_by=closed_by
        )
        self.drawers_by_id[drawer_id] = closed
        return closed

    async def put_order(self, new: NewAgentOrder) -> None:
        self.orders_by_id.setdefault(new.order_id, StoredOrder(new))

    async def order(self, partner_id: str, order_id: UUID) -> AgentOrder | None:
        stored = self.orders_by_id.get(order_id)
        return self._shown(stored) if stored is not None and stored.new.partner_id == partner_id else None

    async def orders(self, drawer_id: UUID) -> Sequence[AgentOrder]:
        mine = [one for one in self.orders_by_id.values() if one.new.drawer_id == drawer_id]
        return [self._shown(one) for one in mine if one.begun_at is not None]

    async def confirm(self, order_id: UUID, drawer_id: UUID) -> bool:
        stored = self.orders_by_id[order_id]
        if stored.new.drawer_id != drawer_id or self.drawers_by_id[drawer_id].closed_at is not None:
            return False
        stored.begun_at = stored.begun_at or self.clock.now()
        return True

    async def hand_back(self, partner_id: str, order_id: UUID, drawer_id: UUID) -> bool:
        stored = self.orders_by_id[order_id]
        is_open = self.drawers_by_id[drawer_id].closed_at is None
        is_back = prefund_end(self._state(stored)) is PrefundEnd.BACK
        if not is_open or not is_back or stored.new.partner_id != partner_id:
            return False
        if stored.handed_back_at is None:
            stored.handed_back_at, stored.handed_back_from = self.clock.now(), drawer_id
        return True

    def _drawers_of(self, operator: AgentOperator) -> list[CashDrawer]:
        return [one for one in self.drawers_by_id.values() if one.operator_id == operator.operator_id]

    def _state(self, stored: StoredOrder) -> State | None:
        return self._shown(stored).state

    def _shown(self, stored: StoredOrder) -> AgentOrder:
        new = stored.new
        order = AgentOrder(
            order_id=new.order_id,
            drawer_id=new.drawer_id,
            bill=new.bill,
            charges=new.charges,
            read_at=self.clock.now(),
            begun_at=stored.begun_at,
            handed_back_at=stored.handed_back_at,
            commission=stored.commission,
        )
        payments = (one for one in self.books.payments.values() if one.claim.partner_id == new.partner_id)
        payment = next((one for one in payments if one.claim.reference == order.reference), None)
        if payment is None:
            return order
        standing = payment.standing
        is_paid = standing.state is State.COMPLETED
        return replace(
            order,
            payment_id=standing.payment_id,
            state=standing.state,
            refusal=standing.refusal,
            receipts=receipts_of(standing.facts) if is_paid else {},
        )


BILL_NO = "092512345678"


class CounterScene:
    """An agent with an operator and a biller; what the operator pays comes from the agent's prefund."""

    def __init__(self) -> None:
        self.small = SmallWorld()
        self.biller = self.small.biller
        self.biller.bills[BILL_NO] = a_bill(BILL_NO)
        self.counter = FakeAgentCounter(self.small.clock, self.small.books)
        self.ports = AgentPorts(self.small.world, self.counter)
        self.operator = self.counter.link(UUID(int=1))
        self.small.books.top_up(AGENT, "postpaid", 1_000_000)

    @property
    def prefund(self) -> int:
        return self.small.books.balance(prefund_account(AGENT, "postpaid"))

    async def opened(self, opening: int = 50_000) -> CashDrawer:
        return await self.counter.open_drawer(uuid7(), self.operator, Money(opening))

    async def fetched(self, drawer: CashDrawer, bill_no: str = BILL_NO) -> AgentOrder:
        answer = await fetch_for_payer(
            self.operator, drawer, "desco_postpaid", {"bill_no": bill_no}, self.ports
        )
        assert isinstance(answer, UUID), answer
        return await self.standing(answer)

    async def standing(self, order_id: UUID) -> AgentOrder:
        order = await find_order(self.operator, order_id, self.ports)
        assert order is not None
        return order
