"""A merchant's side of the hosted checkout, written from its description."""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sandbox.callers.payer.payer import Payer, PayerDecision, PayerVisit, pay
from sandbox.kit.institution.clock import Clock
from sandbox.providers.mpgs.family import MpgsFamily
from tests.sandbox.caller import AdminCaller, Json, SetClock
from tests.sandbox.conftest import served
from tests.sandbox.kit.provider.push_receiver import Letterbox, a_letterbox
from tests.sandbox.kit.provider.sample_family import gateway_settings


def basic(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


AUTH = basic("merchant.ekpay", "gateway-sandbox")
_NAMES = count(1)


@dataclass
class Merchant(AdminCaller):
    """Whoever takes cards through a bank."""

    letterbox: Letterbox
    house: str = "ebl"

    async def call(self, method: str, path: str, body: object = None, auth: str = AUTH) -> tuple[int, Any]:
        base = f"{self.origin}/{self.house}/api/rest/version/78"
        headers = {"Authorization": auth} if auth else {}
        async with self.session.request(method, f"{base}/{path}", json=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def session_for(self, reference: str, **changes: object) -> tuple[int, Json]:
        return await self.call("POST", "merchant/ekpay/session", self.asked(reference, **changes))

    def asked(self, reference: str, **changes: object) -> Json:
        """A request for a page; `changes` are put over its parts."""
        parts: Json = {
            "apiOperation": "INITIATE_CHECKOUT",
            "interaction": {
                "operation": "PURCHASE",
                "merchant": {"name": "ekPay"},
                "returnUrl": f"{self.letterbox.url}/return?id=1",
                "cancelUrl": f"{self.letterbox.url}/cancelled",
            },
            "order": {
                "id": reference,
                "amount": "120.50",
                "currency": "BDT",
                "description": "a bill",
                "notificationUrl": f"{self.letterbox.url}/notices",
            },
        }
        for name, part in changes.items():
            parts[name] = part if not isinstance(part, dict) else {**parts[name], **part}
        return parts

    async def opened(self, **changes: object) -> tuple[str, Json, str]:
        """The reference, the answer and the page of a new order."""
        reference = f"ORDER-{next(_NAMES)}"
        status, answer = await self.session_for(reference, **changes)
        assert status == 201, answer
        return reference, answer, self.page(answer)

    def page(self, answer: Json) -> str:
        return f"{self.origin}/{self.house}/checkout/pay/{answer['session']['id']}"

    async def visited(
        self, kind: str = "normal", does: PayerDecision = PayerDecision.APPROVE
    ) -> tuple[str, Json, PayerVisit]:
        reference, answer, page = await self.opened()
        return reference, answer, await pay(page, Payer(await self.number(kind)), does)

    async def number(self, kind: str) -> str:
        answer = await self.admin("GET", f"payers?house={self.house}&kind={kind}")
        number: str = answer["payers"][0]["number"]
        return number

    async def order(self, reference: str) -> Json:
        status, answer = await self.call("GET", f"merchant/ekpay/order/{reference}")
        assert status == 200, answer
        told: Json = answer
        return told

    async def put(self, reference: str, name: str, operation: str, **moved: str) -> tuple[int, Json]:
        body = {"apiOperation": operation, "transaction": moved}
        return await self.call("PUT", f"merchant/ekpay/order/{reference}/transaction/{name}", body)

    async def refund(self, reference: str, name: str, amount: str, currency: str = "BDT") -> tuple[int, Json]:
        return await self.put(reference, name, "REFUND", amount=amount, currency=currency)


@asynccontextmanager
async def a_merchant(folder: Path, clock: SetClock) -> AsyncIterator[Merchant]:
    far_side = MpgsFamily.open(gateway_settings(folder), Clock(clock.now))
    async with a_letterbox() as letterbox, served(far_side) as (session, origin):
        yield Merchant(session, origin, letterbox)


def indicator_of(visit: PayerVisit) -> str | None:
    assert visit.sent_to is not None
    return dict(parse_qsl(urlsplit(visit.sent_to).query)).get("resultIndicator")


def rows_of(order: Json) -> list[tuple[str, str, str, str]]:
    return [
        (
            row["transaction"]["id"],
            row["transaction"]["type"],
            row["result"],
            row["response"]["gatewayCode"],
        )
        for row in order["transaction"]
    ]
