"""A BREB that is polite except where a test says otherwise, and an adapter that talks to it."""

import json
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from biller_adapters.manifest import Manifest
from ekpay_switch.domain.bill import BillQuery
from tests.biller_adapters.far_side_stage import FarStage, far_stage
from tests.wire.scripted_peer import Caller, Manners

ACCOUNT, MOBILE, BILL_NUMBER = "1003011234567", "01712345678", "2509004711"
QUERY = BillQuery(
    "breb_postpaid",
    {"sms_account_no": ACCOUNT, "period": "202509", "mobile": MOBILE},
    {"mobile": MOBILE},
)


def said(code: object, **members: object) -> bytes:
    return json.dumps({"RESULT_CODE": code, "RESULT_MSG": "as said"} | members).encode()


SAVED = said("1200")


def bill_said(**changes: object) -> bytes:
    members: dict[str, object] = {
        "SMS_AC_NO": ACCOUNT,
        "BILL_NO": BILL_NUMBER,
        "BILL_MONTH": "09",
        "BILL_YEAR": "2025",
        "ISSUE_DATE": "05-10-2025",
        "DUE_DATE": "25-10-2025",
        "DUE_AMOUNT": "1234.56",
        "PBS_NAME_E": "Dhaka PBS-1",
    }
    return said("1200", **(members | changes))


def form(body: bytes) -> dict[str, str]:
    pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs), "a field appears twice"
    return dict(pairs)


@dataclass
class BrebDesk:
    """One living pair of tokens; a renewal kills the pair before it."""

    rude: dict[str, Manners] = field(default_factory=dict)
    answers: dict[str, bytes] = field(
        default_factory=lambda: {
            "/bill": bill_said(),
            "/payment": SAVED,
            "/acknowledge": said("1200"),
            "/status": said("1266"),
        }
    )
    grants: int = 0
    access: str = ""
    refresh: str = ""

    async def serve(self, caller: Caller) -> None:
        path = caller.heard.path.removeprefix("/api")
        fields = form(caller.heard.body)
        if path in self.rude:
            await self.rude[path](caller)
        elif path == "/authenticate":
            await caller.answer(self.grant())
        elif path == "/token":
            is_good = fields["_pREFRESH_TOKEN"] == self.refresh
            await caller.answer(self.grant() if is_good else said("1258"))
        elif fields["_pACCESS_TOKEN"] != self.access:
            await caller.answer(said("1265"))
        else:
            await caller.answer(self.answers[path])

    def grant(self) -> bytes:
        self.grants += 1
        self.access, self.refresh = f"access={self.grants}&", f"refresh+{self.grants}"
        return said("1200", ACCESS_TOKEN=self.access, REFRESH_TOKEN=self.refresh, EXPIRES_IN=1800)


def breb_stage(manifest: Manifest, desk: BrebDesk, **environ: str) -> AbstractAsyncContextManager[FarStage]:
    return far_stage(manifest, QUERY, desk, **environ)
