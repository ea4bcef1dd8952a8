"""A merchant of the seven houses of token-init-status, by a codec of its own for each dialect."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from sandbox.callers.payer.payer import Payer, PayerDecision, PayerVisit, pay
from sandbox.kit.institution.clock import Clock
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.kit.provider.settings import ProviderSettings
from sandbox.providers.token_init_status.family import TokenInitStatusFamily
from tests.sandbox.caller import AdminCaller, Json, SetClock
from tests.sandbox.conftest import served

GENERIC = ("tap", "mcash", "mycash", "okwallet", "surecash")
ALL = ("upay", "shurjopay", *GENERIC)
RETURN_URL = "https://merchant.example/return?x=1"
PASSWORD = "gateway-sandbox"

_NUMBERS = count(1)


def new_reference() -> str:
    return f"R{next(_NUMBERS):025d}"


def upay_init(reference: str, **changes: object) -> Json:
    return {
        "date": "2026-03-10",
        "txn_id": reference,
        "invoice_id": f"INV{reference}",
        "amount": 120.5,
        "merchant_id": "ekpay",
        "merchant_name": "ekPay",
        "merchant_code": "EKPAY",
        "merchant_country_code": "BD",
        "merchant_city": "Dhaka",
        "merchant_category_code": "4900",
        "merchant_mobile": "01300000000",
        "transaction_currency_code": "BDT",
        "redirect_url": RETURN_URL,
        "additional_info": {},
        "is_cashback": False,
    } | changes


def shurjo_pay(reference: str, **changes: object) -> Json:
    return {
        "store_id": 1,
        "prefix": "EKP",
        "return_url": RETURN_URL,
        "cancel_url": "https://merchant.example/cancel",
        "amount": "120.50",
        "order_id": reference,
        "currency": "BDT",
        "customer_name": "A. Payer",
        "customer_address": "Dhaka",
        "customer_phone": "01711000000",
        "customer_city": "Dhaka",
        "customer_post_code": "1000",
        "client_ip": "127.0.0.1",
    } | changes


def generic_init(reference: str, **changes: object) -> Json:
    return {
        "merchant_reference": reference,
        "amount": "120.50",
        "currency": "BDT",
        "payer_reference": "8801700000000",
        "return_url": RETURN_URL,
    } | changes


@dataclass
class TokenMerchant(AdminCaller):
    """Whoever collects through one of the houses; `header` is what it sends as Authorization."""

    house: str = "tap"
    header: str = ""

    @property
    def dialect(self) -> str:
        return self.house if self.house in {"upay", "shurjopay"} else "generic"

    @property
    def token(self) -> str:
        return self.header.partition(" ")[2]

    async def call(
        self, method: str, path: str, body: object = None, *, form: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Make a call; one whose answer may be lost must be POST, as others are repeated by the session."""
        headers = {"Authorization": self.header} if self.header else {}
        url = f"{self.origin}/{self.house}/{path}"
        async with self.session.request(method, url, json=body, data=form, headers=headers) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await (answer.json() if is_json else answer.text())

    async def ask(self, method: str, path: str, body: object = None) -> Json:
        status, answer = await self.call(method, path, body)
        assert status == 200, answer
        answered: Json = answer
        return answered

    async def log_in(self) -> Json:
        match self.dialect:
            case "upay":
                told = await self.ask(
                    "POST", "payment/merchant-auth/", {"merchant_id": "ekpay", "merchant_key": PASSWORD}
                )
                self.header = f"UPAY {told['data']['token']}"
            case "shurjopay":
                told = await self.ask("POST", "api/get_token", {"username": "ekpay", "password": PASSWORD})
                self.header = f"Bearer {told['token']}"
            case _:
                told = await self.ask("POST", "v1/token", {"user": "ekpay", "password": PASSWORD})
                self.header = f"Bearer {told['access_token']}"
        return told

    async def create(self, reference: str = "", **changes: object) -> tuple[int, Any]:
        named = reference or new_reference()
        match self.dialect:
            case "upay":
                return await self.call("POST", "payment/merchant-payment-init/", upay_init(named, **changes))
            case "shurjopay":
                return await self.call(
                    "POST", "api/secret-pay", shurjo_pay(named, **{"token": self.token} | changes)
                )
            case _:
                return await self.call("POST", "v1/payments", generic_init(named, **changes))

    async def a_page(self, reference: str = "", **changes: object) -> tuple[str, str, str]:
        """A new order: the merchant's name for it, the house's, and its page."""
        named = reference or new_reference()
        _, told = await self.create(named, **changes)
        data = told.get("data", told)
        names = ("session_id", "sp_order_id", "payment_id")
        pages = ("gateway_url", "checkout_url", "page_url")
        theirs = next(data[name] for name in names if name in data)
        return named, theirs, next(data[name] for name in pages if name in data)

    async def a_visited(
        self,
        kind: str = "normal",
        does: PayerDecision = PayerDecision.APPROVE,
        *,
        follow: bool = False,
        **changes: object,
    ) -> tuple[str, str, PayerVisit]:
        """An order whose page a payer of a kind has been to."""
        reference, theirs, page = await self.a_page("", **changes)
        visit = await pay(page, Payer(await self.number(kind)), does, follow=follow)
        return reference, theirs, visit

    async def status(self, reference: str, theirs: str) -> tuple[int, Any]:
        match self.dialect:
            case "upay":
                return await self.call("GET", f"payment/single-payment-status/{reference}/")
            case "shurjopay":
                return await self.call("POST", "api/verification", {"order_id": theirs})
            case _:
                return await self.call("GET", f"v1/payments/{theirs}")

    async def standing(self, reference: str, theirs: str) -> tuple[str, str, str]:
        """The house's word for an order, its amount and its currency, as they are told."""
        status, told = await self.status(reference, theirs)
        assert status == 200, told
        match self.dialect:
            case "upay":
                data = told["data"]
                return data["status"], str(data["amount"]), data.get("currency", "untold")
            case "shurjopay":
                return told[0]["sp_code"], told[0]["amount"], told[0]["currency"]
            case _:
                return told["status"], told["amount"], told["currency"]

    async def number(self, kind: str) -> str:
        answer = await self.admin("GET", f"payers?house={self.house}&kind={kind}")
        number: str = answer["payers"][0]["number"]
        return number

    async def order(self, reference: str) -> Json:
        return await self.admin("GET", f"order?house={self.house}&reference={reference}")

    async def fault(self, fault: ProviderFault, step: ProviderStep | None = None, **more: object) -> None:
        body = {"house": self.house, "fault": fault, "step": step, **more}
        assert "faults" in await self.admin("POST", "faults", body)

    async def at(self, house: str) -> "TokenMerchant":
        other = TokenMerchant(self.session, self.origin, house)
        await other.log_in()
        return other


async def generic_refund(
    merchant: TokenMerchant, named: tuple[str, str], refund: str, amount: str, **changes: object
) -> tuple[int, str, str]:
    order = await merchant.order(named[0])
    body = {
        "refund_reference": refund,
        "transaction_id": order["transaction_id"] or "TXN0",
        "amount": amount,
        "currency": "BDT",
        "reason": "returned",
    }
    status, told = await merchant.call("POST", f"v1/payments/{named[1]}/refunds", body | changes)
    return status, told["code"], told.get("status", "")


async def upay_bulk_status(upay: TokenMerchant, *references: str) -> tuple[int, Any]:
    return await upay.call("POST", "payment/bulk-payment-status/", {"txn_id_list": references})


async def upay_refund(upay: TokenMerchant, *rows: tuple[str, object]) -> tuple[int, list[str], list[str]]:
    """Give back in bulk: the HTTP status, whose refunds were given, and whose were not."""
    body = [{"txn_id": reference, "refund_amount": amount} for reference, amount in rows]
    status, told = await upay.call("POST", "payment/bulk/refund/", body)
    data = told.get("data", {"success_list": [], "failed_list": []})
    given, refused = [[row["txn_id"] for row in data[name]] for name in ("success_list", "failed_list")]
    return status, given, refused


@asynccontextmanager
async def merchant_at(home: Path, clock: SetClock) -> AsyncIterator[TokenMerchant]:
    """A merchant of Tap, let in; `at` leads to the other houses."""
    settings = ProviderSettings(home=home, accounts=200, slow_seconds=0.3, hang_seconds=0.3)
    async with served(TokenInitStatusFamily.open(settings, Clock(clock.now))) as (session, origin):
        merchant = TokenMerchant(session, origin)
        await merchant.log_in()
        yield merchant
