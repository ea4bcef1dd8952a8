"""One whole installation of real processes, seen from outside, and how every story in it has to end."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from sandbox.callers.partner.client import PartnerClient, RawAnswer, result_code
from sandbox.callers.partner.messages import Message, Payout, new_reference
from sandbox.kit.jwe import seal
from sandbox.kit.tcp_ports import free_port
from sandbox.rehearsals.demo.admin_clients.admin_client import SimulatorAddress
from sandbox.rehearsals.demo.admin_clients.desco import DescoAdminClient
from sandbox.rehearsals.installation.installation import Stage, StageSettings, running_stage
from sandbox.rehearsals.installation.parties import Parties, StagePartner, create_parties, top_up

DESCO = "b025"
DONE, IN_PROGRESS = "0000", "0102"

PATIENCE_SECONDS = 300.0
POLL_SECONDS = 0.1
TOP_UP_TAKA = 2_000_000
BILLS_MAX = 600

COMPLETED = "completed"
MONEY_IS_BACK = frozenset({"declined", "expired", "refunded"})
_PARTS = ("amount", "rounding", "charge", "fee", "vat")


@dataclass(frozen=True, slots=True)
class UnpaidBill:
    """A bill that nobody has paid yet; the amount is what is owed today, in paisa."""

    number: str
    account: str
    amount_paisa: int


@dataclass(slots=True)
class Bank:
    """A partner of the switch: who it is, and the connection that it keeps."""

    player: StagePartner
    client: PartnerClient

    async def fetch(self, bill: UnpaidBill) -> Message:
        """Fetch a bill by its number; the bill must be told, and unpaid."""
        fetched = await self.client.fetch_bill(DESCO, bll_no=bill.number)
        assert result_code(fetched) == DONE, fetched
        assert fetched["bllr_inf"]["is_bll_pd"] == "N"
        return fetched

    async def fetch_account(self, account: str) -> Message:
        """Fetch the oldest unpaid bill of an account."""
        fetched = await self.client.fetch_bill(DESCO, bllr_accno=account)
        assert result_code(fetched) == DONE, fetched
        return fetched

    async def pay(self, fetched: Message, reference: str) -> str:
        """The code that one order is answered with; an answer other than HTTP 200 fails."""
        answer = await self.client.pay(fetched, Payout(reference))
        assert "http_status" not in answer, answer
        return result_code(answer)

    async def ask(self, fetched: Message) -> Message:
        """What the switch says of the bill fetched before."""
        return await self.client.status(fetched["hdrs"]["ref_id"], DESCO)

    async def hears_it_is_paid(self, fetched: Message) -> None:
        """Ask until the bill fetched before is paid."""
        await until(lambda: self._is_told_paid(fetched))

    async def balance_paisa(self) -> int:
        """What is left of its postpaid prefund."""
        return paisa((await self.client.balance())["bckt_blnc_inf"]["bckt_blnc"])

    async def send(self, message: Message, *, token: str, secret: str) -> RawAnswer:
        """Send a fetch by hand, under this token and this secret."""
        return await self.client.send("fetch-bill", sealed(message, secret), token=token)

    async def _is_told_paid(self, fetched: Message) -> bool:
        answer = await self.ask(fetched)
        # An order that has not arrived yet is answered 0000 as well: nothing stands against the bill.
        is_paid: str = answer["bllr_inf"]["is_bll_pd"]
        return (result_code(answer), is_paid) == (DONE, "Y")


@dataclass(slots=True)
class House:
    """The installation and everybody around it; each story takes bills that no other story touches.

    `secrets` is everything that must never stand in a log, `accounts` every account that was ever named.
    """

    stage: Stage
    cast: Parties
    desk: DescoAdminClient
    shapla: Bank
    doyel: Bank
    poor: Bank
    clients: AsyncExitStack
    unpaid: list[UnpaidBill]
    topped_up: Counter[str] = field(default_factory=Counter)
    secrets: set[str] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)
    _magic: dict[str, "count[int]"] = field(default_factory=dict)

    def bill(self, fits: Callable[[UnpaidBill], bool] = lambda _: True) -> UnpaidBill:
        """A normal unpaid bill that nobody else will touch."""
        bill = next(one for one in self.unpaid if fits(one))
        self.unpaid.remove(bill)
        self.accounts.add(bill.account)
        return bill

    def account(self, kind: str) -> str:
        """A magic account whose number begins with `kind`, never used before."""
        number = f"{kind}{next(self._magic.setdefault(kind, count())):06d}"
        self.accounts.add(number)
        return number

    async def client(self, player: StagePartner, address: str | None = None) -> PartnerClient:
        """A fresh connection and a fresh login of a partner; closed with the house."""
        client = PartnerClient(address or self.cast.address, player.credentials())
        await self.clients.enter_async_context(client)
        self.secrets |= {player.secret, player.pass_key, await client.get_token()}
        return client

    async def top_up(self, bank: Bank, amount_taka: int) -> None:
        """Put money into a postpaid prefund, by two persons."""
        await top_up(self.stage.tool, self.cast, bank.player, "postpaid", amount_taka)
        self.topped_up[bank.player.id] += amount_taka * 100

    async def saved(self, bill_number: str) -> list[dict[str, Any]]:
        """What the biller believes about one bill."""
        return [line for line in await self.believed() if line["bill_number"] == bill_number]

    async def believed(self) -> list[dict[str, Any]]:
        """Everything that the biller believes, as its book has it."""
        payments: list[dict[str, Any]] = (await self.desk.admin("GET", "dump"))["payments"]
        return payments

    async def payments(self, reference: str) -> list[dict[str, Any]]:
        """What our books hold under one reference."""
        exported = await self.stage.tool.read_lines("payments", "export")
        return [line for line in exported if line["reference"] == reference]

    async def ends_well(self) -> None:
        """How every story ends: both books agree, each prefund is exact, the audit is clean."""
        tool = self.stage.tool
        (is_clean, last_line), ours, theirs = await asyncio.gather(
            tool.ask("audit"), tool.read_lines("payments", "export"), self.believed()
        )
        assert is_clean, last_line
        assert [line for line in ours if line["state"] not in {COMPLETED, *MONEY_IS_BACK}] == []
        assert theirs
        assert _as_told(ours) == _as_believed(theirs)
        for bank in (self.shapla, self.doyel, self.poor):
            spent = sum(_total(line) for line in ours if _is_paid_by(bank, line))
            assert await bank.balance_paisa() == self.topped_up[bank.player.id] - spent


def _as_told(ours: Iterable[Mapping[str, Any]]) -> Counter[tuple[str, str, int, int]]:
    """Bill, reference, paisa and scroll number of every payment that we say the biller has."""
    return Counter(
        (line["bill_key"], attempt["reference"], line["amount"], line["scroll_no"])
        for line in ours
        if line["state"] == COMPLETED
        for attempt in line["attempts"]
        if attempt["outcome"] == "approved"
    )


def _as_believed(theirs: Iterable[Mapping[str, Any]]) -> Counter[tuple[str, str, int, int]]:
    """The same of every save that the biller has accepted; a second save of a pair counts twice."""
    believed: Counter[tuple[str, str, int, int]] = Counter()
    for line in theirs:
        pair = (line["bill_number"], line["transaction_id"])
        believed[*pair, line["amount_paisa"], line["scroll_no"]] += line["saves"]
    return believed


def _is_paid_by(bank: Bank, line: Mapping[str, Any]) -> bool:
    return (line["partner_id"], line["state"]) == (bank.player.id, COMPLETED)


def _total(line: Mapping[str, Any]) -> int:
    return sum(int(line[part]) for part in _PARTS)


def paisa(taka: str) -> int:
    """An amount of the wire as a whole number."""
    whole, _, hundredths = taka.partition(".")
    assert len(hundredths) == 2, taka
    return int(whole + hundredths)


def sealed(message: Message, secret: str) -> bytes:
    """A message as it goes over the wire."""
    return seal(json.dumps(message).encode(), secret).encode()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition, as long as a slow machine may need."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not await holds():
        assert time.monotonic() < give_up_at, "it never came true"
        await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def opened(home: Path) -> AsyncIterator[House]:
    """Start everything, make three partners, and stop and delete everything in the end."""
    desco = {"desco": free_port()}
    # No proxy stands in between here: what is refused must be seen as refused.
    setting = StageSettings(home, free_port(), desco, desco, free_port(), free_port())
    async with running_stage(setting) as stage, AsyncExitStack() as clients:
        stage.keeps_data = False
        await stage.open_database()
        await asyncio.gather(stage.open_far_side(), stage.open_switch())
        cast = await create_parties(stage.tool, setting.switch_address, 3)
        address = SimulatorAddress(setting.biller_address("desco"), stage.passwords["desco"])
        desk = await clients.enter_async_context(DescoAdminClient(address))
        banks = [Bank(one, PartnerClient(cast.address, one.credentials())) for one in cast.partners]
        for bank in banks:
            await clients.enter_async_context(bank.client)
        shapla, doyel, poor = banks
        house = House(stage, cast, desk, shapla, doyel, poor, clients, await _unpaid(desk))
        house.secrets |= {stage.passwords["desco"], *(person.passphrase for person in cast.staff)}
        for bank in banks:
            house.secrets |= {bank.player.secret, bank.player.pass_key, await bank.client.get_token()}
        await asyncio.gather(*(house.top_up(bank, TOP_UP_TAKA) for bank in banks[:2]))
        yield house


async def _unpaid(desk: DescoAdminClient) -> list[UnpaidBill]:
    answer = await desk.admin("GET", f"unpaid?count={BILLS_MAX}")
    return [UnpaidBill(one["bill_number"], one["account"], one["total_paisa"]) for one in answer["bills"]]


def a_reference() -> str:
    """A reference of a partner that nobody has used."""
    return new_reference()
