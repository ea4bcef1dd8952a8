"""What a connector must be told of a refund, and what becomes of money that it cannot be told of."""

from dataclasses import replace

from ekpay_switch.domain.outcome import Declined
from ekpay_switch.domain.refunds.refund import RefundEvent, RefundState
from ekpay_switch.flows.refund import send_refund
from tests.fakes.billers import Deed
from tests.scenarios.collections import Payer


async def test_a_movement_that_nobody_named_cannot_be_asked_back_from_the_connector() -> None:
    payer = Payer()
    await payer.order()
    payer.small.biller.deeds.append(Deed(Declined("blocked")))
    await payer.pay()
    await payer.small.refunds.open_give_backs(10)
    (nameless,) = await payer.small.refunds.lease_due(10, 45)

    order = replace(nameless.order, provider_transaction="")
    await send_refund(replace(nameless, order=order), payer.small.world)

    (stored,) = payer.small.tables.refunds.values()
    assert stored.state is RefundState.BY_HAND
    assert payer.small.connector.given_back() == 0


async def test_a_further_movement_is_left_to_finance_and_never_sent() -> None:
    """The connector would give back the other money under the same page, so a person has to."""
    payer = Payer()
    await payer.order()
    payer.small.biller.deeds.append(Deed(Declined("blocked")))
    await payer.pay()
    await payer.small.refunds.open_give_backs(10)
    (held,) = await payer.small.refunds.lease_due(10, 45)
    payer.small.connectors.known.clear()

    await send_refund(replace(held, is_of_further_movement=True), payer.small.world)

    (stored,) = payer.small.tables.refunds.values()
    assert (stored.state, stored.sends) == (RefundState.BY_HAND, 0)
    assert payer.small.tables.refunds[held.refund_id].history[-1][1] is RefundEvent.LEFT_TO_FINANCE
    assert payer.alarms() == ["refund_needs_a_person"]
