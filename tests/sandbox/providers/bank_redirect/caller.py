"""A merchant's side of the banks' own gateways, written from their descriptions."""

import csv
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from sandbox.callers.payer.payer import Payer, PayerDecision, PayerVisit, pay
from sandbox.kit.institution.clock import Clock
from sandbox.kit.provider.settings import ProviderSettings
from sandbox.providers.bank_redirect.family import BankRedirectFamily
from tests.sandbox.caller import AdminCaller, Json, SetClock
from tests.sandbox.conftest import served
from tests.sandbox.kit.provider.push_receiver import Letterbox, a_letterbox

PASSWORD = "gateway-sandbox"
BASIC = {"Authorization": f"Basic {b64encode(f'ekpay:{PASSWORD}'.encode()).decode()}"}
TAKEN = '{"Message": "Success", "Status": "200"}'
_NAMES = count(1)


def a_name() -> str:
    return f"INVOICE{next(_NAMES)}"


@dataclass
class Merchant(AdminCaller):
    """What a merchant of any of them does."""

    letterbox: Letterbox
    house: str
    headers: dict[str, str] = field(default_factory=dict)

    async def call(self, path: str, body: object) -> tuple[int, Any]:
        url = f"{self.origin}/{self.house}/{path}"
        async with self.session.post(url, json=body, headers=self.headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def ask(self, path: str, body: object) -> Json:
        status, answer = await self.call(path, body)
        assert status == 200, answer
        told: Json = answer
        return told

    async def visit(
        self, page: str, kind: str = "normal", does: PayerDecision = PayerDecision.APPROVE
    ) -> PayerVisit:
        return await pay(page, Payer(await self.number(kind)), does)

    async def number(self, kind: str) -> str:
        answer = await self.admin("GET", f"payers?house={self.house}&kind={kind}")
        number: str = answer["payers"][0]["number"]
        return number

    async def file(self) -> list[dict[str, str]]:
        url = f"{self.origin}/_admin/settlement?house={self.house}&date=2026-03-10"
        async with self.session.get(url) as answer:
            return list(csv.DictReader((await answer.text()).splitlines()))


class Dbbl(Merchant):
    """A merchant of DBBL."""

    def login(self, **changes: object) -> Json:
        return {"userid": "ekpay", "passwd": PASSWORD, "clientip": "127.0.0.1", **changes}

    async def getransid(self, **changes: object) -> Json:
        card_type = "6" if self.house == "rocket" else "1"
        asked = self.login(amount=12_050, cardtype=card_type, txnrefnum=a_name())
        return await self.ask("ecomrs/rsvr/ecomtxn/getransid", asked | changes)

    async def getresult(self, name: str, **changes: object) -> Json:
        return await self.ask("ecomrs/rsvr/ecomtxn/getresult", self.login(transid=name) | changes)

    async def result_of(self, kind: str = "normal", does: PayerDecision = PayerDecision.APPROVE) -> Json:
        opened = await self.getransid()
        await self.visit(opened["REDIRECT_URL"], kind, does)
        return await self.getresult(opened["TRANSACTION_ID"])


class Spg(Merchant):
    """A merchant of Sonali."""

    day = "2026-03-10"

    async def token(self, invoice: str, accounts: Json, **changes: object) -> Json:
        listed = [{"crAccount": account, "crAmount": amount} for account, amount in accounts.items()]
        asked: Json = {
            "AccessUser": {"userName": "ekpay", "password": PASSWORD},
            "invoiceNo": invoice,
            "amount": "120.50",
            "invoiceDate": self.day,
            "accounts": listed,
        }
        return await self.ask("api/v2/SpgService/GetAccessToken", asked | changes)

    async def request(self, invoice: str, accounts: Json, token: str, **changes: object) -> Json:
        reference = {
            "InvoiceNo": invoice,
            "invoiceDate": self.day,
            "returnUrl": f"{self.letterbox.url}/return",
            "totalAmount": "120.50",
            "applicentName": "Rahela",
            "applicentContactNo": "01700000000",
            "extraRefNo": invoice,
        }
        listed = [
            {"slno": str(at), "crAccount": account, "crAmount": str(amount), "tranMode": "TRN"}
            for at, (account, amount) in enumerate(accounts.items(), start=1)
        ]
        asked: Json = {
            "authentication": {"apiAccessUserId": "ekpay", "apiAccessToken": token},
            "referenceInfo": reference | changes,
            "creditInformations": listed,
        }
        return await self.ask("api/v2/SpgService/CreatePaymentRequest", asked)

    async def opened(self, accounts: Json | None = None, invoice: str = "") -> tuple[str, str]:
        """An invoice and its session token."""
        invoice, split = invoice or a_name(), accounts or {"0000000000001": 120.5}
        token = (await self.token(invoice, split))["access_token"]
        return invoice, (await self.request(invoice, split, token))["session_token"]

    def page(self, session: str) -> str:
        return f"{self.origin}/{self.house}/SpgLanding/SpgLanding/{session}"

    async def verified(self, session: str) -> Json:
        return await self.ask(
            "api/v2/SpgService/TransactionVerificationWithToken", {"session_Token": session}
        )


class City(Merchant):
    """A merchant of City Bank."""

    async def token(self, **changes: object) -> Json:
        return await self.ask("transaction/token", {"userName": "ekpay", "password": PASSWORD, **changes})

    async def login(self) -> Json:
        token = (await self.token())["transactionId"]
        return {"userName": "ekpay", "passWord": PASSWORD, "secureToken": token}

    async def createorder(self, **changes: object) -> Json:
        url = self.letterbox.url
        asked = {
            "merchantId": "ekpay",
            "amount": "12050",
            "currency": "050",
            "description": a_name(),
            "approveUrl": f"{url}/approved",
            "cancelUrl": f"{url}/cancelled",
            "declineUrl": f"{url}/declined",
        }
        return await self.ask("transaction/createorder", {**asked, **await self.login(), **changes})

    def page(self, items: Json) -> str:
        return f"{items['url']}?ORDERID={items['orderId']}&SESSIONID={items['sessionId']}"

    async def details(self, items: Json, **changes: object) -> Json:
        asked = {"orderID": items["orderId"], "sessionID": items["sessionId"], "merchantID": "ekpay"}
        path = "transaction/getorderdetailsapi"
        return await self.ask(path, {**asked, **await self.login(), **changes})


@asynccontextmanager
async def all_banks(
    folder: Path, clock: SetClock, *, is_registered: bool = True
) -> AsyncIterator[tuple[Dbbl, Dbbl, Spg, City]]:
    async with a_letterbox() as letterbox:
        letterbox.answer = TAKEN
        settings = ProviderSettings(
            home=folder,
            accounts=200,
            push_times_divisor=1_000,
            registered_return_url=f"{letterbox.url}/{{house}}/return" if is_registered else "",
            registered_push_url=f"{letterbox.url}/{{house}}/push" if is_registered else "",
        )
        async with served(BankRedirectFamily.open(settings, Clock(clock.now))) as (session, origin):
            yield (
                Dbbl(session, origin, letterbox, "dbbl_nexus"),
                Dbbl(session, origin, letterbox, "rocket"),
                Spg(session, origin, letterbox, "sonali_spg", BASIC),
                City(session, origin, letterbox, "city_bank"),
            )
