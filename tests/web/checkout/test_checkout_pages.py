"""Every page of the checkout in both languages: what it says, what it offers, where it leads."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from ekpay_switch.domain.collections.funding import TryEnd, TryState
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt
from ekpay_switch.domain.payment import Event, State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.domain.routing.breaker import Breaker, BreakerState
from ekpay_switch.domain.routing.rules import DatedWindow
from tests.fakes.world import NOON
from tests.scenarios.checkout import LIFE_SECONDS, PAYMENT_ID
from tests.web.checkout.checkout_setup import HOME, Browser, Counter
from tests.web.checkout.language_setup import Stand

# ---- choosing


async def test_the_first_page_says_whom_how_much_what_for_and_what_each_way_costs(stand: Stand) -> None:
    seen = await stand.browser.get()
    assert seen.status == 200
    assert stand.t.amount(Money(100_000)) in seen.text
    assert "Two saris and a clay pot" in seen.text
    assert "1001" in seen.text
    for total in (102_075, 101_075):
        assert stand.says(seen, "choose.pay", total=stand.t.amount(Money(total)))
    assert stand.says(
        seen, "choose.until", until=stand.t.moment(NOON + timedelta(seconds=LIFE_SECONDS), NOON)
    )
    assert "refresh" not in seen.headers


async def test_ways_to_pay_are_radios_in_groups_whose_labels_say_their_notes(stand: Stand) -> None:
    seen = await stand.browser.get()
    html = seen.html
    radios = html.all("input", type="radio", name="instrument")
    assert {one["value"] for one in radios} == {"bkash", "nagad", "card", "nexus", "agrani"}
    assert radios[0]["id"] == "instrument"
    labels = {one["for"] for one in html.all("label")}
    for radio in radios:
        assert radio["id"] in labels
        assert "aria-describedby" not in radio
    notes = re.findall(
        r'<label[^>]*>(?:(?!</label>).)*class="ekpay-tile__note"', seen.body.decode(), re.DOTALL
    )
    assert len(notes) == len(radios)
    assert len(html.all("fieldset")) == len(html.all("legend")) == 3
    assert "checked" not in str(radios)


async def test_a_page_is_in_its_language_and_leads_to_the_other(language: str) -> None:
    seen = await Stand(language).browser.get()
    other = "en" if language == "bn" else "bn"
    assert seen.html.all("html") == [{"lang": language, "class": "govuk-template"}]
    assert seen.headers["content-language"] == language
    (switch,) = seen.html.all("button", name="language")
    assert (switch["formaction"], switch["lang"]) == (f"{HOME}/try?lang={other}", other)
    stand = Stand(language)
    stand.put(state=State.EXPIRED)
    (link,) = (await stand.browser.get()).html.all("a", hreflang=other)
    assert (link["href"], link["lang"]) == (f"{HOME}?lang={other}", other)


async def test_who_is_away_is_said_with_the_reason_and_cannot_be_chosen(stand: Stand) -> None:
    small = stand.shopper.small
    down = DatedWindow(NOON, NOON + timedelta(hours=2))
    small.routing.rules = replace(small.routing.rules, calendar={"nagad": (down,)})
    small.routing.breakers["bkash"] = Breaker(BreakerState.OPEN, NOON, "away")
    small.routing.breakers["nexus"] = Breaker(BreakerState.HALF_OPEN, NOON, "answered")
    far = stand.shopper.far["agrani"]
    far.profile = replace(far.profile, amount_max=Money(50_000))
    seen = await stand.browser.get()
    assert {one["value"] for one in seen.html.all("input", type="radio")} == {"card", "nexus"}
    assert stand.says(seen, "closed.until", until="14:00" if stand.t.language == "en" else "দুপুর ২:০০")  # noqa: RUF001 - Bangla digits
    assert stand.says(seen, "closed.unavailable")
    least, most = stand.t.amount(Money(100)), stand.t.amount(Money(50_000))
    assert stand.says(seen, "closed.limits", least=least, most=most)
    assert stand.says(seen, "offer.shaky")


async def test_where_nothing_is_offered_there_is_no_button_to_pay(stand: Stand) -> None:
    stand.shopper.takes("nobody")
    seen = await stand.browser.get()
    assert stand.says(seen, "choose.nothing_offered")
    assert seen.html.all("button") == []
    assert any(link.startswith(f"{HOME}/cancel") for link in seen.html.links())


async def test_a_payment_whose_merchant_is_gone_offers_nothing(stand: Stand) -> None:
    stand.shopper.small.merchants.merchants.clear()
    assert stand.says(await stand.browser.get(), "choose.nothing_offered")


async def test_kinds_and_instruments_that_have_no_words_are_shown_all_the_same(stand: Stand) -> None:
    small = stand.shopper.small
    small.routing.rules = replace(small.routing.rules, instruments={"voucher": ("nexus",)})
    for one in stand.shopper.far.values():
        if one.profile.id == "nexus":
            one.profile = replace(one.profile, instrument="voucher")
    stand.shopper.takes("voucher", "bkash")
    seen = await stand.browser.get()
    assert stand.says(seen, "kind.other")
    assert "voucher" in seen.text


# ---- on to the provider


async def test_a_choice_leads_over_a_page_that_says_so_to_the_provider(stand: Stand) -> None:
    chosen = await stand.browser.choose("bkash")
    assert (chosen.status, chosen.place.partition("?")[0]) == (303, f"{HOME}/go")
    seen = await stand.browser.follow(chosen)
    assert seen.headers["refresh"] == "1; url=https://bkash.example/pay/P1"
    assert "https://bkash.example/pay/P1" in seen.html.links()
    assert "bkash.example" in seen.text
    assert stand.says(seen, "go.total", total=stand.t.amount(Money(102_075)))


@pytest.mark.parametrize("below", ["/go", "/try", "/look"])
async def test_what_leads_nowhere_leads_home(below: str) -> None:
    seen = await Browser(Counter()).get(HOME + below)
    assert (seen.status, seen.place) == (303, HOME)


async def test_a_page_that_may_be_paid_no_more_is_not_led_to(stand: Stand) -> None:
    await stand.browser.choose("bkash")
    stand.shopper.small.clock.pass_by(LIFE_SECONDS)
    seen = await stand.browser.get(f"{HOME}/go")
    assert seen.status == 303
    home = await stand.browser.get()
    assert not stand.says(home, "waiting.go_on", name=stand.name("bkash"))


async def test_a_provider_that_we_know_no_more_is_led_to_without_its_name(stand: Stand) -> None:
    await stand.browser.choose("nagad")
    stand.shopper.small.connectors.known = []
    assert stand.says(await stand.browser.get(f"{HOME}/go"), "go.heading", name=stand.t("kind.unknown"))
    assert (await stand.browser.get(f"{HOME}/cancel")).status == 200


# ---- refused


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Declined("insufficient_balance", "2023"), "insufficient_balance"),
        (Declined("some words of theirs <b>", "X"), "declined"),
        (InDoubt("the answer was cut off"), "no_page"),
    ],
)
async def test_a_refusal_says_why_in_plain_words_and_offers_the_others(
    stand: Stand, outcome: Declined | InDoubt, reason: str
) -> None:
    stand.shopper.refuses("bkash", outcome)
    seen = await stand.browser.follow(await stand.browser.choose("bkash"))
    assert stand.says(seen, "refused.title")
    assert stand.says(seen, f"refused.{reason}", name=stand.name("bkash"))
    assert stand.says(seen, "refused.nothing_taken")
    assert "words of theirs" not in seen.text
    assert len(seen.html.all("input", type="radio")) == 5
    assert seen.html.all("div", role="alert")
    assert seen.html.fields()["nth"] == "2"


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Declined("insufficient_balance", "2023"), "insufficient_balance"),
        (Declined("X <b>", "X"), "declined"),
    ],
)
async def test_a_payer_whose_last_refusal_ends_the_order_reads_why(
    stand: Stand, outcome: Declined, reason: str
) -> None:
    stand.shopper.refuses("bkash", outcome)
    await stand.browser.follow(await stand.browser.choose("bkash"))
    stand.put(state=State.DECLINED, refusal=Refusal.INSTRUMENT_REFUSED)
    seen = await stand.browser.get()
    assert stand.says(seen, "ended.failed.title")
    assert stand.says(seen, f"refused.{reason}", name=stand.name("bkash"))
    assert stand.says(seen, "ended.failed.text")


@pytest.mark.parametrize("refusal", [Refusal.CANCELLED, Refusal.INSTRUMENT_REFUSED])
async def test_an_order_that_ended_while_we_ask_about_a_try_does_not_say_that_nothing_was_taken(
    stand: Stand, refusal: Refusal
) -> None:
    await stand.browser.choose("nagad")
    await stand.shopper.wait(901)
    await stand.shopper.wait(91)
    stand.put(state=State.DECLINED, refusal=refusal)
    seen = await stand.browser.get()
    assert stand.says(seen, "ended.unsure")
    assert not stand.says(seen, "ended.failed.text")


async def test_a_page_that_lapsed_undecided_does_not_say_that_nothing_was_taken(stand: Stand) -> None:
    await stand.browser.choose("nagad")
    await stand.shopper.wait(901)
    await stand.shopper.wait(91)
    payment = await stand.shopper.now()
    assert (payment.state, payment.tries[0].next_look_at is not None) == (State.CREATED, True)
    seen = await stand.browser.get()
    assert stand.says(seen, "refused.watched", name=stand.name("nagad"))
    assert not stand.says(seen, "refused.nothing_taken")


# ---- waiting


async def test_an_open_page_is_not_known_to_be_paid_and_says_when_we_look_again(stand: Stand) -> None:
    await stand.browser.choose("bkash")
    seen = await stand.browser.get()
    assert stand.says(seen, "waiting.at_provider.title", name=stand.name("bkash"))
    assert stand.says(seen, "waiting.at_provider.warning", name=stand.name("bkash"))
    at = stand.t.moment(NOON + timedelta(seconds=180), NOON)
    assert stand.says(seen, "waiting.look_at", at=at)
    assert seen.headers["refresh"] == "20"
    assert any(link.startswith(f"{HOME}/go") for link in seen.html.links())
    assert any("other=1" in link for link in seen.html.links())


async def test_what_is_due_is_looked_at_within_the_minute(stand: Stand) -> None:
    await stand.browser.choose("bkash")
    stand.shopper.small.clock.pass_by(240)
    now = NOON + timedelta(seconds=240)
    at = stand.t.moment(now + timedelta(minutes=1), now)
    assert stand.says(await stand.browser.get(), "waiting.look_at", at=at)


@pytest.mark.parametrize(
    ("seconds", "refresh"), [(0, "20"), (165, "17"), (178, "4"), (179.5, "3"), (240, "3")]
)
async def test_a_page_looks_again_just_after_we_do_where_that_is_soon(seconds: float, refresh: str) -> None:
    stand = Stand()
    await stand.browser.choose("bkash")
    stand.shopper.small.clock.pass_by(seconds)
    assert (await stand.browser.get()).headers["refresh"] == refresh


async def test_a_page_that_may_still_be_paid_says_from_when_another_way_is_open(stand: Stand) -> None:
    await stand.browser.choose("nagad")
    seen = await stand.browser.get(f"{HOME}?other=1")
    at = stand.t.moment(NOON + timedelta(seconds=900), NOON)
    assert stand.says(seen, "waiting.another_from", name=stand.name("nagad"), at=at)
    assert seen.html.all("input", type="radio") == []


async def test_another_way_is_offered_where_only_our_word_moves_money(stand: Stand) -> None:
    await stand.browser.choose("bkash")
    seen = await stand.browser.get(f"{HOME}?other=1")
    assert len(seen.html.all("input", type="radio")) == 5
    assert (await stand.browser.choose("nagad", seen)).place.startswith(f"{HOME}/go")
    assert [one.state for one in stand.shopper.tries()] == [TryState.ABANDONED, TryState.OPEN]


async def test_while_the_money_is_asked_for_there_is_nothing_to_press_but_look_now(stand: Stand) -> None:
    await stand.browser.choose("bkash")
    stand.shopper.tries()[0].executes_begun = 1
    seen = await stand.browser.get(f"{HOME}?other=1")
    assert stand.says(seen, "waiting.asking.title")
    assert stand.says(seen, "waiting.asking.warning")
    assert len(seen.html.all("button", type="submit")) == 1
    assert not any("/go" in link or "/cancel" in link or "other=1" in link for link in seen.html.links())


async def test_while_money_is_held_for_its_risk_no_page_is_led_to(stand: Stand) -> None:
    await stand.shopper.choose("bkash")
    stand.shopper.tries()[0].held_at = NOON
    seen = await stand.browser.get()
    assert stand.shopper.tries()[0].page_url not in seen.text
    assert not seen.html.all("input", type="radio")


async def test_held_money_that_was_refused_is_said_to_go_back(stand: Stand) -> None:
    shopper = stand.shopper
    await shopper.choose("bkash")
    one = shopper.tries()[0]
    one.state, one.end, one.next_action_at = TryState.CLOSED, TryEnd.SECOND_SUCCESS, None
    shopper.small.tables.move(PAYMENT_ID, (Event.COLLECTION_CAME_TO_NOTHING,), {}, None)
    seen = await stand.browser.get()
    assert stand.says(seen, "refused.goes_back")
    assert not stand.says(seen, "refused.nothing_taken")


async def test_a_page_that_is_being_opened_is_waited_for_shortly(stand: Stand) -> None:
    await stand.browser.choose("bkash")
    stand.shopper.tries()[0].page_url = ""
    for place in (HOME, f"{HOME}/go"):
        seen = await stand.browser.get(place)
        assert stand.says(seen, "waiting.opening.title", name=stand.name("bkash"))
        assert seen.headers["refresh"] == "3"
        assert seen.html.all("button", type="submit") == []


async def test_money_that_came_and_is_not_credited_yet_is_said_so(stand: Stand) -> None:
    stand.put(state=State.FUNDED)
    assert stand.says(await stand.browser.get(), "waiting.received.title")


async def test_the_payer_can_stop_a_page_from_looking_by_itself(stand: Stand) -> None:
    await stand.browser.choose("bkash")
    seen = await stand.browser.get(f"{HOME}?stay=1")
    assert "refresh" not in seen.headers
    assert stand.says(seen, "waiting.again_by_itself")


async def test_a_page_that_was_left_and_could_still_be_paid_is_warned_of(stand: Stand) -> None:
    await stand.browser.choose("nagad")
    stand.shopper.tries()[0].state = TryState.ABANDONED
    stand.put(state=State.CREATED)
    until = stand.t.moment(NOON + timedelta(seconds=900), NOON)
    assert stand.says(await stand.browser.get(), "earlier.open", name=stand.name("nagad"), until=until)
    stand.shopper.small.clock.pass_by(901)
    assert not stand.says(await stand.browser.get(), "earlier.open", name=stand.name("nagad"), until=until)
