"""The payer's page of an order: number, verification code, PIN, and then back to the merchant.

A browser is known by a cookie of that page alone; one that comes without begins anew. Who opens the page of
an order that is over or agreed to is sent back at once, so a return can come twice.
"""

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote

from sandbox.kit.institution import payer_page
from sandbox.kit.institution.pages import PageVisit, with_query
from sandbox.kit.institution.payer_page import (
    AUTO_POST_HEADERS,
    HEADERS,
    Branding,
    Field,
    PaymentDue,
    Text,
    auto_post_page,
    form_page,
    message_page,
)
from sandbox.kit.institution.replies import Header, Reply, page_reply, redirect
from sandbox.kit.provider import payment_outcomes
from sandbox.kit.provider.hooks import BrowserReturn
from sandbox.kit.provider.orders import OrderState, ProviderOrder
from sandbox.kit.provider.payer_numbers import PayerKind
from sandbox.kit.provider.payment_outcomes import PageExit
from sandbox.kit.provider.provider import Provider

TRIES_MAX = 3

_COOKIE = "visit"
_PUSH_SECONDS_MAX = 20
_NUMBERS = {
    PayerKind.WALLET: Text("আপনার ওয়ালেট নম্বর", "Your wallet number"),
    PayerKind.CARD: Text("আপনার কার্ড নম্বর", "Your card number"),
    PayerKind.ACCOUNT: Text("আপনার হিসাব নম্বর", "Your account number"),
}
_OTP = Field("otp", Text("যাচাইকরণ কোড", "Verification code"))
_PIN = Field("pin", Text("পিন", "PIN"), is_secret=True)
_UNKNOWN_NUMBER = Text("এই নম্বরটি কারও নয়", "Nobody has this number")
_WRONG_OTP = Text("যাচাইকরণ কোডটি ভুল", "The verification code is wrong")
_WRONG_PIN = Text("পিনটি ভুল", "The PIN is wrong")
WRONG_OTP, WRONG_PIN, CANCELLED = "wrong_otp", "wrong_pin", "cancelled"
"""Why an order ended at the page, as its `reason` says."""


@dataclass(slots=True)
class _PageSession:
    number: str | None = None
    is_known: bool = False
    """Whether the verification code was right."""


@dataclass(frozen=True)
class ProviderCheckout:
    """Serves the pages of one institution; sessions and wrong tries live in memory."""

    provider: Provider
    _sessions: dict[tuple[str, str], _PageSession] = field(default_factory=dict)
    _tries: Counter[tuple[str, str]] = field(default_factory=Counter)

    def visit(self, order: ProviderOrder | None, visit: PageVisit, path: str) -> Reply:
        """Show the page of an order, or do what its form says; `path` is where the browser finds it."""
        if order is None:
            page = message_page(self._branding, payer_page.UNKNOWN)
            return page_reply(page, status=404, headers=HEADERS)
        match self.provider.state(order):
            case OrderState.EXPIRED:
                return page_reply(message_page(self._branding, payer_page.LAPSED), headers=HEADERS)
            case OrderState.OPENED:
                return self._open(order, visit, path)
            case _:
                return self._leave(payment_outcomes.leave_page(self.provider, order))

    def _open(self, order: ProviderOrder, visit: PageVisit, path: str) -> Reply:
        if visit.method == "POST" and visit.form.get("do") == "cancel":
            return self._leave(
                payment_outcomes.end_order(self.provider, order, OrderState.CANCELLED, CANCELLED)
            )
        session = self._sessions.get((order.page_token, visit.cookies.get(_COOKIE, "")))
        if session is None:
            return self._begin(order, visit, path)
        if visit.method == "GET":
            return self._form(order, self._next_field(session))
        return self._answer_field(order, session, visit)

    def _begin(self, order: ProviderOrder, visit: PageVisit, path: str) -> Reply:
        session_id = secrets.token_urlsafe(18)
        self._sessions[order.page_token, session_id] = session = _PageSession()
        cookie_text = f"{_COOKIE}={session_id}; Path={quote(path)}; HttpOnly; SameSite=Lax"
        cookie = (b"set-cookie", cookie_text.encode("ascii"))
        if visit.method == "POST":
            # What was filled in belonged to a session that is gone.
            return redirect(_same_page(visit), headers=(*HEADERS, cookie))
        return self._form(order, self._next_field(session), more=(cookie,))

    def _next_field(self, session: _PageSession) -> Field:
        if session.number is None:
            kind = self.provider.institution.kind
            return Field(kind, _NUMBERS[kind])
        return _PIN if session.is_known else _OTP

    def _form(
        self,
        order: ProviderOrder,
        next_field: Field,
        error: Text | None = None,
        more: tuple[Header, ...] = (),
    ) -> Reply:
        due = PaymentDue(self.provider.settings.merchant_name, order.reference, order.amount_paisa)
        return page_reply(form_page(self._branding, due, next_field, error), headers=(*HEADERS, *more))

    def _answer_field(self, order: ProviderOrder, session: _PageSession, visit: PageVisit) -> Reply:
        next_field = self._next_field(session)
        value, settings = visit.form.get(next_field.name, "").strip(), self.provider.settings
        if next_field is _OTP:
            if value != settings.otp:
                return self._reject_entry(order, next_field, _WRONG_OTP, WRONG_OTP)
            session.is_known = True
        elif next_field is _PIN:
            if value != settings.pin:
                return self._reject_entry(order, next_field, _WRONG_PIN, WRONG_PIN)
            return self._leave(payment_outcomes.confirm_order(self.provider, order, session.number or ""))
        elif self.provider.payers.magic(value) is None:
            return self._form(order, next_field, _UNKNOWN_NUMBER)
        else:
            session.number = value
        return redirect(_same_page(visit), headers=HEADERS)

    def _reject_entry(self, order: ProviderOrder, next_field: Field, error: Text, reason: str) -> Reply:
        self._tries[order.page_token, reason] += 1
        if self._tries[order.page_token, reason] < TRIES_MAX:
            return self._form(order, next_field, error)
        return self._leave(payment_outcomes.end_order(self.provider, order, OrderState.DECLINED, reason))

    def _leave(self, parting: PageExit) -> Reply:
        if parting.browser_return is None:
            return page_reply(message_page(self._branding, payer_page.APPROVED), headers=HEADERS)
        reply = self._send_back(parting.browser_return)
        if parting.waits_for is None:
            return reply
        tried = parting.waits_for.tried
        return reply._replace(waits_for=partial(_wait_for_first_try, tried))

    def _send_back(self, browser_return: BrowserReturn) -> Reply:
        if browser_return.is_post:
            return page_reply(
                auto_post_page(self._branding, browser_return.url, browser_return.fields),
                headers=AUTO_POST_HEADERS,
            )
        return redirect(with_query(browser_return.url, **browser_return.fields), headers=HEADERS)

    @property
    def _branding(self) -> Branding:
        return Branding(self.provider.institution.name, self.provider.institution.colour)


async def _wait_for_first_try(tried: asyncio.Event) -> None:
    # Without a push delivery a payer must not wait for ever.
    waiting = asyncio.ensure_future(tried.wait())
    await asyncio.wait([waiting], timeout=_PUSH_SECONDS_MAX)
    waiting.cancel()


def _same_page(visit: PageVisit) -> str:
    return with_query("", **visit.query) or "?"
