"""A cart that was paid long ago and is not over calls for a person, until it is."""

from ekpay_switch.persistence.alarms.upkeep import AlarmUpkeep
from tests.fakes.billers import LOSES_ANSWER
from tests.persistence.carts.cart_setup import Portal

STUCK = "SELECT subject, owner, ended_by FROM alarms WHERE kind = 'cart_stuck'"
LONG_AGO = "UPDATE bill_carts SET ordered_at = now() - interval '27 hours' WHERE ordered_at IS NOT NULL"


async def test_a_stuck_cart_is_an_alarm_of_finance_that_ends_with_it(portal: Portal) -> None:
    portal.billers["titas"].deeds.append(LOSES_ANSWER)
    cart, held = await portal.paid()
    await portal.worked(cart)
    upkeep = AlarmUpkeep(portal.engine)
    terms = (
        "INSERT INTO alarm_terms (kind, owner, due_business_days, after_hours) VALUES ($1, 'finance', 1, 26)"
    )
    await portal.books.tell(terms, "cart_stuck")
    await upkeep.sweep()
    assert await portal.books.rows(STUCK) == []
    await portal.books.tell(LONG_AGO)
    await upkeep.sweep()
    ((subject, owner, ended),) = await portal.books.rows(STUCK)
    assert (subject, owner, ended) == (f"cart {cart.cart_id}", "finance", None)
    payment = await portal.books.value("SELECT payment_id FROM alarms WHERE kind = 'cart_stuck'")
    assert payment == held.payment_id
    await portal.worker_round()
    await upkeep.sweep()
    assert [row[2] for row in await portal.books.rows(STUCK)] == ["evidence"]


async def test_a_cart_that_nobody_has_paid_is_no_alarm(portal: Portal) -> None:
    await portal.ordered()
    await portal.books.tell(LONG_AGO)
    await AlarmUpkeep(portal.engine).sweep()
    assert await portal.books.rows(STUCK) == []
