"""The payer's page: wallet number, verification code, PIN, and then back to the merchant.

A browser is known by a cookie; one that comes without begins anew. Approving moves no money: it only lets
the payment be executed. Who opens the page of a payment that is over is sent back at once, so a callback
can come twice.
"""

import secrets
from collections import Counter
from dataclasses import dataclass, field
from hmac import compare_digest

from sandbox.kit.institution import payer_page
from sandbox.kit.institution.pages import Visit, with_query
from sandbox.kit.institution.payer_page import HEADERS, Due, Field, Text, form_page, notice_page
from sandbox.kit.institution.replies import Header, Reply, page_reply, redirect
from sandbox.providers.bkash import page_wording as page
from sandbox.providers.bkash.payment import Payment, Status
from sandbox.providers.bkash.payment_calls import callback_url
from sandbox.providers.bkash.shared_state import House
from sandbox.providers.bkash.wallets import WalletKind
from sandbox.providers.bkash.wire import API_VERSION

TRIES_MAX = 3

_COOKIE = "bkash_visit"
_SENT_BACK = {Status.COMPLETED: "success", Status.CANCELLED: "cancel", Status.DECLINED: "failure"}


@dataclass(slots=True)
class _Session:
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
class Checkout:
    """Serves the page of every payment; sessions and wrong tries live in memory."""

    house: House
    _sessions: dict[str, _Session] = field(default_factory=dict)
    _tries: Counter[tuple[str, str]] = field(default_factory=Counter)

    def visit(self, visit: Visit) -> Reply:
        """Show the page, or do what its form says."""
        payment = self._payment(visit)
        if payment is None:
            return page_reply(notice_page(page.LOOK, payer_page.UNKNOWN), status=404, headers=HEADERS)
        return self._over(payment) or self._open(payment, visit)

    def approve(self, payment: Payment, wallet: str) -> bool:
        """Do what a payer does who approves; False if the payment is over or the wallet is none."""
        is_payable = payment.status(self.house.clock.now()) is Status.INITIATED
        if not is_payable or self.house.world.kind(wallet) is None:
            return False
        if payment.verified_at is None:
            self.house.book.record_verified(payment.payment_id, wallet, self.house.clock.now())
        return True

    def _open(self, payment: Payment, visit: Visit) -> Reply:
        if visit.method == "POST" and visit.form.get("do") == "cancel":
            return self._cancel(payment)
        session = self._sessions.get(visit.cookies.get(_COOKIE, ""))
        if session is None or session.payment_id != payment.payment_id:
            return self._begin(payment, visit)
        if visit.method == "GET":
            return self._form(payment, session)
        return self._step(payment, session, visit)

    def _payment(self, visit: Visit) -> Payment | None:
        payment = self.house.book.payment(visit.query.get("paymentId", ""))
        if payment is None:
            return None
        is_right = compare_digest(visit.query.get("hash", "").encode(), payment.page_hash.encode())
        return payment if is_right else None

    def _over(self, payment: Payment) -> Reply | None:
        status = payment.status(self.house.clock.now())
        if status is Status.EXPIRED:
            return page_reply(notice_page(page.LOOK, payer_page.LAPSED), headers=HEADERS)
        if status in _SENT_BACK:
            return _send_back(payment, _SENT_BACK[status])
        return _send_back(payment, "success") if payment.verified_at else None

    def _begin(self, payment: Payment, visit: Visit) -> Reply:
        session_id = secrets.token_urlsafe(18)
        self._sessions[session_id] = session = _Session(payment.payment_id)
        cookie = (b"set-cookie", f"{_COOKIE}={session_id}; Path=/; HttpOnly; SameSite=Lax".encode())
        if visit.method == "POST":
            # What was filled in belonged to a session that is gone.
            return redirect(_here(visit), headers=(*HEADERS, cookie))
        return self._form(payment, session, more=(cookie,))

    def _form(
        self, payment: Payment, session: _Session, error: Text | None = None, more: tuple[Header, ...] = ()
    ) -> Reply:
        due = Due(self.house.settings.merchant_name, payment.invoice, payment.amount_paisa)
        return page_reply(form_page(page.LOOK, due, session.field, error), headers=(*HEADERS, *more))

    def _step(self, payment: Payment, session: _Session, visit: Visit) -> Reply:
        asked = session.field
        value = visit.form.get(asked.name, "").strip()
        if asked is page.WALLET:
            if self.house.world.kind(value) is None:
                return self._form(payment, session, page.NO_WALLET)
            session.wallet = value
        elif asked is page.OTP:
            if value != self.house.settings.otp:
                return self._wrong(payment, session, page.WRONG_OTP, "2017")
            session.is_known = True
        else:
            return self._finish(payment, session, value)
        return redirect(_here(visit), headers=HEADERS)

    def _finish(self, payment: Payment, session: _Session, pin: str) -> Reply:
        wallet = session.wallet or ""
        kind = self.house.world.kind(wallet)
        if kind is WalletKind.WRONG_PIN:
            return self._decline(payment, wallet, "2014")
        if pin != self.house.settings.pin:
            return self._wrong(payment, session, page.WRONG_PIN, "2015")
        if kind is WalletKind.CANCELS:
            return self._cancel(payment)
        if kind is not WalletKind.SAYS_SUCCESS:
            self.approve(payment, wallet)
        if kind is WalletKind.LEAVES:
            return page_reply(notice_page(page.LOOK, payer_page.APPROVED), headers=HEADERS)
        return _send_back(payment, "success")

    def _wrong(self, payment: Payment, session: _Session, error: Text, code: str) -> Reply:
        self._tries[payment.payment_id, code] += 1
        if self._tries[payment.payment_id, code] >= TRIES_MAX:
            return self._decline(payment, session.wallet, code)
        return self._form(payment, session, error)

    def _decline(self, payment: Payment, wallet: str | None, code: str) -> Reply:
        self.house.book.record_declined(payment.payment_id, wallet, code)
        return _send_back(payment, "failure")

    def _cancel(self, payment: Payment) -> Reply:
        self.house.book.record_cancelled(payment.payment_id)
        return _send_back(payment, "cancel")


def _send_back(payment: Payment, status: str) -> Reply:
    url = callback_url(payment, status)
    # No method of checking the signature is public, so it means nothing here either.
    signed = with_query(url, signature=secrets.token_urlsafe(8), apiVersion=API_VERSION)
    return redirect(signed, headers=HEADERS)


def _here(visit: Visit) -> str:
    return with_query("", **visit.query)
