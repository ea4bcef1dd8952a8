"""A collector's side of DESCO's wire, written from the wire's description, and a clock to move."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, Protocol

import aiohttp

Json = dict[str, Any]
NOON = datetime(2026, 3, 10, 6, 0, tzinfo=UTC)


class HasNow(Protocol):
    def now(self) -> datetime: ...


@dataclass
class SetClock:
    """A clock that moves only when a test moves it."""

    instant: datetime = NOON

    def now(self) -> datetime:
        return self.instant

    def advance(self, **by: float) -> None:
        self.instant += timedelta(**by)


@dataclass
class Caller:
    """A collector's side of the wire, written from the wire's description."""

    session: aiohttp.ClientSession
    origin: str
    clock: HasNow
    token: str = ""
    scroll_numbers: Iterator[int] = field(default_factory=lambda: count(1))

    async def send(self, path: str, body: object) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.origin}/desco/api/{path}"
        async with self.session.post(url, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def log_in(self) -> None:
        _, answer = await self.send("login", {"user": "ekpay", "password": "desco-sandbox"})
        self.token = answer["token"]

    async def admin(self, method: str, path: str, body: object = None) -> Json:
        url = f"{self.origin}/_admin/{path}"
        async with self.session.request(method, url, json=body) as answer:
            answered: Json = await answer.json()
            return answered

    async def dump(self) -> list[Json]:
        answer = await self.admin("GET", "dump")
        payments: list[Json] = answer["payments"]
        return payments

    async def numbers_of(self, account: str) -> list[str]:
        answer = await self.admin("GET", f"bills?account={account}")
        return [bill["bill_number"] for bill in answer["bills"]]

    async def a_save(self, account: str, transaction: str = "T1", **changes: object) -> Json:
        """Look the account's oldest bill up and return the save call that would pay it."""
        number = (await self.numbers_of(account))[0]
        _, answer = await self.send("bill", {"billNo": number})
        bill = answer["data"]
        today = (self.clock.now() + timedelta(hours=6)).date()
        day, month, year = map(int, bill["dueDate"].split("-"))
        is_late = today > date(year, month, day)
        to_pay = bill["totalAmountTobePaid"]
        save = {
            "billNumber": number,
            "billToken": bill["billToken"],
            "transactionId": transaction,
            "bankCode": "EKP",
            "scrollNo": next(self.scroll_numbers),
            "totalPayableAmount": to_pay,
            "totalPaidAmount": to_pay,
            "lpc": bill["lpc"] if is_late else "0.00",
            "paid": "Y",
            "issueDate": bill["issueDate"],
            "dueDate": bill["dueDate"],
            "cTariff": bill["tariff"],
            "departmentCode": bill["departmentCode"],
            "paymentAmount": to_pay,
            "paymentVatAmount": bill["totalVat"],
            "paymentDate": today.strftime("%d-%m-%Y"),
            "trackingNo": "TRACK1",
            "stampQty": 1 if int(to_pay.replace(".", "")) > 40_000 else 0,
            "transactionTrackingNo": "TRACK1",
            "tranAccount": "EKPAY",
            "transactionDateTime": f"{today.isoformat()} 12:00:00",
        }
        return save | changes

    async def code_of(self, save: Json) -> int:
        status, answer = await self.send("payment", save)
        assert status == 200
        code: int = answer["statusCode"]
        return code

    async def status_of(self, save: Json) -> list[Json]:
        asked = {"billNumber": save["billNumber"], "transactionId": save["transactionId"]}
        _, answer = await self.send("payment-status", asked)
        lines: list[Json] = answer["data"]
        return lines
