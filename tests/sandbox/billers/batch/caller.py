"""Whoever brings scrolls to the offices and fetches their bill files, written from their description."""

import csv
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.billers.batch.family import BatchFamily
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.clock import Clock
from tests.sandbox.caller import Json, SetClock
from tests.sandbox.conftest import served
from tests.sandbox.kit.biller.sample_institutions import CounterCaller

BASE = "/batch"
HOUSES = ("nu_fee", "school_fee", "up_holding_tax", "rehearsal")
DAY = "2026-03-10"
HEADINGS = (
    "scroll_date,scroll_no,seq,biller_id,office_code,bill_ref,account_ref,paid_at,ekpay_txn_id,collector_txn_id,"
    "biller_ack_ref,principal,vat,late_fee,stamp,other_lines,total,channel,collector_code,row_type"
)


@dataclass
class BatchCaller(CounterCaller):
    """Brings and fetches files."""

    base: str = BASE

    async def bill_file(self, house: str, *, is_next: bool = False) -> str:
        """The newest bill file, or the next one."""
        body, method = ({"house": house}, "POST") if is_next else (None, "GET")
        query = "" if is_next else f"?house={house}"
        url = f"{self.origin}/_admin/bill_file{query}"
        async with self.session.request(method, url, json=body) as answer:
            assert (answer.status, answer.content_type) == (200, "text/csv")
            return await answer.text()

    async def bills(self, house: str, *, is_next: bool = False) -> dict[str, Json]:
        """The rows of the file by the number of their bill."""
        lines = (await self.bill_file(house, is_next=is_next)).splitlines()[1:-1]
        return {row["bill_no"]: row for row in csv.DictReader(lines)}

    async def bring(self, house: str, content: str | bytes) -> Json:
        """Bring a scroll, which is answered with HTTP 200 whatever becomes of it."""
        status, answer = await self.bring_anything(house, content)
        assert status == 200, answer
        return answer

    async def bring_anything(self, house: str, content: str | bytes) -> tuple[int, Json]:
        if house not in self.tokens:
            await self.log_in(house)
        headers = {"Authorization": f"Bearer {self.tokens[house]}", "Content-Type": "text/csv"}
        url = f"{self.origin}{self.base}/{house}/scroll"
        body = content.encode() if isinstance(content, str) else content
        async with self.session.post(url, data=body, headers=headers) as answer:
            told: Json = await answer.json()
            return answer.status, told


@asynccontextmanager
async def batch_at(folder: Path, clock: SetClock) -> AsyncIterator[BatchCaller]:
    settings = BillerSettings(home=folder, accounts=50, slow_seconds=1.0)
    async with served(BatchFamily.open(settings, Clock(clock.now))) as (session, origin):
        yield BatchCaller(session, origin)


def a_row(seq: int, bill: str, total: str, **changes: str) -> list[str]:
    """A row of a scroll; the house is put in when the file is written."""
    row = {
        "scroll_date": DAY, "scroll_no": str(seq), "seq": str(seq), "biller_id": "", "office_code": "",
        "bill_ref": bill, "account_ref": "", "paid_at": f"{DAY}T12:00:00+06:00", "ekpay_txn_id": f"E{bill}",
        "collector_txn_id": f"R{seq}", "biller_ack_ref": f"A{seq}", "principal": total, "vat": "0.00",
        "late_fee": "0.00", "stamp": "0.00", "other_lines": "0.00", "total": total, "channel": "prefund",
        "collector_code": "bank1", "row_type": "PAY",
    }  # fmt: skip
    return list((row | changes).values())


def a_scroll(house: str, rows: Sequence[list[str]], cycle: int = 1, day: str = DAY, totals: str = "") -> str:
    """A scroll with the right totals, unless others are given."""
    lines = [",".join(house if place == 3 else cell for place, cell in enumerate(row)) + "\n" for row in rows]
    paisa = sum(int(row[16].replace(".", "")) for row in rows)
    sign, whole = "-" if paisa < 0 else "", abs(paisa)
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    told = totals or f"{len(rows)},{sign}{whole // 100}.{whole % 100:02d},{digest}"
    head = f"SCROLL,1,{house},{day},{cycle},common,{told}\n{HEADINGS}\n"
    return head + "".join(lines) + f"TRAILER,{told}\n"
