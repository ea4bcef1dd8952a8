"""Which connector is asked, and why the others are not: filter, rules, split, score."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.breaker import BreakerState
from ekpay_switch.domain.routing.decision import (
    Approach,
    Candidate,
    Decision,
    Draw,
    Exclusion,
    decide,
    draw_of,
    weigh,
)
from ekpay_switch.domain.routing.rules import Action, DatedWindow, FailureCost, Rule, WeeklyWindow
from tests.scenarios.routing import (
    CARDS,
    EXPLORES,
    FRIDAY_NOON,
    NO_LUCK,
    a_candidate,
    a_request,
    a_rule,
    a_split,
    card_rules,
    left_out,
)

ALL = tuple(a_candidate(name) for name in CARDS)
FRIDAY = 4


def decided(*rules: Rule, candidates: tuple[Candidate, ...] = ALL, draw: Draw = NO_LUCK) -> Decision:
    return decide(a_request(), candidates, card_rules(*rules), draw)


# ---- filter


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"is_enabled": False}, Exclusion.DISABLED),
        ({"amount_max": Money(107_149)}, Exclusion.LIMITS),
        ({"amount_min": Money(107_151)}, Exclusion.LIMITS),
        ({"breaker": BreakerState.OPEN}, Exclusion.BREAKER),
        ({"breaker": BreakerState.HALF_OPEN, "is_probed": True}, Exclusion.PROBED),
        ({"breaker": BreakerState.HALF_OPEN}, None),
        # 1.5 % of 1,050.00 more than the bill, the fee and its VAT.
        ({"amount_min": Money(107_150), "amount_max": Money(107_150)}, None),
    ],
)
def test_a_connector_that_may_not_be_asked_is_left_out(
    changes: dict[str, object], why: Exclusion | None
) -> None:
    decision = decided(candidates=(a_candidate("ebl", **changes), *ALL[1:]))
    assert decision.verdict_on("ebl").why is why
    assert decision.chosen_connector == ("ebl" if why is None else "brac_bank")


def test_one_that_does_not_stand_for_the_instrument_is_left_out() -> None:
    decision = decided(candidates=(a_candidate("bkash"), *ALL))
    assert left_out(decision) == {"ebl": None, "brac_bank": None, "city_bank": None, "bkash": "instrument"}


def test_the_order_of_the_rules_breaks_ties_and_not_the_order_of_the_candidates() -> None:
    assert decided(candidates=ALL[::-1]).ranking == CARDS


def test_a_cap_may_be_reached_and_not_passed() -> None:
    total = 107_150
    rules = replace(card_rules(), daily_caps={"ebl": Money(1_000_000)})
    for used, why in ((1_000_000 - total, None), (1_000_001 - total, Exclusion.HEADROOM)):
        candidate = a_candidate("ebl", used_today=Money(used))
        assert decide(a_request(), (candidate,), rules, NO_LUCK).verdict_on("ebl").why is why


def test_without_a_cap_nothing_is_used_up() -> None:
    assert decided(candidates=(a_candidate("ebl", used_today=Money(10**12)),)).chosen_connector == "ebl"


@pytest.mark.parametrize(
    ("window", "minutes", "is_down"),
    [
        (WeeklyWindow(FRIDAY, 720, 780), 0, True),
        (WeeklyWindow(FRIDAY, 720, 780), 59, True),
        (WeeklyWindow(FRIDAY, 720, 780), 60, False),
        (WeeklyWindow(FRIDAY, 720, 780), -1, False),
        (WeeklyWindow(FRIDAY, 720, 780), 7 * 1_440, True),
        (WeeklyWindow(FRIDAY, 720, 780), 1_440, False),
        # Five in the afternoon of Thursday in UTC is still Thursday in Dhaka, six hours on it is not.
        (WeeklyWindow(FRIDAY, 0, 60), -12 * 60, True),
        (DatedWindow(FRIDAY_NOON, FRIDAY_NOON + timedelta(hours=1)), 0, True),
        (DatedWindow(FRIDAY_NOON, FRIDAY_NOON + timedelta(hours=1)), 60, False),
        (DatedWindow(FRIDAY_NOON, FRIDAY_NOON + timedelta(hours=1)), 7 * 1_440, False),
    ],
)
def test_a_connector_is_not_asked_while_it_is_down_for_maintenance(
    window: WeeklyWindow | DatedWindow, minutes: int, *, is_down: bool
) -> None:
    rules = replace(card_rules(), calendar={"ebl": (DatedWindow(FRIDAY_NOON, FRIDAY_NOON), window)})
    decision = decide(a_request(at=FRIDAY_NOON + timedelta(minutes=minutes)), ALL, rules, NO_LUCK)
    assert decision.verdict_on("ebl").why is (Exclusion.CALENDAR if is_down else None)
    assert decision.verdict_on("brac_bank").why is None


def test_what_was_tried_or_is_probed_by_another_is_left_out() -> None:
    request = a_request(tried=frozenset({"ebl"}), probed=frozenset({"brac_bank"}))
    decision = decide(request, ALL, card_rules(), NO_LUCK)
    assert left_out(decision) == {"ebl": "tried", "brac_bank": "probed", "city_bank": None}
    assert decision.approach is Approach.LAST


def test_frozen_sums_leave_only_those_with_the_same_charge() -> None:
    candidates = (a_candidate("ebl", payer_charge_basis_points=200), *ALL[1:])
    decision = decide(a_request(charge=Money(1_575)), candidates, card_rules(), NO_LUCK)
    assert left_out(decision) == {"ebl": "charge", "brac_bank": None, "city_bank": None}


def test_nobody_is_left() -> None:
    decision = decided(a_rule(Action.EXCLUDE, *CARDS))
    assert (decision.chosen_connector, decision.approach, decision.ranking) == (
        None,
        Approach.NO_CONNECTOR,
        (),
    )


# ---- named by the caller


def test_a_named_connector_is_taken_whatever_rules_and_scores_say() -> None:
    rules = card_rules(a_rule(Action.EXCLUDE, "ebl"), a_split({"city_bank": 100}))
    bad = a_candidate("ebl", successes=0)
    decision = decide(a_request(instrument="ebl"), (bad, *ALL[1:]), rules, EXPLORES)
    assert (decision.chosen_connector, decision.approach, decision.rules) == ("ebl", Approach.NAMED, ())
    assert left_out(decision) == {"ebl": None, "brac_bank": "instrument", "city_bank": "instrument"}


def test_a_named_connector_that_may_not_be_asked_is_never_exchanged() -> None:
    candidates = (a_candidate("ebl", breaker=BreakerState.OPEN), *ALL[1:])
    decision = decide(a_request(instrument="ebl"), candidates, card_rules(), NO_LUCK)
    assert (decision.chosen_connector, decision.approach) == (None, Approach.NO_CONNECTOR)


def test_of_an_unknown_instrument_nobody_is_left() -> None:
    assert decide(a_request(instrument="cheque"), ALL, card_rules(), NO_LUCK).chosen_connector is None


# ---- rules


def test_only_leaves_nobody_else_and_exclude_takes_out() -> None:
    decision = decided(
        a_rule(Action.ONLY, "brac_bank", "city_bank", name="two"),
        a_rule(Action.EXCLUDE, "brac_bank", "ebl", name="not these"),
    )
    assert (decision.chosen_connector, decision.rules) == ("city_bank", ("two", "not these"))
    by = {one.connector_id: (one.why, one.rule) for one in decision.verdicts}
    assert by == {
        "ebl": (Exclusion.RULE, "two"),
        "brac_bank": (Exclusion.RULE, "not these"),
        "city_bank": (None, ""),
    }


def test_the_filter_speaks_before_the_rules() -> None:
    candidates = (a_candidate("ebl", is_enabled=False), *ALL[1:])
    decision = decided(a_rule(Action.EXCLUDE, "ebl"), candidates=candidates)
    assert decision.verdict_on("ebl").why is Exclusion.DISABLED


def test_the_preferred_go_first_and_the_others_stay_behind_them() -> None:
    rules = (a_rule(Action.PREFER, "city_bank", "brac_bank"), a_rule(Action.PREFER, "city_bank", "ebl"))
    assert decided(*rules).ranking == ("city_bank", "brac_bank", "ebl")
    down = (*ALL[:2], a_candidate("city_bank", breaker=BreakerState.OPEN))
    assert decided(*rules, candidates=down).ranking == ("brac_bank", "ebl")
    assert decided(*rules, candidates=(ALL[0],)).approach is Approach.LAST


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({}, True),
        ({"instruments": frozenset({"card"})}, True),
        ({"instruments": frozenset({"nexus"})}, False),
        ({"billers": frozenset({"desco_postpaid"})}, True),
        ({"billers": frozenset({"breb"})}, False),
        ({"partners": frozenset({"bank1"})}, True),
        ({"partners": frozenset({"bank2"})}, False),
        ({"amount_min": Money(105_000), "amount_max": Money(105_000)}, True),
        ({"amount_min": Money(105_001)}, False),
        ({"amount_max": Money(104_999)}, False),
        ({"minute_from": 720}, True),
        ({"minute_from": 721}, False),
        ({"minute_until": 720}, False),
    ],
)
def test_a_rule_speaks_about_its_own_payments_alone(condition: dict[str, Any], *, holds: bool) -> None:
    decision = decided(a_rule(Action.ONLY, "city_bank", **condition))
    assert decision.chosen_connector == ("city_bank" if holds else "ebl")
    assert decision.rules == (("a rule",) if holds else ())


# ---- split


def placed(place: int, *rules: Rule, candidates: tuple[Candidate, ...] = ALL) -> Decision:
    return decided(*rules, candidates=candidates, draw=Draw(explore=0, place=place))


def test_shares_are_kept_to_the_millionth() -> None:
    split = a_split({"city_bank": 60, "ebl": 40})
    for place, chosen in ((0, "city_bank"), (599_999, "city_bank"), (600_000, "ebl"), (999_999, "ebl")):
        decision = placed(place, split)
        assert (decision.chosen_connector, decision.approach) == (chosen, Approach.SPLIT)


def test_a_share_of_one_who_is_away_goes_to_the_others_as_they_stand_to_each_other() -> None:
    split = a_split({"ebl": 60, "brac_bank": 30, "city_bank": 10})
    away = (a_candidate("ebl", breaker=BreakerState.OPEN), *ALL[1:])
    assert placed(749_999, split, candidates=away).chosen_connector == "brac_bank"
    assert placed(750_000, split, candidates=away).chosen_connector == "city_bank"


def test_of_two_splits_the_first_one_holds() -> None:
    assert placed(0, a_split({"city_bank": 100}), a_split({"ebl": 100})).chosen_connector == "city_bank"


def test_a_split_among_nobody_leaves_it_to_the_score() -> None:
    away = (*ALL[:2], a_candidate("city_bank", breaker=BreakerState.OPEN))
    decision = decided(a_split({"city_bank": 100}), candidates=away)
    assert (decision.chosen_connector, decision.approach) == ("ebl", Approach.SCORED)


@given(st.uuids())
def test_the_luck_of_an_attempt_is_its_own_for_ever(attempt_id: UUID) -> None:
    draw = draw_of(attempt_id)
    assert all(0 <= number < 1_000_000 for number in draw)
    assert draw == draw_of(attempt_id)


def test_two_percent_explore() -> None:
    split = a_split({"ebl": 60, "brac_bank": 40})
    draws = [draw_of(UUID(int=number)) for number in range(5_000)]
    explored = sum(decided(draw=draw).approach is Approach.EXPLORED for draw in draws)
    assert 70 <= explored <= 130
    shares = Counter(decided(split, draw=draw).chosen_connector for draw in draws)
    assert 2_900 <= shares["ebl"] <= 3_100


# ---- score


def test_the_better_record_is_asked() -> None:
    decision = decided(candidates=(a_candidate("ebl", successes=150), *ALL[1:]))
    assert decision.ranking == ("brac_bank", "city_bank", "ebl")
    assert decision.approach is Approach.SCORED


def test_one_that_is_unknown_goes_before_a_bad_one_and_after_a_good_one() -> None:
    unknown = a_candidate("brac_bank", successes=0, outcomes=0)
    bad = a_candidate("city_bank", successes=150)
    assert decided(candidates=(unknown, bad, ALL[0])).ranking == ("ebl", "brac_bank", "city_bank")


def test_of_the_same_record_the_one_that_earns_more_is_asked() -> None:
    """What the payer is charged on top of what the connector keeps is earned."""
    candidates = (a_candidate("ebl"), a_candidate("brac_bank", charge_basis_points=120), ALL[2])
    decision = decided(candidates=candidates)
    assert decision.ranking == ("brac_bank", "ebl", "city_bank")
    # Fee 5.00, charge 15.75 and what a failure costs, without 1.2 and 1.5 % of 1,071.50.
    cost = 2_000 + 1_050
    assert decision.verdict_on("brac_bank").margin == 500 + 1_575 - 1_286 + cost
    assert decision.verdict_on("ebl").margin == 500 + 1_575 - 1_607 + cost


def test_a_score_is_the_expected_value_above_the_cost_of_a_failure() -> None:
    """p·earned - (1 - p)·cost, in exact numbers."""
    verdict = weigh(a_candidate(), a_request(), card_rules())
    cost, earned = 2_000 + 1_050, 500 + 1_575 - 1_607
    expected = verdict.p * earned - (1_000_000 - verdict.p) * cost
    assert verdict.score - 1_000_000 * cost == expected


def test_where_collecting_costs_more_than_it_brings_the_better_record_still_goes_first() -> None:
    """A margin below zero would prefer whoever fails more often."""
    rules = replace(card_rules(), failure_cost=FailureCost(Money(0), 0))
    request = a_request(fee=Money(0), vat=Money(0))
    losing = {"charge_basis_points": 250, "payer_charge_basis_points": 0}
    candidates = tuple(a_candidate(n, successes=s, **losing) for n, s in (("ebl", 100), ("brac_bank", 199)))
    decision = decide(request, candidates, rules, NO_LUCK)
    assert decision.chosen_connector == "brac_bank"
    assert {one.margin for one in decision.verdicts} == {1}


def test_exploring_asks_one_of_the_others_and_keeps_the_rest_in_order() -> None:
    decision = decided(draw=EXPLORES)
    assert (decision.approach, decision.ranking) == (Approach.EXPLORED, ("brac_bank", "ebl", "city_bank"))
    last = decided(draw=Draw(explore=19_999, place=999_999))
    assert (last.approach, last.chosen_connector) == (Approach.EXPLORED, "city_bank")
    assert decided(draw=Draw(explore=20_000, place=0)).approach is Approach.SCORED


def test_nobody_pays_more_so_that_we_learn_something() -> None:
    terms = {"payer_charge_basis_points": 250, "charge_basis_points": 250}
    dear = tuple(a_candidate(name, **terms) for name in CARDS[1:])
    decision = decided(candidates=(a_candidate("ebl", successes=200), *dear), draw=EXPLORES)
    assert (decision.chosen_connector, decision.approach) == ("ebl", Approach.SCORED)


def test_exploring_stays_among_the_preferred() -> None:
    decision = decided(a_rule(Action.PREFER, "ebl"), draw=EXPLORES)
    assert (decision.chosen_connector, decision.approach) == ("ebl", Approach.SCORED)
