"""What a payer does at a provider's page: approve it, refuse it, fumble the PIN, leave, come back.

Money does not depend on what the browser does after approving, so a payer need not follow where it is sent.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import parse_qsl, urlsplit

from sandbox.callers.payer.browser import Browser, LostPayerError, Shown

_STEPS_MAX = 20
_WRONG_PIN = "00000"
_CONFIRM = ("do", "confirm")
_CANCEL = ("do", "cancel")


class Does(StrEnum):
    """How a payer behaves."""

    APPROVE = "approve"
    """Fills everything in and confirms."""
    CANCEL = "cancel"
    """Fills in the wallet and presses cancel at the next step."""
    WRONG_PIN = "wrong-pin"
    """Gives a wrong PIN until the page gives up."""
    LEAVE = "leave"
    """Looks at the page and is never seen again."""
    LEAVE_AT_PIN = "leave-at-pin"
    """Gets as far as the PIN and is never seen again."""
    RETURN = "return"
    """Gets as far as the PIN, leaves, comes back with an empty jar and approves."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays: the number of a wallet, a card or an account, and what its owner knows."""

    wallet: str
    pin: str = "12121"
    otp: str = "123456"


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of it.

    `sent_to` is the callback that the browser was sent to, None if it was sent nowhere; `carries` are the
    fields that it brings there with POST, None if it goes with GET; `status` is the word among them or in the
    address. `merchant_status` is the HTTP status found there, None if it was not followed; `looks` is how
    often a page there looked again by itself.
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
    does: Does = Does.APPROVE,
    *,
    wait_seconds: float = 0.0,
    follow: bool = False,
    patience_seconds: float = 0.0,
) -> Visit:
    """Behave so at a provider's page; the wait is before the last step, or before coming back.

    Who follows to the merchant looks at a page that looks again by itself for as long as the patience lasts.

    Raises:
        LostPayerError: the page cannot be used.
    """
    async with Browser() as browser:
        shown = await behave(browser, url, payer, does, wait_seconds)
        if not follow or shown.sent_to is None:
            return _sent(shown)
        merchant = await browser.visit(shown.sent_to, patience_seconds, shown.carries)
        back = replace(_sent(shown), merchant_status=merchant.status, page=merchant.text)
        return replace(back, looks=merchant.looks)


async def behave(browser: Browser, url: str, payer: Payer, does: Does, wait_seconds: float = 0.0) -> Shown:
    """Behave so at a provider's page in a browser that is open; where it is sent, it has not gone yet.

    Raises:
        LostPayerError: the page cannot be used.
    """
    shown = await browser.open(url)
    match does:
        case Does.LEAVE:
            pass
        case Does.CANCEL:
            shown = await _fill(browser, shown, payer, until="otp")
            await asyncio.sleep(wait_seconds)
            shown = await _press(browser, shown, payer, _CANCEL)
        case Does.RETURN:
            await _fill(browser, shown, payer, until="pin")
            await asyncio.sleep(wait_seconds)
            browser.forget()
            shown = await behave(browser, url, payer, Does.APPROVE)
        case Does.LEAVE_AT_PIN:
            shown = await _fill(browser, shown, payer, until="pin")
        case Does.APPROVE | Does.WRONG_PIN:
            shown = await _fill(browser, shown, payer, until="pin")
            await asyncio.sleep(wait_seconds)
            shown = await _finish(browser, shown, payer, is_right=does is Does.APPROVE)
    return shown


async def _fill(browser: Browser, shown: Shown, payer: Payer, until: str) -> Shown:
    """Confirm step after step until the page asks for a field, or the browser is sent away."""
    for _ in range(_STEPS_MAX):
        form = shown.form
        if shown.sent_to is not None or form is None or until in form.fields:
            return shown
        before = list(form.fields)
        shown = await _press(browser, shown, payer, _CONFIRM)
        if shown.form is not None and list(shown.form.fields) == before:
            raise LostPayerError(f"the page does not take {', '.join(before)}")
    raise LostPayerError("the page asks without end")


async def _finish(browser: Browser, shown: Shown, payer: Payer, *, is_right: bool) -> Shown:
    tried = payer if is_right else Payer(payer.wallet, _WRONG_PIN, payer.otp)
    for _ in range(_STEPS_MAX):
        if shown.sent_to is not None or shown.form is None:
            return shown
        shown = await _press(browser, shown, tried, _CONFIRM)
        if is_right and shown.sent_to is None and shown.form is not None:
            raise LostPayerError("the page does not take the PIN")
    raise LostPayerError("the page asks without end")


async def _press(browser: Browser, shown: Shown, payer: Payer, button: tuple[str, str]) -> Shown:
    if shown.sent_to is not None or shown.form is None:
        return shown
    if button not in shown.form.buttons:
        raise LostPayerError(f"the page has no button {button[1]}")
    numbers = dict.fromkeys(("wallet", "card", "account"), payer.wallet)
    values = {**numbers, "otp": payer.otp, "pin": payer.pin}
    return await browser.submit(shown, values, button)


def _sent(shown: Shown) -> Visit:
    """Where the provider's page ended, before anything is followed."""
    query = "" if shown.sent_to is None else urlsplit(shown.sent_to).query
    told = {**dict(parse_qsl(query)), **(shown.carries or {})}
    return Visit(shown.sent_to, told.get("status"), page=shown.text, carries=shown.carries)
