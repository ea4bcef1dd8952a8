"""`ekpay audit` sees money that left suspense although nothing of its payment stood there any more."""

from ekpay_switch.domain.decisions.actions import DecisionAction
from tests.persistence.collections.collection_setup import Till
from tests.persistence.decisions.decision_setup import APPROVES, THIRD, Desk, open_desk
from tests.persistence.refunds.refund_setup import open_office

OUTCOME = "UPDATE attempts SET outcome = $2 WHERE payment_id = $1 AND leg = 'funds'"


async def test_money_that_was_taken_as_it_came_and_given_back_too_is_found(till: Till) -> None:
    async with open_office(till) as office, open_desk(office) as desk:
        payment_id = await desk.short_money()
        await desk.decide(payment_id, DecisionAction.DELIVER)
        assert await till.books.audit() is None

        await till.books.tell(OUTCOME, payment_id, "disagreed")
        asked = await office.desk.request_review_give_back(payment_id, "the payer asks", THIRD)
        await office.desk.approve(asked.refund_id, APPROVES)
        await till.books.tell(OUTCOME, payment_id, "approved")

        finding = await till.books.audit()
        assert finding is not None
        assert finding.row == f"suspense of payment {payment_id}"


async def test_what_a_biller_holds_after_a_give_back_is_no_money_of_a_connector(till: Till) -> None:
    async with open_office(till) as office, open_desk(office) as desk:
        await Desk.late_success(desk)
        assert await till.books.audit() is None
