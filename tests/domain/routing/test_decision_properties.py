"""What holds of every routing decision, whatever is asked and whatever is known."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.breaker import BreakerState
from ekpay_switch.domain.routing.decision import Approach, Candidate, Draw, Exclusion, decide
from ekpay_switch.domain.routing.rules import Action, RouteRequest, RoutingRules, WeeklyWindow
from tests.scenarios.routing import CARDS, FRIDAY_NOON, NO_LUCK, a_request, a_rule, a_split, card_rules

FRIDAY = 4


@st.composite
def candidates(draw: st.DrawFn) -> tuple[Candidate, ...]:
    names = draw(st.lists(st.sampled_from([*CARDS, "aamarpay", "bkash"]), unique=True))
    found = []
    for name in names:
        outcomes = draw(st.integers(0, 250))
        found.append(
            Candidate(
                connector_id=name,
                instrument="card",
                is_enabled=draw(st.booleans()),
                amount_min=Money(draw(st.integers(1, 200_000))),
                amount_max=Money(draw(st.integers(50_000, 500_000))),
                charge_basis_points=draw(st.integers(0, 400)),
                payer_charge_basis_points=draw(st.integers(0, 400)),
                successes=draw(st.integers(0, outcomes)),
                outcomes=outcomes,
                breaker=draw(st.sampled_from(BreakerState)),
                is_probed=draw(st.booleans()),
                used_today=Money(draw(st.integers(0, 1_000_000))),
            )
        )
    return tuple(found)


NAMES = st.frozensets(st.sampled_from([*CARDS, "aamarpay"]), min_size=1)
PLAIN = st.builds(
    lambda action, names: a_rule(action, *names),
    st.sampled_from([Action.ONLY, Action.EXCLUDE, Action.PREFER]),
    NAMES,
)
SPLITS = st.builds(
    lambda percent: a_split({"ebl": percent, "aamarpay": 100 - percent}),
    st.integers(min_value=1, max_value=99),
)
RULES = st.builds(
    lambda rules, caps: replace(
        card_rules(*rules, names=(*CARDS, "aamarpay")),
        daily_caps={name: Money(1_000_000) for name in caps},
        calendar={"city_bank": (WeeklyWindow(FRIDAY, 0, 720),)},
    ),
    st.lists(PLAIN | SPLITS, max_size=4),
    st.frozensets(st.sampled_from(CARDS)),
)
REQUESTS = st.builds(
    a_request,
    instrument=st.sampled_from(["card", "ebl", "bkash"]),
    billed=st.integers(1, 400_000).map(Money),
    at=st.integers(0, 30 * 1_440).map(lambda minutes: FRIDAY_NOON + timedelta(minutes=minutes)),
    charge=st.none() | st.just(Money(1_575)),
    tried=st.frozensets(st.sampled_from(CARDS), max_size=1),
    probed=st.frozensets(st.sampled_from(CARDS), max_size=1),
)
DRAWS = st.builds(Draw, st.integers(0, 999_999), st.integers(0, 999_999))


@given(REQUESTS, candidates(), RULES, DRAWS)
def test_whatever_is_decided_is_explained_and_can_be_repeated(
    request: RouteRequest, known: tuple[Candidate, ...], rules: RoutingRules, draw: Draw
) -> None:
    decision = decide(request, known, rules, draw)
    assert decision == decide(request, known, rules, draw)
    reasons = decision.reasons()
    assert set(reasons) == {one.connector_id for one in known}
    assert set(decision.ranking) == {name for name, why in reasons.items() if why is None}
    assert len(decision.ranking) == len(set(decision.ranking))
    assert (decision.chosen_connector is None) is (decision.approach is Approach.NO_CONNECTOR)
    assert all(bool(one.rule) is (one.why is Exclusion.RULE) for one in decision.verdicts)
    if request.instrument != "card":
        assert decision.chosen_connector in {None, request.instrument}


@given(REQUESTS, candidates(), RULES, DRAWS)
def test_nobody_who_may_not_be_asked_is_chosen(
    request: RouteRequest, known: tuple[Candidate, ...], rules: RoutingRules, draw: Draw
) -> None:
    decision = decide(request, known, rules, draw)
    for name in decision.ranking:
        candidate = decision.verdict_on(name).candidate
        total = request.billed.minor + 575 + decision.verdict_on(name).charge
        cap = rules.daily_caps.get(name)
        assert candidate.is_enabled
        assert candidate.breaker is not BreakerState.OPEN
        assert candidate.breaker is BreakerState.CLOSED or not candidate.is_probed
        assert name not in request.tried | request.probed
        assert candidate.amount_min.minor <= total <= candidate.amount_max.minor
        assert cap is None or candidate.used_today.minor + total <= cap.minor


@given(REQUESTS, candidates(), RULES, st.integers(1, 50))
def test_a_better_record_never_costs_a_connector_its_place(
    request: RouteRequest, known: tuple[Candidate, ...], rules: RoutingRules, more: int
) -> None:
    before = decide(request, known, rules, NO_LUCK)
    if before.approach is not Approach.SCORED:
        return
    better = tuple(
        replace(one, successes=min(one.successes + more, one.outcomes))
        if one.connector_id == before.chosen_connector
        else one
        for one in known
    )
    assert decide(request, better, rules, NO_LUCK).chosen_connector == before.chosen_connector
