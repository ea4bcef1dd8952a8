"""The calls of a payment: create, execute, capture, void, status and search.

Create and execute are an agreement's too. The transaction id of an authorisation is told from its execute on.
"""

from dataclasses import dataclass
from datetime import datetime

from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.replies import Reply
from sandbox.kit.institution.requests import Form
from sandbox.providers.bkash.agreement_calls import AgreementCalls, opened_reply
from sandbox.providers.bkash.book import FoundMovement
from sandbox.providers.bkash.faults import BkashFault, BkashStep
from sandbox.providers.bkash.payment import BkashMode, BkashPayment, BkashStatus
from sandbox.providers.bkash.payment_steps import PaymentSteps, StepResult, callback_url, numbers_of
from sandbox.providers.bkash.replies import refusal_reply, success
from sandbox.providers.bkash.shared_state import V1, BkashSharedState, FaultTarget
from sandbox.providers.bkash.wire import BadFieldError, CreateRequest, id_field, read_create, time_v1


@dataclass(frozen=True)
class PaymentCalls:
    """Answers these calls; each runs to its end before the next begins."""

    shared: BkashSharedState

    @property
    def _steps(self) -> PaymentSteps:
        return PaymentSteps(self.shared)

    def create(self, form: Form) -> Reply:
        """Open a payment or an agreement, and tell where its payer approves it; no money moves."""
        try:
            request = read_create(form)
        except BadFieldError as error:
            return refusal_reply(str(error))
        aim = FaultTarget(BkashStep.CREATE, (request.invoice, request.payer_reference))
        return self.shared.apply_fault(aim, V1, lambda fault: self._create(request, fault))

    def execute(self, form: Form) -> Reply:
        """Move the money of an approved payment, or begin an approved agreement, once."""
        payment = self._payment(form)
        if payment is None:
            return refusal_reply("2002")
        is_done = payment.reported_trx_id is not None or payment.has_agreed
        is_open = payment.verified_at is not None and not is_done
        aim = FaultTarget(BkashStep.EXECUTE, numbers_of(payment), payment, is_open)
        return self.shared.apply_fault(aim, V1, lambda fault: self._execute(payment, fault))

    def capture(self, form: Form) -> Reply:
        """Move the money that an authorisation holds, once."""
        payment = self._payment(form)
        if payment is None:
            return refusal_reply("2002")
        aim = FaultTarget(BkashStep.CAPTURE, numbers_of(payment), payment)
        return self.shared.apply_fault(
            aim, V1, lambda fault: self._confirmation_reply(payment, self._steps.capture(payment, fault))
        )

    def void(self, form: Form) -> Reply:
        """Let the payer have the money again that an authorisation holds, once."""
        payment = self._payment(form)
        if payment is None:
            return refusal_reply("2002")
        aim = FaultTarget(BkashStep.VOID, numbers_of(payment), payment)
        return self.shared.apply_fault(
            aim, V1, lambda fault: self._confirmation_reply(payment, self._steps.void(payment, fault))
        )

    def status(self, form: Form) -> Reply:
        """Report what has become of a payment; changes nothing."""
        payment = self._payment(form)
        if payment is None:
            return refusal_reply("2002")
        aim = FaultTarget(BkashStep.STATUS, numbers_of(payment), payment)
        return self.shared.apply_fault(aim, V1, lambda _fault: self._status(payment))

    def search(self, form: Form) -> Reply:
        """Report about a movement of money by its transaction id."""
        movement = self.shared.book.movement(id_field(form, "trxID") or "")
        if movement is None:
            return refusal_reply("2033")
        aim = FaultTarget(BkashStep.SEARCH, numbers_of(movement.payment), movement.payment)
        return self.shared.apply_fault(aim, V1, lambda _fault: self._movement_reply(movement))

    def _payment(self, form: Form) -> BkashPayment | None:
        payment = self.shared.book.payment(id_field(form, "paymentID") or "")
        return None if payment is not None and payment.is_in_frame else payment

    def _create(self, request: CreateRequest, fault: BkashFault | None) -> Reply:
        payment = self._steps.open(request, fault)
        if isinstance(payment, str):
            return refusal_reply(payment)
        if payment.opens_agreement:
            return opened_reply(payment, self._steps.page_url(payment))
        return success(
            paymentID=payment.payment_id,
            bkashURL=self._steps.page_url(payment),
            callbackURL=payment.callback_url,
            successCallbackURL=callback_url(payment, "success"),
            failureCallbackURL=callback_url(payment, "failure"),
            cancelledCallbackURL=callback_url(payment, "cancel"),
            amount=taka(payment.amount_paisa),
            intent=payment.intent,
            currency="BDT",
            paymentCreateTime=time_v1(payment.creation_time),
            transactionStatus=BkashStatus.INITIATED,
            merchantInvoiceNumber=payment.invoice,
            agreementID=payment.agreement_id,
        )

    def _execute(self, payment: BkashPayment, fault: BkashFault | None) -> Reply:
        if payment.opens_agreement:
            return AgreementCalls(self.shared).execute(payment, fault)
        result = self._steps.execute(payment, fault)
        if result.refused_with is not None:
            return refusal_reply(result.refused_with)
        pays_by_agreement = payment.mode == BkashMode.WITH_AGREEMENT
        reply = success(
            paymentID=payment.payment_id,
            payerReference=payment.payer_reference,
            customerMsisdn=payment.wallet,
            trxID=payment.reported_trx_id,
            amount=taka(payment.reported_paisa),
            transactionStatus=payment.status(self.shared.clock.now()),
            paymentExecuteTime=_time(payment.execute_done_at),
            currency="BDT",
            intent=payment.intent,
            merchantInvoiceNumber=payment.invoice,
            agreementID=payment.agreement_id,
            payerType="Customer" if pays_by_agreement else None,
            payerAccount=payment.wallet if pays_by_agreement else None,
        )
        return result.hold_reply(reply)

    def _confirmation_reply(self, payment: BkashPayment, result: StepResult) -> Reply:
        if result.refused_with is not None:
            return refusal_reply(result.refused_with)
        return success(
            paymentID=payment.payment_id,
            createTime=time_v1(payment.creation_time),
            updateTime=time_v1(payment.updated_at),
            trxID=payment.reported_trx_id,
            transactionStatus=payment.status(self.shared.clock.now()),
        )

    def _status(self, payment: BkashPayment) -> Reply:
        if payment.opens_agreement:
            return self._opening_status(payment)
        has_moved = payment.trx_id is not None
        return success(
            paymentID=payment.payment_id,
            mode=payment.mode,
            paymentCreateTime=time_v1(payment.creation_time),
            paymentExecuteTime=_time(payment.execute_done_at),
            amount=taka(payment.reported_paisa),
            currency="BDT",
            intent=payment.intent,
            merchantInvoice=payment.invoice,
            trxID=payment.reported_trx_id,
            transactionStatus=payment.status(self.shared.clock.now()),
            verificationStatus="Complete" if payment.verified_at else "Incomplete",
            payerReference=payment.payer_reference,
            customerMsisdn=payment.wallet,
            payerAccount=payment.wallet or "",
            payerType="Customer",
            maxRefundableAmount=taka(payment.refundable_paisa) if has_moved else None,
            agreementID=payment.agreement_id,
        )

    def _opening_status(self, payment: BkashPayment) -> Reply:
        """Report an agreement by its opening; clients insist on every member, so none is left out."""
        agreement = self.shared.book.agreement(payment.agreement_id or "")
        return success(
            paymentID=payment.payment_id,
            mode=payment.mode,
            payerReference=payment.payer_reference,
            customerMsisdn=payment.wallet or "",
            payerAccount=payment.wallet or "",
            payerType="Customer",
            agreementID=payment.agreement_id or "",
            agreementStatus=payment.status(self.shared.clock.now())
            if agreement is None
            else agreement.status,
            agreementCreateTime=time_v1(payment.creation_time),
            agreementExecuteTime="" if agreement is None else time_v1(agreement.execution_time),
            verificationStatus="Complete" if payment.verified_at else "Incomplete",
        )

    def _movement_reply(self, movement: FoundMovement) -> Reply:
        payment, refund = movement
        amount_paisa = payment.reported_paisa
        common: dict[str, object] = {
            "customerMsisdn": payment.wallet,
            "payerAccount": payment.wallet,
            "transactionStatus": payment.status(self.shared.clock.now()),
            "currency": "BDT",
            "organizationShortCode": self.shared.settings.short_code,
            "transactionReference": payment.payer_reference,
        }
        if refund is not None:
            return success(
                trxID=refund.refund_trx_id,
                initiationTime=time_v1(refund.at),
                completedTime=time_v1(refund.at),
                transactionType="Refund",
                amount=taka(refund.amount_paisa),
                originalTrxAmount=taka(amount_paisa),
                **common,
            )
        has_moved = payment.trx_id is not None
        return success(
            trxID=payment.reported_trx_id,
            initiationTime=time_v1(payment.creation_time),
            completedTime=time_v1(payment.updated_at),
            transactionType="bKash Tokenized Checkout via API",
            payerType="Customer",
            amount=taka(amount_paisa),
            serviceFee=taka(payment.fee_paisa) if has_moved else None,
            creditedAmount=taka(amount_paisa - payment.fee_paisa) if has_moved else None,
            maxRefundableAmount=taka(payment.refundable_paisa),
            saleAmount=taka(amount_paisa),
            couponAmount="0.00",
            **common,
        )


def _time(instant: datetime | None) -> str | None:
    return None if instant is None else time_v1(instant)
