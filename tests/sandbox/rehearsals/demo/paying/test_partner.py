"""A partner of the demo looks for its billers in the master data before it pays."""

from typing import Any

import pytest

from sandbox.callers.partner.client import PartnerClient, TokenRefusedError
from sandbox.rehearsals.demo.paying import partner
from sandbox.rehearsals.demo.paying.partner import (
    PartnerSide,
    SwitchSilentError,
    UnlistedBillersError,
    send_until_answered,
)
from sandbox.rehearsals.installation.parties import StagePartner

PLAYER = StagePartner("bank", "A Bank", "NS1", "s1", "bank", "pass-key", "s" * 32)


class ListingClient(PartnerClient):
    """A client whose switch answers with this master data."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer

    async def master_data(self) -> dict[str, Any]:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        ({"mdm_data": [{"bllr_id": "b025"}]}, "b9001"),
        ({"mdm_data": []}, "b025, b9001"),
        ({"resp_status": {"rsp_cd": "1001"}}, "b025, b9001"),
    ],
)
async def test_a_biller_that_is_not_listed_is_named(answer: dict[str, Any], missing: str) -> None:
    side = PartnerSide(PLAYER, ListingClient(answer))
    with pytest.raises(UnlistedBillersError, match=f"for bank lacks {missing}$"):
        await side.require_listed(["b9001", "b025"])


async def test_a_list_with_all_of_them_and_more_is_enough() -> None:
    answer = {"mdm_data": [{"bllr_id": "b025"}, {"bllr_id": "b9001"}, {"bllr_id": "b9002"}]}
    side = PartnerSide(PLAYER, ListingClient(answer))
    await side.require_listed(["b9001", "b025"])
    assert side.references == {}


async def test_a_partner_sends_again_whatever_a_busy_switch_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partner, "_PAUSE_SECONDS", 0)
    outcomes: list[Exception | dict[str, Any]] = [
        TimeoutError(), TokenRefusedError({"resp_cd": "2004"}), {"http_status": 503}, {"resp_cd": "0000"},
    ]  # fmt: skip

    async def _send() -> dict[str, Any]:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert await send_until_answered(_send) == {"resp_cd": "0000"}


async def test_a_partner_who_gives_up_names_the_last_answer() -> None:
    async def _send() -> dict[str, Any]:
        return {"http_status": 503}

    with pytest.raises(SwitchSilentError, match=r"HTTP 503$"):
        await send_until_answered(_send, patience_seconds=0)
