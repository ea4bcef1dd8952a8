"""Forms of the checkout: only our own do anything (T53), and what comes twice is done once."""

import asyncio
from dataclasses import replace

import pytest

from ekpay_switch.domain.collections.connector_calls import CollectOrder, CreateOutcome
from ekpay_switch.domain.collections.funding import TryState
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.routing.breaker import Breaker, BreakerState
from ekpay_switch.web.checkout.forms import FORM_BYTES_MAX
from ekpay_switch.web.wording import Language, wording_of
from tests.fakes.world import NOON
from tests.scenarios.checkout import CHECKOUT
from tests.web.checkout.checkout_setup import FORM, HOME, Browser, Counter, Seen

FORMS = ["/try", "/look", "/cancel"]
ENGLISH = wording_of(Language.ENGLISH)


async def fields_of(counter: Counter) -> dict[str, str]:
    """What a form of ours sends, whole and right."""
    return {"csrf": counter.tokens.of(CHECKOUT), "nth": "1", "instrument": "bkash"}


def nothing_happened(counter: Counter) -> bool:
    small = counter.shopper.small
    return counter.shopper.tries() == [] and small.tables.callbacks == {} and small.books.notices == []


def refused(seen: Seen) -> bool:
    return seen.status == 403 and "কোনো টাকা কাটা হয়নি" in seen.text


# ---- T53


@pytest.mark.parametrize("below", FORMS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://pay.example.evil.example"},
        {"Origin": "http://pay.example"},
        {"Origin": "https://pay.example:8443"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": ""},
    ],
)
async def test_a_form_from_elsewhere_has_no_effect(below: str, headers: dict[str, str]) -> None:
    counter = Counter()
    seen = await Browser(counter).post(HOME + below, await fields_of(counter), headers)
    assert refused(seen)
    assert nothing_happened(counter)


@pytest.mark.parametrize("below", FORMS)
@pytest.mark.parametrize("token", ["", "0" * 64, "ä", "of another page"])
async def test_a_form_without_the_token_of_this_page_has_no_effect(below: str, token: str) -> None:
    counter = Counter()
    sent = counter.tokens.of("D" * 26) if token == "of another page" else token
    fields = {**await fields_of(counter), "csrf": sent}
    assert refused(await Browser(counter).post(HOME + below, fields))
    del fields["csrf"]
    assert refused(await Browser(counter).post(HOME + below, fields))
    assert nothing_happened(counter)


@pytest.mark.parametrize("below", FORMS)
async def test_a_body_that_is_no_form_has_no_effect(below: str) -> None:
    counter = Counter()
    token = counter.tokens.of(CHECKOUT)
    bodies = [
        b"\xff\xfe", f"csrf={token}&csrf={token}".encode(), f"csrf={token}&x={'y' * FORM_BYTES_MAX}".encode(),
        f"csrf={token}{'&a=1' * 200}".encode(), b'{"csrf": "' + token.encode() + b'"}',
    ]  # fmt: skip
    for body in bodies:
        headers = {"Content-Type": FORM, "Sec-Fetch-Site": "same-origin"}
        assert refused(await counter.request("POST", HOME + below, body, headers))
    assert nothing_happened(counter)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://pay.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null"},
        {},
    ],
)
async def test_our_own_form_is_taken_from_new_browsers_and_old_ones(headers: dict[str, str]) -> None:
    counter = Counter()
    body = "&".join(f"{name}={value}" for name, value in (await fields_of(counter)).items()).encode()
    seen = await counter.request(
        "POST", f"{HOME}/try", body, {"Content-Type": f"{FORM}; charset=UTF-8", **headers}
    )
    assert (seen.status, seen.place) == (303, f"{HOME}/go")


@pytest.mark.parametrize("path", [HOME, f"{HOME}/go", f"{HOME}/cancel", f"{HOME}/try", f"{HOME}/look"])
async def test_looking_at_a_page_changes_nothing(path: str) -> None:
    counter = Counter()
    await Browser(counter).choose("bkash")
    before = await counter.shopper.now()
    token = counter.tokens.of(CHECKOUT)
    for query in ("", f"?csrf={token}&nth=2&instrument=nagad", "?other=1", "?lang=en", "?looked=1"):
        await counter.request("GET", path + query)
    assert await counter.shopper.now() == before
    assert counter.shopper.small.tables.callbacks == {}


# ---- the same twice


async def test_a_double_click_opens_one_page_and_both_lead_there() -> None:
    counter = Counter()
    browser = Browser(counter)
    page = await browser.get()
    seen = await asyncio.gather(*(browser.choose("bkash", page) for _ in range(3)))
    assert {(one.status, one.place) for one in seen} == {(303, f"{HOME}/go")}
    assert len(counter.shopper.tries()) == 1
    assert counter.shopper.far["bkash"].asked["create"] == 1


async def test_the_back_button_and_another_choice_begin_another_try_only_where_that_is_safe() -> None:
    counter = Counter()
    browser = Browser(counter)
    page = await browser.get()
    await browser.choose("nagad", page)
    stale = await browser.choose("bkash", page)
    assert stale.place == f"{HOME}/go", "the page of before leads to what was begun meanwhile"
    assert [one.new.connector_id for one in counter.shopper.tries()] == ["nagad"]


async def test_a_page_from_before_leads_to_how_the_payment_stands_now() -> None:
    counter = Counter()
    browser = Browser(counter)
    page = await browser.get()
    await browser.choose("bkash", page)
    await browser.choose("nagad", await browser.get(f"{HOME}?other=1"))
    stale = await browser.choose("agrani", page)
    assert (stale.status, stale.place) == (303, HOME)
    assert len(counter.shopper.tries()) == 2


async def test_a_form_of_a_payment_that_was_paid_meanwhile_pays_nothing() -> None:
    counter = Counter()
    browser = Browser(counter)
    page = await browser.get()
    await browser.pay("bkash")
    stale = await browser.choose("nagad", page)
    assert (stale.status, stale.place) == (303, HOME)
    assert (await counter.shopper.now()).state is State.COMPLETED
    assert len(counter.shopper.tries()) == 1


# ---- what cannot be chosen


@pytest.mark.parametrize("instrument", ["ebl", "prefund", "<script>", "bkash'--", "../go", "বিকাশ"])
async def test_an_instrument_that_is_not_offered_is_refused_with_the_others(instrument: str) -> None:
    counter = Counter()
    seen = await Browser(counter).choose(instrument)
    assert seen.status == 422
    assert len(seen.html.all("input", type="radio")) == 5
    assert "<script" not in seen.body.decode()
    assert nothing_happened(counter)


@pytest.mark.parametrize(
    "changed",
    [
        {"instrument": ""},
        {"nth": ""},
        {"nth": "-1"},
        {"nth": "১"},
        {"nth": "1e0"},
        {"nth": "9" * 40},
        {"total-bkash": "x"},
        {"total-bkash": "-5"},
    ],
)
async def test_a_choice_that_cannot_be_read_asks_to_choose(changed: dict[str, str]) -> None:
    counter = Counter()
    browser = Browser(counter, "en")
    page = await browser.get()
    fields = {**page.html.fields(), "instrument": "bkash", **changed}
    seen = await browser.post(f"{HOME}/try?lang=en", fields)
    assert seen.status == 422
    (summary,) = seen.html.all("div", role="alert")
    assert summary["tabindex"] == "-1"
    assert seen.text.startswith("Error: ")
    assert "#instrument" in seen.html.links()
    assert ENGLISH("problem.nothing_chosen").striptags() in seen.text
    assert nothing_happened(counter)


async def test_an_unreadable_choice_beside_an_open_page_leads_to_how_it_stands() -> None:
    counter = Counter()
    browser = Browser(counter)
    await browser.choose("nagad")
    token = counter.tokens.of(CHECKOUT)
    assert (await browser.post(f"{HOME}/try", {"csrf": token})).place == HOME
    counter.shopper.small.clock.pass_by(901)
    assert (await browser.post(f"{HOME}/try", {"csrf": token})).status == 422


async def test_a_price_that_changed_is_shown_before_anything_is_begun() -> None:
    counter = Counter()
    browser = Browser(counter, "en")
    page = await browser.get()
    far = counter.shopper.far["bkash"]
    far.profile = replace(far.profile, payer_charge_basis_points=200)
    seen = await browser.choose("bkash", page)
    assert seen.status == 409
    assert nothing_happened(counter)
    (chosen,) = [one for one in seen.html.all("input", type="radio") if "checked" in one]
    assert chosen["value"] == "bkash"
    assert seen.html.fields()["total-bkash"] == "102575"
    assert (await browser.choose("bkash", seen)).status == 303


async def test_a_way_that_went_away_is_told_with_the_others() -> None:
    counter = Counter()
    browser = Browser(counter, "en")
    page = await browser.get()
    counter.shopper.small.routing.breakers["bkash"] = Breaker(BreakerState.OPEN, NOON, "away")
    far = counter.shopper.far["agrani"]
    far.profile = replace(far.profile, amount_max=Money(50_000))
    assert (await browser.choose("bkash", page)).status == 503
    assert (await browser.choose("agrani", page)).status == 422
    assert nothing_happened(counter)


async def test_a_program_that_takes_any_price_needs_no_total() -> None:
    counter = Counter()
    fields = await fields_of(counter)
    assert (await Browser(counter).post(f"{HOME}/try", fields)).place == f"{HOME}/go"


async def test_a_refused_page_leads_home_where_the_reason_stands() -> None:
    counter = Counter()
    counter.shopper.refuses("bkash", Unreached("nobody there"))
    assert (await Browser(counter).choose("bkash")).place == HOME


# ---- slow ones


async def test_a_provider_that_takes_long_keeps_no_browser_waiting_and_is_asked_once() -> None:
    counter = Counter(answer_seconds=0.05)
    gate = asyncio.Event()
    far = counter.shopper.far["bkash"]
    create = far.create

    async def slowly(order: CollectOrder) -> CreateOutcome:
        await gate.wait()
        return await create(order)

    far.create = slowly  # type: ignore[method-assign]
    browser = Browser(counter)
    seen = await browser.choose("bkash")
    assert seen.place == f"{HOME}/go"
    waiting = await browser.get(f"{HOME}/go")
    assert waiting.headers["refresh"] == "3"
    gate.set()
    await counter.checkout.tasks.drain(5)
    ready = await browser.get(f"{HOME}/go")
    assert ready.headers["refresh"] == "1; url=https://bkash.example/pay/P1"
    assert far.asked["create"] == 1


async def test_a_look_that_takes_long_goes_on_without_its_browser() -> None:
    counter = Counter(answer_seconds=0.05)
    browser = Browser(counter)
    await browser.choose("nagad")
    far, gate = counter.shopper.far["nagad"], asyncio.Event()
    inquire = far.inquire

    async def slowly(order: CollectOrder) -> object:
        await gate.wait()
        return await inquire(order)

    far.inquire = slowly  # type: ignore[assignment,method-assign]
    far.take(counter.shopper.page("nagad"))
    assert (await look(browser)).status == 303
    gate.set()
    await counter.checkout.tasks.drain(5)
    assert (await counter.shopper.now()).state is State.COMPLETED


# ---- looking


async def look(browser: Browser) -> Seen:
    page = await browser.get()
    return await browser.post(f"{HOME}/look", {"csrf": page.html.fields()["csrf"]})


async def test_look_now_asks_and_says_that_there_is_nothing_new() -> None:
    counter = Counter()
    browser = Browser(counter, "en")
    await browser.choose("nagad")
    seen = await browser.follow(await look(browser))
    assert ENGLISH("notice.looked").striptags() in seen.text
    assert seen.html.all("div", role="status")
    assert seen.headers["refresh"].endswith(f"; url={HOME}?lang=en"), "what was just said is not said again"
    assert counter.shopper.far["nagad"].asked["inquire"] == 1


async def test_look_now_finds_money_that_came() -> None:
    counter = Counter()
    browser = Browser(counter)
    await browser.choose("nagad")
    counter.shopper.far["nagad"].take(counter.shopper.page("nagad"))
    await look(browser)
    assert (await counter.shopper.now()).state is State.COMPLETED


# ---- leaving


async def test_leaving_is_asked_about_first_and_then_done() -> None:
    counter = Counter()
    browser = Browser(counter)
    await browser.choose("bkash")
    asked = await browser.get(f"{HOME}/cancel")
    assert asked.status == 200
    assert (await counter.shopper.now()).state is State.COLLECTING
    left = await browser.post(f"{HOME}/cancel", asked.html.fields())
    assert (left.status, left.place) == (303, HOME)
    assert (await counter.shopper.now()).state is State.DECLINED
    assert (await browser.post(f"{HOME}/cancel", asked.html.fields())).place == HOME


async def test_a_page_that_may_still_be_paid_is_warned_of_before_leaving() -> None:
    counter = Counter()
    browser = Browser(counter, "en")
    await browser.choose("nagad")
    seen = await browser.get(f"{HOME}/cancel")
    assert ENGLISH("leave.page_open", name="Nagad").striptags() in seen.text


async def test_what_is_being_asked_for_cannot_be_left() -> None:
    counter = Counter()
    browser = Browser(counter, "en")
    await browser.choose("bkash")
    form = await browser.get(f"{HOME}/cancel")
    counter.shopper.tries()[0].executes_begun = 1
    seen = await browser.post(f"{HOME}/cancel?lang=en", form.html.fields())
    assert seen.status == 409
    assert ENGLISH("notice.cannot_leave").striptags() in seen.text
    assert ENGLISH("waiting.asking.warning").striptags() in seen.text
    assert "refresh" not in seen.headers
    assert [one.state for one in counter.shopper.tries()] == [TryState.OPEN]
    assert (await browser.get(f"{HOME}/cancel")).status == 303


async def test_what_was_paid_cannot_be_left() -> None:
    counter = Counter()
    browser = Browser(counter)
    await browser.pay()
    fields = {"csrf": counter.tokens.of(CHECKOUT)}
    assert (await browser.post(f"{HOME}/cancel", fields)).status == 409
    assert (await counter.shopper.now()).state is State.COMPLETED
