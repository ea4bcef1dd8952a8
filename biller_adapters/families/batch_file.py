"""batch_file: bills arrive as files and payments leave as the scroll; no call is made in between.

The protocol is ours: how these offices exchange files is not public (billers.md 1.1 rows 39, 42 and 47,
finding 7). A payment is accepted where the newest file has its bill, unpaid and with this amount; taking the
bill is one write in our own books. An inquiry therefore has a final answer at once: the payment has its bill,
or from then on never will.
"""

from dataclasses import replace

from biller_adapters.fetching import paid_bill
from biller_adapters.manifest import Manifest
from ekpay_switch.domain.bill import Bill, BillerSilent, BillFound, BillMissing, BillQuery, FetchReply
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.errors import OverloadedError, SwitchError
from ekpay_switch.domain.outcome import (
    Approved,
    Declined,
    InDoubt,
    Inquiry,
    NoAnswer,
    NotFound,
    Outcome,
    Posted,
    Unreached,
)
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.domain.scrolls.bill_files import (
    BillStatus,
    BillTaking,
    FiledBill,
    StoredBill,
    TakenBill,
    TakingRefusal,
)
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_sections import Section

_RECEIPT_SIGNS = 12
_TOO_LATE = "its send deadline had passed"
_ACCOUNT = "bllr_accno"


class BatchFileSettings(Section):
    """The section `family_settings` of a manifest of this family: the prefix of our receipts."""

    receipt_prefix: str


class BatchFile:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        self._profile = replace(manifest.profile(context.divisor), has_bill_files=True)
        self._prefix = settings_of(manifest, BatchFileSettings, frozenset()).receipt_prefix
        wire_names = {entry.wire_name: entry.name for entry in manifest.parameters}
        self._account = wire_names.get(_ACCOUNT, "")
        self._opening = manifest.opening
        self._clock = context.clock
        self._bills = context.bill_files

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """The bill that the parameters name, of several the unpaid one that is due first; makes no call."""
        closed_because = self._opening.closure_reason(self._clock.now())
        if closed_because:
            return BillerSilent(closed_because)
        parameters = {name: text for name, text in query.parameters.items() if name not in query.payer}
        try:
            bills = await self._bills.by_parameters(query.biller_id, parameters)
        except SwitchError as error:
            return BillerSilent(str(error))
        current = [bill for bill in bills if bill.bill.status is not BillStatus.WITHDRAWN]
        unpaid = [bill.bill for bill in current if not _is_paid(bill)]
        if unpaid:
            return BillFound(self._bill(unpaid[0], len(unpaid)))
        return BillFound(paid_bill(current[-1].bill.bill_key)) if current else BillMissing()

    async def pay(self, order: PayOrder) -> Outcome:
        """Take the bill for this payment; a repeat under the same reference is answered as the first."""
        closed_because = self._opening.closure_reason(self._clock.now())
        if closed_because or self._clock.monotonic() >= order.send_before:
            return Unreached(closed_because or _TOO_LATE)
        taking = BillTaking(
            biller_id=order.biller_id,
            reference=order.reference,
            payment_id=order.payment_id,
            bill_key=order.biller_quote["bill_no"],
            amount=order.sums.billed_amount,
            on=order.business_date,
            receipt=f"{self._prefix}-{order.reference[-_RECEIPT_SIGNS:]}",
        )
        try:
            answer = await self._bills.take(taking)
        except OverloadedError as error:
            return Unreached(str(error))
        except SwitchError as error:
            return InDoubt(str(error))
        return (
            Approved({"receipt": answer.receipt})
            if isinstance(answer, TakenBill)
            else _outcome_of_refused_taking(answer)
        )

    async def inquire(self, order: PayOrder) -> Inquiry:
        """The bill that the reference has taken; where there is none, it can never take one from now on."""
        try:
            taking = await self._bills.settle(order.biller_id, order.reference, order.payment_id)
        except OverloadedError as error:
            return NoAnswer(str(error), was_asked=False)
        except SwitchError as error:
            return NoAnswer(str(error))
        if taking is None:
            return NotFound()
        return Posted(order.reference, taking.amount.minor, {"receipt": taking.receipt})

    def _bill(self, filed: FiledBill, unpaid_count: int) -> Bill:
        """The bill as it is owed on this Dhaka day."""
        today = business_date(self._clock.now())
        return Bill(
            bill_key=filed.bill_key,
            bill_number=filed.bill_key,
            account=filed.parameters.get(self._account, ""),
            amount=filed.amount,
            vat=filed.vat,
            late_fee=filed.late_fee_on(today),
            total=filed.total_on(today),
            unpaid_count=unpaid_count,
            issued_on=filed.issued_on,
            due_on=filed.due_on,
            charges=filed.lines,
            details={"customer_name": filed.customer_name, "period": filed.period},
            biller_quote={"bill_no": filed.bill_key},
        )


def _is_paid(bill: StoredBill) -> bool:
    return bill.is_taken or bill.bill.status is BillStatus.PAID


def _outcome_of_refused_taking(answer: TakingRefusal) -> Outcome:
    if answer is TakingRefusal.BARRED:
        return Unreached("an inquiry came before the payment")
    # A reference is of one payment, so another bill under it is a bug of ours: nothing was taken.
    return Declined("refused" if answer is TakingRefusal.OTHER_CONTENT else str(answer), str(answer))
