"""Refunds: version 1, once a payment, and version 2, in parts; each with its inquiry.

Version 1 has one path for both: a body without an amount is the inquiry. Which code of 2071 to 2082 says
what is published for 2072 alone; the others are this simulator's choice of the words they are said to hold.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.kit.institution.amounts import paisa, taka
from sandbox.kit.institution.replies import Reply
from sandbox.kit.institution.requests import Form, MalformedRequestError
from sandbox.providers.bkash.faults import BkashFault, BkashStep
from sandbox.providers.bkash.payment import REFUNDS_MAX, BkashPayment, BkashRefund, BkashStatus
from sandbox.providers.bkash.payment_steps import new_trx_id
from sandbox.providers.bkash.replies import refusal_reply_v2, success_v2
from sandbox.providers.bkash.shared_state import V1, V2, BkashSharedState, Envelopes, FaultTarget
from sandbox.providers.bkash.wire import TEXT_LENGTH_MAX, id_field, time_v1, time_v2

_V2_FIELDS = ("paymentId", "trxId", "refundAmount", "sku", "reason")


@dataclass(frozen=True)
class RefundCalls:
    """Answers these calls; each runs to its end before the next begins.

    Version 1 is answered in the envelopes of the product that asks.
    """

    shared: BkashSharedState
    envelopes: Envelopes = V1

    def refund(self, form: Form) -> Reply:
        """Give back a payment, whole or in part, once; without an amount, report whether that was done."""
        if form.get("amount") in (None, ""):
            return self.refund_status(form)
        payment = self._refundable_payment(form, "paymentID", "trxID")
        if isinstance(payment, str):
            return self.envelopes.refusal_reply(payment)
        return self.shared.apply_fault(
            _aim(BkashStep.REFUND, payment), self.envelopes, lambda fault: self._refund(form, payment, fault)
        )

    def refund_status(self, form: Form) -> Reply:
        """Report the first refund of a payment; without one there is no refundTrxID."""
        payment = self._refundable_payment(form, "paymentID", "trxID")
        if isinstance(payment, str):
            return self.envelopes.refusal_reply(payment)
        return self.shared.apply_fault(
            _aim(BkashStep.REFUND_STATUS, payment),
            self.envelopes,
            lambda _fault: self._refund_reply(payment),
        )

    def refund_v2(self, form: Form) -> Reply:
        """Give back a part of a payment: at most ten times, within 60 days, never more than it was."""
        if any(not isinstance(form.get(name), str | int | float) or form[name] == "" for name in _V2_FIELDS):
            raise MalformedRequestError("a field is missing")
        payment = self._refundable_payment(form, "paymentId", "trxId")
        if isinstance(payment, str):
            return refusal_reply_v2(payment)
        return self.shared.apply_fault(
            _aim(BkashStep.REFUND, payment), V2, lambda fault: self._refund_v2(form, payment, fault)
        )

    def refund_status_v2(self, form: Form) -> Reply:
        """Report every refund of a payment."""
        payment = self._refundable_payment(form, "paymentId", "trxId")
        if isinstance(payment, str):
            return refusal_reply_v2(payment)
        return self.shared.apply_fault(
            _aim(BkashStep.REFUND_STATUS, payment), V2, lambda _fault: _refunds_reply(payment)
        )

    def _refundable_payment(self, form: Form, id_name: str, trx_name: str) -> BkashPayment | str:
        payment = self.shared.book.payment(id_field(form, id_name) or "")
        if payment is None:
            return "2002"
        if payment.trx_id is None:
            return "2127"
        return payment if form.get(trx_name) == payment.trx_id else "2076"

    def _refund(self, form: Form, payment: BkashPayment, fault: BkashFault | None) -> Reply:
        def refusal(amount: int) -> str | None:
            if payment.refunds:
                return "2034"
            return "2026" if amount > payment.amount_paisa else None

        made = self._make(form, payment, form.get("amount"), fault, refusal)
        return self.envelopes.refusal_reply(made) if isinstance(made, str) else self._refund_reply(payment)

    def _refund_reply(self, payment: BkashPayment) -> Reply:
        if not payment.refunds:
            return self.envelopes.success_reply(originalTrxID=payment.trx_id, currency="BDT")
        refund = payment.refunds[0]
        return self.envelopes.success_reply(
            originalTrxID=payment.trx_id,
            refundTrxID=refund.refund_trx_id,
            transactionStatus=BkashStatus.COMPLETED,
            amount=taka(refund.amount_paisa),
            currency="BDT",
            charge="0.00",
            completedTime=time_v1(refund.at),
        )

    def _refund_v2(self, form: Form, payment: BkashPayment, fault: BkashFault | None) -> Reply:
        def refusal(amount: int) -> str | None:
            if len(payment.refunds) >= REFUNDS_MAX:
                return "2074"
            return "2072" if amount > payment.refundable_paisa else None

        made = self._make(form, payment, form["refundAmount"], fault, refusal)
        if isinstance(made, str):
            return refusal_reply_v2(made)
        return success_v2(
            originalTrxId=payment.trx_id,
            refundTrxId=made.refund_trx_id,
            refundTransactionStatus=BkashStatus.COMPLETED,
            originalTrxAmount=taka(payment.reported_paisa),
            refundAmount=taka(made.amount_paisa),
            currency="BDT",
            completedTime=time_v2(made.at),
            sku=made.sku,
            reason=made.reason,
        )

    def _make(
        self,
        form: Form,
        payment: BkashPayment,
        amount: object,
        fault: BkashFault | None,
        refusal: Callable[[int], str | None],
    ) -> BkashRefund | str:
        now = self.shared.clock.now()
        sku, reason = (str(form.get(name) or "") for name in ("sku", "reason"))
        amount_paisa = paisa(amount)
        if amount_paisa is None or amount_paisa == 0:
            return "2072"
        if max(len(sku), len(reason)) > TEXT_LENGTH_MAX:
            return "2075"
        if not payment.may_be_refunded(now):
            return "2071"
        code = refusal(amount_paisa) or self.shared.refusal_code(fault, BkashStep.REFUND)
        if code is not None:
            return code
        refund = BkashRefund(new_trx_id(self.shared), amount_paisa, now.isoformat(), sku, reason)
        self.shared.book.record_refunded(payment.payment_id, refund)
        return refund


def _aim(step: BkashStep, payment: BkashPayment) -> FaultTarget:
    numbers = (payment.payment_id, payment.invoice, payment.wallet or "")
    return FaultTarget(step, numbers, payment, is_open=not payment.refunds)


def _refunds_reply(payment: BkashPayment) -> Reply:
    return success_v2(
        originalTrxId=payment.trx_id,
        originalTrxAmount=taka(payment.reported_paisa),
        originalTrxCompletedTime=time_v2(payment.execution_time),
        refundTransactions=[
            {
                "refundTrxId": refund.refund_trx_id,
                "refundTransactionStatus": BkashStatus.COMPLETED,
                "refundAmount": taka(refund.amount_paisa),
                "completedTime": time_v2(refund.at),
            }
            for refund in payment.refunds
        ],
    )
