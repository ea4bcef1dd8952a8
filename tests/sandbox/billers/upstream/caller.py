"""A partner's side of the other switch, written from the description of its wire."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from sandbox.billers.upstream.family import UpstreamFamily
from sandbox.callers.partner.messages import MessageWriter, Payout
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.clock import Clock
from sandbox.kit.jwe import seal, unseal
from tests.sandbox.caller import AdminCaller, Json, SetClock
from tests.sandbox.conftest import served

BASE = "/syndicate/api"
SECRET = "upstream-sandbox-secret-32-chars"
BILLER_IDS = {
    "jalalabad_gas": "b430",
    "bakhrabad_gas": "b451",
    "pgcl_gas": "b529",
    "sundarban_gas": "b9041",
    "khulna_wasa": "b416",
    "rajshahi_wasa": "b605",
    "rehearsal": "b9999",
}
HOUSES = tuple(BILLER_IDS)
_WIRE = {
    "customer_code": "bllr_accno",
    "account_no": "bllr_accno",
    "bill_no": "bll_no",
    "bill_type": "bll_typ",
    "mobile": "bill_mobno",
}
PATHS = {
    "FETCH_BLL_REQ": "fetch-bill",
    "UPDT_BLL_PYMNT_REQ": "update-billPayment",
    "CHCK_BLL_STTS_REQ": "check-bill-status",
    "CHCK_BKT_BLNC_REQ": "check-bbalance",
}


@dataclass
class UpstreamCaller(AdminCaller):
    """Logs in, fetches, pays and asks."""

    clock: SetClock
    token: str = ""
    write: MessageWriter = field(init=False)

    def __post_init__(self) -> None:
        self.write = MessageWriter("NS8801", "s8801", self.clock.now)

    async def post(self, path: str, body: bytes, token: str | None = None) -> tuple[int, str]:
        bearer = self.token if token is None else token
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "text/plain"}
        async with self.session.post(f"{self.origin}{BASE}/{path}", data=body, headers=headers) as answer:
            return answer.status, await answer.text()

    async def log_in(self, user: str = "ekpay", word: str = "counter-sandbox") -> tuple[int, Json]:
        login = json.dumps({"user_id": user, "pass_key": word}).encode()
        status, told = await self.post("get-token", login)
        answer: Json = json.loads(told)
        self.token = answer.get("security_token", self.token)
        return status, answer

    async def exchange(self, message: Json, path: str = "") -> Json:
        """Send a message sealed; the answer must be HTTP 200 and sealed as well."""
        body = seal(json.dumps(message).encode(), SECRET).encode()
        status, told = await self.post(path or PATHS[message["hdrs"]["nm"]], body)
        assert status == 200, told
        answer: Json = json.loads(unseal(told, SECRET))
        return answer

    async def named(self, house: str, kind: str = "normal", nth: int = 0) -> dict[str, str]:
        """The members of `bll_inf` that name an account's oldest bill."""
        cast = await self.admin("GET", f"cast?house={house}&kind={kind}&nth={nth}")
        return {_WIRE[name]: text for name, text in cast["fields"].items()}

    async def a_fetch(self, house: str, kind: str = "normal", nth: int = 0) -> Json:
        return self.write.fetch(BILLER_IDS[house], **await self.named(house, kind, nth))

    async def fetch(self, house: str, kind: str = "normal", nth: int = 0) -> Json:
        answer = await self.exchange(await self.a_fetch(house, kind, nth))
        assert code_of(answer) == "0000", answer
        return answer

    async def a_payment(
        self, house: str, kind: str = "normal", nth: int = 0, reference: str = "T1", amount: str | None = None
    ) -> Json:
        """Fetch an account's oldest bill and return the message that would pay it."""
        message = self.write.payment(await self.fetch(house, kind, nth), Payout(reference, amount))
        return message | {"bllr_inf": message["bllr_inf"] | {"mode": "SAPI"}}

    async def pay(self, payment: Json) -> str:
        return code_of(await self.exchange(payment))

    async def pay_in_vain(self, payment: Json) -> bool:
        """Whether a payment's connection ends without an answer."""
        try:
            await self.exchange(payment)
        except aiohttp.ServerDisconnectedError:
            return True
        return False

    async def status(self, house: str, payment: Json) -> Json:
        return await self.exchange(self.write.status(payment["hdrs"]["ref_id"], BILLER_IDS[house]))

    async def payments(self) -> list[Json]:
        payments: list[Json] = (await self.admin("GET", "dump"))["payments"]
        return payments

    async def left_paisa(self) -> int:
        left: int = (await self.admin("GET", "prefund"))["prefund_paisa"]
        return left


@asynccontextmanager
async def upstream_at(folder: Path, clock: SetClock) -> AsyncIterator[UpstreamCaller]:
    settings = BillerSettings(home=folder, accounts=50, slow_seconds=1.0)
    async with served(UpstreamFamily.open(settings, Clock(clock.now))) as (session, origin):
        caller = UpstreamCaller(session, origin, clock)
        await caller.log_in()
        yield caller


def code_of(answer: Json) -> str:
    return str(answer["resp_status"]["rsp_cd"])


def paisa(text: str) -> int:
    return int(text.replace(".", ""))
