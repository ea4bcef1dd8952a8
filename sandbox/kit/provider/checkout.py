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

from sandbox.kit.institution.pages import PageVisit, with_query
from sandbox.kit.institution.replies import Header, Reply, page_reply, redirect
from sandbox.kit.payer_pages import payer_page, wording
from sandbox.kit.payer_pages.branding import Branding
from sandbox.kit.payer_pages.language import Text, typed_digits
from sandbox.kit.payer_pages.payer_page import (
    AUTO_POST_HEADERS,
    HEADERS,
    Consequence,
    Field,
    PayerPage,
    PaymentDue,
    Step,
)
from sandbox.kit.provider import payment_outcomes
from sandbox.kit.provider.hooks import BrowserReturn
from sandbox.kit.provider.numbers_to_try import numbers_to_try
from sandbox.kit.provider.orders import LANGUAGE, MERCHANT_NAME, PURPOSE, OrderState, ProviderOrder
from sandbox.kit.provider.page_fields import (
    FIELD_COUNT,
    NUMBER_FIELDS,
    OTP,
    PIN,
    typed_number,
    unknown_number,
    with_tries_left,
)
from sandbox.kit.provider.payment_outcomes import PageExit
from sandbox.kit.provider.provider import Provider

TRIES_MAX = 3

_COOKIE = "visit"
_PUSH_SECONDS_MAX = 20
WRONG_OTP, WRONG_PIN, CANCELLED = "wrong_otp", "wrong_pin", "cancelled"
"""Why an order ended at the page, as its `reason` says."""
_ERRORS = {WRONG_OTP: wording.WRONG_OTP, WRONG_PIN: wording.WRONG_PIN}
_STEP_NUMBERS = {OTP: 2, PIN: FIELD_COUNT}


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
            page = self._page(visit).message(payer_page.UNKNOWN)
            return page_reply(page, status=404, headers=HEADERS)
        match self.provider.state(order):
            case OrderState.EXPIRED:
                return page_reply(self._page(visit, order).message(payer_page.LAPSED), headers=HEADERS)
            case OrderState.OPENED:
                return self._open(order, visit, path)
            case _:
                return self._leave(order, visit, payment_outcomes.leave_page(self.provider, order))

    def _open(self, order: ProviderOrder, visit: PageVisit, path: str) -> Reply:
        if visit.method == "POST" and visit.form.get("do") == "cancel":
            parting = payment_outcomes.end_order(self.provider, order, OrderState.CANCELLED, CANCELLED)
            return self._leave(order, visit, parting)
        session = self._sessions.get((order.page_token, visit.cookies.get(_COOKIE, "")))
        if session is None:
            return self._begin(order, visit, path)
        if visit.method == "GET":
            return self._form(order, visit, self._next_field(session))
        return self._answer_field(order, session, visit)

    def _begin(self, order: ProviderOrder, visit: PageVisit, path: str) -> Reply:
        session_id = secrets.token_urlsafe(18)
        self._sessions[order.page_token, session_id] = session = _PageSession()
        cookie_text = f"{_COOKIE}={session_id}; Path={quote(path)}; HttpOnly; SameSite=Lax"
        cookie = (b"set-cookie", cookie_text.encode("ascii"))
        if visit.method == "POST":
            # What was filled in belonged to a session that is gone.
            return redirect(_same_page(visit), headers=(*HEADERS, cookie))
        return self._form(order, visit, self._next_field(session), more=(cookie,))

    def _next_field(self, session: _PageSession) -> Field:
        if session.number is None:
            return NUMBER_FIELDS[self.provider.institution.kind]
        return PIN if session.is_known else OTP

    def _form(
        self,
        order: ProviderOrder,
        visit: PageVisit,
        next_field: Field,
        error: Text | None = None,
        more: tuple[Header, ...] = (),
    ) -> Reply:
        step = Step(
            next_field, _STEP_NUMBERS.get(next_field, 1), FIELD_COUNT, error, _typed(visit, next_field)
        )
        tries = numbers_to_try(self.provider.payers, self.provider.settings)
        page = self._page(visit, order).form(self._due(order), step, tries)
        return page_reply(page, headers=(*HEADERS, *more))

    def _due(self, order: ProviderOrder) -> PaymentDue:
        return PaymentDue(
            order.facts.get(MERCHANT_NAME) or self.provider.settings.merchant_name,
            order.reference,
            order.amount_paisa,
            order.facts.get(PURPOSE, ""),
            Consequence.PAY if self.provider.institution.takes_at_page else Consequence.ALLOW,
        )

    def _answer_field(self, order: ProviderOrder, session: _PageSession, visit: PageVisit) -> Reply:
        next_field = self._next_field(session)
        typed, settings = _typed(visit, next_field), self.provider.settings
        if next_field is OTP:
            if typed_digits(typed) != settings.otp:
                return self._reject_entry(order, visit, next_field, WRONG_OTP)
            session.is_known = True
        elif next_field is PIN:
            if typed_digits(typed) != settings.pin:
                return self._reject_entry(order, visit, next_field, WRONG_PIN)
            parting = payment_outcomes.confirm_order(self.provider, order, session.number or "")
            return self._leave(order, visit, parting)
        else:
            kind = self.provider.institution.kind
            number = typed_number(kind, typed)
            if self.provider.payers.magic(number) is None:
                return self._form(order, visit, next_field, unknown_number(kind))
            session.number = number
        return redirect(_same_page(visit), headers=HEADERS)

    def _reject_entry(self, order: ProviderOrder, visit: PageVisit, next_field: Field, reason: str) -> Reply:
        self._tries[order.page_token, reason] += 1
        left = TRIES_MAX - self._tries[order.page_token, reason]
        if left > 0:
            return self._form(order, visit, next_field, with_tries_left(_ERRORS[reason], left))
        parting = payment_outcomes.end_order(self.provider, order, OrderState.DECLINED, reason)
        return self._leave(order, visit, parting)

    def _leave(self, order: ProviderOrder, visit: PageVisit, parting: PageExit) -> Reply:
        page = self._page(visit, order)
        if parting.browser_return is None:
            return page_reply(page.message(payer_page.APPROVED), headers=HEADERS)
        reply = _send_back(page, parting.browser_return)
        if parting.waits_for is None:
            return reply
        tried = parting.waits_for.tried
        return reply._replace(waits_for=partial(_wait_for_first_try, tried))

    def _page(self, visit: PageVisit, order: ProviderOrder | None = None) -> PayerPage:
        institution = self.provider.institution
        sent_language = "" if order is None else order.facts.get(LANGUAGE, "")
        return PayerPage.for_visit(Branding(institution.name, institution.colour), visit, sent_language)


def _send_back(page: PayerPage, browser_return: BrowserReturn) -> Reply:
    if browser_return.is_post:
        html = page.auto_post(browser_return.url, browser_return.fields)
        return page_reply(html, headers=AUTO_POST_HEADERS)
    return redirect(with_query(browser_return.url, **browser_return.fields), headers=HEADERS)


async def _wait_for_first_try(tried: asyncio.Event) -> None:
    # Without a push delivery a payer must not wait for ever.
    waiting = asyncio.ensure_future(tried.wait())
    await asyncio.wait([waiting], timeout=_PUSH_SECONDS_MAX)
    waiting.cancel()


def _same_page(visit: PageVisit) -> str:
    return with_query("", **visit.query) or "?"


def _typed(visit: PageVisit, asked: Field) -> str:
    return visit.form.get(asked.name, "").strip()
