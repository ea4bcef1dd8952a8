from ekpay_switch.domain.routing.decision import decide
from ekpay_switch.domain.routing.rehearsal import rehearse
from ekpay_switch.domain.routing.rules import Action
from tests.scenarios.routing import CARDS, NO_LUCK, a_candidate, a_request, a_rule, card_rules

ALL = [a_candidate(name) for name in CARDS]
BEFORE = decide(a_request(), ALL, card_rules(), NO_LUCK)


def test_the_same_rules_decide_as_they_did() -> None:
    again = rehearse(BEFORE, card_rules(), ())
    assert (again.after, again.differs, again.gain) == (BEFORE, False, 0)


def test_a_draft_that_asks_a_worse_one_shows_what_that_costs() -> None:
    worse = [ALL[0], a_candidate("brac_bank", successes=100)]
    before = decide(a_request(), worse, card_rules(), NO_LUCK)
    again = rehearse(before, card_rules(a_rule(Action.EXCLUDE, "ebl")), ())
    assert (again.differs, again.after.chosen_connector) == (True, "brac_bank")
    score = {one.connector_id: one.score for one in before.verdicts}
    assert again.gain == score["brac_bank"] - score["ebl"] < 0


def test_where_the_draft_leaves_nobody_nothing_is_gained() -> None:
    again = rehearse(BEFORE, card_rules(a_rule(Action.EXCLUDE, *CARDS)), ())
    assert (again.differs, again.after.chosen_connector, again.gain) == (True, None, 0)


def test_where_nobody_was_left_then_somebody_may_be_now() -> None:
    before = decide(a_request(), ALL, card_rules(a_rule(Action.EXCLUDE, *CARDS)), NO_LUCK)
    again = rehearse(before, card_rules(), ())
    assert (again.differs, again.after.chosen_connector, again.gain) == (True, "ebl", 0)


def test_a_connector_that_was_no_candidate_is_taken_without_a_record() -> None:
    new = a_candidate("shurjopay", successes=0, outcomes=0)
    draft = card_rules(a_rule(Action.ONLY, "shurjopay"), names=(*CARDS, "shurjopay"))
    assert (
        rehearse(BEFORE, draft, [new, a_candidate("ebl", is_enabled=False)]).after.chosen_connector
        == "shurjopay"
    )
