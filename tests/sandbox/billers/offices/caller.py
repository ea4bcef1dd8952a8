"""A collector's side of the offices, written from their description."""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from sandbox.billers.offices.family import OfficesFamily
from sandbox.billers.offices.final_receipts import OfficeTimes
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.clock import Clock
from tests.sandbox.caller import Json, SetClock
from tests.sandbox.conftest import served
from tests.sandbox.kit.biller.sample_institutions import CounterCaller

BASE = "/offices"
# Per house: its service, what makes a reference, and its names for what it is told.
_OFFICES: dict[str, tuple[str, str, str]] = {
    "eporcha_khatian": (
        "khatian-copy",
        "application_no",
        "applicationNo=application_no delivery=delivery",
    ),
    "ldtax": ("land-development-tax", "payment_ref", "demandNo=payment_ref ownerType=owner_type"),
    "emutation_application": ("mutation-application", "application_no", "applicationNo=application_no"),
    "emutation_dcr": ("mutation-dcr", "application_no", "applicationNo=application_no"),
    "landport_passenger_charge": (
        "passenger-charge",
        "passport_no travel_date",
        "passportNo=passport_no travelDate=travel_date",
    ),
    "nid_correction": (
        "nid-correction",
        "nid service_type attempt",
        "nid=nid serviceType=service_type attempt=attempt",
    ),
    "nid_reissue": (
        "nid-reissue",
        "nid service_type urgency attempt",
        "nid=nid serviceType=service_type urgency=urgency attempt=attempt",
    ),
    "xi_admission": (
        "xi-admission",
        "board roll year registration_no",
        "board=board roll=roll year=year registrationNo=registration_no",
    ),
    "bteb_admission": (
        "bteb-admission",
        "board_code roll year shift",
        "boardCode=board_code roll=roll year=year shift=shift",
    ),
    "trade_licence": (
        "trade-licence",
        "licence_no fiscal_year",
        "licenceNo=licence_no fiscalYear=fiscal_year",
    ),
    "up_certificate": (
        "up-certificate",
        "union_id certificate_type application_id",
        "unionId=union_id certificateType=certificate_type applicationId=application_id",
    ),
    "egp_fee": (
        "egp-fee",
        "user_email fee_type tender_id",
        "email=user_email feeType=fee_type tenderId=tender_id",
    ),
    "rehearsal": ("rehearsal", "account_no", "accountNo=account_no"),
}
HOUSES = tuple(_OFFICES)
# The offices that are not asked for a demand, and what they take.
UNASKED = {
    "landport_passenger_charge": [
        {"code": "passenger_charge", "amount": "50.00"},
        {"code": "vat", "amount": "7.50"},
    ],
    "up_certificate": [
        {"code": "application_fee", "amount": "20.00"},
        {"code": "certificate_fee", "amount": "30.00"},
    ],
}


@dataclass
class OfficesCaller(CounterCaller):
    """Fetches, pays and asks; user and password come with every call."""

    base: str = BASE
    user: str = "ekpay"
    password: str = "counter-sandbox"

    async def post(self, house: str, path: str, body: object) -> tuple[int, Json]:
        key = b64encode(f"{self.user}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {key}"}
        url = f"{self.origin}{self.base}/{house}/{path}"
        async with self.session.post(url, json=body, headers=headers) as answer:
            answered: Json = await answer.json()
            return answer.status, answered

    async def naming_fields(self, house: str, kind: str = "normal", nth: int = 0, **changes: str) -> Json:
        """Return what names the demand of an account, once some parameters were changed."""
        fields = (await self.cast(house, kind, nth))["fields"] | changes
        service, reference, details = _OFFICES[house]
        pairs = [pair.split("=") for pair in details.split()]
        stage = {"stage": fields["stage"]} if "stage" in fields else {}
        return {
            "service": service,
            "reference": "/".join(fields[name] for name in reference.split() if name in fields),
            **stage,
            "details": {theirs: fields[ours] for theirs, ours in pairs if ours in fields},
        }

    async def demand(self, house: str, naming_fields: Json) -> Json:
        answer = await self.ask(house, "demand", naming_fields)
        assert answer["code"] == "0", answer
        told: Json = answer["demand"]
        return told

    async def a_payment(self, house: str, kind: str = "normal", nth: int = 0, **changes: str) -> Json:
        """Return the call that would pay the demand of an account."""
        naming_fields = await self.naming_fields(house, kind, nth, **changes)
        if house in UNASKED:
            heads, total = UNASKED[house], "57.50" if house.startswith("landport") else "50.00"
        else:
            told = await self.demand(house, naming_fields)
            heads = [{"code": head["code"], "amount": head["amount"]} for head in told["heads"]]
            total = told["outstanding"]
        return {**naming_fields, "transactionId": "T1", "amount": total, "heads": heads}

    async def code(self, house: str, path: str, body: object) -> str:
        code: str = (await self.ask(house, path, body))["code"]
        return code

    async def pay(self, house: str, payment: Json, **changes: object) -> str:
        return await self.code(house, "pay", payment | changes)

    async def pay_in_vain(self, house: str, payment: Json) -> bool:
        """Whether a payment's connection ends without an answer."""
        try:
            await self.post(house, "pay", payment)
        except aiohttp.ServerDisconnectedError:
            return True
        return False

    async def status(self, house: str, transaction: str = "T1") -> Json:
        service = _OFFICES[house][0]
        return await self.ask(house, "status", {"service": service, "transactionId": transaction})

    async def refused(self) -> list[str]:
        refused = (await self.admin("GET", "dump"))["refused"]
        return [one["reason"] for one in refused]


@asynccontextmanager
async def offices_at(
    folder: Path, clock: SetClock, times: OfficeTimes | None = None
) -> AsyncIterator[OfficesCaller]:
    settings = BillerSettings(home=folder, accounts=50, slow_seconds=1.0)
    async with served(OfficesFamily(settings, Clock(clock.now), times)) as (session, origin):
        yield OfficesCaller(session, origin)
