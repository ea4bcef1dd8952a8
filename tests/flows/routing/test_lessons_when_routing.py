"""Bugs that other payment switches had when they routed, each by its own name (docs/lessons-of-others.md)."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.outcome import Unreached
from ekpay_switch.domain.routing.breaker import BreakerState
from ekpay_switch.domain.routing.rules import Action, Rule
from ekpay_switch.flows.collections.collect import CollectRefusal
from ekpay_switch.ports.collections import PaymentView
from tests.scenarios.routing import CARDS, Acquirers, a_rule, a_split, left_out

NOT_REACHED = Unreached("connect refused")
WAYS: dict[str, tuple[Rule, ...]] = {
    "score": (),
    "preferred": (a_rule(Action.PREFER, "ebl"),),
    "only": (a_rule(Action.ONLY, "ebl", "brac_bank"),),
    "split": (a_split({"ebl": 99, "brac_bank": 1}),),
}


def disabled(shop: Acquirers, name: str) -> None:
    shop.of[name].profile = replace(shop.of[name].profile, status="suspended")


@pytest.mark.parametrize("way", WAYS)
async def test_disabled_connector_never_chosen(way: str) -> None:
    """By any rule, split or fail-over, nor by name."""
    shop = Acquirers(*WAYS[way])
    disabled(shop, "ebl")
    shop.of["brac_bank"].creates.append(NOT_REACHED)
    assert isinstance(await shop.pays_by(), PaymentView)
    assert shop.asked()[0] == "brac_bank"
    assert "ebl" not in shop.asked()
    assert {left_out(decision)["ebl"] for decision in shop.decisions()} == {"disabled"}
    assert await shop.pays_by("ebl", "v1:K2") is CollectRefusal.UNKNOWN_INSTRUMENT


async def test_fallback_after_ineligible() -> None:
    """Whoever was filtered out stays out, and the one behind is asked; when nobody is left, nobody is."""
    names = (*CARDS, "mutual_trust", "shurjopay")
    shop = Acquirers(a_rule(Action.EXCLUDE, "mutual_trust"), names=names)
    disabled(shop, "brac_bank")
    shop.small.routing.breakers["city_bank"] = replace(
        shop.small.routing.breaker("city_bank"), state=BreakerState.OPEN
    )
    for name in ("ebl", "shurjopay"):
        shop.of[name].creates.append(NOT_REACHED)
    await shop.pays_by()
    assert shop.asked() == ["ebl", "shurjopay"]
    assert left_out(shop.decisions()[1]) == {
        "ebl": "tried", "brac_bank": "disabled", "city_bank": "breaker", "mutual_trust": "rule",
        "shurjopay": None, "bkash": "instrument",
    }  # fmt: skip
