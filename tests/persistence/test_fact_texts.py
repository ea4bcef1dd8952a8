"""What is stored of a far side's answer (docs/adr/0084)."""

import orjson

from ekpay_switch.persistence.fact_texts import EXACT_FACTS, facts_as_json, masked_facts

CARD, MASKED = "4111111111111111", "411111******1111"


def test_a_card_number_in_a_fact_is_masked_whatever_holds_it() -> None:
    facts = {"payer_account": CARD, "message": f"card {CARD} refused", "raw": {"pan": [int(CARD)]}}
    assert orjson.loads(facts_as_json(facts)) == {
        "payer_account": MASKED,
        "message": f"card {MASKED} refused",
        "raw": {"pan": [MASKED]},
    }


def test_names_by_which_a_far_side_is_asked_again_stay() -> None:
    facts = dict.fromkeys(sorted(EXACT_FACTS), CARD)
    assert masked_facts(facts) == facts
