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
from sandbox.kit.institution.pages import Visit, with_query
from sandbox.kit.institution.payer_page import (
    HEADERS,
    SENDING_HEADERS,
    Due,
    Field,
    Look,
    Text,
    form_page,
    notice_page,
    sending_page,
)
from sandbox.kit.institution.replies import Header, Reply, page_reply, redirect
from sandbox.kit.provider import payment_outcomes as paying
from sandbox.kit.provider.hooks import WayBack
from sandbox.kit.provider.orders import Order, State
from sandbox.kit.provider.payer_numbers import Kind
from sandbox.kit.provider.payment_outcomes import Parting
from sandbox.kit.provider.provider import Provider

TRIES_MAX = 3

_COOKIE = "visit"
_PUSH_SECONDS_MAX = 20
_NUMBERS = {
    Kind.WALLET: Text("আপনার ওয়ালেট নম্বর", "Your wallet number"),
    Kind.CARD: Text("আপনার কার্ড নম্বর", "Your card number"),
    Kind.ACCOUNT: Text("আপনার হিসাব নম্বর", "Your account number"),
}
_OTP = Field("otp", Text("যাচাইকরণ কোড", "Verification code"))
_PIN = Field("pin", Text("পিন", "PIN"), is_secret=True)
_NOBODY = Text("এই নম্বরটি কারও নয়", "Nobody has this number")
_WRONG_OTP = Text("যাচাইকরণ কোডটি ভুল", "The verification code is wrong")
_WRONG_PIN = Text("পিনটি ভুল", "The PIN is wrong")
WRONG_OTP, WRONG_PIN, CANCELLED = "wrong_otp", "wrong_pin", "cancelled"
"""Why an order ended at the page, as its `reason` says."""


@dataclass(slots=True)
class _Session:
    number: str | None = None
    is_known: bool = False
    """Whether the verification code was right."""


@dataclass(frozen=True)
class Checkout:
    """Serves the pages of one house; sessions and wrong tries live in memory."""

    provider: Provider
    _sessions: dict[tuple[str, str], _Session] = field(default_factory=dict)
    _tries: Counter[tuple[str, str]] = field(default_factory=Counter)

    def visit(self, order: Order | None, visit: Visit, path: str) -> Reply:
        """Show the page of an order, or do what its form says; `path` is where the browser finds it."""
        if order is None:
            page = notice_page(self._look, payer_page.UNKNOWN)
            return page_reply(page, status=404, headers=HEADERS)
        match self.provider.state(order):
            case State.EXPIRED:
                return page_reply(notice_page(self._look, payer_page.LAPSED), headers=HEADERS)
            case State.OPENED:
                return self._open(order, visit, path)
            case _:
                return self._part(paying.leave(self.provider, order))

    def _open(self, order: Order, visit: Visit, path: str) -> Reply:
        if visit.method == "POST" and visit.form.get("do") == "cancel":
            return self._part(paying.end(self.provider, order, State.CANCELLED, CANCELLED))
        session = self._sessions.get((order.page_token, visit.cookies.get(_COOKIE, "")))
        if session is None:
            return self._begin(order, visit, path)
        if visit.method == "GET":
            return self._form(order, self._asked(session))
        return self._step(order, session, visit)

    def _begin(self, order: Order, visit: Visit, path: str) -> Reply:
        session_id = secrets.token_urlsafe(18)
        self._sessions[order.page_token, session_id] = session = _Session()
        kept = f"{_COOKIE}={session_id}; Path={quote(path)}; HttpOnly; SameSite=Lax"
        cookie = (b"set-cookie", kept.encode("ascii"))
        if visit.method == "POST":
            # What was filled in belonged to a session that is gone.
            return redirect(_here(visit), headers=(*HEADERS, cookie))
        return self._form(order, self._asked(session), more=(cookie,))

    def _asked(self, session: _Session) -> Field:
        if session.number is None:
            kind = self.provider.house.kind
            return Field(kind, _NUMBERS[kind])
        return _PIN if session.is_known else _OTP

    def _form(
        self, order: Order, asked: Field, error: Text | None = None, more: tuple[Header, ...] = ()
    ) -> Reply:
        due = Due(self.provider.settings.merchant_name, order.reference, order.amount_paisa)
        return page_reply(form_page(self._look, due, asked, error), headers=(*HEADERS, *more))

    def _step(self, order: Order, session: _Session, visit: Visit) -> Reply:
        asked = self._asked(session)
        value, settings = visit.form.get(asked.name, "").strip(), self.provider.settings
        if asked is _OTP:
            if value != settings.otp:
                return self._wrong(order, asked, _WRONG_OTP, WRONG_OTP)
            session.is_known = True
        elif asked is _PIN:
            if value != settings.pin:
                return self._wrong(order, asked, _WRONG_PIN, WRONG_PIN)
            return self._part(paying.confirm(self.provider, order, session.number or ""))
        elif self.provider.payers.magic(value) is None:
            return self._form(order, asked, _NOBODY)
        else:
            session.number = value
        return redirect(_here(visit), headers=HEADERS)

    def _wrong(self, order: Order, asked: Field, error: Text, reason: str) -> Reply:
        self._tries[order.page_token, reason] += 1
        if self._tries[order.page_token, reason] < TRIES_MAX:
            return self._form(order, asked, error)
        return self._part(paying.end(self.provider, order, State.DECLINED, reason))

    def _part(self, parting: Parting) -> Reply:
        if parting.way is None:
            return page_reply(notice_page(self._look, payer_page.APPROVED), headers=HEADERS)
        reply = self._sent(parting.way)
        if parting.waits_for is None:
            return reply
        tried = parting.waits_for.tried
        return reply._replace(waits_for=partial(_until, tried))

    def _sent(self, way: WayBack) -> Reply:
        if way.is_post:
            return page_reply(sending_page(self._look, way.url, way.fields), headers=SENDING_HEADERS)
        return redirect(with_query(way.url, **way.fields), headers=HEADERS)

    @property
    def _look(self) -> Look:
        return Look(self.provider.house.name, self.provider.house.colour)


async def _until(tried: asyncio.Event) -> None:
    # Whoever serves no pushes must not hold its payers for ever.
    waiting = asyncio.ensure_future(tried.wait())
    await asyncio.wait([waiting], timeout=_PUSH_SECONDS_MAX)
    waiting.cancel()


def _here(visit: Visit) -> str:
    return with_query("", **visit.query) or "?"
