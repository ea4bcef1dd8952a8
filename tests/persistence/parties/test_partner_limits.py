"""Limits of partners as finance sets them: by two persons, once, and what the database keeps of that."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.parties.partner_limits import LimitKind
from ekpay_switch.persistence.parties.partner_limits import (
    LimitNotWaitingError,
    LimitOrder,
    LimitStandsError,
    LimitState,
    LimitWaitsError,
    PartnerLimits,
    RefusedLimitError,
)
from ekpay_switch.persistence.parties.partners import NoSyndicateError, UnknownPartnerError
from ekpay_switch.persistence.parties.staff import LeftStaffError, NotAllowedError
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from tests.persistence.books import Books
from tests.persistence.staff_rows import persons

LEFT = "UPDATE staff SET disabled_at = now(), disabled_by = 'Selim' WHERE name = $1"
ROWS = "SELECT code, floor, daily_limit FROM accounts WHERE code LIKE 'prefund:bank1:%' ORDER BY code"
ORDER = LimitOrder("bank1", LimitKind.DAILY, Money(10_000), "agreed")


@pytest.fixture
async def limits(books: Books) -> AsyncIterator[PartnerLimits]:
    for name in ("bank1", "bank2"):
        await books.partner(name)
    await books.tell(persons("Rahima", "Karim", "Selim"))
    engine = books.database.engine()
    yield PartnerLimits(engine)
    await engine.dispose()


def _floor(kind: LimitKind, paisa: int) -> LimitOrder:
    return LimitOrder("bank1", kind, Money(paisa), "agreed")


async def _in_force(books: Books) -> list[tuple[int, int | None]]:
    """Floor and daily limit of the postpaid and the prepaid bucket."""
    return [(row["floor"], row["daily_limit"]) for row in await books.rows(ROWS)]


async def test_each_limit_stands_where_it_binds(books: Books, limits: PartnerLimits) -> None:
    assert await _in_force(books) == [(0, None), (0, None)]
    for order in (ORDER, _floor(LimitKind.POSTPAID_FLOOR, 7), _floor(LimitKind.PREPAID_FLOOR, 9)):
        await limits.approve(await limits.ask(order, "Rahima"), "Karim")
    assert await _in_force(books) == [(7, 10_000), (9, 10_000)]
    away = LimitOrder("bank1", LimitKind.DAILY, None, "ended")
    await limits.approve(await limits.ask(away, "Karim"), "Rahima")
    await limits.approve(await limits.ask(_floor(LimitKind.POSTPAID_FLOOR, 0), "Karim"), "Rahima")
    assert await _in_force(books) == [(0, None), (9, None)]
    assert await books.audit() is None


async def test_a_repeated_act_writes_nothing_again(books: Books, limits: PartnerLimits) -> None:
    change_id = await limits.ask(ORDER, "Rahima")
    assert await limits.ask(ORDER, "Rahima") == change_id
    approved = await limits.approve(change_id, "Karim")
    assert await limits.approve(change_id, "Karim") == approved
    assert (approved.state, approved.asked_by, approved.approved_by) == (
        LimitState.IN_FORCE,
        "Rahima",
        "Karim",
    )
    other = await limits.ask(_floor(LimitKind.POSTPAID_FLOOR, 5), "Rahima")
    rejected = await limits.reject(other, "no", "Rahima")
    assert await limits.reject(other, "no", "Rahima") == rejected
    assert await books.count("partner_limit_changes") == 2


async def test_one_change_of_a_limit_waits_at_a_time(limits: PartnerLimits) -> None:
    change_id = await limits.ask(ORDER, "Rahima")
    with pytest.raises(LimitWaitsError, match=f"kind: Rahima has asked for another one, {change_id}"):
        await limits.ask(LimitOrder("bank1", LimitKind.DAILY, Money(1), "less"), "Rahima")
    with pytest.raises(LimitWaitsError):
        await limits.ask(ORDER, "Karim")
    await limits.ask(LimitOrder("bank2", LimitKind.DAILY, Money(1), "less"), "Karim")
    await limits.reject(change_id, "too much", "Karim")
    await limits.ask(LimitOrder("bank1", LimitKind.DAILY, Money(1), "less"), "Rahima")


async def test_of_many_at_once_one_asks_and_one_approves(books: Books, limits: PartnerLimits) -> None:
    asked = await asyncio.gather(*(limits.ask(ORDER, "Rahima") for _ in range(6)))
    assert len(set(asked)) == 1
    approving = (limits.approve(asked[0], name) for name in ("Karim", "Selim", "Karim", "Selim"))
    answers = await asyncio.gather(*approving, return_exceptions=True)
    assert sum(isinstance(answer, LimitNotWaitingError) for answer in answers) == 2
    assert await books.count("partner_limit_changes", "approved_by IS NOT NULL") == 1


async def test_what_is_decided_is_decided(books: Books, limits: PartnerLimits) -> None:
    approved = await limits.ask(ORDER, "Rahima")
    with pytest.raises(OnePersonError, match="approved_by: Rahima asked for it"):
        await limits.approve(approved, "Rahima")
    await limits.approve(approved, "Karim")
    with pytest.raises(LimitNotWaitingError, match=f"id: {approved} was approved by Karim"):
        await limits.approve(approved, "Selim")
    with pytest.raises(LimitNotWaitingError, match="ask for another limit"):
        await limits.reject(approved, "no", "Selim")
    with pytest.raises(LimitStandsError):
        await limits.ask(ORDER, "Rahima")
    rejected = await limits.ask(_floor(LimitKind.PREPAID_FLOOR, 5), "Rahima")
    await limits.reject(rejected, "no", "Karim")
    with pytest.raises(LimitNotWaitingError, match="was rejected by Karim: no"):
        await limits.approve(rejected, "Selim")
    with pytest.raises(LimitNotWaitingError, match="was rejected by Karim: no"):
        await limits.reject(rejected, "no", "Selim")
    assert await _in_force(books) == [(0, 10_000), (0, 10_000)]


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (LimitOrder("bank1", LimitKind.DAILY, Money(-1), "agreed"), RefusedLimitError),
        (LimitOrder("bank1", LimitKind.DAILY, Money(1), " "), RefusedLimitError),
        (LimitOrder("bank1", LimitKind.PREPAID_FLOOR, None, "agreed"), RefusedLimitError),
        (LimitOrder("bank1", LimitKind.PREPAID_FLOOR, Money(0), "agreed"), LimitStandsError),
        (LimitOrder("nobody", LimitKind.DAILY, Money(1), "agreed"), UnknownPartnerError),
        (LimitOrder("shop", LimitKind.DAILY, Money(1), "agreed"), NoSyndicateError),
    ],
)
async def test_what_makes_no_sense_is_not_asked_for(
    books: Books, limits: PartnerLimits, order: LimitOrder, error: type[SwitchError]
) -> None:
    await books.tell("INSERT INTO partners (id, name, lane) VALUES ('shop', '', 0)")
    with pytest.raises(error):
        await limits.ask(order, "Rahima")
    assert await limits.list() == []


async def test_a_change_that_is_not_there_is_refused(limits: PartnerLimits) -> None:
    nobody = uuid4()
    with pytest.raises(LimitNotWaitingError, match=f"id: there is no change {nobody}"):
        await limits.approve(nobody, "Karim")
    with pytest.raises(RefusedLimitError, match="reason: it is empty"):
        await limits.reject(nobody, " ", "Karim")


async def _asked(limits: PartnerLimits) -> UUID:
    return await limits.ask(ORDER, "Rahima")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("approved_by = asked_by, approved_at = now()", "two_persons"),
        ("approved_by = 'Karim'", "approval"),
        ("rejected_by = 'Karim', rejected_at = now()", "rejection"),
        (
            (
                "approved_by = 'Karim', approved_at = now(), rejected_by = 'Karim', rejected_at = now(),"
                " rejection_reason = 'x'"
            ),
            "one_decision",
        ),
        ("reason = ''", "reason"),
        ("amount = -1", "amount"),
        ("kind = 'prepaid_floor', amount = NULL", "amount_of_floor"),
        ("kind = 'weekly'", "kind"),
    ],
)
async def test_a_rule_that_python_keeps_is_kept_by_the_database(
    books: Books, limits: PartnerLimits, change: str, rule: str
) -> None:
    await _asked(limits)
    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        await books.tell(f"UPDATE partner_limit_changes SET {change}")  # noqa: S608 - our own words
    assert refusal.value.constraint_name == f"ck_partner_limit_changes_{rule}"


async def test_the_switch_cannot_change_what_was_asked_for(books: Books, limits: PartnerLimits) -> None:
    await _asked(limits)
    connection = await books.database.connect()
    try:
        for statement in ("UPDATE partner_limit_changes SET amount = 1", "DELETE FROM partner_limit_changes"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_nobody_who_has_left_approves_and_nothing_of_theirs_is_carried_out(
    books: Books, limits: PartnerLimits
) -> None:
    change_id = await limits.ask(ORDER, "Rahima")
    await books.tell(LEFT, "Karim")
    with pytest.raises(NotAllowedError):
        await limits.approve(change_id, "Karim")
    await books.tell(LEFT, "Rahima")
    with pytest.raises(LeftStaffError, match="asked_by: Rahima may decide nothing any more"):
        await limits.approve(change_id, "Selim")
    assert await _in_force(books) == [(0, None), (0, None)]
    assert (await limits.reject(change_id, "she has left", "Selim")).state is LimitState.REJECTED
