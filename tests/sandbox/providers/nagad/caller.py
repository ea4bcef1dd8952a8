"""A merchant's side of Nagad's wire, written from its description, with a codec of its own."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.callers.payer.payer import Payer, PayerDecision, PayerVisit, pay
from sandbox.kit.institution.clock import Clock
from sandbox.kit.provider.settings import ProviderSettings
from sandbox.providers.nagad.family import NagadFamily
from tests.sandbox.caller import AdminCaller, Json, SetClock
from tests.sandbox.conftest import served

MERCHANT_ID = "100000000000001"
VERSION = {"X-KM-Api-Version": "v-0.2.0", "X-KM-IP-V4": "127.0.0.1", "X-KM-Client-Type": "PC_WEB"}
_NUMBERS = count(1)


@cache
def _private(written: str) -> rsa.RSAPrivateKey:
    """Read once, since that takes long."""
    key = serialization.load_der_private_key(base64.b64decode(written), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@dataclass
class NagadCaller(AdminCaller):
    """Whoever collects through Nagad; `keys` are those that the desk gives."""

    keys: Mapping[str, str] = field(default_factory=dict)
    return_url: str = "https://merchant.example/return?x=1"

    @property
    def own(self) -> rsa.RSAPrivateKey:
        return _private(self.keys["EKPAY_NAGAD_PRIVATE_KEY"])

    @property
    def theirs(self) -> rsa.RSAPublicKey:
        key = serialization.load_der_public_key(base64.b64decode(self.keys["EKPAY_NAGAD_GATEWAY_KEY"]))
        assert isinstance(key, rsa.RSAPublicKey)
        return key

    def seal(self, fields: Mapping[str, object], *, is_spaced: bool = False) -> Json:
        separators = None if is_spaced else (",", ":")
        plain = json.dumps(fields, separators=separators).encode()
        signature = self.own.sign(plain, padding.PKCS1v15(), hashes.SHA256())
        sealed = self.theirs.encrypt(plain, padding.PKCS1v15())
        return {
            "sensitiveData": base64.b64encode(sealed).decode(),
            "signature": base64.b64encode(signature).decode(),
        }

    def open(self, answer: Mapping[str, str]) -> Json:
        plain = self.own.decrypt(base64.b64decode(answer["sensitiveData"]), padding.PKCS1v15())
        signature = base64.b64decode(answer["signature"])
        self.theirs.verify(signature, plain, padding.PKCS1v15(), hashes.SHA256())
        told: Json = json.loads(plain)
        return told

    async def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] = VERSION
    ) -> tuple[int, Any]:
        url = f"{self.origin}/nagad/api/dfs/{path}"
        async with self.session.request(method, url, json=body, headers=headers) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await (answer.json() if is_json else answer.text())

    async def initialise(
        self, order_id: str, changes: Mapping[str, object] | None = None, *, is_spaced: bool = False
    ) -> tuple[int, Any]:
        fields = {"merchantId": MERCHANT_ID, "datetime": "20260310120000", "orderId": order_id}
        sealed = self.seal({**fields, "challenge": "c" * 40, **(changes or {})}, is_spaced=is_spaced)
        body = {"dateTime": "20260310120000", **sealed}
        return await self.call("POST", f"check-out/initialize/{MERCHANT_ID}/{order_id}?locale=EN", body)

    async def complete(self, order_id: str, begun: Json, **changes: object) -> tuple[int, Any]:
        fields = {"merchantId": MERCHANT_ID, "orderId": order_id, "currencyCode": "050", "amount": "120.50"}
        body = self.seal(fields | {"challenge": begun["challenge"]} | changes)
        body |= {"merchantCallbackURL": self.return_url, "additionalMerchantInfo": {"shop": "1"}}
        return await self.call("POST", f"check-out/complete/{begun['paymentReferenceId']}", body)

    async def begun(self) -> tuple[str, Json]:
        order_id = f"ORDER{next(_NUMBERS):07d}"
        status, answer = await self.initialise(order_id)
        assert status == 200, answer
        return order_id, self.open(answer)

    async def creation_time(self) -> tuple[str, str, str]:
        """An order, its payment's name and its page."""
        order_id, begun = await self.begun()
        status, answer = await self.complete(order_id, begun)
        assert (status, answer["status"]) == (200, "Success")
        return order_id, begun["paymentReferenceId"], answer["callBackUrl"]

    async def visited(
        self, kind: str = "normal", does: PayerDecision = PayerDecision.APPROVE
    ) -> tuple[str, str, PayerVisit]:
        order_id, payment, page_url = await self.creation_time()
        payers = await self.admin("GET", f"payers?house=nagad&kind={kind}")
        return order_id, payment, await pay(page_url, Payer(payers["payers"][0]["number"]), does)

    async def verify(self, payment: str) -> Json:
        status, answer = await self.call("GET", f"verify/payment/{payment}", headers={})
        assert status == 200, answer
        told: Json = answer
        return told

    async def cancel(self, query: str, **changes: object) -> tuple[int, Any]:
        fields = {
            "merchantId": MERCHANT_ID,
            "originalRequestDate": "20260310",
            "originalAmount": "120.50",
            "cancelAmount": "120.50",
            "referenceNo": "R1",
            "referenceMessage": "returned",
        }
        sealed = self.seal(fields | changes)
        body = {"sensitiveDataCancelRequest": sealed["sensitiveData"], "signature": sealed["signature"]}
        return await self.call("POST", f"purchase/cancel?{query}", body)


@asynccontextmanager
async def nagad_served(folder: Path, clock: SetClock) -> AsyncIterator[NagadCaller]:
    settings = ProviderSettings(home=folder, accounts=200, slow_seconds=0.3, hang_seconds=0.3)
    async with served(NagadFamily.open(settings, Clock(clock.now))) as (session, origin):
        caller = NagadCaller(session, origin)
        caller.keys = await caller.admin("GET", "keys?house=nagad")
        yield caller
