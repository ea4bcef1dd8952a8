"""An aggregator that is polite except where a test says otherwise, and an adapter that talks to it."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from biller_adapters.manifest import Manifest
from ekpay_switch.domain.bill import BillQuery
from tests.biller_adapters.far_side_stage import FarStage, far_stage
from tests.wire.scripted_peer import Caller, Manners

INFO, PAYMENT, STATUS, CANCEL = "bill-info", "bill-payment", "bill-status", "bill-cancel"
BPDB = BillQuery("bpdb_postpaid", {"account_no": "40123456", "bill_period": "202509"})
DPDC = BillQuery("dpdc_postpaid_aggregator", {"customer_no": "23456789", "bill_period": "202509"})
LID = "L90001"


def bill_data(account: str = "40123456", **changes: object) -> dict[str, object]:
    data: dict[str, object] = {
        "bill_no": f"2509{account}",
        "account_no": account,
        "customer_name": "Rahela Khatun",
        "address": "House 4, Road 2, Wari",
        "meter_no": "54321098",
        "bill_year": "2025",
        "bill_month": "09",
        "issue_date": "05-10-2025",
        "due_date": "25-10-2025",
        "amount": "1000.00",
        "vat": "50.00",
        "surcharge": "0.00",
        "stamp": "10.00",
        "total": "1060.00",
        "payable": "1060.00",
        "bill_count": "1",
    }
    return data | changes


def told(**members: object) -> bytes:
    return json.dumps({"status": "111", "message": "OK", **members}).encode()


def refused(status: str) -> bytes:
    return json.dumps({"status": status, "message": "no"}).encode()


@dataclass
class AggregatorDesk:
    """Answers a bill-info with `bill` and knows what it was paid; `answers` and `rude` go before."""

    bill: Mapping[str, object] = field(default_factory=bill_data)
    answers: dict[str, bytes] = field(default_factory=dict)
    rude: dict[str, Manners] = field(default_factory=dict)
    cores: dict[str, str] = field(default_factory=dict)
    amount: str = "1060.00"

    async def serve(self, caller: Caller) -> None:
        call = caller.heard.path.rpartition("/")[2]
        if call in self.rude:
            await self.rude[call](caller)
        else:
            await caller.answer(self.answers.get(call) or self.polite(call, json.loads(caller.heard.body)))

    def polite(self, call: str, asked: Mapping[str, Any]) -> bytes:
        transaction = asked["transaction_id"]
        if call == INFO:
            return told(transaction_id=transaction, bill=dict(self.bill))
        if call == PAYMENT:
            self.cores[transaction] = asked["core_transaction_id"]
        core = self.cores.get(transaction)
        paid = {"core_transaction_id": core, "lid": LID, "amount": self.amount}
        return told(transaction_id=transaction, **paid) if core else refused("906")


@dataclass
class AggregatorStage:
    """`calls` are the last parts of the paths that were asked."""

    far: FarStage
    desk: AggregatorDesk

    def calls(self) -> list[str]:
        return [path.rpartition("/")[2] for path in self.far.paths()]

    def sent(self, call: str) -> list[dict[str, Any]]:
        return [json.loads(one.body) for one in self.far.peer.heard if one.path.endswith(call)]


@asynccontextmanager
async def aggregator_stage(
    manifest: Manifest, query: BillQuery = BPDB, desk: AggregatorDesk | None = None
) -> AsyncIterator[AggregatorStage]:
    desk = desk or AggregatorDesk()
    keys = {setting: f"{name} of the utility" for name, setting in manifest.secrets.more.items()}
    async with far_stage(manifest, query, desk, **keys) as far:
        yield AggregatorStage(far, desk)
