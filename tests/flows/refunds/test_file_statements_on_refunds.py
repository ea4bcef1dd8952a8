"""Settlement files about refunds in doubt: looked for, never given twice, believed where nobody is asked."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.collections.connector_calls import RefundInquiry, RefundOrder, RefundOutcome
from ekpay_switch.domain.collections.file_proofs import FileStatements
from ekpay_switch.domain.outcome import Declined, InDoubt
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.ports.collections import RefundOpened
from ekpay_switch.ports.connectors import RefundRules
from tests.factories import TOTAL
from tests.fakes.collections.tables import StoredRefund
from tests.fakes.connectors import LOST, LOST_ORDER, Move
from tests.flows.payments.test_file_statements import ASK_THE_FAR_SIDE, TODAY, TOMORROW, absent, done, failed
from tests.scenarios.collections import REFUND_DUE, Payer, a_paid_bill, a_refund
from tests.scenarios.job_rounds import collect_due


async def a_refund_in_doubt(
    move: Move[RefundOutcome] = LOST_ORDER, *, can_be_asked: bool = True
) -> tuple[Payer, StoredRefund]:
    payer = await a_paid_bill()
    rules = RefundRules(days_max=60, parts_max=10, can_be_asked=can_be_asked)
    payer.small.connector.profile = replace(payer.small.connector.profile, refunds=rules)
    new = a_refund(payer.payment_id)
    assert isinstance(await payer.small.refunds.request(new, parts_max=10, days_max=60), RefundOpened)
    payer.small.connector.refunds.append(move)
    await collect_due(payer.small.world)
    refund = payer.small.refunds.only()
    assert refund.state is RefundState.IN_DOUBT
    return payer, refund


async def look_at_refund(payer: Payer, files: FileStatements) -> StoredRefund:
    refund = payer.small.refunds.only()
    payer.small.books.files[refund.new.refund_id] = files
    payer.small.clock.pass_by(1)
    refund.next_action_at = payer.small.clock.now()
    await collect_due(payer.small.world)
    return refund


async def test_a_refund_that_its_file_names_is_found_and_not_sent_again() -> None:
    payer, refund = await a_refund_in_doubt(LOST)
    await look_at_refund(payer, done())
    assert (refund.state, payer.balance(REFUND_DUE)) == (RefundState.DONE, 0)
    assert (payer.small.connector.given_back(), payer.alarms()) == (TOTAL, [])


async def test_a_refund_that_only_its_file_names_is_never_sent_again() -> None:
    """Without the file the connector, which does not know it, would be told once more."""
    payer, refund = await a_refund_in_doubt(LOST_ORDER)
    await look_at_refund(payer, done())
    await look_at_refund(payer, done(is_news=False))
    assert (refund.state, payer.alarms()) == (RefundState.IN_DOUBT, [ASK_THE_FAR_SIDE])
    assert len(payer.small.connector.refund_orders) == 1


async def test_a_refund_that_its_file_does_not_name_goes_on_as_always() -> None:
    payer, refund = await a_refund_in_doubt(LOST_ORDER)
    await look_at_refund(payer, failed())
    assert (refund.state, payer.small.connector.given_back()) == (RefundState.DONE, TOTAL)


@pytest.mark.parametrize(
    ("files", "state", "alarm"),
    [
        (done(), RefundState.DONE, []),
        (failed(), RefundState.FAILED, []),
        (done(TOTAL - 1), RefundState.IN_DOUBT, [ASK_THE_FAR_SIDE]),
        (absent(TODAY, TOMORROW), RefundState.IN_DOUBT, [ASK_THE_FAR_SIDE]),
    ],
    ids=["done", "failed", "another amount", "twice absent"],
)
async def test_where_refunds_cannot_be_asked_about_their_file_answers(
    files: FileStatements, state: RefundState, alarm: list[str]
) -> None:
    payer, refund = await a_refund_in_doubt(can_be_asked=False)
    payer.small.connector.refunds.append(Move(InDoubt("sent before, and never sent twice")))
    await look_at_refund(payer, files)
    assert (refund.state, payer.alarms()) == (state, alarm)
    assert payer.small.connector.given_back() == 0


async def test_a_connector_that_says_no_counts_more_than_its_file() -> None:
    payer, refund = await a_refund_in_doubt(can_be_asked=False)
    payer.small.connector.refunds.append(Move(Declined("too late")))
    await look_at_refund(payer, done())
    assert refund.state is RefundState.FAILED


async def test_a_refund_that_somebody_else_took_over_alarms_nobody() -> None:
    payer, refund = await a_refund_in_doubt(LOST_ORDER)
    connector, inquire = payer.small.connector, payer.small.connector.inquire_refunds

    async def is_overtaken(order: RefundOrder) -> RefundInquiry:
        refund.epoch += 1
        return await inquire(order)

    connector.inquire_refunds = is_overtaken  # type: ignore[method-assign]
    await look_at_refund(payer, done())
    assert (refund.state, payer.alarms()) == (RefundState.SENT, [])
