"""A BPDB that is polite except where a test says otherwise, and an adapter that talks to it."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

from biller_adapters.rehearsal import EXAMPLE_REFERENCE
from ekpay_switch.domain.bill import BillQuery
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.far_side_stage import FarStage, far_stage
from tests.wire.scripted_peer import Caller, Manners

METER, REF_CODE, MOBILE = "010112345678", "V2510200000000001", "01712345678"
BPDB = the_manifest("bpdb_prepaid")
QUERY = BillQuery(BPDB.id, {"meter_no": METER, "mobile": MOBILE, "amount": "500"}, {"mobile": MOBILE})
DIGITS = tuple(f"{number:04d}" * 5 for number in range(1001, 1013))
SPLIT = {"arrearAMT": "100.00", "feeAMT": "147.81", "engAMT": "252.19"}
VERIFY, VEND, ACKNOWLEDGE, RECORDS = (
    "/verifyAmount",
    "/thirdPartyRequest",
    "/acknowledgement",
    "/getTnxRecords",
)
SUCCESS = b"success"


def said(state: str = "0", /, **members: str | None) -> bytes:
    """An answer; a member that is None is left out."""
    told = {"state": state, "message": "as said"} | members
    return ET.tostring(
        ET.Element("response", {name: text for name, text in told.items() if text is not None})
    )


def verified(**changes: str | None) -> bytes:
    return said(**({"refCode": REF_CODE, **SPLIT, "balance": "82000.00"} | changes))


def vended(lines: int = 1, /, **changes: str | None) -> bytes:
    told: dict[str, str | None] = {
        "transID": EXAMPLE_REFERENCE,
        "refCode": REF_CODE,
        "token": "".join(DIGITS[:lines]),
        **SPLIT,
        "balance": "81500.00",
    }
    return said(**(told | changes))


@dataclass
class BpdbDesk:
    rude: dict[str, Manners] = field(default_factory=dict)
    answers: dict[str, bytes] = field(
        default_factory=lambda: {
            VERIFY: verified(),
            VEND: vended(),
            ACKNOWLEDGE: SUCCESS,
            RECORDS: vended(acknowledged="N"),
        }
    )

    async def serve(self, caller: Caller) -> None:
        path = caller.heard.path.removeprefix("/api")
        if path in self.rude:
            await self.rude[path](caller)
        else:
            await caller.answer(self.answers[path])


def bpdb_stage(desk: BpdbDesk, **environ: str) -> AbstractAsyncContextManager[FarStage]:
    return far_stage(BPDB, QUERY, desk, **environ)


def asked(stage: FarStage, path: str) -> dict[str, str]:
    """The attributes of the last call of this path."""
    form = parse_qs(stage.bodies(path)[-1].decode(), strict_parsing=True)
    assert list(form) == ["xml"]
    element = ET.fromstring(form["xml"][0])  # noqa: S314 - what our own adapter wrote
    assert (element.tag, list(element), element.text) == ("request", [], None)
    return element.attrib
