"""The calls of an agreement: the execute that begins it, status and cancel.

It is opened by a create call and approved on the payer's page like a payment. That a wallet has one active
agreement for a payer's reference, and which code says what at status and cancel, are this simulator's choice.
"""

from dataclasses import dataclass

from sandbox.kit.institution.replies import Reply
from sandbox.kit.institution.requests import Form
from sandbox.providers.bkash.agreement import BkashAgreement, BkashAgreementStatus
from sandbox.providers.bkash.faults import BkashFault, BkashStep
from sandbox.providers.bkash.payment import BkashPayment, BkashStatus
from sandbox.providers.bkash.payment_steps import callback_url, new_agreement_id
from sandbox.providers.bkash.replies import refusal_reply, success
from sandbox.providers.bkash.shared_state import V1, BkashSharedState, FaultTarget
from sandbox.providers.bkash.wire import id_field, time_v1

_ENDED = {BkashStatus.CANCELLED: "2053", BkashStatus.EXPIRED: "2055"}


@dataclass(frozen=True)
class AgreementCalls:
    """Answers these calls; each runs to its end before the next begins."""

    shared: BkashSharedState

    def status(self, form: Form) -> Reply:
        """Report what has become of an agreement; changes nothing."""
        agreement = self._agreement(form)
        if agreement is None:
            return refusal_reply("2051")
        aim = FaultTarget(BkashStep.AGREEMENT_STATUS, _numbers(agreement))
        return self.shared.apply_fault(aim, V1, lambda _fault: _status_reply(agreement))

    def cancel(self, form: Form) -> Reply:
        """End an agreement, once; payments that were executed by it stay."""
        agreement = self._agreement(form)
        if agreement is None:
            return refusal_reply("2051")
        aim = FaultTarget(BkashStep.AGREEMENT_CANCEL, _numbers(agreement))
        return self.shared.apply_fault(aim, V1, lambda fault: self._cancel(agreement, fault))

    def execute(self, payment: BkashPayment, fault: BkashFault | None) -> Reply:
        """Begin the agreement that a payer has approved, once; no money moves."""
        if payment.has_agreed:
            self.shared.book.record_repeat(payment.payment_id)
            return refusal_reply("2116")
        code = self._refusal_of_execute(payment, fault)
        if code is not None:
            return refusal_reply(code)
        now = self.shared.clock.now()
        agreement_id = new_agreement_id(now)
        self.shared.book.record_agreed(payment.payment_id, agreement_id, now)
        return success(
            paymentID=payment.payment_id,
            agreementID=agreement_id,
            payerReference=payment.payer_reference,
            customerMsisdn=payment.wallet,
            agreementExecuteTime=time_v1(now),
            agreementStatus=BkashAgreementStatus.COMPLETED,
        )

    def _agreement(self, form: Form) -> BkashAgreement | None:
        return self.shared.book.agreement(id_field(form, "agreementID") or "")

    def _refusal_of_execute(self, payment: BkashPayment, fault: BkashFault | None) -> str | None:
        status = payment.status(self.shared.clock.now())
        if status is not BkashStatus.INITIATED:
            return payment.failure_code or _ENDED[status]
        if payment.wallet is None or payment.verified_at is None:
            return "2054"
        if any(
            other.is_active
            and (other.wallet, other.payer_reference) == (payment.wallet, payment.payer_reference)
            for other in self.shared.book.agreements()
        ):
            return "2050"
        # An agreement moves no money, so a wallet that is empty can agree.
        return self.shared.refusal_code(fault, BkashStep.EXECUTE) if fault is BkashFault.REFUSE else None

    def _cancel(self, agreement: BkashAgreement, fault: BkashFault | None) -> Reply:
        if not agreement.is_active:
            return refusal_reply("2053")
        code = self.shared.refusal_code(fault, BkashStep.AGREEMENT_CANCEL)
        if code is not None:
            return refusal_reply(code)
        now = self.shared.clock.now()
        self.shared.book.record_agreement_cancelled(agreement.agreement_id, now)
        return success(
            paymentID=agreement.payment_id,
            agreementID=agreement.agreement_id,
            payerReference=agreement.payer_reference,
            agreementVoidTime=time_v1(now),
            agreementStatus=agreement.status,
        )


def opened_reply(payment: BkashPayment, page_url: str) -> Reply:
    """Return what a create call answers that asks for an agreement."""
    return success(
        paymentID=payment.payment_id,
        bkashURL=page_url,
        callbackURL=payment.callback_url,
        successCallbackURL=callback_url(payment, "success"),
        failureCallbackURL=callback_url(payment, "failure"),
        cancelledCallbackURL=callback_url(payment, "cancel"),
        payerReference=payment.payer_reference,
        agreementStatus=BkashAgreementStatus.INITIATED,
        agreementCreateTime=time_v1(payment.creation_time),
    )


def _status_reply(agreement: BkashAgreement) -> Reply:
    ended = agreement.cancellation_time
    return success(
        paymentID=agreement.payment_id,
        agreementID=agreement.agreement_id,
        payerReference=agreement.payer_reference,
        customerMsisdn=agreement.wallet,
        agreementStatus=agreement.status,
        agreementCreateTime=time_v1(agreement.creation_time),
        agreementExecuteTime=time_v1(agreement.execution_time),
        # Clients insist on the member, also while there is nothing to tell.
        agreementVoidTime="" if ended is None else time_v1(ended),
    )


def _numbers(agreement: BkashAgreement) -> tuple[str, ...]:
    return agreement.payment_id, agreement.wallet
