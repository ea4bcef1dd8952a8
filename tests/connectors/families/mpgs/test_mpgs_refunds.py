"""Giving back once: order and reference are the key, and what may have been heard is asked for first."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from connectors.manifest import Manifest
from connectors.rehearsal import EXAMPLE_REFUND
from ekpay_switch.domain.collections.connector_calls import RefundLine, RefundsFound
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from tests.biller_adapters.far_side_stage import rude_manners
from tests.connectors.conftest import the_manifest
from tests.connectors.families.mpgs.mpgs_stage import (
    CREATED,
    ORDER,
    REFUND,
    GatewayDesk,
    a_refund,
    a_row,
    error,
    mpgs_stage,
    refunded,
    said,
    with_rows,
)
from tests.wire.scripted_peer import Caller, Manners

LINE = RefundLine(EXAMPLE_REFUND.reference, Money(20_000), is_done=True)
TOO_MUCH = error("INVALID_REQUEST", field="transaction.amount", validationType="INVALID")
REFUSED = {"result": "FAILURE", "response": {"gatewayCode": "DECLINED"}}


@pytest.fixture
def ebl() -> Manifest:
    return the_manifest("ebl")


def desk_with(call: str, body: bytes, status: int = 200) -> GatewayDesk:
    desk = GatewayDesk()
    desk.answers[call] = (status, body)
    return desk


@dataclass
class BookedDesk(GatewayDesk):
    """A gateway with a book of refunds: the first content under a name stands, and 500.00 is the most."""

    book: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def serve(self, caller: Caller) -> None:
        self.answers[ORDER] = (200, with_rows(*self.book.values()))
        if caller.heard.method == "PUT":
            answer = self.give_back(caller.heard.path, json.loads(caller.heard.body)["transaction"])
            self.answers[f"PUT {caller.heard.path}"] = answer
        await super().serve(caller)

    def give_back(self, path: str, asked: dict[str, str]) -> tuple[int, bytes]:
        name = path.rpartition("/")[2]
        known = self.book.get(name)
        if known is not None:
            is_same = known["transaction"]["amount"] == asked["amount"]
            return (200, said(known)) if is_same else (400, error("INVALID_REQUEST", field="transaction.id"))
        # Whole paisa: the amounts here have two decimals.
        given = sum(int(row["transaction"]["amount"].replace(".", "")) for row in self.book.values())
        if given + int(asked["amount"].replace(".", "")) > 50_000:
            return 400, TOO_MUCH
        self.book[name] = a_row("REFUND", name, asked["amount"])
        return 201, said(self.book[name])


async def test_a_refund_is_put_under_order_and_reference_with_its_amount(ebl: Manifest) -> None:
    async with mpgs_stage(ebl) as stage:
        assert await stage.ebl.refund(a_refund()) == LINE
        assert stage.calls() == [REFUND]
        assert stage.bodies(REFUND) == [
            {"apiOperation": "REFUND", "transaction": {"amount": "200.00", "currency": "BDT"}}
        ]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(0)},
        {"amount": Money(-1)},
        {"amount": Money(50_001)},
        {"amount": Money(100, "USD"), "collected": Money(50_000, "USD")},
        {"collected_reference": ""},
        {"collected_reference": "a/b"},
        {"reference": ".."},
    ],
)
async def test_what_cannot_be_given_back_is_not_sent(ebl: Manifest, changes: dict[str, Any]) -> None:
    async with mpgs_stage(ebl) as stage:
        assert isinstance(await stage.ebl.refund(a_refund(**changes)), Unreached)
        assert stage.calls() == []


async def test_a_refund_that_may_have_been_heard_and_was_not_is_sent(ebl: Manifest) -> None:
    async with mpgs_stage(ebl) as stage:
        assert await stage.ebl.refund(a_refund(may_have_been_heard=True)) == LINE
        assert stage.calls() == [ORDER, REFUND]


async def test_a_refund_whose_answer_was_lost_is_given_back_once_in_all(ebl: Manifest) -> None:
    async def lose(caller: Caller) -> None:
        desk.give_back(caller.heard.path, json.loads(caller.heard.body)["transaction"])
        await caller.hang_up()

    desk = BookedDesk(rude={REFUND: lose})
    async with mpgs_stage(ebl, desk) as stage:
        order = a_refund()
        assert isinstance(await stage.ebl.refund(order), InDoubt)
        again = replace(order, may_have_been_heard=True)
        assert await stage.ebl.refund(again) == await stage.another().refund(again) == LINE
        assert stage.calls().count(REFUND) == 1
        assert len(desk.book) == 1


async def test_a_refund_that_is_sent_again_all_the_same_is_given_back_once(ebl: Manifest) -> None:
    """Whoever reads an old order sends again; then the key keeps the money from going back twice."""
    desk = BookedDesk()
    async with mpgs_stage(ebl, desk) as stage:
        assert await stage.ebl.refund(a_refund()) == await stage.ebl.refund(a_refund()) == LINE
        assert stage.calls() == [REFUND, REFUND]
        assert len(desk.book) == 1


async def test_one_reference_with_another_content_is_in_doubt(ebl: Manifest) -> None:
    async with mpgs_stage(ebl, BookedDesk()) as stage:
        assert await stage.ebl.refund(a_refund()) == LINE
        assert isinstance(await stage.ebl.refund(a_refund(amount=Money(10_000))), InDoubt)
        other = a_refund(amount=Money(10_000), may_have_been_heard=True)
        assert await stage.ebl.refund(other) == InDoubt("another amount was given back")


async def test_parts_are_given_back_until_nothing_is_left(ebl: Manifest) -> None:
    async with mpgs_stage(ebl, BookedDesk()) as stage:
        for name in ("PART1", "PART2"):
            assert await stage.ebl.refund(a_refund(reference=name)) == replace(LINE, provider_refund=name)
        declined = Declined("refund_too_large", "error INVALID_REQUEST transaction.amount")
        assert await stage.ebl.refund(a_refund(reference="PART3")) == declined
        assert await stage.ebl.refund(a_refund(reference="PART3", may_have_been_heard=True)) == declined
        found = await stage.ebl.inquire_refunds(a_refund())
        assert isinstance(found, RefundsFound)
        assert [line.provider_refund for line in found.lines] == ["PART1", "PART2"]


async def test_a_repeat_that_is_refused_looks_again_for_what_came_in_between(ebl: Manifest) -> None:
    async def refuse(caller: Caller) -> None:
        stage.desk.answers[ORDER] = (200, with_rows(refunded()))
        await caller.answer(TOO_MUCH, status=400)

    async with mpgs_stage(ebl, GatewayDesk(rude={REFUND: refuse})) as stage:
        assert await stage.ebl.refund(a_refund(may_have_been_heard=True)) == LINE
        assert stage.calls() == [ORDER, REFUND, ORDER]


async def test_without_an_answer_to_the_question_nothing_is_sent(ebl: Manifest) -> None:
    async with mpgs_stage(ebl, GatewayDesk(rude={ORDER: Caller.hang_up})) as stage:
        assert isinstance(await stage.ebl.refund(a_refund(may_have_been_heard=True)), InDoubt)
        assert REFUND not in stage.calls()


async def test_an_order_that_has_gone_is_no_reason_to_send(ebl: Manifest) -> None:
    async with mpgs_stage(ebl, desk_with(ORDER, error("INVALID_REQUEST"), 404)) as stage:
        assert isinstance(await stage.ebl.refund(a_refund(may_have_been_heard=True)), InDoubt)
        assert REFUND not in stage.calls()


async def test_a_refund_that_was_refused_before_is_refused_and_not_sent_again(ebl: Manifest) -> None:
    async with mpgs_stage(ebl, desk_with(ORDER, with_rows(refunded(**REFUSED)))) as stage:
        declined = Declined("not_refundable", "gateway DECLINED")
        assert await stage.ebl.refund(a_refund(may_have_been_heard=True)) == declined
        assert REFUND not in stage.calls()


async def test_a_refund_on_its_way_is_begun_and_not_done(ebl: Manifest) -> None:
    pending = refunded(result="PENDING", response={"gatewayCode": "PENDING"})
    desk = desk_with(REFUND, said(pending), 201)
    desk.answers[ORDER] = (200, with_rows(pending))
    async with mpgs_stage(ebl, desk) as stage:
        begun = replace(LINE, is_done=False)
        assert await stage.ebl.refund(a_refund()) == begun
        assert await stage.ebl.refund(a_refund(may_have_been_heard=True)) == begun
        assert await stage.ebl.inquire_refunds(a_refund()) == RefundsFound((begun,))
        assert stage.calls().count(REFUND) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"order": {"id": "ANOTHER"}},
        {"order": None},
        {"transaction": {"id": "ANOTHER", "type": "REFUND", "amount": "200.00", "currency": "BDT"}},
        {"transaction": refunded()["transaction"] | {"type": "PAYMENT"}},
        {"transaction": refunded()["transaction"] | {"amount": "200.01"}},
        {"transaction": refunded()["transaction"] | {"amount": "200.000"}},
        {"transaction": refunded()["transaction"] | {"currency": "USD"}},
        {"response": {"gatewayCode": "DECLINED"}},
        {"response": {"gatewayCode": "SPLENDID"}},
        {"result": "UNKNOWN"},
        {"result": "SPLENDID"},
        {"result": "FAILURE", "response": {"gatewayCode": "TIMED_OUT"}},
        {"result": "FAILURE", "response": {"gatewayCode": "SPLENDID"}},
        {"error": {"cause": "REQUEST_REJECTED"}},
    ],
)
async def test_only_what_is_whole_and_ours_is_given_back(ebl: Manifest, changes: dict[str, object]) -> None:
    async with mpgs_stage(ebl, desk_with(REFUND, said(refunded(**changes)), 201)) as stage:
        assert isinstance(await stage.ebl.refund(a_refund()), InDoubt)


@pytest.mark.parametrize(
    ("status", "answer", "outcome"),
    [
        (400, error("REQUEST_REJECTED"), Declined("not_allowed", "error REQUEST_REJECTED")),
        (400, error("INVALID_REQUEST"), InDoubt("reply code error INVALID_REQUEST")),
        (400, error("INVALID_REQUEST", field="order.id"), InDoubt("reply code error INVALID_REQUEST")),
        (400, error("SERVER_BUSY"), InDoubt("reply code error SERVER_BUSY")),
        (400, error("SERVER_FAILED"), InDoubt("reply code error SERVER_FAILED")),
        (400, error("a secret"), InDoubt("cause is no code")),
        (401, error("REQUEST_REJECTED"), InDoubt("reply code HTTP 401")),
        (404, error("REQUEST_REJECTED"), InDoubt("reply code HTTP 404")),
        (500, error("REQUEST_REJECTED"), InDoubt("HTTP 500")),
        (503, error("SERVER_BUSY"), InDoubt("HTTP 503")),
    ],
)
async def test_only_a_cause_that_is_mapped_declines_a_refund(
    ebl: Manifest, status: int, answer: bytes, outcome: object
) -> None:
    async with mpgs_stage(ebl, desk_with(REFUND, answer, status)) as stage:
        assert await stage.ebl.refund(a_refund()) == outcome
        assert stage.calls() == [REFUND]


@pytest.mark.parametrize(
    "manners", [pytest.param(manners, id=name) for name, manners in rude_manners(said(refunded())).items()]
)
async def test_a_refund_without_a_usable_answer_is_in_doubt_and_sent_once(
    ebl: Manifest, manners: Manners
) -> None:
    async with mpgs_stage(ebl, GatewayDesk(rude={REFUND: manners})) as stage:
        # A connection is kept alive first, since a client may repeat a PUT on one that drops.
        assert isinstance(await stage.ebl.inquire_refunds(a_refund()), RefundsFound)
        assert isinstance(await stage.ebl.refund(a_refund()), InDoubt)
        assert stage.calls().count(REFUND) == 1


async def test_no_refund_leaves_after_its_last_moment(ebl: Manifest) -> None:
    async with mpgs_stage(ebl) as stage:
        assert await stage.ebl.refund(a_refund(seconds=-1)) == Unreached("the send deadline passed")
        assert stage.calls() == []


async def test_without_credentials_no_refund_is_sent(ebl: Manifest) -> None:
    async with mpgs_stage(ebl, EKPAY_EBL_API_PASSWORD="") as stage:
        why = "EKPAY_EBL_API_PASSWORD is not set"
        assert await stage.ebl.refund(a_refund()) == Unreached(why)
        assert await stage.ebl.inquire_refunds(a_refund()) == NoAnswer(why, was_asked=False)
        assert stage.calls() == []


async def test_all_refunds_are_told_in_their_order_and_refused_ones_are_not(ebl: Manifest) -> None:
    rows = (
        refunded(),
        a_row("REFUND", "PART2", "0.05", **REFUSED),
        a_row("REFUND", "PART3", "0.06", result="UNKNOWN"),
        a_row("VOID_REFUND", "4", "200.00"),
    )
    async with mpgs_stage(ebl, desk_with(ORDER, with_rows(*rows))) as stage:
        assert await stage.ebl.inquire_refunds(a_refund()) == RefundsFound(
            (LINE, RefundLine("PART3", Money(6), is_done=False))
        )


@pytest.mark.parametrize(
    "answer",
    [
        said(refunded()),
        b"[]",
        CREATED,
        with_rows({"result": "SUCCESS"}),
        with_rows(a_row("REFUND", "a/b", "1.00")),
        with_rows(refunded())[:-4],
    ],
)
async def test_an_unusable_list_of_refunds_is_no_answer(ebl: Manifest, answer: bytes) -> None:
    async with mpgs_stage(ebl, desk_with(ORDER, answer)) as stage:
        assert isinstance(await stage.ebl.inquire_refunds(a_refund()), NoAnswer)


async def test_refunds_of_no_payment_are_not_asked_for(ebl: Manifest) -> None:
    async with mpgs_stage(ebl) as stage:
        told = await stage.ebl.inquire_refunds(a_refund(collected_reference=""))
        assert isinstance(told, NoAnswer)
        assert not told.was_asked
        assert stage.calls() == []
