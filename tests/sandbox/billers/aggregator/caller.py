"""A collector's side of the aggregator, written from its description."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from sandbox.billers.aggregator.family import AggregatorFamily
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.clock import Clock
from tests.sandbox.caller import Json, SetClock
from tests.sandbox.conftest import served
from tests.sandbox.kit.biller.sample_institutions import CounterCaller

BASE = "/aggregator"
BPDB, DPDC, WASA = "bpdb_postpaid", "dpdc_postpaid_aggregator", "dhaka_wasa"
METERED, STATED = "titas_metered", "titas_nonmetered"
HOUSES = (BPDB, DPDC, WASA, METERED, STATED, "rehearsal")
TARIFF = {"single": 99_000, "double": 108_000}
_WIRE = {"account_no": "account_number", "customer_no": "account_number", "bill_no": "billno"}
_PAYS_WITH = {"payment_mode": "MFS", "channel_id": "web", "channel_type": "web", "branch_id": "E1"}
_PAYS_WITH |= {"payment_type": "MFS", "remarks": "none", "cheque_remarks": "none"}


@dataclass
class AggregatorCaller(CounterCaller):
    """Looks bills up, pays them, asks and takes back; every call shows both pairs of keys."""

    base: str = BASE

    async def post(self, house: str, path: str, body: object) -> tuple[int, Json]:
        keys = {"utility_auth_key": f"{house}-auth", "utility_secret_key": f"{house}-secret"}
        return await self.raw(f"{house}/{path}", {**keys, **body} if isinstance(body, dict) else body)

    async def raw(self, path: str, body: object, **headers: str) -> tuple[int, Json]:
        shown = {"AUTH-KEY": "counter-sandbox", "STK-CODE": "ekpay"} | headers
        async with self.session.post(f"{self.origin}{self.base}/{path}", json=body, headers=shown) as answer:
            answered: Json = await answer.json()
            return answer.status, answered

    async def named(self, house: str, kind: str = "normal", nth: int = 0) -> Json:
        """Return a bill-info about an account's oldest bill, as each utility wants it."""
        fields = (await self.cast(house, kind, nth))["fields"]
        if house == METERED:
            return an_invoice(fields["invoice_no"], fields["customer_code"])
        if house == STATED:
            return stated(fields["customer_code"], TARIFF[fields["burner_type"]], fields["from_month"])
        asked = {_WIRE[name]: text for name, text in fields.items() if name in _WIRE}
        if "bill_period" in fields:
            year, month = ("bill_years", "bill_months") if house == DPDC else ("bill_year", "bill_month")
            asked |= {year: fields["bill_period"][:4], month: fields["bill_period"][4:]}
        return asked | ({"location_code": "B6"} if house == DPDC else {})

    async def info(self, house: str, transaction: str = "T1", kind: str = "normal", nth: int = 0) -> Json:
        answer = await self.look(house, transaction, await self.named(house, kind, nth))
        assert answer["status"] == "111", answer
        bill: Json = answer["bill"]
        return bill

    async def look(self, house: str, transaction: str, asked: Json) -> Json:
        return await self.ask(house, "bill-info", {**asked, "transaction_id": transaction})

    def a_payment(self, transaction: str = "T1", core: str = "") -> Json:
        core = core or f"CORE-{transaction}"
        return {"transaction_id": transaction, "core_transaction_id": core, **_PAYS_WITH}

    async def pay(self, house: str, transaction: str = "T1", core: str = "") -> str:
        status: str = (await self.ask(house, "bill-payment", self.a_payment(transaction, core)))["status"]
        return status

    async def pay_in_vain(self, house: str, transaction: str = "T1") -> bool:
        """Whether a payment's connection ends without an answer."""
        try:
            await self.post(house, "bill-payment", self.a_payment(transaction))
        except aiohttp.ServerDisconnectedError:
            return True
        return False

    async def about(self, house: str, call: str, transaction: str = "T1") -> Json:
        return await self.ask(house, call, {"transaction_id": transaction})


def an_invoice(number: str, customer: str, **tax: str) -> Json:
    told = {"invoiceNo": number, "customerCode": customer, "sourceTaxAmount": "0.00"}
    told |= {"branchRoutingNo": "010270001", "operator": "ekPay", "bill_type": "METERED"}
    return {**told, **tax}


def stated(customer: str, tariff_paisa: int, *months: str, overdue: int = 0) -> Json:
    return {
        "customer": customer,
        "amount": taka(tariff_paisa * len(months)),
        "surcharge": taka(tariff_paisa // 10 * overdue),
        "particulars": ",".join(months),
        "bill_type": "NONMETERED",
    }


def taka(paisa: int) -> str:
    return f"{paisa // 100}.{paisa % 100:02d}"


def paisa(text: str) -> int:
    return int(text.replace(".", ""))


@asynccontextmanager
async def aggregator_at(folder: Path, clock: SetClock) -> AsyncIterator[AggregatorCaller]:
    settings = BillerSettings(home=folder, accounts=50, slow_seconds=1.0)
    async with served(AggregatorFamily.open(settings, Clock(clock.now))) as (session, origin):
        yield AggregatorCaller(session, origin)
