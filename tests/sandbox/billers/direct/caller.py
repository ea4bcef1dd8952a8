"""A collector's side of the houses that are spoken to directly, written from their description."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from sandbox.billers.direct.family import DirectFamily
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.clock import Clock
from tests.sandbox.caller import Json, SetClock
from tests.sandbox.conftest import served
from tests.sandbox.kit.biller.sample_institutions import CounterCaller

BASE = "/direct/api"
HOUSES = (
    "dpdc_postpaid",
    "nesco_postpaid",
    "wzpdcl_postpaid",
    "kgdcl_gas",
    "chattogram_wasa",
    "holding_tax_city",
    "btcl_bill",
    "rehearsal",
)
_WIRE = {
    "customer_no": "customerNo",
    "bill_period": "billPeriod",
    "bill_no": "billNo",
    "account_no": "accountNo",
    "customer_code": "customerCode",
    "mobile": "mobile",
    "month": "month",
    "holding_no": "holdingNo",
    "ward": "ward",
    "quarter": "quarter",
    "phone_no": "phoneNo",
    "exchange_code": "exchangeCode",
}


@dataclass
class DirectCaller(CounterCaller):
    """Fetches, pays and asks."""

    base: str = BASE

    async def named(self, house: str, kind: str = "normal", nth: int = 0) -> dict[str, str]:
        """Return the parameters of an account's oldest bill, as they are written on the wire."""
        fields = (await self.cast(house, kind, nth))["fields"]
        return {_WIRE[name]: text for name, text in fields.items()}

    async def fetch(self, house: str, kind: str = "normal", nth: int = 0) -> Json:
        answer = await self.ask(house, "bill", await self.named(house, kind, nth))
        assert answer["code"] == "200", answer
        bill: Json = answer["bill"]
        return bill

    async def a_payment(self, house: str, kind: str = "normal", nth: int = 0, **changes: object) -> Json:
        """Fetch an account's oldest bill and return the call that would pay it."""
        bill = await self.fetch(house, kind, nth)
        payment = {
            "billNo": bill["billNo"],
            "accountNo": bill["accountNo"],
            "transactionId": "T1",
            "amount": bill["outstanding"] if bill["billCount"] == 1 else bill["total"],
            "paidAt": "2026-03-10T12:00:00+06:00",
            "stampQty": 0,
            "channel": "web",
        }
        return payment | changes

    async def code(self, house: str, path: str, body: object) -> str:
        code: str = (await self.ask(house, path, body))["code"]
        return code

    async def pay(self, house: str, payment: Json) -> str:
        return await self.code(house, "payment", payment)

    async def pay_in_vain(self, house: str, payment: Json) -> bool:
        """Whether a payment's connection ends without an answer."""
        try:
            await self.post(house, "payment", payment)
        except aiohttp.ServerDisconnectedError:
            return True
        return False

    async def status(self, house: str, transaction: str = "T1") -> Json:
        return await self.ask(house, "status", {"transactionId": transaction})


@asynccontextmanager
async def direct_at(folder: Path, clock: SetClock) -> AsyncIterator[DirectCaller]:
    settings = BillerSettings(home=folder, accounts=50, slow_seconds=1.0)
    async with served(DirectFamily.open(settings, Clock(clock.now))) as (session, origin):
        yield DirectCaller(session, origin)


def paisa(text: str) -> int:
    return int(text.replace(".", ""))
