"""Client of the admin API of one institution of a biller family."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from typing_extensions import override

from sandbox.kit.biller.faults import BillerFault
from sandbox.rehearsals.demo.admin_clients.admin_client import (
    AdminClient,
    AvailableFaults,
    BillerAdminClient,
    Document,
    Payable,
    SimulatorAddress,
)
from sandbox.rehearsals.demo.admin_clients.bill_files import FAMILY
from sandbox.rehearsals.demo.comparison.biller_books import TheirLine
from sandbox.rehearsals.installation.ekpay_command import EkpayCommand

OTHER_BILLERS = "the others"
"""What a report calls all billers of families together."""

_REHEARSAL = "rehearsal"
_BILLS_AN_ACCOUNT = 24
_FAMILY_FAULTS = AvailableFaults(
    [
        BillerFault.LOST_PAID,
        BillerFault.LOST_UNPAID,
        BillerFault.SLOW,
        BillerFault.REFUSE,
        BillerFault.HTML,
        BillerFault.HTTP_500,
    ],
    meets_network=False,
)
# No network faults where payments are sent as a file.
_NO_FAULTS = AvailableFaults([], meets_network=False)


@dataclass(frozen=True, slots=True)
class BillerListing:
    """A biller as the switch lists it; `parameters` are its own names by the members of `bll_inf`."""

    id: str
    ekpay_id: str
    bucket: str
    parameters: Mapping[str, str]
    takes_files: bool = False
    has_second_route: bool = False


@dataclass(frozen=True, slots=True)
class _InstitutionAddress:
    """An institution of a family, and the address of its admin API."""

    id: str
    family: str
    address: SimulatorAddress


class FamilyBillerAdminClient(BillerAdminClient):
    """Client for one institution; its bills are identified as payers of this biller do."""

    def __init__(
        self, address: SimulatorAddress, known: BillerListing, second: AdminClient | None = None
    ) -> None:
        """Nothing is sent yet; `second` is the client of the second route to this biller, if any."""
        super().__init__(address)
        self._second_route = second
        self.name, self.biller, self.bucket = known.id, known.ekpay_id, known.bucket
        self.known_as = known.id
        self.parameters = known.parameters
        self.takes_files = known.takes_files
        self.mischief = _NO_FAULTS if known.takes_files else _FAMILY_FAULTS

    @property
    @override
    def told_as(self) -> str:
        return OTHER_BILLERS

    @override
    async def payables(self, count: int) -> list[Payable]:
        # One bill an account: a second fee may require that the first one is paid before.
        answer = await self.admin("GET", f"unpaid?house={self.name}&count={count * _BILLS_AN_ACCOUNT}")
        of_account = {bill["number"]: bill for bill in reversed(answer["bills"])}
        return [self._payable(of_account[number]) for number in sorted(of_account)[:count]]

    async def cast(self, kind: str, nth: int) -> Payable:
        """The nth account of a kind that shows a special behaviour."""
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
        if self._second_route is not None:
            payments = (await self._second_route.admin("GET", "dump"))["payments"]
            lines += [_their_line(line) for line in payments if _is_second_route(line["house"], self.name)]
        return lines

    @override
    async def with_stated_amount(self, line: TheirLine) -> TheirLine:
        extra = {
            payment["reference"]: payment["echo_extra_paisa"]
            for payment in (await self.admin("GET", "dump"))["payments"]
        }
        return replace(line, stated_paisa=line.amount_paisa + extra.get(line.transaction_id, 0))

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
async def family_admin_clients(
    families: Iterable[SimulatorAddress], tool: EkpayCommand
) -> AsyncIterator[Mapping[str, FamilyBillerAdminClient]]:
    """A client for every institution of these families that the switch knows, by the biller's ekPay id."""
    known = await _listings(tool)
    institutions = [institution for address in families for institution in await _institutions(address)]
    async with AsyncExitStack() as closing:
        admin_clients: dict[str, FamilyBillerAdminClient] = {}
        for institution in institutions:
            if institution.id in known:
                listing = replace(known[institution.id], takes_files=institution.family == FAMILY)
                candidates = (
                    candidate
                    for candidate in institutions
                    if listing.has_second_route and _is_second_route(candidate.id, listing.id)
                )
                second_route = next((AdminClient(candidate.address) for candidate in candidates), None)
                if second_route is not None:
                    await closing.enter_async_context(second_route)
                admin_clients[listing.ekpay_id] = await closing.enter_async_context(
                    FamilyBillerAdminClient(institution.address, listing, second_route)
                )
        yield admin_clients


def _is_second_route(institution_id: str, biller_id: str) -> bool:
    """Whether an institution is the second route to a biller: it is named after it."""
    return institution_id.startswith(f"{biller_id}_")


async def _listings(tool: EkpayCommand) -> dict[str, BillerListing]:
    return {
        line["id"]: BillerListing(
            line["id"],
            line["ekpay_id"],
            line["bucket"],
            {parameter["wire_name"]: parameter["name"] for parameter in line["parameters"]},
            has_second_route=line["second_route"],
        )
        for line in await tool.read("billers", "list", "--json")
    }


async def _institutions(address: SimulatorAddress) -> Sequence[_InstitutionAddress]:
    async with AdminClient(address) as admin_client:
        answer = await admin_client.admin("GET", "houses")
    listed = (institution for institution in answer["houses"] if institution["id"] != _REHEARSAL)
    return [_InstitutionAddress(institution["id"], institution["family"], address) for institution in listed]
