"""The payer's page: wallet number, verification code, PIN, and then back to the merchant.

A browser is known by a cookie; one that comes without begins anew. Approving moves no money: it only lets
the payment be executed. Who opens the page of a payment that is over is sent back at once, so a callback
can come twice. An agreement is approved like a payment; who pays by one is known and gives the PIN alone.

In a frame of a shop's page a browser keeps no cookie of ours, so there the session is in the address; and
instead of being sent back the browser tells the shop's page how it went.
"""

import secrets
from collections import Counter
from dataclasses import dataclass, field
from hmac import compare_digest

from sandbox.kit.institution.pages import PageVisit, with_query
from sandbox.kit.institution.replies import Header, Reply, page_reply, redirect
from sandbox.kit.payer_pages import payer_page, wording
from sandbox.kit.payer_pages.language import Text, typed_digits, typed_mobile
from sandbox.kit.payer_pages.payer_page import (
    FRAMED_HEADERS,
    HEADERS,
    AgreementDue,
    Field,
    Message,
    PayerPage,
    PaymentDue,
    Step,
)
from sandbox.kit.provider.page_fields import with_tries_left
from sandbox.providers.bkash import page_wording as page
from sandbox.providers.bkash.numbers_to_try import numbers_to_try
from sandbox.providers.bkash.payment import BkashPayment, BkashStatus
from sandbox.providers.bkash.payment_steps import callback_url
from sandbox.providers.bkash.shared_state import BkashSharedState
from sandbox.providers.bkash.wallets import WalletKind
from sandbox.providers.bkash.wire import API_VERSION

TRIES_MAX = 3

_COOKIE = "bkash_visit"
_SESSION_FIELD = "visit"
_SENT_BACK = {
    BkashStatus.COMPLETED: "success",
    BkashStatus.CANCELLED: "cancel",
    BkashStatus.DECLINED: "failure",
}


@dataclass(slots=True)
class _BrowserSession:
    payment_id: str
    wallet: str | None = None
    is_known: bool = False
    """Whether the verification code was right."""

    @property
    def field(self) -> Field:
        """What the page asks for next."""
        if self.wallet is None:
            return page.WALLET
        return page.PIN if self.is_known else page.OTP


@dataclass(frozen=True)
class BkashCheckout:
    """Serves the page of every payment; sessions and wrong tries live in memory."""

    shared: BkashSharedState
    _sessions: dict[str, _BrowserSession] = field(default_factory=dict)
    _tries: Counter[tuple[str, str]] = field(default_factory=Counter)

    def visit(self, visit: PageVisit) -> Reply:
        """Show the page, or do what its form says."""
        payment = self._payment(visit)
        if payment is None:
            return page_reply(_page(visit).message(payer_page.UNKNOWN), status=404, headers=HEADERS)
        return self._finished_reply(payment, visit) or self._open(payment, visit)

    def visit_in_frame(self, visit: PageVisit) -> Reply:
        """Show the page of a payment of the product that has it in a frame, or do what its form says.

        The shop's page knows the payment by its id alone, so no hash is asked for.
        """
        payment = self.shared.book.payment(visit.query.get("paymentID", ""))
        if payment is None or not payment.is_in_frame:
            page_text = _page(visit).for_parent(payer_page.UNKNOWN, {"status": "failure"})
            return page_reply(page_text, status=404, headers=FRAMED_HEADERS)
        return self._finished_reply(payment, visit) or self._open(payment, visit)

    def approve(self, payment: BkashPayment, wallet: str) -> bool:
        """Approve a payment; False if it is over or there is no such wallet.

        One by an agreement is approved with the wallet of the agreement, whichever is named.
        """
        wallet = self._agreed_wallet(payment) or wallet
        is_payable = payment.status(self.shared.clock.now()) is BkashStatus.INITIATED
        if not is_payable or self.shared.wallets.kind(wallet) is None:
            return False
        if payment.verified_at is None:
            self.shared.book.record_verified(payment.payment_id, wallet, self.shared.clock.now())
        return True

    def _open(self, payment: BkashPayment, visit: PageVisit) -> Reply:
        if visit.method == "POST" and visit.form.get("do") == "cancel":
            return self._cancel(payment, visit)
        kept = visit.query.get(_SESSION_FIELD) if payment.is_in_frame else visit.cookies.get(_COOKIE)
        session = self._sessions.get(kept or "")
        if session is None or session.payment_id != payment.payment_id:
            return self._begin(payment, visit)
        if visit.method == "GET":
            return self._form(payment, session, visit)
        return self._answer_field(payment, session, visit)

    def _payment(self, visit: PageVisit) -> BkashPayment | None:
        payment = self.shared.book.payment(visit.query.get("paymentId", ""))
        if payment is None:
            return None
        is_right = compare_digest(visit.query.get("hash", "").encode(), payment.page_hash.encode())
        return payment if is_right else None

    def _agreed_wallet(self, payment: BkashPayment) -> str | None:
        agreement = self.shared.book.agreement(payment.agreement_id or "")
        return None if agreement is None else agreement.wallet

    def _finished_reply(self, payment: BkashPayment, visit: PageVisit) -> Reply | None:
        status = payment.status(self.shared.clock.now())
        if status is BkashStatus.EXPIRED and payment.is_in_frame:
            return _tell_parent(payment, visit, "failure", payer_page.LAPSED)
        if status is BkashStatus.EXPIRED:
            return page_reply(_page(visit).message(payer_page.LAPSED), headers=HEADERS)
        if status in _SENT_BACK:
            return _send_back(payment, visit, _SENT_BACK[status])
        return _send_back(payment, visit, "success") if payment.verified_at else None

    def _begin(self, payment: BkashPayment, visit: PageVisit) -> Reply:
        session_id = secrets.token_urlsafe(18)
        agreed = self._agreed_wallet(payment)
        session = _BrowserSession(payment.payment_id, agreed, is_known=agreed is not None)
        self._sessions[session_id] = session
        if payment.is_in_frame:
            return redirect(_same_page(visit, session_id), headers=FRAMED_HEADERS)
        cookie = (b"set-cookie", f"{_COOKIE}={session_id}; Path=/; HttpOnly; SameSite=Lax".encode())
        if visit.method == "POST":
            # What was filled in belonged to a session that is gone.
            return redirect(_same_page(visit), headers=(*HEADERS, cookie))
        return self._form(payment, session, visit, more=(cookie,))

    def _form(
        self,
        payment: BkashPayment,
        session: _BrowserSession,
        visit: PageVisit,
        error: Text | None = None,
        more: tuple[Header, ...] = (),
    ) -> Reply:
        settings, asked = self.shared.settings, session.field
        due = (
            AgreementDue(settings.merchant_name, payment.payer_reference)
            if payment.opens_agreement
            else PaymentDue(settings.merchant_name, payment.invoice, payment.amount_paisa)
        )
        # Who pays by an agreement begins with the PIN, which is the only step then.
        first = page.FIELDS.index(page.PIN if self._agreed_wallet(payment) is not None else page.WALLET)
        at, steps = page.FIELDS.index(asked) - first + 1, len(page.FIELDS) - first
        step = Step(asked, at, steps, error, _typed(visit, asked))
        page_text = _page(visit).form(due, step, numbers_to_try(settings))
        return page_reply(page_text, headers=(*_headers(payment), *more))

    def _answer_field(self, payment: BkashPayment, session: _BrowserSession, visit: PageVisit) -> Reply:
        next_field = session.field
        typed = _typed(visit, next_field)
        if next_field is page.WALLET:
            wallet = typed_mobile(typed)
            if self.shared.wallets.kind(wallet) is None:
                return self._form(payment, session, visit, page.NO_WALLET)
            session.wallet = wallet
        elif next_field is page.OTP:
            if typed_digits(typed) != self.shared.settings.otp:
                return self._reject_entry(payment, session, visit, wording.WRONG_OTP, "2017")
            session.is_known = True
        else:
            return self._finish(payment, session, visit, typed_digits(typed))
        return redirect(_same_page(visit), headers=_headers(payment))

    def _finish(self, payment: BkashPayment, session: _BrowserSession, visit: PageVisit, pin: str) -> Reply:
        wallet = session.wallet or ""
        kind = self.shared.wallets.kind(wallet)
        if kind is WalletKind.WRONG_PIN:
            return self._decline(payment, wallet, visit, "2014")
        if pin != self.shared.settings.pin:
            return self._reject_entry(payment, session, visit, wording.WRONG_PIN, "2015")
        if kind is WalletKind.CANCELS:
            return self._cancel(payment, visit)
        if kind is not WalletKind.SAYS_SUCCESS:
            self.approve(payment, wallet)
        if kind is WalletKind.LEAVES:
            return page_reply(_page(visit).message(payer_page.APPROVED), headers=_headers(payment))
        return _send_back(payment, visit, "success")

    def _reject_entry(
        self, payment: BkashPayment, session: _BrowserSession, visit: PageVisit, error: Text, code: str
    ) -> Reply:
        self._tries[payment.payment_id, code] += 1
        left = TRIES_MAX - self._tries[payment.payment_id, code]
        if left <= 0:
            return self._decline(payment, session.wallet, visit, code)
        return self._form(payment, session, visit, with_tries_left(error, left))

    def _decline(self, payment: BkashPayment, wallet: str | None, visit: PageVisit, code: str) -> Reply:
        self.shared.book.record_declined(payment.payment_id, wallet, code)
        return _send_back(payment, visit, "failure")

    def _cancel(self, payment: BkashPayment, visit: PageVisit) -> Reply:
        self.shared.book.record_cancelled(payment.payment_id)
        return _send_back(payment, visit, "cancel")


def _send_back(payment: BkashPayment, visit: PageVisit, status: str) -> Reply:
    if payment.is_in_frame:
        is_approved = status == "success"
        message = payer_page.APPROVED if is_approved else payer_page.NOT_APPROVED
        return _tell_parent(payment, visit, status, message)
    url = callback_url(payment, status)
    # No method of checking the signature is public, so it means nothing here either.
    signed = with_query(url, signature=secrets.token_urlsafe(8), apiVersion=API_VERSION)
    return redirect(signed, headers=HEADERS)


def _tell_parent(payment: BkashPayment, visit: PageVisit, status: str, message: Message) -> Reply:
    told = {"paymentID": payment.payment_id, "status": status}
    return page_reply(_page(visit).for_parent(message, told), headers=FRAMED_HEADERS)


def _page(visit: PageVisit) -> PayerPage:
    return PayerPage.for_visit(page.LOOK, visit)


def _typed(visit: PageVisit, asked: Field) -> str:
    return visit.form.get(asked.name, "").strip()


def _headers(payment: BkashPayment) -> tuple[Header, ...]:
    return FRAMED_HEADERS if payment.is_in_frame else HEADERS


def _same_page(visit: PageVisit, session_id: str | None = None) -> str:
    query = dict(visit.query) if session_id is None else {**visit.query, _SESSION_FIELD: session_id}
    return with_query("", **query)
