"""What clients, payers and connectors do to collected payments, over any implementation of the ports."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from ekpay_switch.domain.collections.connector_calls import CallbackHint, Collected
from ekpay_switch.domain.collections.funding import (
    LockedTry,
    NothingCollected,
    StillOpen,
    TryEnd,
    TryFinding,
)
from ekpay_switch.domain.collections.held_money import MoneyHeld
from ekpay_switch.domain.collections.new_tries import NewCollection, NewTry
from ekpay_switch.domain.outcome import Outcome
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import Recorded, Recording, plan_outcome
from ekpay_switch.ports.collections import (
    CollectionOpened,
    DeliveryStart,
    PaymentView,
    RawCallback,
    StartedDelivery,
    TryRecorded,
)
from ekpay_switch.security.identifiers import unguessable, uuid7
from tests.contracts.payment_steps import APPROVED, BILLER, PARTNER
from tests.contracts.setups import CollectionsSetup
from tests.persistence.collections.collection_setup import KEPT, SUMS, agreed, page

HOLD_SECONDS, PAY_SECONDS, PAGE_ASK_SECONDS, HELD_ASK_SECONDS = 42.0, 900.0, 180.0, 600.0
COLLECTED = {"receivable:bkash": SUMS.total.minor - KEPT, "connector_fee:bkash": KEPT}
# Cancelled by the payer; and not decided yet, asked once more in three minutes.
NEVER_PAID = NothingCollected(TryEnd.NEVER_PAID, "cancelled by the payer")
NOT_YET = StillOpen(PAGE_ASK_SECONDS, "the payer has not agreed yet")
EXECUTE_IN_DOUBT = StillOpen(90.0, "no answer in time", was_asked=False, is_new_doubt=True)


def new_try(connector_id: str = "bkash", **changes: Any) -> NewTry:  # noqa: ANN401 - fields of NewTry
    return replace(NewTry(uuid7(), unguessable(), connector_id, 10.0, HOLD_SECONDS), **changes)


def new_collection(
    setup: CollectionsSetup,
    reference: str = "",
    **changes: Any,  # noqa: ANN401 - fields of NewCollection
) -> NewCollection:
    payment_id = uuid7()
    new = NewCollection(
        payment_id=payment_id,
        partner_id=PARTNER,
        lane=0,
        reference=f"v1:{reference or payment_id.hex}",
        fingerprint=b"POST /v1/payments and its bytes",
        biller_id=BILLER,
        bill_key=payment_id.hex,
        bucket="postpaid",
        sums=SUMS,
        biller_quote={"billToken": "T"},
        bill={"number": "0925", "amount": 105_000},
        pay_until=setup.now() + timedelta(seconds=PAY_SECONDS),
        return_url="https://shop.example/done?order=7",
        first=new_try(),
    )
    return replace(new, **changes)


async def open_payment(setup: CollectionsSetup, new: NewCollection | None = None) -> LockedTry:
    """A payment whose first page is being asked for."""
    answer = await setup.collections.open(new or new_collection(setup))
    assert isinstance(answer, CollectionOpened), answer
    return answer.locked_try


async def record(setup: CollectionsSetup, held: LockedTry, finding: TryFinding) -> TryRecorded:
    recorded = await setup.collections.record(held, finding)
    assert recorded is not None
    return recorded


async def open_page(setup: CollectionsSetup, new: NewCollection | None = None) -> LockedTry:
    """A payment whose payer is on the page of its first try."""
    held = await open_payment(setup, new)
    await record(setup, held, page(f"P-{held.attempt_id.hex}"))
    return held


async def open_another_page(
    setup: CollectionsSetup, held: LockedTry, connector_id: str = "bkash"
) -> LockedTry:
    """A further try of the same payment, on its page; the one before is abandoned."""
    begun = await setup.collections.open_try(held.partner_id, held.payment_id, new_try(connector_id), 0.0)
    assert isinstance(begun, LockedTry), begun
    await record(setup, begun, page(f"P-{begun.attempt_id.hex}"))
    return begun


async def wake(setup: CollectionsSetup, held: LockedTry) -> None:
    """A callback of the connector names the try, so that its question is due."""
    name = unguessable()
    raw = RawCallback(held.connector_id, name, {}, b"")
    await setup.callbacks.keep(raw, CallbackHint(name, "", "success", reference=held.order.reference))


async def lease(setup: CollectionsSetup, held: LockedTry) -> LockedTry:
    """The same try under a new epoch."""
    again = await setup.collections.lease_try(held.order.reference, HOLD_SECONDS)
    assert again is not None
    return again


async def lease_awake(setup: CollectionsSetup, held: LockedTry) -> LockedTry:
    """The same try, due by a callback, under a new epoch."""
    await wake(setup, held)
    return await lease(setup, held)


def held_money(held: LockedTry, transaction: str = "TRX1", unproven: tuple[Collected, ...] = ()) -> MoneyHeld:
    """The connector has the money of this try, and holds it for its risk."""
    facts = {"risk_level": "1", "payer_account_tail": "770"}
    money = Collected(held.order.reference, held.order.amount, transaction, facts, unproven=unproven)
    return MoneyHeld(money, 150, HELD_ASK_SECONDS, "held for its risk")


async def hold(setup: CollectionsSetup, held: LockedTry) -> TryRecorded:
    """The connector turns out to hold the money of this try for its risk."""
    again = await lease_awake(setup, held)
    return await record(setup, again, held_money(again))


async def collect(
    setup: CollectionsSetup,
    held: LockedTry,
    transaction: str = "",
    **changes: Any,  # noqa: ANN401 - fields of Collected
) -> TryRecorded:
    """The connector turns out to have the money of this try, right and whole unless changed."""
    again = await lease_awake(setup, held)
    return await record(setup, again, agreed(again, transaction or f"TRX-{held.attempt_id.hex}", **changes))


async def fund(setup: CollectionsSetup, new: NewCollection | None = None) -> LockedTry:
    """A payment whose money is there."""
    held = await open_page(setup, new)
    await collect(setup, held)
    return held


def delivery_of(held: LockedTry, series: str = BILLER) -> DeliveryStart:
    attempt_id = uuid7()
    return DeliveryStart(held.payment_id, attempt_id, f"D{attempt_id.hex}", "pay", series, 10.0, 90.0)


async def start_delivery(setup: CollectionsSetup, held: LockedTry) -> StartedDelivery:
    started = await setup.collections.start_delivery(delivery_of(held))
    assert started is not None
    return started


async def deliver(setup: CollectionsSetup, held: LockedTry, outcome: Outcome = APPROVED) -> State:
    """The biller's answer to a first send; what the payment is then."""
    started = await start_delivery(setup, held)
    plan = plan_outcome(started.delivery, outcome)
    # A payment that is not completed has something to do at once: to be delivered again, or given back.
    again_seconds = None if plan.end == "approved" else 0.0
    answer = await setup.payments.record(Recording(started.delivery, plan, again_seconds))
    assert isinstance(answer, Recorded)
    return answer.state


async def view(setup: CollectionsSetup, held: LockedTry) -> PaymentView:
    found = await setup.collections.view(held.partner_id, held.payment_id)
    assert found is not None
    return found
