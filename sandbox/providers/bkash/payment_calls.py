"""The calls of a payment: create, execute, status and search, and the two that give out tokens."""

import asyncio
import secrets
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hmac import compare_digest
from urllib.parse import urlencode

from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.pages import with_query
from sandbox.kit.institution.replies import Reply
from sandbox.kit.institution.requests import Form
from sandbox.kit.institution.seeded_values import share_half_up
from sandbox.providers.bkash import replies, tokens, wire
from sandbox.providers.bkash.book import Execution, FoundMovement
from sandbox.providers.bkash.faults import BkashFault, BkashStep
from sandbox.providers.bkash.payment import BkashPayment, BkashStatus
from sandbox.providers.bkash.replies import refusal_reply, success
from sandbox.providers.bkash.shared_state import V1, BkashSharedState, FaultTarget
from sandbox.providers.bkash.wallets import WalletKind
from sandbox.providers.bkash.wire import BadFieldError, CreateRequest, id_field, read_create, time_v1

PAGE_PATH = "/checkout"

_OTHER_AMOUNT_PAISA = 100
_NOTICE_SECONDS_MAX = 20
_WHOLE = 10_000
_TRX_LETTERS = string.ascii_uppercase + string.digits
_ID_LETTERS = string.ascii_letters + string.digits
_ENDED = {BkashStatus.CANCELLED: "2069", BkashStatus.EXPIRED: "2056"}
_ENDS_PAYMENT = frozenset({"2023", "2037"})
"""Refusals of an execute after which the payment is declined; a duplicate says nothing about it."""


@dataclass(frozen=True)
class PaymentCalls:
    """Answers these calls; each runs to its end before the next begins, so no payment is executed twice."""

    shared: BkashSharedState

    def grant(self, form: Form) -> Reply:
        """Give out a pair of tokens for the right app; the one too many blocks the app for an hour."""
        return self._grant_with_fault(form, "")

    def refresh(self, form: Form) -> Reply:
        """Give out a new pair for a living refresh token; it counts as a grant."""
        return self._grant_with_fault(form, id_field(form, "refresh_token") or "-")

    def create(self, form: Form) -> Reply:
        """Open a payment and tell where its payer approves it; no money moves."""
        try:
            request = read_create(form)
        except BadFieldError as error:
            return refusal_reply(str(error))
        aim = FaultTarget(BkashStep.CREATE, (request.invoice, request.payer_reference))
        return self.shared.apply_fault(aim, V1, lambda fault: self._create(request, fault))

    def execute(self, form: Form) -> Reply:
        """Move the money of an approved payment, once."""
        payment = self._payment(form)
        if payment is None:
            return refusal_reply("2002")
        is_open = payment.verified_at is not None and payment.trx_id is None
        aim = FaultTarget(BkashStep.EXECUTE, _numbers(payment), payment, is_open)
        return self.shared.apply_fault(aim, V1, lambda fault: self._execute(payment, fault))

    def status(self, form: Form) -> Reply:
        """Report what has become of a payment; changes nothing."""
        payment = self._payment(form)
        if payment is None:
            return refusal_reply("2002")
        aim = FaultTarget(BkashStep.STATUS, _numbers(payment), payment)
        return self.shared.apply_fault(aim, V1, lambda _fault: self._status(payment))

    def search(self, form: Form) -> Reply:
        """Report about a movement of money by its transaction id."""
        movement = self.shared.book.movement(id_field(form, "trxID") or "")
        if movement is None:
            return refusal_reply("2033")
        aim = FaultTarget(BkashStep.SEARCH, _numbers(movement.payment), movement.payment)
        return self.shared.apply_fault(aim, V1, lambda _fault: self._movement_reply(movement))

    def _grant_with_fault(self, form: Form, refresh_token: str) -> Reply:
        return self.shared.apply_fault(
            FaultTarget(BkashStep.GRANT), V1, lambda fault: self._grant(form, refresh_token, fault)
        )

    def _grant(self, form: Form, refresh_token: str, fault: BkashFault | None) -> Reply:
        settings, book, now = self.shared.settings, self.shared.book, self.shared.clock.now()
        secret = settings.app_secret.get_secret_value().encode()
        if id_field(form, "app_key") != settings.app_key:
            return refusal_reply("2001")
        if not compare_digest((id_field(form, "app_secret") or "").encode(), secret):
            return replies.ERRORS.unauthorised
        if fault is BkashFault.REFUSE or (refresh_token and not book.tokens.may_refresh(refresh_token, now)):
            return replies.ERRORS.unauthorised
        if 0 < settings.grants_an_hour <= book.tokens.grants_within_an_hour(now):
            self.shared.block_app()
            return replies.APP_BLOCKED
        pair = tokens.grant_event(now)
        book.record(pair)
        return success(
            id_token=pair["id_token"],
            token_type="Bearer",  # noqa: S106 - the name of a scheme
            expires_in=tokens.TOKEN_SECONDS,
            refresh_token=pair["refresh_token"],
        )

    def _payment(self, form: Form) -> BkashPayment | None:
        return self.shared.book.payment(id_field(form, "paymentID") or "")

    def _create(self, request: CreateRequest, fault: BkashFault | None) -> Reply:
        now = self.shared.clock.now()
        latest = self.shared.book.latest_of(request.invoice)
        span = timedelta(seconds=self.shared.settings.duplicate_seconds)
        if latest is not None and now < latest.creation_time + span:
            return refusal_reply("2029")
        code = self.shared.refusal_code(fault, BkashStep.CREATE)
        if code is not None:
            return refusal_reply(code)
        payment = BkashPayment(
            payment_id=_payment_id(now),
            page_hash=secrets.token_urlsafe(18),
            invoice=request.invoice,
            amount_paisa=request.amount_paisa,
            payer_reference=request.payer_reference,
            callback_url=request.callback_url,
            created_at=now.isoformat(),
        )
        self.shared.book.record_created(payment)
        return success(
            paymentID=payment.payment_id,
            bkashURL=self._page_url(payment),
            callbackURL=payment.callback_url,
            successCallbackURL=callback_url(payment, "success"),
            failureCallbackURL=callback_url(payment, "failure"),
            cancelledCallbackURL=callback_url(payment, "cancel"),
            amount=taka(payment.amount_paisa),
            intent="sale",
            currency="BDT",
            paymentCreateTime=time_v1(now),
            transactionStatus=payment.status(now),
            merchantInvoiceNumber=payment.invoice,
        )

    def _page_url(self, payment: BkashPayment) -> str:
        query = urlencode(
            {
                "paymentId": payment.payment_id,
                "hash": payment.page_hash,
                "mode": wire.MODE,
                "apiVersion": wire.API_VERSION,
            }
        )
        return f"{self.shared.settings.public_url or self.shared.whereabouts.origin}{PAGE_PATH}?{query}"

    def _execute(self, payment: BkashPayment, fault: BkashFault | None) -> Reply:
        if payment.trx_id is not None:
            self.shared.book.record_repeat(payment.payment_id)
            kind = self.shared.wallets.kind(payment.wallet or "")
            return refusal_reply("2062" if kind is WalletKind.COMPLETED_ALREADY else "2117")
        code = self._refusal_of_execute(payment, fault)
        if code is not None:
            if code in _ENDS_PAYMENT and payment.failure_code is None:
                self.shared.book.record_declined(payment.payment_id, payment.wallet, code)
            return refusal_reply(code)
        tried = self._move(payment, fault)
        reply = success(
            paymentID=payment.payment_id,
            payerReference=payment.payer_reference,
            customerMsisdn=payment.wallet,
            trxID=payment.trx_id,
            amount=taka(payment.reported_paisa),
            transactionStatus=BkashStatus.COMPLETED,
            paymentExecuteTime=time_v1(payment.execution_time),
            currency="BDT",
            intent="sale",
            merchantInvoiceNumber=payment.invoice,
        )
        if tried is None or fault is not BkashFault.NOTICE_FIRST:
            return reply
        return reply._replace(waits_for=partial(asyncio.wait, [tried], timeout=_NOTICE_SECONDS_MAX))

    def _refusal_of_execute(self, payment: BkashPayment, fault: BkashFault | None) -> str | None:
        status = payment.status(self.shared.clock.now())
        if status is not BkashStatus.INITIATED:
            return payment.failure_code or _ENDED[status]
        if payment.wallet is None or payment.verified_at is None:
            return "2060"
        if self.shared.balance_paisa(payment.wallet) < payment.amount_paisa:
            return "2023"
        return self.shared.refusal_code(fault, BkashStep.EXECUTE)

    def _move(self, payment: BkashPayment, fault: BkashFault | None) -> asyncio.Future[None] | None:
        book, settings = self.shared.book, self.shared.settings
        execution = Execution(
            trx_id=new_trx_id(self.shared),
            at=self.shared.clock.now(),
            fee_paisa=share_half_up(payment.amount_paisa, settings.fee_basis_points, _WHOLE),
            echo_extra_paisa=_OTHER_AMOUNT_PAISA if fault is BkashFault.OTHER_AMOUNT else 0,
            notice_id=None if book.endpoint is None else self.shared.notifications.message_id(payment),
        )
        book.record_executed(payment.payment_id, execution)
        notice = book.notice(execution.notice_id or "")
        if notice is None or book.endpoint is None:
            return None
        return self.shared.notifications.deliver(notice, payment, book.endpoint)

    def _status(self, payment: BkashPayment) -> Reply:
        is_done = payment.trx_id is not None
        return success(
            paymentID=payment.payment_id,
            mode=wire.MODE,
            paymentCreateTime=time_v1(payment.creation_time),
            paymentExecuteTime=time_v1(payment.execution_time) if is_done else None,
            amount=taka(payment.reported_paisa),
            currency="BDT",
            intent="sale",
            merchantInvoice=payment.invoice,
            trxID=payment.trx_id,
            transactionStatus=payment.status(self.shared.clock.now()),
            verificationStatus="Complete" if payment.verified_at else "Incomplete",
            payerReference=payment.payer_reference,
            customerMsisdn=payment.wallet,
            payerAccount=payment.wallet or "",
            payerType="Customer",
            maxRefundableAmount=taka(payment.refundable_paisa) if is_done else None,
        )

    def _movement_reply(self, movement: FoundMovement) -> Reply:
        payment, refund = movement
        amount_paisa = payment.reported_paisa
        common: dict[str, object] = {
            "customerMsisdn": payment.wallet,
            "payerAccount": payment.wallet,
            "transactionStatus": BkashStatus.COMPLETED,
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
        return success(
            trxID=payment.trx_id,
            initiationTime=time_v1(payment.creation_time),
            completedTime=time_v1(payment.execution_time),
            transactionType="bKash Tokenized Checkout via API",
            payerType="Customer",
            amount=taka(amount_paisa),
            serviceFee=taka(payment.fee_paisa),
            creditedAmount=taka(amount_paisa - payment.fee_paisa),
            maxRefundableAmount=taka(payment.refundable_paisa),
            saleAmount=taka(amount_paisa),
            couponAmount="0.00",
            **common,
        )


def callback_url(payment: BkashPayment, status: str) -> str:
    """Return where a browser is sent with this status."""
    return with_query(payment.callback_url, paymentID=payment.payment_id, status=status)


def new_trx_id(shared: BkashSharedState) -> str:
    """Return the id of a movement of money that no other has."""
    while True:
        trx_id = _random(_TRX_LETTERS, 10)
        if shared.book.movement(trx_id) is None:
            return trx_id


def _payment_id(now: datetime) -> str:
    return f"TR00{wire.MODE[2:]}{_random(_ID_LETTERS, 8)}{int(now.timestamp() * 1_000)}"


def _random(letters: str, length: int) -> str:
    return "".join(secrets.choice(letters) for _ in range(length))


def _numbers(payment: BkashPayment) -> tuple[str, ...]:
    named = (payment.payment_id, payment.invoice)
    return named if payment.wallet is None else (*named, payment.wallet)
