"""The calls of the product whose page stands in a frame of the shop's page: create, execute, query, search.

They name the payment in the path. A success has no code, and every refusal is in the second envelope. Its
payments are the ones of all products, but each product knows only its own by their id.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.replies import Reply
from sandbox.kit.institution.requests import Form
from sandbox.providers.bkash.faults import BkashFault, BkashStep
from sandbox.providers.bkash.payment import BkashPayment, BkashStatus
from sandbox.providers.bkash.payment_steps import PaymentSteps, StepResult, numbers_of
from sandbox.providers.bkash.shared_state import IN_FRAME, BkashSharedState, FaultTarget
from sandbox.providers.bkash.wire import BadFieldError, CreateRequest, id_field, read_create_in_frame, time_v1

_refusal_reply, _, _success = IN_FRAME


@dataclass(frozen=True)
class FrameCalls:
    """Answers these calls; each runs to its end before the next begins."""

    shared: BkashSharedState

    @property
    def _steps(self) -> PaymentSteps:
        return PaymentSteps(self.shared)

    def create(self, form: Form) -> Reply:
        """Open a payment that its payer approves at the page in the frame; no money moves."""
        try:
            request = read_create_in_frame(form)
        except BadFieldError as error:
            return _refusal_reply(str(error))
        aim = FaultTarget(BkashStep.CREATE, (request.invoice,))
        return self.shared.apply_fault(aim, IN_FRAME, lambda fault: self._create(request, fault))

    def execute(self, form: Form) -> Reply:
        """Move the money of an approved payment, or hold it for an authorisation; once."""

        def execute(payment: BkashPayment, fault: BkashFault | None) -> Reply:
            result = self._steps.execute(payment, fault)
            return result.hold_reply(self._step_reply(payment, result, is_whole=True))

        return self._of_payment(form, BkashStep.EXECUTE, execute)

    def capture(self, form: Form) -> Reply:
        """Move the money that an authorisation holds, once."""
        return self._of_payment(
            form,
            BkashStep.CAPTURE,
            lambda payment, fault: self._step_reply(payment, self._steps.capture(payment, fault)),
        )

    def void(self, form: Form) -> Reply:
        """Let the payer have the money again that an authorisation holds, once."""
        return self._of_payment(
            form,
            BkashStep.VOID,
            lambda payment, fault: self._step_reply(payment, self._steps.void(payment, fault)),
        )

    def query(self, form: Form) -> Reply:
        """Report what has become of a payment; changes nothing."""
        return self._of_payment(
            form,
            BkashStep.STATUS,
            lambda payment, _fault: _success(
                **self._members(payment, is_whole=True),
                refundAmount=taka(payment.refunded_paisa) if payment.refunds else None,
            ),
        )

    def search(self, form: Form) -> Reply:
        """Report about a movement of money by its transaction id, of whichever product."""
        movement = self.shared.book.movement(id_field(form, "trxID") or "")
        if movement is None:
            return _refusal_reply("2033")
        payment, refund = movement
        aim = FaultTarget(BkashStep.SEARCH, numbers_of(payment), payment)
        completed_at = payment.updated_at if refund is None else refund.at
        started_at = payment.creation_time if refund is None else refund.at
        reply = _success(
            trxID=payment.reported_trx_id if refund is None else refund.refund_trx_id,
            initiationTime=time_v1(started_at),
            completedTime=time_v1(completed_at),
            transactionType="bKash Checkout via API" if refund is None else "Refund",
            customerMsisdn=f"88{payment.wallet}",
            transactionStatus=payment.status(self.shared.clock.now()),
            amount=taka(payment.reported_paisa if refund is None else refund.amount_paisa),
            currency="BDT",
            organizationShortCode=self.shared.settings.short_code,
        )
        return self.shared.apply_fault(aim, IN_FRAME, lambda _fault: reply)

    def _of_payment(
        self, form: Form, step: BkashStep, answer: Callable[[BkashPayment, BkashFault | None], Reply]
    ) -> Reply:
        payment = self.shared.book.payment(id_field(form, "paymentID") or "")
        if payment is None or not payment.is_in_frame:
            return _refusal_reply("2002")
        is_executable = payment.verified_at is not None and payment.reported_trx_id is None
        is_open = step is BkashStep.EXECUTE and is_executable
        aim = FaultTarget(step, numbers_of(payment), payment, is_open)
        return self.shared.apply_fault(aim, IN_FRAME, lambda fault: answer(payment, fault))

    def _create(self, request: CreateRequest, fault: BkashFault | None) -> Reply:
        payment = self._steps.open(request, fault)
        if isinstance(payment, str):
            return _refusal_reply(payment)
        return _success(
            paymentID=payment.payment_id,
            createTime=time_v1(payment.creation_time),
            orgLogo="",
            orgName=self.shared.settings.merchant_name,
            transactionStatus=BkashStatus.INITIATED,
            amount=taka(payment.amount_paisa),
            currency="BDT",
            intent=payment.intent,
            merchantInvoiceNumber=payment.invoice,
        )

    def _step_reply(self, payment: BkashPayment, result: StepResult, *, is_whole: bool = False) -> Reply:
        if result.refused_with is not None:
            return _refusal_reply(result.refused_with)
        return _success(**self._members(payment, is_whole=is_whole))

    def _members(self, payment: BkashPayment, *, is_whole: bool) -> dict[str, object]:
        """What every answer about a payment tells, and with the whole of it what was asked for too."""
        members: dict[str, object] = {
            "paymentID": payment.payment_id,
            "createTime": time_v1(payment.creation_time),
            "updateTime": time_v1(payment.updated_at),
            "trxID": payment.reported_trx_id,
            "transactionStatus": payment.status(self.shared.clock.now()),
        }
        if not is_whole:
            return members
        return members | {
            "amount": taka(payment.reported_paisa),
            "currency": "BDT",
            "intent": payment.intent,
            "merchantInvoiceNumber": payment.invoice,
            "customerMsisdn": payment.wallet,
        }
