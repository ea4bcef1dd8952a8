"""What a payer does at a provider's page: approve, refuse, enter a wrong PIN, leave, return.

The payment does not depend on the browser after approval, so a payer need not follow the redirect.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import parse_qsl, urlsplit

from sandbox.callers.payer.browser import Browser, LostPayerError, PageView

_STEPS_MAX = 20
_WRONG_PIN = "00000"
_CONFIRM = ("do", "confirm")
_CANCEL = ("do", "cancel")
_PIN = frozenset({"pin"})
# Who pays by an agreement is asked for the PIN at once; to confirm that would be to pay.
_CODES = frozenset({"otp", "pin"})


class PayerDecision(StrEnum):
    """How a payer behaves."""

    APPROVE = "approve"
    """Fills everything in and confirms."""
    CANCEL = "cancel"
    """Fills in the wallet and presses cancel where a code or the PIN is asked for."""
    WRONG_PIN = "wrong-pin"
    """Gives a wrong PIN until the page gives up."""
    LEAVE = "leave"
    """Opens the page and leaves for good."""
    LEAVE_AT_PIN = "leave-at-pin"
    """Gets as far as the PIN and leaves for good."""
    RETURN = "return"
    """Gets as far as the PIN, leaves, returns without cookies and approves."""


@dataclass(frozen=True, slots=True)
class Payer:
    """A payer: the number of a wallet, a card or an account, with PIN and OTP."""

    wallet: str
    pin: str = "12121"
    otp: str = "123456"


@dataclass(frozen=True, slots=True)
class PayerVisit:
    """The result of a payer's visit.

    `sent_to` is the callback that the browser was sent to, or None; `carries` are the fields of its POST,
    None for a GET; `status` is the status among them or in the address. `merchant_status` is the HTTP status
    of the callback, None if it was not followed; `looks` counts the refreshes there.
    """

    sent_to: str | None
    status: str | None
    merchant_status: int | None = None
    page: str = ""
    """The text of the last page that was shown."""
    looks: int = 0
    carries: Mapping[str, str] | None = None


async def pay(
    url: str,
    payer: Payer,
    does: PayerDecision = PayerDecision.APPROVE,
    *,
    wait_seconds: float = 0.0,
    follow: bool = False,
    patience_seconds: float = 0.0,
) -> PayerVisit:
    """Open a provider's page and behave so; the wait is before the last step, or before returning.

    With `follow`, a refreshing page of the merchant is reloaded for as long as the patience lasts.

    Raises:
        LostPayerError: the page cannot be used.
    """
    async with Browser() as browser:
        page = await behave(browser, url, payer, does, wait_seconds)
        if not follow or page.sent_to is None:
            return _visit_of(page)
        merchant_page = await browser.visit(page.sent_to, patience_seconds, page.carries)
        back = replace(_visit_of(page), merchant_status=merchant_page.status, page=merchant_page.text)
        return replace(back, looks=merchant_page.looks)


async def behave(
    browser: Browser, url: str, payer: Payer, does: PayerDecision, wait_seconds: float = 0.0
) -> PageView:
    """Behave so at a provider's page in an open browser; a redirect to the merchant is not followed.

    Raises:
        LostPayerError: the page cannot be used.
    """
    page = await browser.open(url)
    match does:
        case PayerDecision.LEAVE:
            pass
        case PayerDecision.CANCEL:
            page = await _fill(browser, page, payer, until=_CODES)
            await asyncio.sleep(wait_seconds)
            page = await _press(browser, page, payer, _CANCEL)
        case PayerDecision.RETURN:
            await _fill(browser, page, payer, until=_PIN)
            await asyncio.sleep(wait_seconds)
            browser.clear_cookies()
            page = await behave(browser, url, payer, PayerDecision.APPROVE)
        case PayerDecision.LEAVE_AT_PIN:
            page = await _fill(browser, page, payer, until=_PIN)
        case PayerDecision.APPROVE | PayerDecision.WRONG_PIN:
            page = await _fill(browser, page, payer, until=_PIN)
            await asyncio.sleep(wait_seconds)
            page = await _finish(browser, page, payer, is_right=does is PayerDecision.APPROVE)
    return page


async def _fill(browser: Browser, page: PageView, payer: Payer, until: frozenset[str]) -> PageView:
    """Confirm step after step until the page has one of the fields, or the browser is sent away."""
    for _ in range(_STEPS_MAX):
        form = page.form
        if page.sent_to is not None or form is None or until & set(form.fields):
            return page
        before = list(form.fields)
        page = await _press(browser, page, payer, _CONFIRM)
        if page.form is not None and list(page.form.fields) == before:
            raise LostPayerError(f"the page does not take {', '.join(before)}")
    raise LostPayerError("the page asks without end")


async def _finish(browser: Browser, page: PageView, payer: Payer, *, is_right: bool) -> PageView:
    tried = payer if is_right else Payer(payer.wallet, _WRONG_PIN, payer.otp)
    for _ in range(_STEPS_MAX):
        if page.sent_to is not None or page.form is None:
            return page
        page = await _press(browser, page, tried, _CONFIRM)
        if is_right and page.sent_to is None and page.form is not None:
            raise LostPayerError("the page does not take the PIN")
    raise LostPayerError("the page asks without end")


async def _press(browser: Browser, page: PageView, payer: Payer, button: tuple[str, str]) -> PageView:
    if page.sent_to is not None or page.form is None:
        return page
    if button not in page.form.buttons:
        raise LostPayerError(f"the page has no button {button[1]}")
    numbers = dict.fromkeys(("wallet", "card", "account"), payer.wallet)
    values = {**numbers, "otp": payer.otp, "pin": payer.pin}
    return await browser.submit(page, values, button)


def _visit_of(page: PageView) -> PayerVisit:
    """The visit as it ended at the provider's page, before a redirect is followed."""
    query = "" if page.sent_to is None else urlsplit(page.sent_to).query
    fields = {**dict(parse_qsl(query)), **(page.carries or {})}
    return PayerVisit(page.sent_to, fields.get("status"), page=page.text, carries=page.carries)
