"""What clients, connectors and staff do to refunds, over any implementation of the ports."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from ekpay_switch.domain.collections.connector_calls import RefundLine
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, Unreached
from ekpay_switch.domain.refunds.burden import Burden
from ekpay_switch.domain.refunds.new_refund import NewRefund, RefundRefusal
from ekpay_switch.domain.refunds.refund import LockedRefund, RefundAnswer, RefundFinding, RefundKind
from ekpay_switch.ports.collections import RefundOpened, RefundRecorded, RefundView
from ekpay_switch.security.identifiers import uuid7
from tests.contracts.collection_steps import COLLECTED, deliver, fund, new_collection, new_try
from tests.contracts.payment_steps import PARTNER, REFUSED
from tests.contracts.setups import RefundsSetup
from tests.persistence.collections.collection_setup import SUMS

BILLED, TOTAL = SUMS.amount.minor, SUMS.total.minor
PARTS_MAX, DAYS_MAX = 10, 60
# Its biller takes payments back, so a refund may be at its cost.
UNDOABLE = Burden(biller_takes_back=True)
INCOME = {"charge_income": -1_575, "fee_income": -500, "vat_payable": -75}
RECEIVABLE = COLLECTED["receivable:bkash"]
LEASE_SECONDS, SEND_SECONDS, ASK_SECONDS = 45.0, 60.0, 90.0
DECLINED = RefundAnswer(Declined("too late", "2073"), ASK_SECONDS)
SILENT = RefundAnswer(InDoubt("no answer in time"), ASK_SECONDS)
NOT_SENT = RefundAnswer(Unreached("connection refused"), ASK_SECONDS)


def balances_with(payable: int, **others: int) -> dict[str, int]:
    """The accounts of one delivered payment, with what its biller is still owed."""
    named = {name.replace("_of_", ":"): amount for name, amount in others.items()}
    found = COLLECTED | INCOME | {"payable:desco_postpaid": -payable} | named
    return {account: amount for account, amount in found.items() if amount}


def refund_confirmation(name: str, amount: int = BILLED, *, is_done: bool = True) -> RefundAnswer:
    """The connector says that it has this refund."""
    return RefundAnswer(RefundLine(name, Money(amount), is_done), ASK_SECONDS)


def new_refund(payment_id: UUID, amount: int = BILLED, **changes: Any) -> NewRefund:  # noqa: ANN401 - its fields
    refund_id = uuid7()
    new = NewRefund(
        refund_id=refund_id,
        payment_id=payment_id,
        partner_id=PARTNER,
        reference=f"v1:{refund_id.hex}",
        fingerprint=b"POST /v1/payments/ID/refunds and its bytes",
        amount=Money(amount),
        reason="paid for the wrong meter",
        requested_by="api:bank1",
        needs_approval=False,
        burden=UNDOABLE,
    )
    return replace(new, **changes)


async def complete(setup: RefundsSetup, connector_id: str = "bkash") -> LockedTry:
    """A payment whose biller was credited."""
    held = await fund(setup, new_collection(setup, first=new_try(connector_id)))
    await deliver(setup, held)
    return held


async def refuse_delivery(setup: RefundsSetup) -> LockedTry:
    """The biller refused what was collected, so that everything is owed back."""
    held = await fund(setup)
    await deliver(setup, held, REFUSED)
    return held


async def ask(
    setup: RefundsSetup, new: NewRefund, parts_max: int = PARTS_MAX, days_max: int = DAYS_MAX
) -> RefundOpened | RefundRefusal:
    return await setup.refunds.request(new, parts_max, days_max)


async def take_on(setup: RefundsSetup, held: LockedTry, amount: int = BILLED, **changes: Any) -> RefundView:  # noqa: ANN401
    """A refund of the payment that is taken on."""
    answer = await ask(setup, new_refund(held.payment_id, amount, **changes))
    assert isinstance(answer, RefundOpened), answer
    return answer.view


async def open_give_back(setup: RefundsSetup) -> RefundView:
    """The give-back of a payment whose biller refused it."""
    held = await refuse_delivery(setup)
    await setup.refunds.open_give_backs(10)
    (view,) = await setup.refunds.of_payment(held.partner_id, held.payment_id)
    assert view.kind is RefundKind.GIVE_BACK
    return view


async def lease(setup: RefundsSetup, limit: int = 10) -> Sequence[LockedRefund]:
    return await setup.refunds.lease_due(limit, LEASE_SECONDS)


async def lease_only(setup: RefundsSetup) -> LockedRefund:
    (held,) = await lease(setup)
    return held


async def send(setup: RefundsSetup) -> LockedRefund:
    """The one refund that is due, as its connector is being told."""
    held = await lease_only(setup)
    assert await setup.refunds.begin_send(held, SEND_SECONDS)
    return held


async def record(setup: RefundsSetup, held: LockedRefund, finding: RefundFinding) -> RefundRecorded:
    recorded = await setup.refunds.record(held, finding)
    assert recorded is not None
    return recorded


async def view_of(setup: RefundsSetup, refund: RefundView | LockedRefund) -> RefundView:
    views = await setup.refunds.of_payment(PARTNER, refund.payment_id)
    (found,) = [each for each in views if each.refund_id == refund.refund_id]
    return found
