"""Operators in the database: linked by two persons, gone at once, and nobody else's account."""

from uuid import UUID

import pytest

from ekpay_switch.persistence.access.client_access import operator_order
from ekpay_switch.persistence.agents.operators import OperatorRefusedError
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from tests.persistence.agents.counter_setup import AGENT, Centre
from tests.persistence.citizens.conftest import DIGESTS

NUMBER = "01712345678"


async def test_an_operator_serves_once_two_persons_have_linked_them(centre: Centre) -> None:
    citizen_id = await centre.citizen()
    change_id = await centre.access.ask(operator_order(AGENT, citizen_id, "Rahim"), "alice")
    assert await centre.counter.operator_of(citizen_id) is None
    with pytest.raises(OnePersonError):
        await centre.access.approve(change_id, "alice")
    shown = await centre.access.approve(change_id, "bob")
    operator = await centre.counter.operator_of(citizen_id)
    assert operator is not None
    assert (str(operator.operator_id), operator.partner_id, operator.name) == (
        shown["operator_id"], AGENT, "Rahim",
    )  # fmt: skip
    assert [line.name for line in await centre.operators.list()] == ["Rahim"]


async def test_one_person_removes_an_operator_at_once_and_it_stays_on_record(centre: Centre) -> None:
    operator_id = await centre.linked()
    assert await centre.operators.remove(operator_id, "alice")
    assert not await centre.operators.remove(operator_id, "bob")
    assert await centre.counter.operator_of(await centre.citizen()) is None
    assert await centre.operators.list() == []
    (line,) = await centre.operators.list(is_all=True)
    assert (line.removed_by, line.removed_at is not None) == ("alice", True)


async def test_a_removed_operator_may_be_linked_anew(centre: Centre) -> None:
    await centre.operators.remove(await centre.linked(), "alice")
    again = await centre.linked()
    operator = await centre.counter.operator_of(await centre.citizen())
    assert operator is not None
    assert operator.operator_id == again


async def test_whoever_registers_the_number_of_a_closed_account_is_no_operator(centre: Centre) -> None:
    await centre.linked()
    await centre.accounts.close(await centre.citizen())
    assert await centre.counter.operator_of(await centre.citizen()) is None


async def test_an_operator_of_a_partner_that_was_switched_off_serves_nobody(centre: Centre) -> None:
    await centre.linked()
    await centre.books.tell("UPDATE partners SET is_active = false WHERE id = 'udc1'")
    assert await centre.counter.operator_of(await centre.citizen()) is None


@pytest.mark.parametrize(
    ("partner_id", "why"),
    [("nobody", "partner: nobody is no active partner"), ("portal", "partner: portal is no active partner")],
)
async def test_only_a_partner_with_a_prefund_has_operators(centre: Centre, partner_id: str, why: str) -> None:
    with pytest.raises(OperatorRefusedError, match=why):
        await centre.access.ask(operator_order(partner_id, await centre.citizen(), "Rahim"), "alice")
    assert await centre.access.list() == []


async def test_an_account_is_one_operators_alone(centre: Centre) -> None:
    await centre.linked()
    with pytest.raises(OperatorRefusedError, match="number: it is an operator's already"):
        await centre.access.ask(operator_order(AGENT, await centre.citizen(), "Karim"), "alice")


async def test_an_account_that_is_closed_before_the_approval_is_not_linked(centre: Centre) -> None:
    citizen_id = await centre.citizen()
    change_id = await centre.access.ask(operator_order(AGENT, citizen_id, "Rahim"), "alice")
    await centre.accounts.close(citizen_id)
    with pytest.raises(OperatorRefusedError, match="number: its account is closed"):
        await centre.access.approve(change_id, "bob")
    assert await centre.books.count("agent_operators") == 0


async def test_a_number_is_found_once_somebody_has_signed_in_with_it(centre: Centre) -> None:
    with pytest.raises(OperatorRefusedError, match="number: nobody has signed in with it"):
        await centre.operators.citizen_of(NUMBER, DIGESTS)
    citizen_id = await centre.citizen()
    assert await centre.operators.citizen_of(NUMBER, DIGESTS) == citizen_id


async def test_an_operator_that_is_none_cannot_be_removed(centre: Centre) -> None:
    with pytest.raises(OperatorRefusedError, match="operator: there is no operator"):
        await centre.operators.remove(UUID(int=1), "alice")
