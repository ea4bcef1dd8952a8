"""The three APIs over small worlds, each called as its document says."""

from collections.abc import Mapping
from typing import Any, Protocol

from sandbox.kit.jwe import seal, unseal
from tests.api.api_setup import Desk, Reply
from tests.api.merchant.merchant_api_setup import Stall
from tests.api.v1.v1_setup import SHOP_KEY, Till
from tests.factories import BILL_NO, PASS_KEY, SECRET, a_bill
from tests.scenarios.merchant_orders import KEY

JSON = "application/json"
Content = dict[str, Any]
Headers = Mapping[str, str]
EXAMPLE_KEY = b"your pass key"  # the documents hold no key that opens anything


class World(Protocol):
    """An API that answers; `bearer` is what its callers are known by."""

    bearer: str
    payment_ids: list[str]

    async def open(self) -> None: ...

    async def send(self, method: str, path: str, body: bytes, headers: Headers) -> Reply: ...


class V1World:
    """REST v1 with a payment that is paid and one that waits."""

    bearer = SHOP_KEY

    def __init__(self) -> None:
        self.till = Till(calls=1_000_000)
        self.payment_ids: list[str] = []

    async def open(self) -> None:
        shop = self.till.shop()
        paid = await shop.paid(self.till.another_bill("092500000001"))
        waiting = await shop.made(self.till.another_bill("092500000002"))
        self.payment_ids = [paid["id"], waiting["id"]]

    async def send(self, method: str, path: str, body: bytes, headers: Headers) -> Reply:
        plain, _, query = path.partition("?")
        return await self.till.request(method, plain, body, headers.items(), query)


class MerchantWorld:
    bearer = ""

    def __init__(self) -> None:
        self.stall = Stall()
        self.payment_ids: list[str] = []

    async def open(self) -> None:
        """Nothing: an order needs nothing before it."""

    async def send(self, method: str, path: str, body: bytes, headers: Headers) -> Reply:
        plain, _, query = path.partition("?")
        keyed = body.replace(EXAMPLE_KEY, KEY.encode())
        return await self.stall.request(method, plain, keyed, query=query.encode(), headers=headers.items())


class SyndicateWorld:
    """What is sent is sealed on the way, and what is answered is opened."""

    def __init__(self) -> None:
        self.desk, self.bearer = Desk(), ""
        self.payment_ids: list[str] = []

    async def open(self) -> None:
        self.bearer = await self.desk.partner().log_in()
        self.desk.small.biller.bills[BILL_NO] = a_bill()

    async def send(self, method: str, path: str, body: bytes, headers: Headers) -> Reply:
        plain = path.partition("?")[0]
        if plain.endswith("/get-token"):
            keyed = body.replace(EXAMPLE_KEY, PASS_KEY.encode())
            return await self.desk.request(method, plain, keyed, headers.items())
        reply = await self.desk.request(method, plain, seal(body, SECRET).encode(), headers.items())
        if reply.status != 200:
            return reply
        opened = unseal(reply.body.decode(), SECRET)
        return Reply(reply.status, {**reply.headers, "content-type": JSON}, opened)


WORLDS: dict[str, type[V1World | MerchantWorld | SyndicateWorld]] = {
    "/openapi.json": V1World,
    "/openapi/merchant.json": MerchantWorld,
    "/openapi/syndicate.json": SyndicateWorld,
}
