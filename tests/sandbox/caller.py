"""A collector's side of each institution's wire, written from its description, and a clock to move."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import aiohttp

import sandbox

Json = dict[str, Any]
ROOT = Path(str(sandbox.__file__)).parent.parent
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
class AdminCaller:
    """Whoever reads and changes what an institution does not show."""

    session: aiohttp.ClientSession
    origin: str

    async def admin(self, method: str, path: str, body: object = None) -> Json:
        url = f"{self.origin}/_admin/{path}"
        async with self.session.request(method, url, json=body) as answer:
            answered: Json = await answer.json()
            return answered

    async def refused_order(self, order: object) -> bool:
        """Whether an order for a fault is HTTP 400 and leaves none behind."""
        async with self.session.post(f"{self.origin}/_admin/faults", json=order) as answer:
            status = answer.status
        return status == 400 and (await self.admin("GET", "faults"))["faults"] == []


@dataclass
class Caller(AdminCaller):
    """A collector's side of DESCO's wire."""

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


@dataclass
class BrebCaller(AdminCaller):
    """A collector's side of BREB's wire."""

    access: str = ""
    refresh: str = ""

    async def ask(self, path: str, **fields: str) -> Json:
        """Make a call that must be answered with HTTP 200 and JSON."""
        status, answer = await self.post(path, fields)
        assert status == 200, answer
        return answer

    async def post(self, path: str, form: Json | bytes) -> tuple[int, Json]:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        url = f"{self.origin}/breb/api/{path}"
        async with self.session.post(url, data=form, headers=headers) as answer:
            answered: Json = await answer.json()
            return answer.status, answered

    async def log_in(self) -> None:
        password = {"_pPASSWORD": "breb-sandbox"}
        answer = await self.ask("authenticate", _pUSER="ekpay", _pPAY_CHANNEL_ID="EKP", **password)
        self.access, self.refresh = answer["ACCESS_TOKEN"], answer["REFRESH_TOKEN"]

    async def renew(self, token: str | None = None) -> str:
        answer = await self.ask("token", _pREFRESH_TOKEN=token or self.refresh, _pPAY_CHANNEL_ID="EKP")
        if answer["RESULT_CODE"] == "1200":
            self.access, self.refresh = answer["ACCESS_TOKEN"], answer["REFRESH_TOKEN"]
        code: str = answer["RESULT_CODE"]
        return code

    async def bills(self, account: str) -> list[Json]:
        listed: list[Json] = (await self.admin("GET", f"bills?account={account}"))["bills"]
        return listed

    def question(self, account: str, month: str, year: str) -> dict[str, str]:
        return {
            "_pPAY_CHANNEL_ID": "EKP",
            "_pACCESS_TOKEN": self.access,
            "_pPAYER_ID": "01711000000",
            "_pPAYER_TYPE_ID": "3",
            "_pSMS_AC_NO": account,
            "_pBILL_MONTH": month,
            "_pBILL_YEAR": year,
        }

    async def fetch(self, account: str, index: int = 0) -> Json:
        """Ask for one of the account's bills, the oldest first."""
        bill = (await self.bills(account))[index]
        return await self.ask("bill", **self.question(account, bill["month"], bill["year"]))

    async def a_save(self, account: str, transaction: str = "T1", *, index: int = 0) -> dict[str, str]:
        """Return the payment that would pay one of the account's bills, locked or not."""
        bill = (await self.bills(account))[index]
        return self.question(account, bill["month"], bill["year"]) | {
            "_pBILL_NO": bill["bill_number"],
            "_pPAY_AMOUNT": str(-(-bill["due_paisa"] // 100)),
            "_pTRANSACTION_ID": transaction,
        }

    async def a_locked_save(self, account: str, transaction: str = "T1") -> dict[str, str]:
        assert (await self.fetch(account))["RESULT_CODE"] == "1200"
        return await self.a_save(account, transaction)

    async def code(self, path: str, form: dict[str, str], **changes: str) -> str:
        """Make a call of a payment with the living access token, and return its code."""
        code: str = (await self.ask(path, **(form | {"_pACCESS_TOKEN": self.access} | changes)))[
            "RESULT_CODE"
        ]
        return code

    async def payments(self) -> list[Json]:
        payments: list[Json] = (await self.admin("GET", "dump"))["payments"]
        return payments


@dataclass
class NescoCaller(AdminCaller):
    """A collector's side of NESCO's wire."""

    token: str = ""

    async def post(self, path: str, body: object) -> tuple[int, Json]:
        headers = {"access_token": self.token}
        url = f"{self.origin}/nesco/api/{path}"
        async with self.session.post(url, json=body, headers=headers) as answer:
            answered: Json = await answer.json()
            return answer.status, answered

    async def ask(self, path: str, **fields: object) -> Json:
        """Make a call that must be answered with HTTP 200 and JSON."""
        status, answer = await self.post(path, fields)
        assert status == 200, answer
        return answer

    async def log_in(self) -> None:
        answer = await self.ask("login", userName="ekpay", password="nesco-sandbox")
        self.token = answer["data"]["access_token"]

    async def a_quote(self, customer: str, amount: str = "500.00") -> str:
        answer = await self.ask("pre-charge", customerNo=customer, payinAmount=amount)
        assert str(answer["resultcode"]) == "0"
        number: str = answer["data"]["transactionId"]
        return number

    async def vend(self, quote: str) -> Json:
        return await self.ask("remote-charge", transactionId=quote)

    async def history(self, quote: str) -> Json:
        return await self.ask("history", transactionId=quote)

    async def vends(self) -> list[Json]:
        vends: list[Json] = (await self.admin("GET", "dump"))["vends"]
        return vends


@asynccontextmanager
async def process_of(home: Path, *options: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A sandbox process with one institution at a free port, and the origin it announced."""
    arguments = ["serve", *options, "0", "--home", str(home), "--accounts", "50", "--slow-seconds", "0.1"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox", *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        yield process, "/".join(line.split()[-1].split("/")[:3])
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
