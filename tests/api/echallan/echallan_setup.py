"""The e-challan API over a small world, and a shop that calls it without a network in between."""

import json
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI

from ekpay_switch.api.echallan.routes import BASE, TOKEN_PURPOSE, EChallanApi, mount
from ekpay_switch.api.limits import LimitRequests, Message, RequestLimits
from ekpay_switch.api.problems import install_error_handlers
from ekpay_switch.edge_kit.login_watch import LoginWatch
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.ports.challans import ChallanUser
from ekpay_switch.security.access_tokens import AccessTokens
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.pass_keys import hash_pass_key
from tests.fakes.challans import FEE, VAT, FakeChallanUsers, Scene
from tests.fakes.world import FakeFailedLogins

Content = dict[str, Any]
KEY = "a key that opens nothing"
KEYS = KeyRing(bytes(32))
CREATE: Content = {
    "REQUEST_ID": "R1",
    "REF_NO": "M-1",
    "TRAN_DATE": "2026-03-01",
    "APPLICANT_NAME": "Rahela Khatun",
    "REFERENCE_NAME": "Rahela Khatun",
    "MOBILE_NO": "01712345678",
    "ADDRESS": "12 Mirpur Road\nDhaka",
    "PURPOSE": "EPASSPORT",
    "TRANAMOUNT": "575.00",
    "PAY_TRXID": "T1",
    "CREDIT_INFO": [
        {"SLNO": 1, "CREDIT_ACCOUNT": FEE, "AMOUNT": "500"},
        {"SLNO": 2, "CREDIT_ACCOUNT": VAT, "AMOUNT": 75.0},
    ],
}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    content: Content

    @property
    def told(self) -> str:
        """STATUS."""
        return str(self.content["STATUS"])


class Window:
    """The application over fakes; `scene` is its world."""

    def __init__(self, *, answer_seconds: float = 25.0) -> None:
        self.scene = Scene()
        clock = self.scene.small.clock
        self.users = FakeChallanUsers()
        self.users.add(a_user())
        self.tokens = AccessTokens(KEYS, TOKEN_PURPOSE)
        self.desk = EChallanApi(
            office=self.scene.office,
            users=self.users,
            tokens=self.tokens,
            answer_seconds=answer_seconds,
            logins=LoginWatch(FakeFailedLogins(), "echallan"),
            orders=RateLimit(clock, 50, 200),
            questions=RateLimit(clock, 50, 200),
        )
        self.app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        install_error_handlers(self.app, (OSError,))
        mount(self.app, self.desk)
        self.app.add_middleware(LimitRequests, limits=RequestLimits(64 * 1024))

    async def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        token: str | None = None,
        query: str = "",
        address: str = "shop",
    ) -> Reply:
        headers = [(b"content-type", b"application/json")]
        headers += [] if token is None else [(b"authorization", token.encode("latin-1"))]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": f"{BASE}/{path}",
            "raw_path": f"{BASE}/{path}".encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "http",
            "headers": headers,
            "server": ("switch", 80),
            "client": (address, 1),
        }
        arriving: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            return arriving.pop() if arriving else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        start, *rest = sent
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], told, json.loads(b"".join(one.get("body", b"") for one in rest)))

    async def log_in(
        self, username: object = "shop_challan_test", key: object = KEY, address: str = "shop"
    ) -> Reply:
        body = json.dumps({"username": username, "key": key}).encode()
        return await self.request("POST", "authenticate", body, address=address)

    async def token(self) -> str:
        return str((await self.log_in()).content["jwt_token"])

    async def create(self, token: str | None = None, /, **changes: object) -> Reply:
        """The usual request, changed; a field that is None is left out."""
        members = {name: value for name, value in {**CREATE, **changes}.items() if value is not None}
        return await self.send(json.dumps(members).encode(), token)

    async def send(self, body: bytes, token: str | None = None) -> Reply:
        return await self.request("POST", "challan/create", body, token or await self.token())

    async def search(self, path: str = "challan/search", token: str | None = None, **query: str) -> Reply:
        return await self.request("GET", path, b"", token or await self.token(), urlencode(query))


def a_user(**changes: Any) -> ChallanUser:  # noqa: ANN401 - fields of it
    user = ChallanUser("shop", "shop_challan_test", 0, 1, "001234560-0001", True, hash_pass_key(KEY))  # noqa: FBT003 - active
    return replace(user, **changes)
