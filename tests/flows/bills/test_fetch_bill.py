from dataclasses import replace

import pytest

from ekpay_switch.domain.amount_bounds import AmountBounds
from ekpay_switch.domain.bill import BillerSilent, BillFound, BillMissing, FetchReply, Quote
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.bills.fetch_bill import FetchOrder, ParameterFault, chosen_parameters, fetch_bill
from ekpay_switch.ports.billers import Parameter
from tests.factories import BILL_NO, a_bill, a_fetch, a_world
from tests.fakes.billers import BILL_NUMBER, PROFILE
from tests.fakes.crash_points import CrashError

NAME = Parameter("name", "x_name", "", "", "^[^<>]{2,80}$", "Rahela Khatun", "A", is_required=False)

ACCOUNT = Parameter("account_no", "bllr_accno", "", "", "^[0-9]{8}$", "12345678", "B", is_required=True)
MOBILE = Parameter("mobile", "bill_mobno", "", "", "^01[0-9]{9}$", "", "B", is_required=False)


async def test_a_quote_is_stored_before_it_is_told() -> None:
    small = a_world()
    quote = await fetch_bill(a_fetch(), small.world)
    assert isinstance(quote, Quote)
    assert small.steps.taken == ["fetch", "save_quote"]
    assert small.books.quotes["bank1", quote.quote_id] == quote


async def test_our_fee_and_its_vat_are_frozen_into_the_quote() -> None:
    quote = await fetch_bill(a_fetch(), a_world().world)
    assert isinstance(quote, Quote)
    assert (quote.fee.fee, quote.fee.vat, quote.fee.version) == (Money(500), Money(75), "test")


async def test_a_quote_lives_as_long_as_the_biller_says_but_not_past_the_day() -> None:
    small = a_world()
    quote = await fetch_bill(a_fetch(), small.world)
    assert isinstance(quote, Quote)
    assert (quote.expires_at - small.clock.now()).total_seconds() == 900
    small.clock.pass_by(12 * 3600 - 60)
    late = await fetch_bill(a_fetch(), small.world)
    assert isinstance(late, Quote)
    assert (late.expires_at - small.clock.now()).total_seconds() == 60


async def test_no_two_quotes_have_the_same_reference() -> None:
    small = a_world()
    quotes = [await fetch_bill(a_fetch(), small.world) for _ in range(50)]
    assert len({quote.quote_id for quote in quotes if isinstance(quote, Quote)}) == 50


async def test_a_paid_bill_is_an_answer_like_any_other() -> None:
    small = a_world()
    small.biller.bills[BILL_NO] = a_bill(is_paid=True)
    quote = await fetch_bill(a_fetch(), small.world)
    assert isinstance(quote, Quote)
    assert quote.bill.is_paid


async def test_an_unknown_biller_is_not_asked() -> None:
    small = a_world()
    assert await fetch_bill(a_fetch(ekpay_biller_id="b999"), small.world) is Refusal.UNKNOWN_BILLER
    assert small.steps.taken == []


async def test_a_bill_that_is_not_named_properly_is_not_asked_for() -> None:
    small = a_world()
    wrong = ParameterFault("bll_no", "is not as this biller's master data say")
    assert await fetch_bill(a_fetch("12"), small.world) == wrong
    nothing = FetchOrder("bank1", "F" * 24, "b025", {})
    assert await fetch_bill(nothing, small.world) == ParameterFault("bll_no", "is missing")
    assert small.steps.taken == []


@pytest.mark.parametrize(
    ("reply", "refusal"),
    [
        (BillMissing(), Refusal.NO_SUCH_BILL),
        (BillerSilent("timed out"), Refusal.BILLER_UNAVAILABLE),
        (BillFound(a_bill(total=-1)), Refusal.BILLER_UNAVAILABLE),
    ],
)
async def test_without_a_usable_bill_nothing_is_stored(reply: FetchReply, refusal: Refusal) -> None:
    small = a_world()
    small.biller.replies.append(reply)
    before = dict(small.books.quotes)
    assert await fetch_bill(a_fetch(), small.world) is refusal
    assert small.books.quotes == before


async def test_a_quote_that_could_not_be_stored_is_never_told() -> None:
    small = a_world()
    small.steps.crash_at = "before save_quote"
    with pytest.raises(CrashError):
        await fetch_bill(a_fetch(), small.world)
    assert len(small.books.quotes) == 1


def test_the_first_group_that_is_filled_in_names_the_bill() -> None:
    profile = replace(PROFILE, parameters=(BILL_NUMBER, ACCOUNT, MOBILE))
    both = {"bll_no": BILL_NO, "bllr_accno": "12345678"}
    assert chosen_parameters(profile, both) == {"bill_no": BILL_NO}
    assert chosen_parameters(profile, {"bllr_accno": "12345678"}) == {"account_no": "12345678"}


@pytest.mark.parametrize(("told", "is_taken"), [("M", True), ("NM", True), ("X", False)])
def test_a_field_with_choices_takes_one_of_them(told: str, *, is_taken: bool) -> None:
    kind = replace(ACCOUNT, name="kind", wire_name="bll_typ", pattern="^[A-Z]{1,2}$")
    kind = replace(kind, choices=(("M", "metered", "মিটারযুক্ত"), ("NM", "non-metered", "মিটারবিহীন")))
    profile = replace(PROFILE, parameters=(ACCOUNT, kind))
    chosen = chosen_parameters(profile, {"bllr_accno": "12345678", "bll_typ": told})
    assert isinstance(chosen, dict) == is_taken


@pytest.mark.parametrize(
    ("told", "is_taken"), [("99.99", False), ("100", True), ("১০০.৫০", False), ("100.50", True), ("0", False)]
)
def test_an_amount_that_the_payer_chooses_keeps_its_bounds(told: str, *, is_taken: bool) -> None:
    bounds = AmountBounds(Money(10_000), None, Money(50))
    amount = replace(ACCOUNT, name="amount", wire_name="amount", pattern="^[0-9.]+$", bounds=bounds)
    profile = replace(PROFILE, parameters=(ACCOUNT, amount))
    chosen = chosen_parameters(profile, {"bllr_accno": "12345678", "amount": told})
    assert isinstance(chosen, dict) == is_taken


def test_an_optional_field_alone_names_no_bill() -> None:
    profile = replace(PROFILE, parameters=(ACCOUNT, MOBILE))
    found = chosen_parameters(profile, {"bill_mobno": "01711111111"})
    assert found == ParameterFault("bllr_accno", "is missing")
    filled = {"bll_no": "ignored", "bllr_accno": "12345678", "bill_mobno": "01711111111"}
    assert chosen_parameters(profile, filled) == {"account_no": "12345678", "mobile": "01711111111"}


@pytest.mark.parametrize("text", ["12345678\n", "১২৩৪৫৬৭৮", "1234567", "٣٤٥٦٧٨٩٠", " 12345678", "123456789"])
def test_one_field_with_rubbish_spoils_the_whole_request(text: str) -> None:
    profile = replace(PROFILE, parameters=(BILL_NUMBER, ACCOUNT))
    found = chosen_parameters(profile, {"bll_no": BILL_NO, "bllr_accno": text})
    assert found == ParameterFault("bllr_accno", "is not as this biller's master data say")


@pytest.mark.parametrize("spelled", ["01711111111", "8801711111111", "+8801711111111"])
def test_a_mobile_number_is_one_number_however_it_is_spelled(spelled: str) -> None:
    profile = replace(PROFILE, parameters=(ACCOUNT, MOBILE))
    chosen = chosen_parameters(profile, {"bllr_accno": "12345678", "bill_mobno": spelled})
    assert chosen == {"account_no": "12345678", "mobile": "01711111111"}


@pytest.mark.parametrize("spelled", ["1711111111", "008801711111111", "+88 01711111111", "88017111111110"])
def test_what_is_no_mobile_number_is_named(spelled: str) -> None:
    profile = replace(PROFILE, parameters=(ACCOUNT, MOBILE))
    found = chosen_parameters(profile, {"bllr_accno": "12345678", "bill_mobno": spelled})
    assert found == ParameterFault("bill_mobno", "is not as this biller's master data say")


def test_the_one_number_of_a_biller_is_taken_from_either_member() -> None:
    """Public clients send `bllr_accno` where a biller has a bill number alone."""
    by_bill = replace(PROFILE, parameters=(BILL_NUMBER, MOBILE))
    assert chosen_parameters(by_bill, {"bllr_accno": BILL_NO}) == {"bill_no": BILL_NO}
    by_account = replace(PROFILE, parameters=(ACCOUNT,))
    assert chosen_parameters(by_account, {"bll_no": "12345678"}) == {"account_no": "12345678"}
    both = replace(PROFILE, parameters=(replace(BILL_NUMBER, group="B"), ACCOUNT))
    assert isinstance(chosen_parameters(both, {"bll_no": "12345678"}), ParameterFault)


def test_a_member_of_ours_that_nobody_sends_has_a_default() -> None:
    choices = (("counter", "At the counter", "কাউন্টারে"), ("post", "By post", "ডাকে"))
    delivery = replace(
        ACCOUNT, name="delivery", wire_name="x_delivery", pattern="^(counter|post)$", choices=choices,
        is_required=False, default="counter",
    )  # fmt: skip
    profile = replace(PROFILE, parameters=(ACCOUNT, delivery))
    named = {"bllr_accno": "12345678"}
    assert chosen_parameters(profile, named) == {"account_no": "12345678", "delivery": "counter"}
    chosen = chosen_parameters(profile, named | {"x_delivery": "post"})
    assert chosen == {"account_no": "12345678", "delivery": "post"}
    assert chosen_parameters(profile, {}) == ParameterFault("bllr_accno", "is missing")


# ---- card numbers (docs/adr/0084)


def test_a_card_number_in_a_text_for_people_is_masked() -> None:
    profile = replace(PROFILE, parameters=(BILL_NUMBER, NAME))
    fields = {"bll_no": BILL_NO, "x_name": "Rahela 4111 1111 1111 1111"}
    assert chosen_parameters(profile, fields) == {"bill_no": BILL_NO, "name": "Rahela 4111 11** **** 1111"}


async def test_what_a_biller_says_for_people_is_masked_and_its_numbers_stay() -> None:
    card, small = "4111111111111111", a_world()
    details = {"customer_name": card, "address": f"Dhaka {card}", "meter_no": card, "period_from": ""}
    small.biller.bills[BILL_NO] = replace(a_bill(), details=details)
    quote = await fetch_bill(a_fetch(), small.world)
    assert isinstance(quote, Quote)
    masked = "411111******1111"
    expected = {**details, "customer_name": masked, "address": f"Dhaka {masked}"}
    assert quote.bill.details == expected


@pytest.mark.parametrize("pattern", ["^[0-9]{16}$", "^[0-9]{6,20}$", "^[0-9A-Z/-]{3,20}$"])
def test_a_bill_is_payable_whatever_its_check_digit(pattern: str) -> None:
    application = replace(BILL_NUMBER, pattern=pattern)
    profile = replace(PROFILE, parameters=(application,))
    assert chosen_parameters(profile, {"bll_no": "4111111111111111"}) == {"bill_no": "4111111111111111"}
