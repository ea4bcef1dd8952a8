"""A payer at the switch's own checkout: chooses an instrument, pays at its page, returns, or leaves.

Like a browser without scripts it knows a page by its forms: their targets and their fields.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from sandbox.callers.payer.browser import Browser, LostPayerError, PageView
from sandbox.callers.payer.forms import PageForm, links_of
from sandbox.callers.payer.payer import Payer, PayerDecision, behave

PATIENCE_SECONDS = 30.0
"""How long a payer waits at a page that says that the payment is not known yet."""

_TRY, _CANCEL, _GO_ON = "/try", "/cancel", "/go"
_INSTRUMENT = "instrument"


class NotOfferedError(LostPayerError):
    """The instrument cannot be chosen now, or its page was not opened; `offered` lists the possible ones."""

    def __init__(self, why: str, offered: Sequence[str] = ()) -> None:
        super().__init__(why)
        self.offered = offered


@dataclass(frozen=True, slots=True)
class InstrumentChoice:
    """An instrument that a payer chooses, and their behaviour at its page.

    Unless `is_followed`, the payer closes the tab when the provider sends them back.
    """

    instrument: str
    payer: Payer
    behaviour: PayerDecision = PayerDecision.APPROVE
    is_followed: bool = True


@dataclass(frozen=True, slots=True)
class CheckoutResult:
    """The payer's last page; `tries` are the instruments whose page was reached."""

    page: PageView
    tries: Sequence[str]
    is_left: bool = False
    """Whether the tab was closed before the payer was back at the checkout."""


async def check_out(
    browser: Browser,
    url: str,
    choices: Sequence[InstrumentChoice],
    *,
    cancels: bool = False,
    patience_seconds: float = PATIENCE_SECONDS,
) -> CheckoutResult:
    """Open the pay page and choose one instrument after the other until no further choice is offered.

    With `cancels`, the payment is cancelled after the last choice.

    Raises:
        NotOfferedError: an instrument cannot be chosen now; those before it were tried.
        LostPayerError: a page cannot be used.
    """
    tries: list[str] = []
    page = await browser.visit(url)
    for choice in choices:
        page_url = await _choose_instrument(browser, page, choice.instrument, patience_seconds)
        if page_url is None:
            break
        tries.append(choice.instrument)
        provider_page = await behave(browser, page_url, choice.payer, choice.behaviour)
        if provider_page.sent_to is None or not choice.is_followed:
            return CheckoutResult(provider_page, tries, is_left=True)
        page = await browser.visit(provider_page.sent_to, patience_seconds, provider_page.carries)
    if cancels:
        page = await _cancel_payment(browser, page, patience_seconds)
    return CheckoutResult(page, tries)


def instruments_of(page: PageView) -> list[str]:
    """The instruments offered on a page of the checkout, in its order."""
    instruments = []
    for form in page.forms:
        if _leads_to(form, page, _TRY):
            instruments += form.choices.get(_INSTRUMENT, [])
            instruments += [value for name, value in form.buttons if name == _INSTRUMENT]
            instruments += (
                [form.fields[_INSTRUMENT]] if _INSTRUMENT in form.fields.keys() - form.choices else []
            )
    return instruments


async def _choose_instrument(
    browser: Browser, page: PageView, instrument: str, patience_seconds: float
) -> str | None:
    """The provider's page after choosing, or the one that is open already; None if there is neither.

    Raises:
        NotOfferedError: this instrument is not offered, or its page was not opened.
    """
    offered = [form for form in page.forms if _leads_to(form, page, _TRY)]
    if not offered:
        link = _link_to(page, _GO_ON)
        return None if link is None else _provider_page_url(await browser.visit(link), instrument)
    form = next((form for form in offered if _offers(form, instrument)), None)
    if form is None:
        names = instruments_of(page)
        raise NotOfferedError(f"the checkout does not offer {instrument}, but {', '.join(names)}", names)
    button = (_INSTRUMENT, instrument) if (_INSTRUMENT, instrument) in form.buttons else None
    sent = await browser.submit(page, {_INSTRUMENT: instrument}, button, form)
    opened_page = await browser.visit(sent.sent_to) if sent.sent_to else sent
    # While the provider opens its page, ours refreshes itself without a target.
    while opened_page.refresh is not None and not opened_page.refresh.url and patience_seconds > 0:
        patience_seconds -= max(opened_page.refresh.seconds, 1.0)
        await asyncio.sleep(opened_page.refresh.seconds)
        opened_page = await browser.visit(opened_page.url)
    return _provider_page_url(opened_page, instrument)


def _provider_page_url(page: PageView, instrument: str) -> str:
    """The provider's address that a page refreshes to."""
    if page.refresh is None or not page.refresh.url:
        raise NotOfferedError(
            f"the checkout opened no page of {instrument}: HTTP {page.status}", instruments_of(page)
        )
    url = urljoin(page.url, page.refresh.url)
    if urlsplit(url).netloc == urlsplit(page.url).netloc:
        raise LostPayerError(f"the checkout leads to no page of {instrument}")
    return url


async def _cancel_payment(browser: Browser, page: PageView, patience_seconds: float) -> PageView:
    """Follow the cancel link, and confirm the cancellation.

    Raises:
        LostPayerError: there is no way to cancel.
    """
    link = _link_to(page, _CANCEL)
    if link is None:
        raise LostPayerError("the checkout offers no way out")
    confirmation = await browser.visit(link)
    form = next((form for form in confirmation.forms if _leads_to(form, confirmation, _CANCEL)), None)
    if form is None:
        raise LostPayerError("the checkout does not let go")
    sent = await browser.submit(confirmation, {}, form=form)
    return await browser.visit(sent.sent_to, patience_seconds) if sent.sent_to else sent


def _offers(form: PageForm, instrument: str) -> bool:
    is_fixed = form.fields.get(_INSTRUMENT) == instrument
    is_chosen = instrument in form.choices.get(_INSTRUMENT, [])
    return is_fixed or is_chosen or (_INSTRUMENT, instrument) in form.buttons


def _link_to(page: PageView, end: str) -> str | None:
    links = (urljoin(page.url, link) for link in links_of(page.text))
    return next((link for link in links if urlsplit(link).path.endswith(end)), None)


def _leads_to(form: PageForm, page: PageView, end: str) -> bool:
    return form.method == "post" and urlsplit(urljoin(page.url, form.action)).path.endswith(end)
