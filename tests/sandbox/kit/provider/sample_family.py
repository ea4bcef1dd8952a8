"""A small family over the kit of gateways, and a merchant of it: what proves the kit end to end."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox.callers.payer.payer import Payer, PayerDecision, PayerVisit, pay
from sandbox.kit.institution.amounts import paisa, taka
from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.pages import is_web_address
from sandbox.kit.institution.replies import Errors, Reply, error_reply, json_reply
from sandbox.kit.institution.requests import MalformedRequestError, text_field
from sandbox.kit.payer_pages.language import Text
from sandbox.kit.provider.call_results import RefundResult, Refusal, ReportedOrder
from sandbox.kit.provider.family import InstitutionCall, InstitutionPage, ProviderFamily
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.kit.provider.hooks import BrowserReturn, OpenProvider, OutcomeMessage, Push
from sandbox.kit.provider.institution import ProviderInstitution, RefundRules
from sandbox.kit.provider.magic_numbers import PayerBehaviour, PayerKindRow
from sandbox.kit.provider.orders import NewOrder, ProviderOrder
from sandbox.kit.provider.payer_numbers import PayerKind
from sandbox.kit.provider.provider import Provider
from sandbox.kit.provider.refunds import NewRefund
from sandbox.kit.provider.settings import ProviderSettings
from sandbox.kit.provider.settlement_file import SettlementLayout
from tests.sandbox.caller import AdminCaller, Json

WALLET = "01700000003"


class Sample(ProviderFamily):
    """Two houses: one takes at its page and goes back with GET, the other agrees there and goes with POST."""

    name = "Sample"
    family = "sample"
    errors = Errors(error_reply)
    pushes_refunds = True
    own_kinds = (PayerKindRow(90, "risky", "paid, and held for a look", PayerBehaviour(facts={"risk": "1"})),)
    institutions = (
        ProviderInstitution(
            id="getpay",
            name=Text("গেটপে", "GetPay"),
            family=family,
            fee_vat_bp=1_500,
            push_seconds=(1, 1, 1),
            refunds=RefundRules(parts_max=3, is_partial=True, is_fee_returned=True),
        ),
        ProviderInstitution(
            id="postpay",
            name=Text("পোস্টপে", "PostPay"),
            family=family,
            kind=PayerKind.CARD,
            page_seconds=600,
            takes_at_page=False,
            layout=SettlementLayout(
                {"id": lambda row: row.own_id, "paisa": lambda row: str(row.net_paisa)},
                delimiter="|",
                has_header=False,
                line_end="\n",
                trailer=lambda rows: ["T", str(len(rows))],
                encoding="utf-8-sig",
            ),
        ),
    )

    def institution_calls(self, provider: Provider) -> Iterable[InstitutionCall]:
        return (
            InstitutionCall("token", "POST", "token", partial(self._token, provider), needs_login=False),
            InstitutionCall("create", "POST", "orders/{reference}", partial(self._create, provider)),
            InstitutionCall(
                "session", "POST", "orders/{reference}/session", partial(self._session, provider)
            ),
            InstitutionCall("take", "POST", "orders/{reference}/take", partial(self._take, provider)),
            InstitutionCall("status", "GET", "orders/{reference}/", partial(self._status, provider)),
            InstitutionCall("status", "POST", "orders/{reference}/state", partial(self._status, provider)),
            InstitutionCall(
                "refund", "PUT POST", "orders/{reference}/refunds", partial(self._refund, provider)
            ),
            InstitutionCall("refund_status", "GET", "refunds/{name}", partial(self._refund_status, provider)),
        )

    def institution_pages(self, provider: Provider) -> Iterable[InstitutionPage]:
        def by_session(request: Request) -> ProviderOrder | None:
            return provider.find_by_provider_name(request.query.get("session", ""))

        return (*super().institution_pages(provider), InstitutionPage("checkout", by_session))

    def is_admitted(self, provider: Provider, request: Request) -> bool:
        header = request.headers.get("authorization", "")
        return provider.bearers.admits(header.encode(), provider.clock.now())

    def browser_return(
        self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage
    ) -> BrowserReturn | None:
        if not is_web_address(order.facts["return_url"]):
            return None
        fields = {
            "order": order.reference,
            "status": message.outcome,
            "sign": _sign(provider, order, message),
        }
        return BrowserReturn(order.facts["return_url"], fields, is_post=provider.institution.id == "postpay")

    def push(self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage) -> Push | None:
        if not order.facts["push_url"]:
            return None
        refund = message.refund.refund_id if message.refund else ""
        told = {"order": order.reference, "status": message.outcome, "at": message.at.isoformat()}
        body = json.dumps(told | {"refund": refund, "kind": message.kind}).encode()
        return Push(order.facts["push_url"], body, {"X-Sign": _sign(provider, order, message)})

    def _token(self, provider: Provider, request: Request) -> Reply:
        form = request.fields()
        if not provider.is_user(text_field(form, "user")) or not provider.is_password(
            text_field(form, "password")
        ):
            return self.errors.unauthorised
        return provider.log_in(lambda: json_reply({"token": provider.bearers.issue(provider.clock.now())}))

    def _create(self, provider: Provider, request: Request) -> Reply:
        form = request.fields()
        amount = paisa(form.get("amount"))
        if amount is None:
            raise MalformedRequestError("amount must be taka")
        facts = {name: str(form.get(name, "")) for name in ("return_url", "push_url")}
        new = NewOrder(request.values["reference"], amount, payer=str(form.get("payer", "")), facts=facts)
        return provider.create(new, partial(_opened, provider))

    def _session(self, provider: Provider, request: Request) -> Reply:
        def tell(order: ProviderOrder | Refusal) -> Reply:
            if isinstance(order, Refusal):
                return _refused(order)
            provider.keep(order, device="phone")
            return json_reply({"page": provider.url(f"checkout?session={order.provider_reference}")})

        return provider.prepare(provider.find(request.values["reference"]), tell)

    def _take(self, provider: Provider, request: Request) -> Reply:
        order = provider.find(request.values["reference"])
        return provider.take(order, partial(_taken, provider))

    def _status(self, provider: Provider, request: Request) -> Reply:
        order = provider.find(request.values["reference"])
        return provider.status(order, partial(_told, provider))

    def _refund(self, provider: Provider, request: Request) -> Reply:
        form = request.fields()
        new = NewRefund(paisa(form.get("amount")) or 0, str(form.get("refund", "")))
        return provider.refund(provider.find(request.values["reference"]), new, _returned)

    def _refund_status(self, provider: Provider, request: Request) -> Reply:
        return provider.refund_status(request.values["name"], _returned)


def _sign(provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage) -> str:
    key = "wrong" if message.is_forged else provider.secret
    return hmac.new(key.encode(), f"{order.reference}{message.outcome}".encode(), sha256).hexdigest()


def _opened(provider: Provider, order: ProviderOrder | Refusal) -> Reply:
    if isinstance(order, Refusal):
        return _refused(order)
    return json_reply({"id": order.provider_reference, "page": provider.page_url(order)})


def _taken(provider: Provider, order: ProviderOrder | Refusal) -> Reply:
    return _refused(order) if isinstance(order, Refusal) else _told(provider, provider.report_of(order))


def _told(provider: Provider, told: ReportedOrder | Refusal) -> Reply:
    if isinstance(told, Refusal):
        return _refused(told)
    order = told.order
    return json_reply(
        {
            "order": order.reference,
            "state": told.state,
            "is_pending": told.state in {"opened", "agreed"},
            "amount": taka(told.amount_paisa),
            "currency": told.currency,
            "payment": order.transaction_id,
            "reason": order.reason,
            "risk": provider.behaviour(order).facts.get("risk", "0"),
            "tries": [tried.reason for tried in order.tries],
        }
    )


def _returned(returned: RefundResult | Refusal) -> Reply:
    if isinstance(returned, Refusal):
        return _refused(returned)
    refund = returned.refund
    return json_reply(
        {"refund": refund.refund_id, "state": refund.state, "amount": taka(refund.amount_paisa)}
    )


def _refused(refusal: Refusal) -> Reply:
    return json_reply({"refused": refusal})


def gateway_settings(folder: Path) -> ProviderSettings:
    return ProviderSettings(
        home=folder, accounts=200, slow_seconds=0.3, hang_seconds=0.3, push_times_divisor=50
    )


_REFERENCES = count(1)


@dataclass
class Merchant(AdminCaller):
    """Whoever collects through a sample house."""

    house: str = "getpay"
    return_url: str = "https://merchant.example/return?x=1"
    push_url: str = ""
    token: str = ""

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Make a call; one whose answer may be lost must be POST, as others are repeated by the session."""
        url, headers = f"{self.origin}/{self.house}/{path}", {"Authorization": f"Bearer {self.token}"}
        async with self.session.request(method, url, json=body, headers=headers) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await (answer.json() if is_json else answer.text())

    async def ask(self, method: str, path: str, body: object = None) -> Json:
        status, answer = await self.call(method, path, body)
        assert status == 200, answer
        answered: Json = answer
        return answered

    async def log_in(self) -> None:
        answer = await self.ask("POST", "token", {"user": "ekpay", "password": "gateway-sandbox"})
        self.token = answer["token"]

    async def create(self, reference: str = "", **changes: object) -> tuple[str, Json]:
        reference = reference or f"R{next(_REFERENCES)}"
        urls = {"return_url": self.return_url, "push_url": self.push_url}
        return reference, await self.ask(
            "POST", f"orders/{reference}", {"amount": "120.50", **urls, **changes}
        )

    async def status(self, reference: str) -> Json:
        return await self.ask("POST", f"orders/{reference}/state")

    async def number(self, kind: str) -> str:
        answer = await self.admin("GET", f"payers?house={self.house}&kind={kind}")
        number: str = answer["payers"][0]["number"]
        return number

    async def a_visited(
        self,
        kind: str = "normal",
        behaviour: PayerDecision = PayerDecision.APPROVE,
        *,
        follow: bool = False,
    ) -> tuple[str, PayerVisit]:
        """An order whose page a payer of a kind has been to."""
        reference, creation_time = await self.create()
        visit = await pay(creation_time["page"], Payer(await self.number(kind)), behaviour, follow=follow)
        return reference, visit

    async def refund(self, reference: str, amount: str, refund: str = "") -> Json:
        return await self.ask("POST", f"orders/{reference}/refunds", {"amount": amount, "refund": refund})

    async def order(self, reference: str) -> Json:
        return await self.admin("GET", f"order?house={self.house}&reference={reference}")

    async def fault(self, fault: ProviderFault, step: ProviderStep | None = None, **more: object) -> None:
        answer = await self.admin(
            "POST", "faults", {"house": self.house, "fault": fault, "step": step, **more}
        )
        assert answer.get("faults"), answer


@dataclass
class Shop:
    """The merchant's server: where browsers return and pushes come."""

    url: str = ""
    refusals: int = 0
    returns: list[tuple[str, Json]] = field(default_factory=list)
    pushes: list[Json] = field(default_factory=list)
    signs: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def take_return(self, request: web.Request) -> web.Response:
        fields = dict(request.query) if request.method == "GET" else dict(await request.post())
        self.returns.append((request.method, fields))
        self.order.append("return")
        self.came.set()
        return web.Response(text="thank you", content_type="text/html")

    async def take_push(self, request: web.Request) -> web.Response:
        self.pushes.append(json.loads(await request.text()))
        self.signs.append(request.headers["X-Sign"])
        self.order.append("push")
        self.came.set()
        if self.refusals:
            self.refusals -= 1
            return web.Response(status=500)
        return web.Response()

    async def until(self, *, pushes: int = 0, returns: int = 0) -> None:
        async with asyncio.timeout(10):
            while len(self.pushes) < pushes or len(self.returns) < returns:
                self.came.clear()
                await self.came.wait()


@asynccontextmanager
async def a_shop(refusals: int = 0) -> AsyncIterator[Shop]:
    shop = Shop(refusals=refusals)
    app = web.Application()
    app.router.add_route("*", "/return", shop.take_return)
    app.router.add_post("/push", shop.take_push)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        shop.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield shop
    finally:
        await runner.cleanup()
