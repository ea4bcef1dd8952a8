"""A payer's money that its connector holds for its risk, and a page that was paid twice (docs/adr/0074).

The connector is SSLCommerz's own, with its answers as documented; only the wire is played.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from typing_extensions import override

from ekpay_switch.domain.collections.connector_calls import AwaitingPayer, Collected, HeldForRisk, NeverPaid
from ekpay_switch.domain.collections.file_proofs import FileStatements
from ekpay_switch.domain.collections.funding import TryEnd, TryState
from ekpay_switch.domain.money import format_taka
from ekpay_switch.domain.outcome import NoAnswer
from ekpay_switch.domain.payment import State
from ekpay_switch.flows.collections.collect import CollectionAnswer, collect
from ekpay_switch.ports.collections import NoNewTry
from ekpay_switch.ports.world import WireReply, WireRequest
from tests.connectors.conftest import the_manifest
from tests.connectors.families.sslcommerz.sslcommerz_stage import GOOD, POLITE, Played, attempts, played, said
from tests.contracts.collection_steps import new_try
from tests.factories import a_world
from tests.scenarios.collections import CLIENT, DAY, Payer, a_collect_order

RISKY = {"risk_level": "1", "risk_title": "Not Safe"}
SECOND = {"val_id": "260918060020EXAMPLE", "bank_tran_id": "EXAMPLE002"}
FAILED = {"status": "FAILED", "val_id": ""}


@dataclass
class ValidatingWire(Played):
    """Each validation is answered by its own name."""

    validations: Mapping[str, bytes] = field(default_factory=dict)

    @override
    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        for name, answer in self.validations.items():
            if f"val_id={name}" in request.url:
                self.answers = {**self.answers, "validate": answer}
        return await super().send(far_side, request)


@dataclass
class Counter:
    """A payer on SSLCommerz's page, and what SSLCommerz says of it."""

    payer: Payer
    wire: ValidatingWire

    def say(self, *rows: Mapping[str, str]) -> None:
        """From now on the query lists these attempts, and each validation says the same."""
        one = self.payer.tries()[0]
        amount = format_taka(self.payer.small.tables.sums_of(one).total.minor)
        own = {"tran_id": one.new.reference, "amount": amount, "currency_amount": amount}
        told = [{**GOOD, **own, **row} for row in rows]
        self.wire.answers = {**self.wire.answers, "query": attempts(*told)}
        self.wire.validations = {row["val_id"]: said(row | {"APIConnect": "DONE"}) for row in told}

    async def pass_days(self, days: int) -> None:
        for _ in range(days * 48):
            await self.payer.wait(1_800)

    def asked(self) -> int:
        return sum("merchantTransID" in request.url for request in self.wire.asked)


async def a_counter() -> Counter:
    """A payment whose payer is on SSLCommerz's page."""
    manifest = the_manifest("sslcommerz")
    wire = ValidatingWire(manifest, POLITE["sslcommerz"])
    payer = Payer(a_world(prefund=1))
    payer.small.connectors.known.append(played(manifest, wire))
    answer = await collect(replace(a_collect_order(), instrument="sslcommerz"), payer.small.world)
    assert isinstance(answer, CollectionAnswer), answer
    payer.payment_id = answer.view.payment_id
    return Counter(payer, wire)


async def test_held_for_risk_is_seen() -> None:
    """Three days of "held" are one alarm and an hourly question, and the release is collected as always."""
    counter = await a_counter()
    payer = counter.payer
    counter.say(RISKY)

    await counter.pass_days(3)

    assert payer.alarms() == ["held_for_risk"]
    assert counter.asked() <= 3 * 24 + 5
    assert (payer.state, payer.tries()[0].state) == (State.COLLECTING, TryState.OPEN)
    assert payer.tries()[0].held_at is not None

    counter.say({})
    await counter.pass_days(1)
    assert payer.tries()[0].end is TryEnd.APPROVED
    assert payer.events[:2] == ["collection_started", "collected"]
    assert payer.tries()[0].held_at is None


async def test_held_money_that_failed_there_frees_the_bill() -> None:
    counter = await a_counter()
    counter.say(RISKY)
    await counter.payer.wait(180)
    counter.say(FAILED)
    await counter.payer.wait(3_600)
    assert (counter.payer.tries()[0].end, counter.payer.tries()[0].held_at) == (TryEnd.NEVER_PAID, None)
    assert counter.payer.state is State.EXPIRED
    assert counter.payer.alarms() == ["held_for_risk"]


async def test_a_page_that_was_paid_twice_is_paid_once_and_says_so() -> None:
    counter = await a_counter()
    counter.say({}, SECOND)
    await counter.payer.wait(180)
    one = counter.payer.tries()[0]
    assert (one.end, one.provider_transaction) == (TryEnd.APPROVED, GOOD["bank_tran_id"])
    assert counter.payer.alarms() == ["paid_twice", "refund_needs_a_person"]


# ---- any connector


async def a_held_page() -> Payer:
    """A payment whose only try is held, at a connector that would execute on our word."""
    payer = Payer()
    await payer.order()
    hold(payer)
    await payer.come_back(status="failure")
    assert payer.tries()[0].held_at is not None
    return payer


def hold(payer: Payer, number: int = -1) -> None:
    """The next inquiry says that the money of a page is held."""
    order = payer.page(number).order
    money = Collected(order.reference, order.amount, f"TRX-{order.provider_reference}")
    payer.small.connector.inquiries.append(HeldForRisk(money, "held for its risk"))


async def test_what_is_held_is_neither_executed_nor_given_to_another_instrument_nor_cancelled() -> None:
    payer = await a_held_page()
    collections = payer.small.world.collections
    assert await collections.open_try(CLIENT.partner_id, payer.payment_id, new_try(), 0.0) == NoNewTry(
        State.COLLECTING
    )
    assert await collections.cancel(CLIENT.partner_id, payer.payment_id) == NoNewTry(State.COLLECTING)
    payer.small.connector.inquiries.append(AwaitingPayer(may_execute=True))
    payer.agree()
    payer.small.clock.pass_by(6)
    await payer.come_back()
    assert payer.small.connector.asked["execute"] == 0
    assert payer.state is State.COLLECTING


async def test_a_later_try_is_not_executed_while_an_earlier_one_is_held() -> None:
    payer = Payer()
    await payer.order()
    await payer.another_page()
    hold(payer, 0)
    await payer.come_back(0, status="failure")
    assert payer.tries()[0].held_at is not None
    await payer.pay()
    assert payer.small.connector.asked["execute"] == 0


@pytest.mark.parametrize("says", [AwaitingPayer(), NoAnswer("silence")])
async def test_held_money_never_ends_by_itself(says: AwaitingPayer | NoAnswer) -> None:
    payer = await a_held_page()
    asked_before = payer.small.connector.asked["inquire"]
    payer.small.connector.inquiries.extend([says] * 100)
    for _ in range(72):
        await payer.wait(3_600)
    assert payer.small.connector.asked["inquire"] - asked_before == 72
    assert (payer.state, payer.tries()[0].state) == (State.COLLECTING, TryState.OPEN)
    assert payer.alarms() == ["held_for_risk"]


async def test_held_money_ends_where_the_connector_says_that_nothing_was_paid() -> None:
    payer = await a_held_page()
    payer.small.connector.inquiries.append(NeverPaid("refused for its risk"))
    await payer.wait(3_600)
    assert (payer.tries()[0].end, payer.state) == (TryEnd.NEVER_PAID, State.EXPIRED)


async def test_a_settlement_file_that_has_held_money_wakes_a_person_once() -> None:
    payer = await a_held_page()
    one = payer.tries()[0]
    files = payer.small.books.files
    files[one.new.attempt_id] = FileStatements(frozenset({payer.page().order.amount.minor}), is_news=True)
    hold(payer)
    await payer.wait(3_600)
    assert payer.alarms() == ["held_for_risk", "file_needs_a_person"]
    files[one.new.attempt_id] = replace(files[one.new.attempt_id], is_news=False)
    hold(payer)
    await payer.wait(3_600)
    assert payer.alarms() == ["held_for_risk", "file_needs_a_person"]


async def test_money_that_is_held_after_its_payment_was_cancelled_goes_back_once_it_is_released() -> None:
    payer = Payer()
    await payer.order()
    assert await payer.small.world.collections.cancel(CLIENT.partner_id, payer.payment_id) is None
    hold(payer)
    await payer.wait(DAY)
    assert (payer.state, payer.alarms()) == (State.DECLINED, ["held_for_risk"])
    payer.small.connector.take(payer.page())
    await payer.wait(3_600)
    assert payer.alarms() == ["held_for_risk", "unexpected_money"]
    assert payer.tries()[0].end is TryEnd.SECOND_SUCCESS
