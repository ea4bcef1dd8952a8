"""The API over a small world, and a partner that calls it without a network in between."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from ekpay_switch.api import operations
from ekpay_switch.api.limits import LimitRequests, Message, RequestLimits
from ekpay_switch.api.problems import install_error_handlers
from ekpay_switch.api.syndicate.calls import SyndicateApi
from ekpay_switch.api.syndicate.codes import BASE
from ekpay_switch.api.syndicate.routes import mount
from ekpay_switch.edge_kit.fetch_limits import FetchLimits
from ekpay_switch.edge_kit.login_watch import LoginWatch
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.security.access_tokens import AccessTokens
from ekpay_switch.security.keys import KeyRing
from sandbox.callers.partner.messages import MessageWriter, Payout
from sandbox.kit.jwe import seal, unseal
from tests.factories import BILL_NO, PASS_KEY, SECRET, a_partner, a_world
from tests.fakes.world import FakeFailedLogins, FakePermits, SmallWorld

Content = dict[str, Any]
# The driver of an ASGI application, which its framework does not type.
Application = Any
PATHS = {
    "FETCH_MDM_DATA_REQ": "fetch-MDMbillers",
    "FETCH_BLL_REQ": "fetch-bill",
    "UPDT_BLL_PYMNT_REQ": "update-billPayment",
    "CHCK_BLL_STTS_REQ": "check-bill-status",
    "CHCK_BKT_BLNC_REQ": "check-bbalance",
}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def plain(self) -> Content:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found


async def request_of(
    app: Application,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Iterable[tuple[str, str]] = (),
    *,
    query: bytes = b"",
    address: str = "partner",
) -> Reply:
    """One request, whole at once; a bug is answered like one, and not raised."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "scheme": "http",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        "server": ("switch", 80),
        "client": (address, 1) if address else None,
    }
    arriving: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        return arriving.pop() if arriving else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    try:
        await app(scope, receive, send)
    except Exception:
        # What nothing expected is answered 500 and raised once more, for the server's own log.
        if not sent:
            raise
    start, *rest = sent
    told = {name.decode(): value.decode() for name, value in start["headers"]}
    return Reply(start["status"], told, b"".join(message.get("body", b"") for message in rest))


class Desk:
    """The application over fakes; `small` is its world."""

    def __init__(self, *, answer_seconds: float = 25.0, body_seconds: float = 10.0) -> None:
        self.small: SmallWorld = a_world()
        self.small.books.quotes.clear()
        self.small.partners.add(a_partner("bank2", 202, secret="B" * 32))
        clock = self.small.clock
        self.syndicate = SyndicateApi(
            world=self.small.world,
            partners=self.small.partners,
            enquiries=self.small.books,
            tokens=AccessTokens(KeyRing(bytes(32))),
            answer_seconds=answer_seconds,
            logins=LoginWatch(FakeFailedLogins(), "syndicate"),
            token_permits=FakePermits(clock),
            questions=RateLimit(clock, 50, 200),
            fetches=FetchLimits(FakePermits(clock), "syndicate"),
        )
        self.why_not_ready = ""
        self.app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        install_error_handlers(self.app, (OSError,))
        mount(self.app, self.syndicate)
        operations.mount(self.app, self._ready)
        self.app.add_middleware(LimitRequests, limits=RequestLimits(64 * 1024, body_seconds))

    async def _ready(self) -> str:
        return self.why_not_ready

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: Iterable[tuple[str, str]] = ()
    ) -> Reply:
        """One request, whole at once."""
        return await request_of(self.app, method, path, body, headers)

    def partner(self, number: int = 101) -> "Caller":
        """A caller that is `bank1` (101) or `bank2` (202)."""
        bank, secret = {101: ("bank1", SECRET), 202: ("bank2", "B" * 32)}[number]
        return Caller(self, bank, secret, MessageWriter(f"NS{number}", f"s{number}", self.small.clock.now))


@dataclass
class Caller:
    """A partner: it logs in once, and seals and opens by its own codec."""

    desk: Desk
    bank: str
    secret: str
    write: MessageWriter
    token: str = ""

    async def log_in(self) -> str:
        if not self.token:
            login = json.dumps({"user_id": f"{self.bank}-user", "pass_key": PASS_KEY}).encode()
            reply = await self.desk.request("POST", f"{BASE}/get-token", login)
            self.token = str(reply.plain["security_token"])
        return self.token

    async def post(self, name: str, body: bytes, content_type: str = "text/plain") -> Reply:
        """Any bytes, under a good token."""
        headers = [("Authorization", f"Bearer {await self.log_in()}"), ("Content-Type", content_type)]
        return await self.desk.request("POST", f"{BASE}/{name}", body, headers)

    def sealed(self, message: Content) -> bytes:
        return seal(json.dumps(message).encode(), self.secret).encode()

    async def say(self, name: str, plain: bytes) -> Content:
        """A well sealed text, whatever it says, and the opened answer."""
        reply = await self.post(name, seal(plain, self.secret).encode())
        assert reply.status == 200, reply.body
        answer = json.loads(unseal(reply.body.decode(), self.secret))
        assert isinstance(answer, dict)
        return answer

    async def exchange(self, message: Content) -> Content:
        return await self.say(PATHS[message["hdrs"]["nm"]], json.dumps(message).encode())

    async def fetch(self, bill_no: str = BILL_NO) -> Content:
        return await self.exchange(self.write.fetch("b025", bll_no=bill_no))

    def payment(self, fetched: Content, reference: str = "R1") -> Content:
        return self.write.payment(fetched, Payout(reference))

    async def fetch_and_pay(self, reference: str = "R1") -> Content:
        return await self.exchange(self.payment(await self.fetch(), reference))


def code_of(answer: Content) -> str:
    return str(answer["resp_status"]["rsp_cd"])
