"""A payment whose connector the switch chooses, from the order to the money."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.collections.funding import TryEnd
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.routing.breaker import BreakerState
from ekpay_switch.domain.routing.decision import Approach, draw_of
from ekpay_switch.domain.routing.rules import Action
from ekpay_switch.flows.collections.collect import CollectRefusal, try_again
from ekpay_switch.ports.collections import NoNewTry, PaymentView
from tests.fakes.connectors import LOST
from tests.fakes.crash_points import CrashError
from tests.scenarios.collections import CLIENT, Payer
from tests.scenarios.job_rounds import collect_due
from tests.scenarios.routing import Acquirers, a_rule, left_out

REFUSED_US, NOT_REACHED = Declined("not_allowed", "4017"), Unreached("connect refused")


async def another(shop: Acquirers, instrument: str = "card") -> PaymentView | NoNewTry | CollectRefusal:
    return await try_again(CLIENT, shop.payment_id, instrument, shop.small.world)


def charging(shop: Acquirers, name: str, basis_points: int) -> None:
    connector = shop.of[name]
    connector.profile = replace(connector.profile, payer_charge_basis_points=basis_points)


# ---- choosing


async def test_a_card_is_routed_and_its_payment_collected() -> None:
    shop = Acquirers()
    view = await shop.pays_by()
    assert isinstance(view, PaymentView)
    assert (view.state, view.connector_id) == (State.COLLECTING, "ebl")
    (decision,) = shop.decisions()
    assert decision.chosen_connector == "ebl"
    assert decision.approach is Approach.SCORED
    assert left_out(decision)["bkash"] == "instrument"
    shop.of["ebl"].take(shop.page_of("ebl"))
    await shop.wait(180)
    assert shop.state is State.COMPLETED


async def test_the_payer_is_charged_what_the_chosen_one_charges() -> None:
    shop = Acquirers(a_rule(Action.ONLY, "city_bank"))
    charging(shop, "city_bank", 200)
    view = await shop.pays_by()
    assert isinstance(view, PaymentView)
    assert view.sums.charge == Money(2_100)
    assert shop.page_of("city_bank").order.amount == view.sums.total


async def test_a_named_connector_has_its_decision_kept_as_well() -> None:
    payer = Payer()
    await payer.order()
    decision = payer.tries()[0].new.decision
    assert decision is not None
    assert (decision.chosen_connector, decision.approach) == ("bkash", Approach.NAMED)


async def test_the_luck_of_a_decision_is_that_of_its_try() -> None:
    shop = Acquirers()
    await shop.pays_by()
    assert shop.decisions()[0].draw == draw_of(shop.tries()[0].new.attempt_id)


# ---- nobody to ask


async def test_where_nobody_stands_for_an_instrument_it_is_unknown() -> None:
    shop = Acquirers()
    assert await shop.pays_by("cheque") is CollectRefusal.UNKNOWN_INSTRUMENT
    for connector in shop.of.values():
        connector.profile = replace(connector.profile, status="suspended")
    assert await shop.pays_by() is CollectRefusal.UNKNOWN_INSTRUMENT
    assert shop.small.steps.taken.count("fetch") == 0


async def test_an_amount_that_none_of_them_takes_is_out_of_range() -> None:
    shop = Acquirers()
    for connector in shop.of.values():
        connector.profile = replace(connector.profile, amount_max=Money(1_000))
    assert await shop.pays_by() is CollectRefusal.AMOUNT_OUT_OF_RANGE


async def test_where_nobody_is_left_the_instrument_is_unavailable_and_nothing_was_done() -> None:
    shop = Acquirers(a_rule(Action.EXCLUDE, "ebl", "brac_bank", "city_bank"))
    assert await shop.pays_by() is CollectRefusal.INSTRUMENT_UNAVAILABLE
    assert shop.small.books.payments == {}


# ---- failing over


@pytest.mark.parametrize("nothing", [REFUSED_US, NOT_REACHED])
async def test_what_never_reached_a_provider_or_what_it_refuses_us_goes_to_the_next_one(
    nothing: Declined | Unreached,
) -> None:
    shop = Acquirers(a_rule(Action.PREFER, "ebl"))
    shop.of["ebl"].creates.append(nothing)
    view = await shop.pays_by()
    assert isinstance(view, PaymentView)
    first, second = shop.asked()
    assert (first, view.connector_id, view.state) == ("ebl", second, State.COLLECTING)
    assert view.page_url
    assert left_out(shop.decisions()[1])["ebl"] == "tried"
    assert shop.events == [
        "collection_started", "collection_came_to_nothing", "collection_started",
    ]  # fmt: skip


async def test_each_further_try_is_durable_before_its_connector_is_asked() -> None:
    shop = Acquirers()
    for connector in shop.of.values():
        connector.creates.append(NOT_REACHED)
    await shop.pays_by()
    steps = [one for one in shop.small.steps.taken if one in {"open", "open_try", "create", "record_try"}]
    assert steps == ["open", *["create", "record_try", "open_try"] * 2, "create", "record_try"]
    assert shop.state is State.CREATED


async def test_three_connectors_are_asked_at_most() -> None:
    shop = Acquirers(names=("ebl", "brac_bank", "city_bank", "mutual_trust"))
    for connector in shop.of.values():
        connector.creates.append(NOT_REACHED)
    await shop.pays_by()
    assert len(set(shop.asked())) == len(shop.asked()) == 3


@pytest.mark.parametrize("nothing", [InDoubt("cut off"), Declined("insufficient_balance")])
async def test_a_lost_answer_and_a_payers_own_decline_are_left_to_the_payer(
    nothing: InDoubt | Declined,
) -> None:
    shop = Acquirers()
    for connector in shop.of.values():
        connector.creates.append(nothing)
    await shop.pays_by()
    assert len(shop.asked()) == 1
    assert shop.state is State.CREATED


async def test_a_named_connector_is_never_exchanged() -> None:
    shop = Acquirers()
    shop.of["ebl"].creates.append(NOT_REACHED)
    await shop.pays_by("ebl")
    assert shop.asked() == ["ebl"]


async def test_nobody_who_would_charge_the_payer_something_else_is_asked_instead() -> None:
    shop = Acquirers(a_rule(Action.ONLY, "ebl", "brac_bank"), a_rule(Action.PREFER, "ebl"))
    charging(shop, "brac_bank", 140)
    shop.of["ebl"].creates.append(NOT_REACHED)
    await shop.pays_by()
    assert shop.asked() == ["ebl"]
    assert shop.tries()[0].end is TryEnd.UNREACHED


async def test_a_payment_that_was_cancelled_meanwhile_is_asked_for_no_more() -> None:
    """Between two tries the payment waits, and its client may cancel it."""
    shop = Acquirers()
    for connector in shop.of.values():
        connector.creates.append(NOT_REACHED)
    candidates = shop.small.routing.candidates

    async def and_cancel() -> object:
        if shop.small.tables.tries:
            await shop.small.collections.cancel("bank1", shop.small.tables.tries[0].payment_id)
        return await candidates()

    shop.small.routing.candidates = and_cancel  # type: ignore[method-assign,assignment]
    await shop.pays_by()
    assert (len(shop.asked()), shop.state) == (1, State.DECLINED)


async def test_a_try_that_somebody_else_took_over_is_not_continued() -> None:
    shop = Acquirers(a_rule(Action.PREFER, "ebl"))
    ebl = shop.of["ebl"]
    ebl.creates.append(NOT_REACHED)

    async def and_lose(*_: object) -> object:
        shop.small.tables.tries[0].epoch += 1
        return NOT_REACHED

    ebl.create = and_lose  # type: ignore[method-assign,assignment]
    await shop.pays_by()
    assert shop.asked() == ["ebl"]


# ---- another try


async def test_another_try_is_routed_again_at_the_same_charge() -> None:
    shop = Acquirers(a_rule(Action.PREFER, "ebl"))
    charging(shop, "brac_bank", 140)
    shop.of["ebl"].creates.append(InDoubt("cut off"))
    await shop.pays_by()
    shop.small.routing.rules = replace(shop.small.routing.rules, rules=(a_rule(Action.EXCLUDE, "ebl"),))
    view = await another(shop)
    assert isinstance(view, PaymentView)
    assert view.connector_id == "city_bank"
    assert left_out(shop.decisions()[1]) == {
        "ebl": "rule", "brac_bank": "charge", "city_bank": None, "bkash": "instrument",
    }  # fmt: skip


async def test_a_named_connector_takes_the_sums_as_they_are() -> None:
    shop = Acquirers()
    charging(shop, "city_bank", 300)
    shop.of["ebl"].creates.append(InDoubt("cut off"))
    shop.of["brac_bank"].creates.append(InDoubt("cut off"))
    shop.of["city_bank"].creates.append(InDoubt("cut off"))
    await shop.pays_by("ebl")
    view = await another(shop, "city_bank")
    assert isinstance(view, PaymentView)
    assert view.connector_id == "city_bank"


async def test_another_try_for_which_nobody_is_left_changes_nothing() -> None:
    shop = Acquirers()
    shop.of["ebl"].creates.append(InDoubt("cut off"))
    await shop.pays_by("ebl")
    shop.small.routing.breakers["ebl"] = replace(shop.small.routing.breaker("ebl"), state=BreakerState.OPEN)
    assert await another(shop, "ebl") is CollectRefusal.INSTRUMENT_UNAVAILABLE
    assert len(shop.tries()) == 1


async def test_while_a_page_may_be_paid_no_other_connector_is_asked() -> None:
    shop = Acquirers()
    await shop.pays_by()
    assert await another(shop) == NoNewTry(State.COLLECTING)


# ---- the record


async def test_outcomes_move_the_choice() -> None:
    shop = Acquirers(names=("ebl", "brac_bank"))
    shop.of["ebl"].creates.append(InDoubt("cut off"))
    await shop.pays_by()
    assert shop.asked() == ["ebl"]
    await another(shop)
    assert shop.asked() == ["ebl", "brac_bank"]
    known = {one.connector_id: one for one in await shop.small.routing.candidates()}
    assert (known["ebl"].successes, known["ebl"].outcomes) == (0, 1)


async def test_in_doubt_counts_as_failure_even_where_the_money_came() -> None:
    payer = Payer()
    await payer.order()
    payer.small.connector.executes.append(LOST)
    await payer.pay()
    await payer.wait(90)
    await collect_due(payer.small.world)
    assert payer.state is State.COMPLETED
    (known,) = await payer.small.routing.candidates()
    assert (known.successes, known.outcomes) == (0, 1)


async def test_what_a_payer_leaves_undone_says_nothing_about_the_connector() -> None:
    shop = Acquirers()
    await shop.pays_by("ebl")
    shop.page_of("ebl").is_gone = True
    await shop.wait(180)
    known = {one.connector_id: one for one in await shop.small.routing.candidates()}
    assert known["ebl"].outcomes == 0


@pytest.mark.parametrize("point", ["before open_try", "after open_try", "before create", "after create"])
async def test_a_process_that_dies_while_failing_over_leaves_one_payment_that_can_be_paid(point: str) -> None:
    shop = Acquirers(a_rule(Action.PREFER, "ebl"))
    ebl = shop.of["ebl"]

    async def and_die_later(_: object) -> object:
        shop.small.steps.crash_at = point
        return NOT_REACHED

    ebl.create = and_die_later  # type: ignore[method-assign,assignment]
    with pytest.raises(CrashError):
        await shop.pays_by()
    view = await shop.pays_by()
    assert isinstance(view, PaymentView)
    assert (len(shop.small.books.payments), view.page_url) == (1, "")
    await shop.wait(60)
    again = await another(shop, "city_bank")
    assert isinstance(again, PaymentView)
    shop.of["city_bank"].take(shop.page_of("city_bank"))
    await shop.wait(180)
    assert shop.state is State.COMPLETED
