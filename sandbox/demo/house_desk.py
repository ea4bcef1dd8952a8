"""Our desk at one simulated house: a biller of one of the families whose houses are counters."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from typing_extensions import override

from sandbox.counter.faults import Fault
from sandbox.demo.bill_files import FAMILY
from sandbox.demo.compare import TheirLine
from sandbox.demo.desks import Address, AdminDesk, Desk, Document, Mischief, Payable
from sandbox.demo.tool import Tool

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


class HouseDesk(Desk):
    """Bills of one house, named as a payer of this biller names them."""

    def __init__(self, address: Address, known: Known) -> None:
        """Nothing is sent yet."""
        super().__init__(address)
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
    async with AsyncExitStack() as closing:
        desks: dict[str, HouseDesk] = {}
        for address in families:
            for house, family in await _houses(address):
                if house in known:
                    desk = HouseDesk(address, replace(known[house], takes_files=family == FAMILY))
                    desks[desk.biller] = await closing.enter_async_context(desk)
        yield desks


async def _known(tool: Tool) -> dict[str, Known]:
    return {
        line["id"]: Known(
            line["id"],
            line["ekpay_id"],
            line["bucket"],
            {one["wire_name"]: one["name"] for one in line["parameters"]},
        )
        for line in await tool.read("billers", "list", "--json")
    }


async def _houses(address: Address) -> Sequence[tuple[str, str]]:
    async with AdminDesk(address) as desk:
        answer = await desk.admin("GET", "houses")
    return [(house["id"], house["family"]) for house in answer["houses"] if house["id"] != _REHEARSAL]
