"""Two persons of finance, who give back what a biller keeps: a client of REST v1 is refused that."""

from uuid import UUID

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.burden import Bearer, Burden
from ekpay_switch.persistence.refunds.staff_actions import RefundStaffActions
from ekpay_switch.persistence.short_transactions import ShortTransactions
from tests.persistence.staff_rows import persons

ASKER, CONFIRMER = "asker", "confirmer"
REASON = "paid for the wrong meter"


async def finance_office(transactions: ShortTransactions) -> RefundStaffActions:
    """What both persons do with refunds; they are on the staff from now on."""
    await transactions.run(lambda connection: connection.execute(persons(ASKER, CONFIRMER)))
    return RefundStaffActions(transactions)


async def refund_at_our_loss(
    finance: RefundStaffActions, payment_id: UUID, amount: int, parts_max: int, days_max: int
) -> None:
    """Have so many paisa of a payment given back, and written off.

    Raises:
        RefundRefusedError: it is refused; its `refusal` says why.
    """
    burden = Burden(bearer=Bearer.LOSS)
    asked = await finance.request(
        payment_id, Money(amount), REASON, ASKER, parts_max, days_max, burden=burden
    )
    await finance.approve(asked.refund_id, CONFIRMER)
