"""What the counters of agents need, as protocols."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.agents.counter import AgentOperator, AgentOrder, CashDrawer
from ekpay_switch.domain.carts.bill_cart import CartBill
from ekpay_switch.domain.money import Money
from ekpay_switch.ports.world import World


@dataclass(frozen=True, slots=True)
class NewAgentOrder:
    """A payer's bill to be stored; see `AgentOrder`."""

    order_id: UUID
    drawer_id: UUID
    partner_id: str
    bill: CartBill
    charges: Money


class AgentCounter(Protocol):
    """Operators, their drawers and their orders; each call is one short transaction, durable on return.

    Raises, where it writes:
        OverloadedError: no connection became free; nothing was done.
        CommitUnknownError: the connection was lost during the commit; a repeat finds what was written.
    """

    async def operator_of(self, citizen_id: UUID) -> AgentOperator | None:
        """The operator who signs in by this account; None where it is nobody's, or not any more."""
        ...

    async def open_drawer(self, drawer_id: UUID, operator: AgentOperator, opening: Money) -> CashDrawer:
        """Open a drawer with a float; the open one where the operator has one."""
        ...

    async def open_drawer_of(self, operator: AgentOperator) -> CashDrawer | None:
        """The open drawer of an operator."""
        ...

    async def drawer(self, partner_id: str, drawer_id: UUID) -> CashDrawer | None:
        """A drawer of this agent."""
        ...

    async def drawers(self, operator: AgentOperator, count_max: int) -> Sequence[CashDrawer]:
        """The closed drawers of an operator, the newest first."""
        ...

    async def close_drawer(self, drawer_id: UUID, counted: Money, closed_by: str = "") -> CashDrawer:
        """Close a drawer with what was counted; a closed one stays as it was closed.

        What payers handed over counts in the first drawer of their operator that is closed after the payment
        was recorded, once; what was handed back counts where it was taken from.
        """
        ...

    async def put_order(self, new: NewAgentOrder) -> None:
        """Store an order; a repeat changes nothing."""
        ...

    async def order(self, partner_id: str, order_id: UUID) -> AgentOrder | None:
        """An order of this agent."""
        ...

    async def orders(self, drawer_id: UUID) -> Sequence[AgentOrder]:
        """The confirmed orders that were taken at a drawer, the oldest first."""
        ...

    async def confirm(self, order_id: UUID, drawer_id: UUID) -> bool:
        """Record that an order was confirmed; a repeat keeps the first instant.

        False where the drawer is closed or the order was not taken at it: nothing was written.
        """
        ...

    async def hand_back(self, partner_id: str, order_id: UUID, drawer_id: UUID) -> bool:
        """Record that the cash of an order whose money is back was handed to its payer from a drawer, once.

        True for a repeat. False where the drawer is closed, or the money is not back: nothing was written.
        """
        ...


@dataclass(frozen=True, slots=True)
class AgentPorts:
    """Everything that the flows of agents use."""

    world: World
    counter: AgentCounter
