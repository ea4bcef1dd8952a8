"""Our desk at one simulated house: a biller of one of the families whose houses are counters."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from typing_extensions import override

from sandbox.kit.biller.faults import Fault
from sandbox.rehearsals.demo.admin_clients.admin_client import (
    Address,
    AdminDesk,
    Desk,
    Document,
    Mischief,
    Payable,
)
from sandbox.rehearsals.demo.admin_clients.bill_files import FAMILY
from sandbox.rehearsals.demo.comparison.biller_books import TheirLine
from sandbox.rehearsals.installation.ekpay_command import Tool

OTHERS = "the others"
"""What a report calls all houses together."""

_REHEARSAL = "rehearsal"
_BILLS_AN_ACCOUNT = 24
_MISCHIEF = Mischief(
    [Fault.LOST_PAID, Fault.LOST_UNPAID, Fault.SLOW, Fault.REFUSE, Fault.HTML, Fault.HTTP_500],
    meets_network=False,
)
# Where payments leave as a file, no wire can lose one.
_NONE = Mischief([], meets_network=False)


@dataclass(frozen=True, slots=True)
class Known:
    """What the switch says of a biller; `parameters` are its names by the members of `bll_inf`."""

    id: str
    ekpay_id: str
    bucket: str
    parameters: Mapping[str, str]
    takes_files: bool = False
    has_second_route: bool = False


@dataclass(frozen=True, slots=True)
class _House:
    """A house of a family, and where its desk is."""

    id: str
    family: str
    address: Address


class HouseDesk(Desk):
    """Bills of one house, named as a payer of this biller names them."""

    def __init__(self, address: Address, known: Known, second: AdminDesk | None = None) -> None:
        """Nothing is sent yet; `second` is the desk of whoever takes what does not reach this house."""
        super().__init__(address)
        self._second = second
        self.name, self.biller, self.bucket = known.id, known.ekpay_id, known.bucket
        self.known_as = known.id
        self.parameters = known.parameters
        self.takes_files = known.takes_files
        self.mischief = _NONE if known.takes_files else _MISCHIEF

    @property
    @override
    def told_as(self) -> str:
        return OTHERS

    @override
    async def payables(self, count: int) -> list[Payable]:
        # One of each account: its second fee may want the first one paid before.
        answer = await self.admin("GET", f"unpaid?house={self.name}&count={count * _BILLS_AN_ACCOUNT}")
        of_account = {one["number"]: one for one in reversed(answer["bills"])}
        return [self._payable(of_account[number]) for number in sorted(of_account)[:count]]

    async def cast(self, kind: str, nth: int) -> Payable:
        """The nth account of a kind that behaves oddly."""
        return self._payable(await self.admin("GET", f"cast?house={self.name}&kind={kind}&nth={nth}"))

    @override
    async def set_fault(self, target: str, fault: str) -> None:
        await self.admin("POST", "faults", {"house": self.name, "account": target, "fault": fault})

    @override
    async def book(self) -> list[TheirLine]:
        payments = (await self.admin("GET", "dump"))["payments"]
        return [_their_line(line) for line in payments if line["house"] == self.name]

    @override
    async def whole_book(self) -> list[TheirLine]:
        lines = await self.book()
        if self._second is not None:
            payments = (await self._second.admin("GET", "dump"))["payments"]
            lines += [_their_line(line) for line in payments if _is_second_route(line["house"], self.name)]
        return lines

    @override
    async def asked(self, line: TheirLine) -> TheirLine:
        extra = {
            one["reference"]: one["echo_extra_paisa"] for one in (await self.admin("GET", "dump"))["payments"]
        }
        return replace(line, told_paisa=line.amount_paisa + extra.get(line.transaction_id, 0))

    def _payable(self, line: Document) -> Payable:
        wire = {name: member for member, name in self.parameters.items()}
        named = {wire[name]: text for name, text in line["fields"].items()}
        return Payable(self.biller, line["number"], (named,), line["total_paisa"])


def _their_line(line: Document) -> TheirLine:
    return TheirLine(
        transaction_id=line["reference"],
        bill_number=None,
        amount_paisa=line["amount_paisa"],
        token=line["facts"].get("token"),
    )


@asynccontextmanager
async def house_desks(families: Iterable[Address], tool: Tool) -> AsyncIterator[Mapping[str, HouseDesk]]:
    """A desk at every house of these families that the switch knows, by the biller's ekPay id."""
    known = await _known(tool)
    houses = [house for address in families for house in await _houses(address)]
    async with AsyncExitStack() as closing:
        desks: dict[str, HouseDesk] = {}
        for house in houses:
            if house.id in known:
                of = replace(known[house.id], takes_files=house.family == FAMILY)
                others = (one for one in houses if of.has_second_route and _is_second_route(one.id, of.id))
                other = next((AdminDesk(one.address) for one in others), None)
                if other is not None:
                    await closing.enter_async_context(other)
                desks[of.ekpay_id] = await closing.enter_async_context(HouseDesk(house.address, of, other))
        yield desks


def _is_second_route(house: str, biller_id: str) -> bool:
    """Whether a house takes a biller's payments over another route: it is named after it."""
    return house.startswith(f"{biller_id}_")


async def _known(tool: Tool) -> dict[str, Known]:
    return {
        line["id"]: Known(
            line["id"],
            line["ekpay_id"],
            line["bucket"],
            {one["wire_name"]: one["name"] for one in line["parameters"]},
            has_second_route=line["second_route"],
        )
        for line in await tool.read("billers", "list", "--json")
    }


async def _houses(address: Address) -> Sequence[_House]:
    async with AdminDesk(address) as desk:
        answer = await desk.admin("GET", "houses")
    listed = (house for house in answer["houses"] if house["id"] != _REHEARSAL)
    return [_House(house["id"], house["family"], address) for house in listed]
