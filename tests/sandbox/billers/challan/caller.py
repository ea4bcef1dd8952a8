"""A collector's and an office's side of the treasury's wire, written from its description."""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from sandbox.billers.challan.family import CLIENT_ID, ChallanFamily, client_secret
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.clock import Clock
from tests.sandbox.caller import AdminCaller, Json, SetClock
from tests.sandbox.conftest import served

PASSWORD = "counter-sandbox"
INITIATE, CONFIRM, DETAILS, SLIP = (
    "clients/payment/initiate",
    "clients/payment/confirmation",
    "clients/payment/details",
    "clients/payment/initiateOTC",
)
PAYMENT_ID = "PAYMENT000001"
TAX = {
    "paymentid": PAYMENT_ID,
    "paidamount": "1250.50",
    "paymenttype": "1111101",
    "organization_code": "1130101100001",
    "nid": "",
    "tin": "123456700001",
    "bin": "",
    "mobile": "01712345678",
    "email": "",
    "pob_nid": "",
    "pob_dob": "",
    "personcount": 1,
    "addleconomic": [{"economic_code": "1111104", "amount": "250.50"}],
    "demand_no": "",
    "remarks": "assessment_year 2025-2026",
}


def client_header(secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{CLIENT_ID}:{secret}".encode()).decode()}


@dataclass
class ChallanCaller(AdminCaller):
    clock: SetClock
    token: str = ""

    async def ask_for_token(self, secret: str = "", **changes: str) -> tuple[int, Json]:
        form = {"grant_type": "password", "username": "ekpay", "password": PASSWORD} | changes
        headers = client_header(secret or client_secret(PASSWORD))
        async with self.session.post(f"{self.origin}/acs/token", data=form, headers=headers) as answer:
            told: Json = await answer.json()
            return answer.status, told

    async def log_in(self) -> None:
        status, told = await self.ask_for_token()
        assert (status, told["token_type"], told["expires_in"]) == (200, "bearer", 3600)
        self.token = told["access_token"]

    async def post(self, path: str, body: object) -> tuple[int, Json]:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.session.post(f"{self.origin}/acs/{path}", json=body, headers=headers) as answer:
            told: Json = await answer.json()
            return answer.status, told

    async def ask(self, path: str, body: object) -> Json:
        """A call that must be answered with HTTP 200."""
        status, told = await self.post(path, body)
        assert status == 200, told
        return told

    async def code(self, path: str, body: object) -> str:
        return str((await self.ask(path, body))["responsecode"])

    async def cast(self, house: str, kind: str = "normal", nth: int = 0) -> Json:
        return await self.admin("GET", f"cast?house={house}&kind={kind}&nth={nth}")

    async def an_initiate(self, house: str, kind: str = "normal", nth: int = 0, **changes: object) -> Json:
        """What would register the demand of an account, under a paymentid of its own."""
        demand = await self.ask(f"{house}/demand", (await self.cast(house, kind, nth))["fields"])
        first, *others = demand["heads"]
        told: Json = {
            **TAX,
            "paymentid": f"P{kind.replace('_', '').upper():0<9.9}{nth:03d}",
            "paidamount": demand["total"],
            "paymenttype": first["economic_code"],
            "organization_code": demand["organization_code"],
            "addleconomic": [{name: head[name] for name in ("economic_code", "amount")} for head in others],
            "demand_no": demand["demand_no"],
        }
        return told | changes

    async def a_confirmation(self, initiate: Json) -> Json:
        """Register a payment and return the call that would confirm it."""
        told = await self.ask(INITIATE, initiate)
        assert told["responsecode"] == "0", told
        return {
            "paymentid": initiate["paymentid"],
            "paidamount": initiate["paidamount"],
            "transaction_id": told["transaction_id"],
        }

    async def pay(self, initiate: Json) -> Json:
        return await self.ask(CONFIRM, await self.a_confirmation(initiate))

    async def is_cut_off(self, path: str, body: object) -> bool:
        try:
            await self.post(path, body)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            return True
        return False

    async def payments(self) -> list[Json]:
        payments: list[Json] = (await self.admin("GET", "dump"))["payments"]
        return payments


@asynccontextmanager
async def treasury(home: Path, clock: SetClock) -> AsyncIterator[ChallanCaller]:
    settings = BillerSettings(home=home, accounts=50, slow_seconds=0.5)
    far_side = ChallanFamily.open(settings, Clock(clock.now))
    try:
        async with served(far_side) as (session, origin):
            caller = ChallanCaller(session, origin, clock)
            await caller.log_in()
            yield caller
    finally:
        far_side.close()
