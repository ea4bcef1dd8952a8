"""The steps of a payment, whatever product asks for them: open, execute, and capture or void.

A step is refused with one of bKash's codes, or done and in the book; how either is answered is the product's.
"""

import asyncio
import secrets
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple
from urllib.parse import urlencode

from sandbox.kit.institution.pages import with_query
from sandbox.kit.institution.replies import Reply
from sandbox.kit.institution.seeded_values import share_half_up
from sandbox.providers.bkash import wire
from sandbox.providers.bkash.book import Execution
from sandbox.providers.bkash.faults import BkashFault, BkashStep
from sandbox.providers.bkash.payment import BkashIntent, BkashMode, BkashPayment, BkashStatus
from sandbox.providers.bkash.shared_state import BkashSharedState
from sandbox.providers.bkash.wallets import WalletKind
from sandbox.providers.bkash.wire import CreateRequest

PAGE_PATH = "/checkout"

_OTHER_AMOUNT_PAISA = 100
_NOTICE_SECONDS_MAX = 20
_WHOLE = 10_000
_TRX_LETTERS = string.ascii_uppercase + string.digits
_ID_LETTERS = string.ascii_letters + string.digits
_ENDED = {BkashStatus.CANCELLED: "2069", BkashStatus.EXPIRED: "2056"}
_ENDS_PAYMENT = frozenset({"2023", "2037"})
"""Refusals of an execute after which the payment is declined; a duplicate says nothing about it."""


class StepResult(NamedTuple):
    """What has become of a step: refused with a code, or done; `notice` must be tried before the answer."""

    refused_with: str | None = None
    notice: asyncio.Future[None] | None = None

    def hold_reply(self, reply: Reply) -> Reply:
        """Return the reply, held until the notice was tried if there is one."""
        if self.notice is None:
            return reply
        return reply._replace(waits_for=partial(asyncio.wait, [self.notice], timeout=_NOTICE_SECONDS_MAX))


@dataclass(frozen=True)
class PaymentSteps:
    """Takes these steps; each runs to its end before the next begins, so no payment is executed twice."""

    shared: BkashSharedState

    def open(self, request: CreateRequest, fault: BkashFault | None) -> BkashPayment | str:
        """Return the payment that was opened, or the code of the refusal."""
        code = self._refusal_of_open(request) or self.shared.refusal_code(fault, BkashStep.CREATE)
        if code is not None:
            return code
        now = self.shared.clock.now()
        agreement = self.shared.book.agreement(request.agreement_id or "")
        payment = BkashPayment(
            payment_id=_payment_id(request.mode, now),
            page_hash=secrets.token_urlsafe(18),
            invoice=request.invoice,
            amount_paisa=request.amount_paisa,
            payer_reference=request.payer_reference or (agreement.payer_reference if agreement else ""),
            callback_url=request.callback_url,
            created_at=now.isoformat(),
            mode=request.mode,
            agreement_id=request.agreement_id,
            intent=request.intent,
        )
        self.shared.book.record_created(payment)
        return payment

    def execute(self, payment: BkashPayment, fault: BkashFault | None) -> StepResult:
        """Move the money of an approved payment, or hold it for an authorisation; once."""
        if payment.reported_trx_id is not None:
            self.shared.book.record_repeat(payment.payment_id)
            kind = self.shared.wallets.kind(payment.wallet or "")
            return StepResult("2062" if kind is WalletKind.COMPLETED_ALREADY else "2117")
        code = self._refusal_of_execute(payment, fault)
        if code is not None:
            if code in _ENDS_PAYMENT and payment.failure_code is None:
                self.shared.book.record_declined(payment.payment_id, payment.wallet, code)
            return StepResult(code)
        extra_paisa = _OTHER_AMOUNT_PAISA if fault is BkashFault.OTHER_AMOUNT else 0
        book, trx_id = self.shared.book, new_trx_id(self.shared)
        if payment.intent == BkashIntent.AUTHORISATION:
            book.record_authorised(payment.payment_id, trx_id, extra_paisa, self.shared.clock.now())
            return StepResult()
        execution = self._execution(payment, trx_id, extra_paisa)
        book.record_executed(payment.payment_id, execution)
        tried = self._deliver_notice(payment, execution)
        return StepResult(notice=tried if fault is BkashFault.NOTICE_FIRST else None)

    def capture(self, payment: BkashPayment, fault: BkashFault | None) -> StepResult:
        """Move the money that an authorisation holds, once."""
        code = _refusal_of_confirmation(payment) or self.shared.refusal_code(fault, BkashStep.CAPTURE)
        if code is not None:
            return StepResult(code)
        execution = self._execution(payment, payment.authorised_trx_id or "", payment.echo_extra_paisa)
        self.shared.book.record_captured(payment.payment_id, execution)
        self._deliver_notice(payment, execution)
        return StepResult()

    def void(self, payment: BkashPayment, fault: BkashFault | None) -> StepResult:
        """Hold the money of an authorisation no longer, once; none moves."""
        code = _refusal_of_confirmation(payment) or self.shared.refusal_code(fault, BkashStep.VOID)
        if code is not None:
            return StepResult(code)
        self.shared.book.record_voided(payment.payment_id, self.shared.clock.now())
        return StepResult()

    def page_url(self, payment: BkashPayment) -> str:
        """Return where the payer approves a payment."""
        query = urlencode(
            {
                "paymentId": payment.payment_id,
                "hash": payment.page_hash,
                "mode": payment.mode,
                "apiVersion": wire.API_VERSION,
            }
        )
        return f"{self.shared.settings.public_url or self.shared.whereabouts.origin}{PAGE_PATH}?{query}"

    def _refusal_of_open(self, request: CreateRequest) -> str | None:
        book = self.shared.book
        if request.mode == BkashMode.AGREEMENT:
            return None
        if request.mode == BkashMode.WITH_AGREEMENT:
            agreement = book.agreement(request.agreement_id or "")
            if agreement is None or not agreement.is_active:
                return "2051" if agreement is None else "2053"
        latest = book.latest_of(request.invoice)
        span = timedelta(seconds=self.shared.settings.duplicate_seconds)
        is_taken = latest is not None and self.shared.clock.now() < latest.creation_time + span
        return "2029" if is_taken else None

    def _refusal_of_execute(self, payment: BkashPayment, fault: BkashFault | None) -> str | None:
        status = payment.status(self.shared.clock.now())
        if status is not BkashStatus.INITIATED:
            return payment.failure_code or _ENDED[status]
        if payment.wallet is None or payment.verified_at is None:
            return "2060"
        agreement = self.shared.book.agreement(payment.agreement_id or "")
        if agreement is not None and not agreement.is_active:
            return "2053"
        if self.shared.spendable_paisa(payment.wallet) < payment.amount_paisa:
            return "2023"
        return self.shared.refusal_code(fault, BkashStep.EXECUTE)

    def _execution(self, payment: BkashPayment, trx_id: str, extra_paisa: int) -> Execution:
        endpoint, settings = self.shared.book.endpoint, self.shared.settings
        return Execution(
            trx_id=trx_id,
            at=self.shared.clock.now(),
            fee_paisa=share_half_up(payment.amount_paisa, settings.fee_basis_points, _WHOLE),
            echo_extra_paisa=extra_paisa,
            notice_id=None if endpoint is None else self.shared.notifications.message_id(payment),
        )

    def _deliver_notice(self, payment: BkashPayment, execution: Execution) -> asyncio.Future[None] | None:
        book = self.shared.book
        notice = book.notice(execution.notice_id or "")
        if notice is None or book.endpoint is None:
            return None
        return self.shared.notifications.deliver(notice, payment, book.endpoint)


def _refusal_of_confirmation(payment: BkashPayment) -> str | None:
    """The code with which a capture or a void is refused, if it is."""
    if payment.authorised_trx_id is None:
        return "2056"
    is_over = payment.trx_id is not None or payment.voided_at is not None
    return "2119" if is_over else None


def callback_url(payment: BkashPayment, status: str) -> str:
    """Return where a browser is sent with this status."""
    return with_query(payment.callback_url, paymentID=payment.payment_id, status=status)


def numbers_of(payment: BkashPayment) -> tuple[str, ...]:
    """Return the numbers under which a fault can be set for a payment."""
    named = (payment.payment_id, payment.invoice, payment.wallet)
    return tuple(number for number in named if number)


def new_trx_id(shared: BkashSharedState) -> str:
    """Return the id of a movement of money that no other has."""
    while True:
        trx_id = _random(_TRX_LETTERS, 10)
        if shared.book.movement(trx_id) is None:
            return trx_id


def new_agreement_id(now: datetime) -> str:
    """Return the id of an agreement that no other has."""
    return f"TokenizedMerchant01{_random(_TRX_LETTERS, 7)}{_milliseconds(now)}"


def _payment_id(mode: str, now: datetime) -> str:
    if mode == BkashMode.IN_FRAME:
        return f"{_random(_TRX_LETTERS, 7)}{_milliseconds(now)}"
    return f"TR{mode}{_random(_ID_LETTERS, 8)}{_milliseconds(now)}"


def _milliseconds(now: datetime) -> int:
    return int(now.timestamp() * 1_000)


def _random(letters: str, length: int) -> str:
    return "".join(secrets.choice(letters) for _ in range(length))
