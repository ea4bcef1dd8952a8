"""A desk for requests to hosts: what is made ready and done, a line each, over rows or in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from ekpay_switch.domain.host_messages import HostMessage, HostReply, MessageKey, NewHostMessage
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.host_links.store import PostgresHosts
from ekpay_switch.ports.host_links import HostLinks, HostMessages, LinkLease
from ekpay_switch.system_clock import SystemClock
from ekpay_switch.wing_kit.in_memory_host_links import InMemoryHostLinks
from tests.persistence.books import Books

BANK, ACQUIRER = "janata", "025135000"
APPROVED = HostReply("00", is_decided=True, fields={"4": "000000050000", "15": "0101"}, is_approval=True)
DECLINED = HostReply("51", is_decided=True)
UNKNOWN = HostReply("96", is_decided=False)
KEY = MessageKey(BANK, "R1", 1)


@dataclass
class Desk:
    """One process's hosts, or the memory that a rehearsal has for it."""

    messages: HostMessages
    links: HostLinks

    async def new(self, reference: str = "R1", epoch: int = 1, **changes: Any) -> NewHostMessage:  # noqa: ANN401 - of any field
        trace = await self.messages.next_trace(ACQUIRER)
        assert trace is not None
        key = MessageKey(BANK, reference, epoch)
        new = NewHostMessage(
            key, UUID(int=7), ACQUIRER, trace, f"500118{trace.stan:06d}", Money(50_000), "ALIAS"
        )
        return replace(new, **changes)

    async def handed(self, reference: str = "R1", epoch: int = 1) -> HostMessage:
        handed = await self.messages.hand_over(await self.new(reference, epoch), 30)
        assert handed is not None
        return handed

    async def lease(self) -> LinkLease:
        lease = await self.links.lease(BANK, "owner", 30)
        assert lease is not None
        return lease

    async def sent(self, reference: str = "R1", epoch: int = 1) -> HostMessage:
        """A request that was written, as far as anybody knows."""
        await self.handed(reference, epoch)
        lease = await self.lease()
        (taken,) = await self.links.take(lease, 10)
        await self.links.release(lease)
        return taken.message

    async def reversing(self) -> HostMessage:
        return await self.reverse((await self.sent()).key)

    async def reverse(self, key: MessageKey) -> HostMessage:
        trace = await self.messages.next_trace(ACQUIRER)
        assert trace is not None
        return await self.messages.reverse(key, trace)

    async def now(self, key: MessageKey = KEY) -> HostMessage:
        """How a request stands that was sent."""
        message = await self.messages.settle(key.connector_id, key.reference, key.epoch + 1)
        assert message is not None
        return message


@dataclass
class TwoProcesses:
    one: Desk
    other: Desk
    books: Books | None = None


@asynccontextmanager
async def two_processes(kind: str, books: Books) -> AsyncIterator[TwoProcesses]:
    """Two processes over the same rows, or a rehearsal's one memory seen twice."""
    if kind == "memory":
        shelf = InMemoryHostLinks(SystemClock())
        yield TwoProcesses(Desk(shelf, shelf), Desk(shelf, shelf))
        return
    async with rows_desk(books) as one, rows_desk(books) as other:
        yield TwoProcesses(one, other, books)


@asynccontextmanager
async def rows_desk(books: Books) -> AsyncIterator[Desk]:
    """One process over rows."""
    hosts = PostgresHosts(books.database.connect_hot)
    yield Desk(hosts.messages, hosts.links)
    await hosts.close()
