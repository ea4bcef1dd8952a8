"""batch_file: bills arrive as files and payments leave as the scroll; in between nobody is asked.

The protocol is ours: how these offices exchange files is not public (billers.md 1.1, rows 39, 42 and 47,
finding 7). What may surprise: paying makes no call. A payment is accepted because its bill stands in the
newest file, unpaid and over this amount, and taking it is one write in our own books. A question about a
payment therefore has a final answer at once: it holds its bill, or from that moment it never will.
"""

from dataclasses import replace

from biller_adapters.fetching import paid_bill
from biller_adapters.manifest import Manifest
from ekpay_switch.domain.bill import Bill, BillerSilent, BillFound, BillMissing, BillQuery, FetchReply
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.delivery import PayOrder
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
from ekpay_switch.domain.scrolls.bill_files import BillStatus, FiledBill, FoundBill, NotTaken, Taken, Taking
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_sections import Section

_RECEIPT_SIGNS = 12
_LATE = "its last moment had passed"
_ACCOUNT = "bllr_accno"


class FamilySettings(Section):
    """The section `family_settings` of a manifest of this family: what our receipts begin with."""

    receipt_prefix: str


class BatchFile:
    """A biller of this family; implements the port `BillerAdapter`."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        self._profile = replace(manifest.profile(around.divisor), has_bill_files=True)
        self._prefix = settings_of(manifest, FamilySettings, frozenset()).receipt_prefix
        wire_names = {entry.wire_name: entry.name for entry in manifest.parameters}
        self._account = wire_names.get(_ACCOUNT, "")
        self._opening = manifest.opening
        self._clock = around.clock
        self._bills = around.bill_files

    @property
    def profile(self) -> BillerProfile:
        """The facts of this biller."""
        return self._profile

    async def fetch(self, query: BillQuery) -> FetchReply:
        """The bill that the parameters name, or of several the unpaid one that is due first; asks nobody."""
        closed = self._opening.closed_because(self._clock.now())
        if closed:
            return BillerSilent(closed)
        named = {name: text for name, text in query.parameters.items() if name not in query.payer}
        try:
            found = await self._bills.named(query.biller_id, named)
        except SwitchError as error:
            return BillerSilent(str(error))
        known = [one for one in found if one.bill.status is not BillStatus.WITHDRAWN]
        unpaid = [one.bill for one in known if not _is_paid(one)]
        if unpaid:
            return BillFound(self._bill(unpaid[0], len(unpaid)))
        return BillFound(paid_bill(known[-1].bill.bill_key)) if known else BillMissing()

    async def pay(self, order: PayOrder) -> Outcome:
        """Take the bill for this payment; a second time under the same reference is told as the first."""
        closed = self._opening.closed_because(self._clock.now())
        if closed or self._clock.monotonic() >= order.send_before:
            return Unreached(closed or _LATE)
        taking = Taking(
            biller_id=order.biller_id,
            reference=order.reference,
            payment_id=order.payment_id,
            bill_key=order.biller_quote["bill_no"],
            amount=order.sums.billed,
            on=order.business_date,
            receipt=f"{self._prefix}-{order.reference[-_RECEIPT_SIGNS:]}",
        )
        try:
            answer = await self._bills.take(taking)
        except OverloadedError as error:
            return Unreached(str(error))
        except SwitchError as error:
            return InDoubt(str(error))
        return Approved({"receipt": answer.receipt}) if isinstance(answer, Taken) else _not_taken(answer)

    async def inquire(self, order: PayOrder) -> Inquiry:
        """What the reference holds; where that is nothing, it can never hold anything from now on."""
        try:
            taken = await self._bills.settle(order.biller_id, order.reference, order.payment_id)
        except OverloadedError as error:
            return NoAnswer(str(error), was_asked=False)
        except SwitchError as error:
            return NoAnswer(str(error))
        if taken is None:
            return NotFound()
        return Posted(order.reference, taken.amount.minor, {"receipt": taken.receipt})

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


def _is_paid(found: FoundBill) -> bool:
    return found.is_taken or found.bill.status is BillStatus.PAID


def _not_taken(answer: NotTaken) -> Outcome:
    if answer is NotTaken.BARRED:
        return Unreached("it was asked after before it was begun")
    # A reference is of one payment, so another bill under it is a bug of ours: nothing was taken.
    return Declined("refused" if answer is NotTaken.OTHER_CONTENT else str(answer), str(answer))
