"""No sentence about the money is shown whose evidence does not stand, in either language."""

import re
from collections.abc import Callable
from itertools import chain, combinations

import pytest

from ekpay_switch.domain.collections.funding import TryEnd, TryState
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.web.checkout.evidence import NEEDS, Evidence, evidence_of
from ekpay_switch.web.checkout.models import (
    ended_sentences,
    refusal_sentence,
    shop_sentence,
    waiting_sentences,
)
from ekpay_switch.web.checkout.situations import WAITING, Situation, situation_of
from ekpay_switch.web.wording import Language, read_texts
from tests.fakes.world import NOON
from tests.scenarios.checkout import an_order_text
from tests.web.checkout.checkout_setup import HOME, Seen
from tests.web.checkout.language_setup import Stand

E, S = Evidence, Situation
# Words that state where money is, or what the payer or the shop has done.
CLAIMS = {
    Language.ENGLISH: re.compile(
        r"\bnothing (was|has been|is) taken\b|\btakes nothing\b|\byou have (paid|agreed)\b|money has reached|"
        r"being credited|goes back|gone back|given back|on its way back|have asked .* for the money|"
        r"holds your money|^paid(:|$)|has been told|are telling|\bnobody paid\b|was cancelled$",
        re.IGNORECASE,
    ),
    Language.BANGLA: re.compile(
        "কাটা হয়নি|টাকা কাটে না|টাকা চেয়েছি|আটকে রেখেছে|টাকা আমরা পেয়েছি|জমা করা হচ্ছে|ফেরত যাবে|ফেরত গেছে|ফেরত যাচ্ছে|"
        "সফল হয়েছে|জানানো হয়েছে|জানানো হচ্ছে|সময়মতো দেওয়া হয়নি|বাতিল করা হয়েছে$"
    ),
}
# They say "as far as we know", "if", or what a request of this page did not do.
HEDGED = {
    "ended.unsure", "refused.watched", "earlier.open", "leave.page_open", "notice_page.do_not_pay_again",
    "notice_page.foreign.text", "waiting.at_provider.warning", "waiting.not_paid_yet", "notice.cannot_leave",
    "waiting.at_provider.title", "waiting.at_provider.theirs", "portal_notice.foreign.text",
    "portal_notice.away.text", "portal_notice.no_cart.text", "cart.stand_in",
}  # fmt: skip
# What the form of this very page did not do: asking a biller for a bill moves no money.
BY_THE_FORM = ("problem.", "bill.problem.", "cart.problem.")
# Their evidence is that of a cart: tests/web/portal/test_cart_outcomes.py.
OF_CARTS = ("result.",)
# Theirs is that of an order at a counter: tests/domain/agents/test_counter.py.
OF_COUNTERS = ("agent.outcome.",)


@pytest.mark.parametrize("language", list(Language))
def test_every_sentence_that_states_where_money_is_declares_its_evidence(language: Language) -> None:
    texts = read_texts(language)
    claiming = {key for key, text in texts.items() if CLAIMS[language].search(text)}
    by_the_form = {key for key in claiming if key.startswith(BY_THE_FORM)}
    of_others = {key for key in claiming if key.startswith((*OF_CARTS, *OF_COUNTERS))}
    assert claiming - NEEDS.keys() - HEDGED - by_the_form - of_others == set()
    assert NEEDS.keys() <= texts.keys()


def test_the_model_chooses_no_sentence_without_its_evidence_whatever_is_proven() -> None:
    every = list(Evidence)
    subsets = [set(some) for some in chain.from_iterable(combinations(every, size) for size in range(5))]
    for proven in subsets:
        chosen = [
            refusal_sentence(None, proven),
            *(shop_sentence(proven, is_open=way) for way in (True, False)),
        ]
        for situation in WAITING - {S.RECEIVED}:
            chosen += waiting_sentences(situation, proven)
        for situation in set(Situation) - WAITING:
            chosen += ended_sentences(situation, proven)
        assert [one for one in chosen if one in NEEDS and NEEDS[one] not in proven] == []


# ---- what the books prove, and what the page says of it


def a_try(stand: Stand, **changes: object) -> None:
    for name, value in changes.items():
        setattr(stand.shopper.tries()[0], name, value)


def at_bkash(stand: Stand) -> None:
    """The page of bKash is open; only our execute moves money."""


def executed(stand: Stand) -> None:
    a_try(stand, executes_begun=1)


def held(stand: Stand) -> None:
    a_try(stand, executes_begun=1, held_at=NOON)


def without_a_page(stand: Stand) -> None:
    a_try(stand, page_url="")


def left(stand: Stand) -> None:
    a_try(stand, state=TryState.ABANDONED)
    stand.put(state=State.CREATED)


def refused(stand: Stand) -> None:
    a_try(stand, state=TryState.CLOSED, end=TryEnd.DECLINED, next_action_at=None)
    stand.put(state=State.CREATED)


def late(stand: Stand) -> None:
    a_try(stand, state=TryState.CLOSED, end=TryEnd.SECOND_SUCCESS, next_action_at=None)
    stand.put(state=State.DECLINED)


def in_state(state: State, **values: object) -> Callable[[Stand], None]:
    def prepare(stand: Stand) -> None:
        stand.put(state=state, **values)

    return prepare


def shut(state: State, refusal: Refusal | None = None) -> Callable[[Stand], None]:
    """The page of the try is over, and nobody asks about it any more."""

    def prepare(stand: Stand) -> None:
        a_try(stand, state=TryState.CLOSED, end=TryEnd.NEVER_PAID, next_action_at=None)
        stand.put(state=state, refusal=refusal)

    return prepare


CASES = [
    ("", in_state(State.CREATED), S.CHOOSE, {E.NOTHING_MOVED}),
    ("bkash", at_bkash, S.AT_PROVIDER, {E.NOTHING_MOVED, E.OUR_EXECUTE_ONLY}),
    ("bkash", executed, S.ASKING, {E.MONEY_REQUESTED}),
    ("bkash", held, S.ASKING, {E.MONEY_HELD}),
    ("bkash", without_a_page, S.OPENING, {E.NOTHING_MOVED, E.OUR_EXECUTE_ONLY}),
    ("nagad", at_bkash, S.AT_PROVIDER, set()),
    ("nagad", without_a_page, S.OPENING, {E.NOTHING_MOVED}),
    ("nagad", left, S.CHOOSE, set()),
    ("bkash", left, S.CHOOSE, {E.NOTHING_MOVED}),
    ("nagad", refused, S.CHOOSE, {E.NOTHING_MOVED}),
    ("nagad", late, S.FAILED, {E.LATE_MONEY}),
    ("nagad", in_state(State.DECLINED, refusal=Refusal.CANCELLED), S.CANCELLED, {E.CANCELLED}),
    ("nagad", in_state(State.EXPIRED), S.EXPIRED, set()),
    ("nagad", shut(State.EXPIRED), S.EXPIRED, {E.NOTHING_MOVED}),
    ("nagad", shut(State.DECLINED, Refusal.CANCELLED), S.CANCELLED, {E.NOTHING_MOVED, E.CANCELLED}),
    ("nagad", shut(State.FUNDED), S.RECEIVED, {E.MONEY_RECEIVED}),
    ("nagad", shut(State.COMPLETED), S.PAID, {E.CREDITED}),
    ("nagad", shut(State.IN_REVIEW), S.REVIEW, set()),
    ("nagad", shut(State.REFUNDING), S.GOES_BACK, {E.RETURNING}),
    ("nagad", shut(State.REFUNDED), S.GIVEN_BACK, {E.RETURNED}),
    ("", in_state(State.COMPLETED, refunded=Money(500)), S.PAID, {E.CREDITED, E.PARTLY_RETURNED}),
    ("", in_state(State.COLLECTING), S.ASKING, {E.NOTHING_MOVED}),
]  # fmt: skip
SHOP: list[tuple[dict[str, object], Evidence | None]] = [
    ({}, E.IPN_PENDING),
    ({"is_told": True}, E.SHOP_NOTIFIED),
    ({"text": an_order_text(ipn_channel="0", ipn_uri=""), "is_told": True}, None),
]


def is_said(stand: Stand, seen: Seen, key: str, **values: str) -> bool:
    """Whether the page says this sentence; a title is looked for where titles stand."""
    if not key.endswith("title"):
        return stand.says(seen, key, **values)
    heads = re.findall("<(?:h1|title).*?>(.*?)</(?:h1|title)>", seen.body.decode(), re.DOTALL)
    sentence = stand.t(key, **values).striptags()
    return any(re.sub("<.*?>", "", head).partition(" \u2013 ")[0].strip() == sentence for head in heads)


@pytest.mark.parametrize(("instrument", "prepare", "situation", "proven"), CASES)
async def test_a_page_says_what_its_payments_books_prove_and_no_more(
    stand: Stand,
    instrument: str,
    prepare: Callable[[Stand], None],
    situation: Situation,
    proven: set[Evidence],
) -> None:
    if instrument:
        await stand.browser.choose(instrument)
    prepare(stand)
    base = dict(stand.shopper.payments.put)
    for values, of_shop in SHOP:
        stand.put(**{**base, **values})
        payment = await stand.shopper.now()
        stands = proven | ({of_shop} if of_shop else set())
        assert situation_of(payment) is situation
        assert evidence_of(payment, stand.shopper.world) == stands
        for place in (HOME, f"{HOME}?stay=1", f"{HOME}/cancel"):
            seen = await stand.browser.get(place)
            name = stand.name(instrument or "bkash")
            amount, paid = stand.t.amount(payment.refunded), stand.t.amount(payment.sums.total)
            values_of = {"name": name, "merchant": stand.shop}
            said = {
                key
                for key in NEEDS
                if is_said(stand, seen, key, **values_of, amount=paid if "sum" in key else amount)
            }
            assert {key for key in said if NEEDS[key] not in stands} == set()
