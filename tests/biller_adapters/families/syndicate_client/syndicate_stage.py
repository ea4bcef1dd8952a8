"""A switch like ours that is polite except where a test says otherwise, and its partner, our adapter."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from biller_adapters.rehearsal import EXAMPLE_REFERENCE
from ekpay_switch.domain.bill import BillQuery
from sandbox.kit.jwe import seal, unseal
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.far_side_stage import FarStage, far_stage
from tests.wire.scripted_peer import Caller, Manners

SECRET, OTHER_SECRET = "S" * 32, "O" * 32
JALALABAD = the_manifest("jalalabad_gas")
CUSTOMER, BILL, ACK = "1203456", "25091203456", "ACK0000000000000000000001"
PAYER = {"mobile": "01712345678"}
QUERY = BillQuery(JALALABAD.id, {"customer_code": CUSTOMER, "bill_type": "M", **PAYER}, PAYER)
FETCH, PAY, STATUS, BALANCE, LOGIN = (
    "/fetch-bill",
    "/update-billPayment",
    "/check-bill-status",
    "/check-bbalance",
    "/get-token",
)

Message = dict[str, Any]
# Makes an answer from the opened request.
Answering = Callable[[Message], Message]


def bill_data(**changes: object) -> Message:
    data: Message = {
        "bllr_id": "b430",
        "bll_no": BILL,
        "bllr_accno": CUSTOMER,
        "bll_mobno": "01712345678",
        "bll_typ": "M",
        "bll_cstnm": "Shahida Begum",
        "bll_add": "House 7, Road 3, Sylhet",
        "meter_no": "54321098",
        "totalKwh": 142,
        "bll_dt_frm": "2025-09-01",
        "bll_dt_to": "2025-09-30",
        "bll_dt_gnrt": "2025-10-05",
        "bll_dt_due": "2025-10-15",
        "bll_amnt": "1000.00",
        "bll_vat": "50.00",
        "bll_late_fee": "100.00",
        "bll_amnt_ttl": 1150,
        "ekpay_fee": "5.75",
        "is_bll_pd": "N",
        "bll_lines": [{"nm": "gas", "amnt": "1000.00"}],
    }
    return {name: value for name, value in (data | changes).items() if value is not None}


def status_block(code: object = "0000", refno_ack: object = ACK) -> Message:
    told = {"rsp_cd": code, "rsp_msg": "as said", "refno_ack": refno_ack}
    return {"resp_status": {name: value for name, value in told.items() if value is not None}}


def bill_said(**changes: object) -> Answering:
    return lambda asked: {**head_of(asked), "bllr_inf": bill_data(**changes), **status_block()}


def coded(code: object, **more: object) -> Answering:
    """An answer that is about what was asked and holds its code, and more."""
    return lambda asked: {**head_of(asked), **status_block(code), **more}


def paid_said(refno_ack: object = ACK, **changes: object) -> Answering:
    told = {"bllr_id": "b430", "is_bll_pd": "Y"} | changes
    return lambda asked: {**head_of(asked), "bllr_inf": told, **status_block(refno_ack=refno_ack)}


def standing(mark: str, code: str = "0000", paid: Message | None = None) -> Answering:
    """An answer to a status question; `paid` is its `pyd_inf`."""
    told = {"bllr_inf": {"bllr_id": "b430", "is_bll_pd": mark}, **status_block(code)}
    return lambda asked: {**head_of(asked), **told, **({"pyd_inf": paid} if paid else {})}


def ours(**changes: object) -> Answering:
    paid = {"pyd_trxn_refid": EXAMPLE_REFERENCE, "pyd_amnt": "1150.00", **changes}
    return standing("Y", paid={name: value for name, value in paid.items() if value is not None})


def head_of(asked: Message) -> Message:
    return {"hdrs": {**asked["hdrs"]}, "trx": {**asked["trx"]}}


def grant(token: str, **changes: object) -> bytes:
    told = {
        "security_token": token,
        "token_exp_time": "3600s",
        "token_type": "Bearer",
        "resp_cd": "0000",
        "resp_msg": "success",
        "ack_timestamp": "2025-10-20T12:00:00+06:00",
    } | changes
    return json.dumps({name: value for name, value in told.items() if value is not None}).encode()


def opened(body: bytes) -> Message:
    return cast("Message", json.loads(unseal(body.decode(), SECRET)))


@dataclass
class SyndicateDesk:
    """`seals_with` is the secret of its answers; `wrap` spoils one that is sealed."""

    rude: dict[str, Manners] = field(default_factory=dict)
    answers: dict[str, Answering] = field(
        default_factory=lambda: {
            FETCH: bill_said(),
            PAY: paid_said(),
            STATUS: standing("N"),
            BALANCE: coded("0000", bckt_blnc_inf={"bckt_blnc": "912.50", "prepaid_blnc": "0.00"}),
        }
    )
    login: Callable[[str], bytes] = grant
    seals_with: str = SECRET
    logins: int = 0
    good_token: str = ""

    async def serve(self, caller: Caller) -> None:
        path = caller.heard.path.removeprefix("/api")
        if path in self.rude:
            await self.rude[path](caller)
        elif path == LOGIN:
            self.logins += 1
            self.good_token = f"token-{self.logins}"
            await caller.answer(self.login(self.good_token))
        elif caller.heard.headers.get("authorization") != f"Bearer {self.good_token}":
            await caller.answer(b'{"resp_cd": "2002", "resp_msg": "no"}', status=401)
        else:
            told = self.answers[path](opened(caller.heard.body))
            await caller.answer(seal(json.dumps(told).encode(), self.seals_with).encode())


def saying(path: str, answer: Answering) -> SyndicateDesk:
    """A desk that answers one of its calls otherwise."""
    desk = SyndicateDesk()
    desk.answers[path] = answer
    return desk


@asynccontextmanager
async def syndicate_stage(desk: SyndicateDesk | None = None, **environ: str) -> AsyncIterator[FarStage]:
    settings = {"EKPAY_UPSTREAM_SECRET": SECRET} | environ
    async with far_stage(JALALABAD, QUERY, desk or SyndicateDesk(), **settings) as stage:
        yield stage


def sent(stage: FarStage, path: str) -> list[Message]:
    """The messages of a call, opened."""
    return [opened(body) for body in stage.bodies(path)]
