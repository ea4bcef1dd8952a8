"""Giving back by SSLCommerz: begun under our reference, done only where the refund query says so."""

from dataclasses import replace
from typing import Any

import pytest

from connectors.manifest import Manifest
from connectors.rehearsal import EXAMPLE_REFUND
from ekpay_switch.domain.collections.connector_calls import RefundLine, RefundsFound
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from tests.biller_adapters.far_side_stage import rude_manners
from tests.connectors.conftest import the_manifest
from tests.connectors.families.sslcommerz.sslcommerz_stage import (
    BEGUN,
    GIVEN_BACK,
    MOVEMENT,
    POLITE,
    SECRET,
    STORE_ID,
    Played,
    a_connector,
    a_refund,
    a_stage,
    played,
    said,
)
from tests.wire.scripted_peer import Caller, Manners

LINE = RefundLine("RFD1", Money(20_000), is_done=True)
OPEN = replace(LINE, is_done=False)
PROCESSING = said(GIVEN_BACK | {"status": "processing"})


@pytest.fixture
def manifest() -> Manifest:
    return the_manifest("sslcommerz")


async def test_a_refund_names_movement_amount_remarks_and_our_reference(manifest: Manifest) -> None:
    async with a_stage(manifest) as stage:
        assert await stage.connector.refund(a_refund(reason="a <b> & c\n")) == LINE
        shared = {"store_id": STORE_ID, "store_passwd": SECRET, "v": "1", "format": "json"}
        assert stage.asked("refund") == shared | {
            "bank_tran_id": MOVEMENT,
            "refund_trans_id": EXAMPLE_REFUND.reference,
            "refund_amount": "200.00",
            "refund_remarks": "a b  c",
            "refe_id": EXAMPLE_REFUND.reference,
        }
        assert stage.asked("refund_status") == shared | {"refund_ref_id": "RFD1"}


async def test_a_refund_without_a_reason_has_one(manifest: Manifest) -> None:
    async with a_stage(manifest) as stage:
        await stage.connector.refund(a_refund(reason="<>"))
        assert stage.asked("refund")["refund_remarks"] == "refund"


@pytest.mark.parametrize("status", ["success", "processing"])
async def test_a_refund_that_is_begun_is_not_yet_done(manifest: Manifest, status: str) -> None:
    connector = a_connector(manifest, refund=said(BEGUN | {"status": status}), refund_status=PROCESSING)
    assert await connector.refund(a_refund()) == OPEN


@pytest.mark.parametrize("answer", [b"<html>", b"", said(GIVEN_BACK | {"status": "queued"}),
                                    said(GIVEN_BACK | {"refund_ref_id": "RFD9"}),
                                    said({"APIConnect": "FAILED"})])  # fmt: skip
async def test_a_name_that_was_told_is_kept_where_the_query_says_nothing(
    manifest: Manifest, answer: bytes
) -> None:
    assert await a_connector(manifest, refund_status=answer).refund(a_refund()) == OPEN


async def test_a_refund_that_has_a_name_is_asked_about_and_not_sent(manifest: Manifest) -> None:
    for answer, line in ((said(GIVEN_BACK), LINE), (PROCESSING, OPEN)):
        wire = Played(manifest, {"refund_status": answer})
        order = a_refund(provider_refund="RFD1", may_have_been_heard=True)
        assert await played(manifest, wire).refund(order) == line
        assert len(wire.asked) == 1


async def test_a_refund_that_has_a_name_stays_in_doubt_without_an_answer(manifest: Manifest) -> None:
    order = a_refund(provider_refund="RFD1", may_have_been_heard=True)
    assert await a_connector(manifest, refund_status=b"<html>").refund(order) == InDoubt("not JSON")


async def test_a_repeat_goes_out_under_the_same_reference(manifest: Manifest) -> None:
    async with a_stage(manifest, {"refund": Caller.hang_up}) as stage:
        order = a_refund()
        assert isinstance(await stage.connector.refund(order), InDoubt)
        stage.desk.rude.clear()
        stage.desk.answers["refund"] = said(BEGUN | {"status": "processing"})
        assert await stage.another_process().refund(replace(order, may_have_been_heard=True)) == LINE
        first, second = stage.heard("refund")
        assert first.path == second.path


async def test_a_refund_that_is_refused_is_declined_and_nothing_is_quoted(manifest: Manifest) -> None:
    refused = said({"APIConnect": "DONE", "status": "failed", "errorReason": f"{SECRET} too much"})
    told = await a_connector(manifest, refund=refused).refund(a_refund())
    assert told == Declined("not_refundable", "refund failed")


async def test_a_refund_that_was_cancelled_over_there_is_declined(manifest: Manifest) -> None:
    cancelled = said(GIVEN_BACK | {"status": "cancelled"})
    declined = Declined("not_refundable", "refund_status cancelled")
    connector = a_connector(manifest, refund_status=cancelled)
    assert await connector.refund(a_refund()) == declined
    assert await connector.refund(a_refund(provider_refund="RFD1")) == declined
    assert await connector.inquire_refunds(a_refund(provider_refund="RFD1")) == RefundsFound(())


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "queued"},
        {"status": "SUCCESS"},
        {"bank_tran_id": "ANOTHER"},
        {"refund_ref_id": ""},
        {"refund_amount": "500.00"},
        {"APIConnect": "INACTIVE"},
        {"APIConnect": ""},
    ],
)
async def test_a_refund_whose_answer_is_not_ours_or_not_known_is_in_doubt(
    manifest: Manifest, changes: dict[str, str]
) -> None:
    wire = Played(manifest, {"refund": said(BEGUN | changes)})
    assert isinstance(await played(manifest, wire).refund(a_refund()), InDoubt)
    assert len(wire.asked) == 1


@pytest.mark.parametrize(
    "manners", [pytest.param(manners, id=name) for name, manners in rude_manners(said(BEGUN)).items()]
)
async def test_a_refund_without_a_usable_answer_is_in_doubt_and_sent_once(
    manifest: Manifest, manners: Manners
) -> None:
    async with a_stage(manifest, {"refund": manners}) as stage:
        assert isinstance(await stage.connector.refund(a_refund()), InDoubt)
        assert stage.calls() == ["refund"]


async def test_no_refund_leaves_after_its_last_moment(manifest: Manifest) -> None:
    async with a_stage(manifest) as stage:
        assert await stage.connector.refund(a_refund(seconds=-1)) == Unreached("the send deadline passed")
        assert stage.calls() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(0)},
        {"amount": Money(50_001)},
        {"amount": Money(100, "USD"), "collected": Money(50_000, "USD")},
        {"provider_transaction": ""},
        {"reference": "R" * 31},
        {"reference": ""},
    ],
)
async def test_what_cannot_be_given_back_is_not_sent(manifest: Manifest, changes: dict[str, Any]) -> None:
    wire = Played(manifest, POLITE["sslcommerz"])
    assert isinstance(await played(manifest, wire).refund(a_refund(**changes)), Unreached)
    assert wire.asked == []


async def test_the_refund_that_an_order_names_is_found(manifest: Manifest) -> None:
    named = a_refund(provider_refund="RFD1")
    assert await a_connector(manifest).inquire_refunds(named) == RefundsFound((LINE,))
    waiting = a_connector(manifest, refund_status=PROCESSING)
    assert await waiting.inquire_refunds(named) == RefundsFound((OPEN,))


async def test_a_refund_without_a_name_is_not_asked_for(manifest: Manifest) -> None:
    wire = Played(manifest, {})
    told = await played(manifest, wire).inquire_refunds(a_refund())
    assert isinstance(told, NoAnswer)
    assert not told.was_asked
    assert wire.asked == []
