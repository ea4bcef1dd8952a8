"""A vendor's side of the prepaid utilities, JSON and XML, written from their descriptions."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import aiohttp
from typing_extensions import override

import sandbox.billers.prepaid.family as prepaid
import sandbox.billers.xmlvend.family as xmlvend
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.clock import Clock
from tests.sandbox.caller import Json, SetClock
from tests.sandbox.conftest import served
from tests.sandbox.kit.biller.sample_institutions import CounterCaller

HOUSES = ("desco_prepaid", "dpdc_prepaid", "breb_prepaid", "wzpdcl_prepaid", "rehearsal")
BPDB = "bpdb_prepaid"
MOBILE = "01711000000"
_WIRE = {"account_no": "accountNo", "customer_no": "customerNo", "meter_no": "meterNo"}


@dataclass
class PrepaidCaller(CounterCaller):
    """Quotes, vends and asks in JSON."""

    base: str = "/prepaid"

    @override
    async def post(self, house: str, path: str, body: object) -> tuple[int, Json]:
        if house not in self.tokens and path != "login":
            await self.log_in(house)
        headers = {"access_token": self.tokens.get(house, "")}
        url = f"{self.origin}{self.base}/{house}/{path}"
        async with self.session.post(url, json=body, headers=headers) as answer:
            answered: Json = await answer.json()
            return answer.status, answered

    @override
    async def log_in(self, house: str) -> None:
        answer = await self.ask(house, "login", {"userName": "ekpay", "password": "counter-sandbox"})
        self.tokens[house] = answer["data"]["access_token"]

    async def named(self, house: str, kind: str = "normal", nth: int = 0) -> dict[str, str]:
        """Return what a quote says, as it is written on the wire."""
        fields = (await self.cast(house, kind, nth))["fields"]
        told = {_WIRE[name]: text for name, text in fields.items() if name in _WIRE}
        return {**told, "mobileNo": MOBILE, "payinAmount": f"{fields['amount']}.00"}

    async def quote(self, house: str, kind: str = "normal", nth: int = 0, **changes: object) -> Json:
        answer = await self.ask(house, "pre-charge", await self.named(house, kind, nth) | changes)
        assert answer["resultcode"] == "0", answer
        data: Json = answer["data"]
        return data

    async def a_quote(self, house: str, kind: str = "normal", nth: int = 0, **changes: object) -> str:
        number: str = (await self.quote(house, kind, nth, **changes))["transactionId"]
        return number

    async def vend(self, house: str, quote: str) -> Json:
        return await self.ask(house, "remote-charge", {"transactionId": quote})

    async def history(self, house: str, quote: str) -> Json:
        return await self.ask(house, "history", {"transactionId": quote})

    async def vend_in_vain(self, house: str, quote: str) -> bool:
        """Whether a vend's connection ends without an answer."""
        try:
            await self.vend(house, quote)
        except aiohttp.ServerDisconnectedError:
            return True
        return False


@dataclass
class XmlCaller(CounterCaller):
    """Verifies, vends, acknowledges and asks in XML; `login` travels in every call."""

    base: str = "/xmlvend"
    login: dict[str, str] = field(
        default_factory=lambda: {"userName": "ekpay", "userPass": "counter-sandbox"}
    )

    async def say(self, path: str, body: bytes) -> tuple[int, str]:
        url = f"{self.origin}{self.base}/{BPDB}/{path}"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        async with self.session.post(url, data=body, headers=headers) as answer:
            return answer.status, await answer.text()

    async def call(self, path: str, **attributes: str) -> Mapping[str, str]:
        """Make a call that must be answered with HTTP 200 and an element."""
        status, text = await self.say(path, written(self.login | attributes))
        assert status == 200, text
        return told(text)

    async def verify(
        self, kind: str = "normal", nth: int = 0, **changes: str
    ) -> tuple[dict[str, str], Mapping[str, str]]:
        """Return what a meter's vend would say, and what its amount comes to."""
        fields = (await self.cast(BPDB, kind, nth))["fields"]
        vend = {"meterNum": fields["meter_no"], "amount": f"{fields['amount']}.00"}
        vend |= {"calcMode": "SMS", "vendingMode": "SMS"} | changes
        return vend, await self.call("verifyAmount", **vend)

    async def a_vend(self, kind: str = "normal", nth: int = 0, **changes: str) -> dict[str, str]:
        """Return a vend of what was just verified."""
        vend, answer = await self.verify(kind, nth)
        assert answer["state"] == "0", answer
        return vend | {"refCode": answer["refCode"], "transID": "TRANS00000001"} | changes

    async def vend(self, vend: Mapping[str, str]) -> Mapping[str, str]:
        return await self.call("thirdPartyRequest", **vend)

    async def vend_in_vain(self, vend: Mapping[str, str]) -> bool:
        try:
            await self.vend(vend)
        except aiohttp.ServerDisconnectedError:
            return True
        return False

    async def acknowledge(self, vend: Mapping[str, str], **changes: str) -> str:
        names = {name: vend[name] for name in ("transID", "refCode")}
        status, text = await self.say("acknowledgement", written(self.login | names | changes))
        assert status == 200
        return text

    async def records(self, transaction: str = "TRANS00000001") -> Mapping[str, str]:
        return await self.call("getTnxRecords", transID=transaction)


def written(attributes: Mapping[str, str]) -> bytes:
    element = ET.tostring(ET.Element("request", dict(attributes)), encoding="unicode")
    return urlencode({"xml": element}).encode()


def told(text: str) -> Mapping[str, str]:
    element = ET.fromstring(text.encode())  # noqa: S314 - what our own simulator wrote
    assert (element.tag, list(element)) == ("response", [])
    return element.attrib


@asynccontextmanager
async def prepaid_at(folder: Path, clock: SetClock) -> AsyncIterator[PrepaidCaller]:
    settings = BillerSettings(home=folder, accounts=50, slow_seconds=0.3)
    async with served(prepaid.PrepaidFamily.open(settings, Clock(clock.now))) as (session, origin):
        yield PrepaidCaller(session, origin)


@asynccontextmanager
async def xmlvend_at(folder: Path, clock: SetClock) -> AsyncIterator[XmlCaller]:
    settings = BillerSettings(home=folder, accounts=50, slow_seconds=0.3)
    async with served(xmlvend.XmlVendFamily.open(settings, Clock(clock.now))) as (session, origin):
        yield XmlCaller(session, origin)


def paisa(text: str) -> int:
    return int(text.replace(".", ""))
