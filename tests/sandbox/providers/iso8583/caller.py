"""A switch's side of a bank's host and of its consent page, written from their document."""

import asyncio
import csv
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from sandbox.callers.payer.payer import Payer, PayerDecision, PayerVisit, pay
from sandbox.kit.institution.clock import DHAKA, Clock
from sandbox.providers.iso8583.codec import IsoMessage, decode, encode, frame
from sandbox.providers.iso8583.family import HostsFamily
from sandbox.providers.iso8583.settings import HostSettings
from tests.sandbox.caller import AdminCaller, HasNow, Json, SetClock
from tests.sandbox.conftest import served

HOUSES = ("janata", "agrani", "rupali", "islami_bank", "pubali", "bank_asia", "npsb")
ACQUIRERS = {
    "janata": "025135000",
    "agrani": "025010000",
    "rupali": "025185000",
    "islami_bank": "025125000",
    "pubali": "025175000",
    "bank_asia": "025070000",
    "npsb": "025272684",
}
IN_PAN = {"islami_bank", "npsb"}
RETURN = "https://shop.example/return?x=1&y=2"
AMOUNT = 125_050
WAIT_SECONDS = 60.0

Fields = dict[int, str]
_STANS = count(1)
_ORDERS = count(1)


def mac_key(house: str) -> bytes:
    return sha256(b"sandbox-mac:" + house.encode()).digest()[:16]


def signature(secret: str, members: Mapping[str, str]) -> str:
    text = "\n".join(f"{name}={value}" for name, value in members.items())
    return hmac.new(secret.encode(), text.encode(), sha256).hexdigest()


def a_reference() -> str:
    return f"EKPAYORDER{next(_ORDERS):012d}"


@dataclass
class Line:
    """One connection to a host; what it reads and writes are whole messages."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    key: bytes

    async def send(self, mti: str, fields: Fields, *, key: bytes | None = None) -> None:
        sealed = None if mti.startswith("08") else key or self.key
        await self.send_bytes(frame(encode(mti, fields, sealed)))

    async def send_bytes(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()

    async def read_bytes(self) -> bytes:
        async with asyncio.timeout(WAIT_SECONDS):
            length = int.from_bytes(await self.reader.readexactly(2))
            return await self.reader.readexactly(length)

    async def read(self) -> IsoMessage:
        """The next message; its MAC must be right where it has to have one."""
        message = decode(await self.read_bytes())
        assert message.is_sealed(self.key) or message.mti.startswith("08")
        return message

    async def ask(self, mti: str, fields: Fields) -> Fields:
        await self.send(mti, fields)
        return dict((await self.read()).fields)

    async def network(self, code: str, stan: str = "000001") -> Fields:
        return await self.ask("0800", {7: "0310060000", 11: stan, 70: code})

    async def is_over(self) -> bool:
        """Whether the host has ended it, without another byte."""
        async with asyncio.timeout(WAIT_SECONDS):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True

    async def is_silent(self, seconds: float = 0.1) -> bool:
        """Whether nothing comes for a while, and the connection stays."""
        try:
            await asyncio.wait_for(self.reader.read(1), seconds)
        except TimeoutError:
            return True
        return False

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


@dataclass
class Switch(AdminCaller):
    """Whoever collects through one of the houses."""

    clock: HasNow
    places: Mapping[str, str]
    house: str = "janata"
    lines: list[Line] = field(default_factory=list)

    def at(self, house: str) -> "Switch":
        return replace(self, house=house)

    # ---- the page

    def members(self, reference: str, **changes: str) -> dict[str, str]:
        members = {
            "acceptor": "EKPAYSWITCH0001",
            "order": reference,
            "amount": str(AMOUNT),
            "currency": "050",
            "return": RETURN,
        }
        return members | changes

    def link(self, members: Mapping[str, str], secret: str = "") -> str:
        sign = signature(secret or f"sandbox-consent-{self.house}", members)
        return f"{self.origin}/{self.house}/pay?{urlencode({**members, 'sign': sign})}"

    async def number(self, kind: str, nth: int = 0) -> str:
        answer = await self.admin("GET", f"payers?house={self.house}&kind={kind}&nth={nth}")
        number: str = answer["payers"][0]["number"]
        return number

    async def visit(
        self, link: str, kind: str = "normal", does: PayerDecision = PayerDecision.APPROVE, nth: int = 0
    ) -> PayerVisit:
        return await pay(link, Payer(await self.number(kind, nth)), does)

    def returned(self, visit: PayerVisit) -> dict[str, str]:
        """What the browser brings back, with its signature looked at and taken off."""
        assert visit.sent_to is not None
        query = dict(parse_qsl(urlsplit(visit.sent_to).query))
        own = {name: query.pop(name) for name in ("x", "y")}
        assert own == {"x": "1", "y": "2"}
        sign = query.pop("sign")
        assert sign == signature(f"sandbox-consent-{self.house}", query)
        return query

    async def consented(self, kind: str = "normal", nth: int = 0, **changes: str) -> tuple[str, str]:
        """An order that a payer has agreed to, and its alias."""
        reference = a_reference()
        visit = await self.visit(self.link(self.members(reference, **changes)), kind, nth=nth)
        return reference, self.returned(visit)["alias"]

    # ---- the link

    async def connected(self) -> Line:
        host, _, port = self.places[self.house].rpartition(":")
        line = Line(*await asyncio.open_connection(host, int(port)), mac_key(self.house))
        self.lines.append(line)
        return line

    async def signed_on(self) -> Line:
        line = await self.connected()
        assert (await line.network("001"))[39] == "00"
        return line

    async def leave(self) -> None:
        """Close every connection that there was."""
        for line in self.lines:
            await line.close()

    def request(self, reference: str, alias: str, **changes: str) -> Fields:
        """A 0200; a change is named as `DE4`."""
        stan = f"{next(_STANS):06d}"
        local = self.clock.now().astimezone(DHAKA)
        rrn = f"{local:%y}"[1] + f"{local:%j%H}" + stan
        fields = {
            (2 if self.house in IN_PAN else 102): alias,
            3: "500000",
            4: f"{AMOUNT:012d}",
            7: f"{self.clock.now():%m%d%H%M%S}",
            11: stan,
            12: f"{local:%H%M%S}",
            13: f"{local:%m%d}",
            18: "4900",
            32: ACQUIRERS[self.house],
            37: rrn,
            41: "EKPAY001",
            42: "EKPAYSWITCH0001",
            48: reference,
            49: "050",
        }
        return fields | {int(name.removeprefix("DE")): value for name, value in changes.items()}

    def reversal(self, request: Fields, **changes: str) -> Fields:
        """A 0420 of a 0200."""
        acquirer = request[32].zfill(11)
        fields = {number: text for number, text in request.items() if number not in {18, 48}}
        fields |= {11: f"{next(_STANS):06d}", 39: "68", 90: f"0200{request[11]}{request[7]}{acquirer * 2}"}
        return fields | {int(name.removeprefix("DE")): value for name, value in changes.items()}

    async def paid(self, line: Line, kind: str = "normal", nth: int = 0) -> tuple[Fields, Fields]:
        """A 0200 of an order that was agreed to, and its 0210."""
        request = self.request(*await self.consented(kind, nth))
        return request, await line.ask("0200", request)

    # ---- the desk

    async def order(self, reference: str) -> Json:
        return await self.admin("GET", f"order?house={self.house}&reference={reference}")

    async def requests(self) -> list[Json]:
        listed: list[Json] = (await self.admin("GET", f"requests?house={self.house}"))["requests"]
        return listed

    async def reversals(self) -> list[Json]:
        listed: list[Json] = (await self.admin("GET", f"reversals?house={self.house}"))["reversals"]
        return listed

    async def totals(self) -> Json:
        return await self.admin("GET", f"totals?house={self.house}")

    async def host(self) -> Json:
        hosts: list[Json] = (await self.admin("GET", "hosts"))["hosts"]
        return next(one for one in hosts if one["house"] == self.house)

    async def until_links(self, links: int) -> None:
        """Wait until the host has so many connections."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                if (await self.host())["links"] == links:
                    return
                await asyncio.sleep(0.01)

    async def fault(self, fault: str, step: str | None = None, **more: object) -> None:
        order = {"house": self.house, "fault": fault, "step": step, **more}
        answer = await self.admin("POST", "faults", order)
        assert "faults" in answer, answer

    async def habits(self, **changes: object) -> None:
        answer = await self.admin("POST", "habits", {"house": self.house, **changes})
        assert answer["house"] == self.house, answer

    async def file(self, day: str = "2026-03-10", more: str = "") -> tuple[list[dict[str, str]], list[str]]:
        """The rows of a settlement file, and its trailer."""
        url = f"{self.origin}/_admin/settlement?house={self.house}&date={day}{more}"
        async with self.session.get(url) as answer:
            lines = (await answer.text()).splitlines()
        *rows, trailer = csv.reader(lines)
        names = rows.pop(0)
        return [dict(zip(names, row, strict=True)) for row in rows], trailer


def host_settings(folder: Path, **changes: Any) -> HostSettings:  # noqa: ANN401 - what settings take
    ports = dict.fromkeys(HOUSES, 0)
    given: Json = {"home": folder, "accounts": 200, "slow_seconds": 0.3, "host_ports": ports} | changes
    return HostSettings(**given)


@asynccontextmanager
async def a_switch(folder: Path, clock: SetClock, **changes: Any) -> AsyncIterator[Switch]:  # noqa: ANN401
    """All seven houses open, and a switch before Janata's."""
    institution = HostsFamily.open(host_settings(folder, **changes), Clock(clock.now))
    async with served(institution) as (session, origin):
        hosts = (await AdminCaller(session, origin).admin("GET", "hosts"))["hosts"]
        places = {one["house"]: one["place"] for one in hosts}
        switch = Switch(session, origin, clock, places)
        try:
            yield switch
        finally:
            await switch.leave()
