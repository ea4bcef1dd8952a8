"""Payouts in parts, several in one line, and the bank's own fee: decided by two persons, booked once."""

from typing import Any
from uuid import UUID

import pytest

from reconciliation.resolutions.break_audit import first_broken
from reconciliation.resolutions.decision_records import UnfitError
from reconciliation.resolutions.resolution_actions import ResolutionAction
from reconciliation.resolutions.staff_requests import break_history
from reconciliation.resolutions.withdrawn_decisions import ChangedBreak, react_to_run
from reconciliation.results.records import BreakEventKind, BreakState
from tests.reconciliation.resolutions.scene import Scene

BANK = "stmt_sonali"
BKASH, SSL = "BKASH20261102", "SSLCZ20261102"
PAYS = ResolutionAction.PAYS_PAYOUTS


async def short(scene: Scene, missing: int, key: str = BKASH) -> UUID:
    """A payout of which some paisa are missing."""
    return await scene.found("AMOUNT", BANK, key, amount=10_000, difference=-missing, exposure=missing)


async def absent(scene: Scene, amount: int, key: str = SSL) -> UUID:
    """A payout of which nothing came."""
    return await scene.found("LEDGER_ONLY", BANK, key, amount=amount, exposure=amount)


async def line(scene: Scene, amount: int, reference: str = "FT1") -> UUID:
    """A line of our bank that names no payout."""
    return await scene.found("FILE_ONLY", BANK, reference, amount=amount, exposure=abs(amount))


async def fitting(scene: Scene, break_id: UUID) -> set[str]:
    return {action.value for action in (await break_history(scene.finance, str(break_id))).fitting}


async def test_a_second_credit_without_the_key_pays_what_is_missing_of_a_payout(scene: Scene) -> None:
    payout, second = await short(scene, 4_000), await line(scene, 4_000)
    assert "pays_payouts" in await fitting(scene, second)
    paid = await scene.decided(second, PAYS, payouts=(BKASH,))
    assert dict(paid.payouts) == {BKASH: 4_000}
    assert await scene.balances() == {"receivable:bkash": -4_000, "settlement_bank": 4_000}
    assert await scene.state(second) is BreakState.RESOLVED
    # Of the payout itself nothing is booked any more, and nothing else pays it.
    assert await fitting(scene, payout) == {"no_action"}
    with pytest.raises(UnfitError, match="was paid by another line"):
        await scene.propose(payout, ResolutionAction.WRITE_OFF)
    other = await line(scene, 4_000, "FT2")
    assert "pays_payouts" not in await fitting(scene, other)
    with pytest.raises(UnfitError, match=f"payout: nothing is missing of {BKASH}"):
        await scene.propose(other, PAYS, payouts=(BKASH,))
    await scene.decided(payout, ResolutionAction.NO_ACTION)
    assert await scene.is_sound()


async def test_one_line_pays_two_payouts_and_the_charge_of_one_that_never_came(scene: Scene) -> None:
    await short(scene, 4_000)
    await absent(scene, 6_000)
    both = await line(scene, 10_000)
    assert "pays_payouts" in await fitting(scene, both)
    await scene.decided(both, PAYS, payouts=(BKASH, SSL))
    # Sonali takes 11.50 taka off each payout; that of the first is booked with what came of it.
    assert await scene.balances() == {
        "bank_charges": 1_150,
        "receivable:bkash": -4_000,
        "receivable:sslcommerz": -7_150,
        "settlement_bank": 10_000,
    }
    assert await scene.is_sound()


async def test_what_is_beyond_a_payout_is_taken_from_its_suspense_and_not_booked_again(scene: Scene) -> None:
    """Two payouts in one credit under the key of one: settlement has the surplus in suspense, with a door."""
    await absent(scene, 6_000)
    over = await scene.found("AMOUNT", BANK, BKASH, amount=16_000, difference=6_000, exposure=6_000)
    assert await fitting(scene, over) == {"no_action"}
    with pytest.raises(UnfitError, match=r"in suspense:bkash .*ekpay decide suspense"):
        await scene.propose(over, ResolutionAction.TO_SUSPENSE)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ((), "payout: name each missing payout"),
        ((BKASH, BKASH), "payout: name each missing payout"),
        (("NAGAD20261102",), "payout: nothing is missing of NAGAD20261102; what is: BKASH20261102 40.00"),
        ((BKASH,), "payout: these lack 40.00 BDT, and the line has 50.00 BDT"),
    ],
)
async def test_a_wrong_payout_is_refused_by_name_and_changes_nothing(
    scene: Scene, keys: tuple[str, ...], words: str
) -> None:
    await short(scene, 4_000)
    wrong = await line(scene, 5_000)
    with pytest.raises(UnfitError, match=words):
        await scene.propose(wrong, PAYS, payouts=keys)
    assert await scene.kinds(wrong) == ["found"]


async def test_what_is_paid_meanwhile_is_not_approved(scene: Scene) -> None:
    await short(scene, 4_000)
    first, second = await line(scene, 4_000), await line(scene, 4_000, "FT2")
    waiting = await scene.propose(first, PAYS, payouts=(BKASH,))
    await scene.decided(second, PAYS, payouts=(BKASH,))
    with pytest.raises(UnfitError, match=f"nothing is missing of {BKASH}"):
        await scene.check(waiting)
    assert (await scene.balances())["settlement_bank"] == 4_000


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        # Off a payout: what the bank has kept is owed by the connector no more.
        ({"code": "AMOUNT", "reference": BKASH, "difference": -500}, {"receivable:bkash": -500}),
        # A line of its own.
        ({"code": "FILE_ONLY", "reference": "FEE11", "amount": -500}, {"settlement_bank": -500}),
    ],
)
async def test_the_bank_keeps_a_fee(scene: Scene, facts: dict[str, Any], expected: dict[str, int]) -> None:
    break_id = await scene.found(institution=BANK, **facts)
    assert "bank_fee" in await fitting(scene, break_id)
    await scene.decided(break_id, ResolutionAction.BANK_FEE)
    assert await scene.balances() == {"bank_charges": 500, **expected}
    assert await scene.is_sound()


async def test_a_line_that_a_correction_withdraws_takes_its_booking_back(scene: Scene) -> None:
    payout, second = await short(scene, 4_000), await line(scene, 4_000)
    await scene.decided(second, PAYS, payouts=(BKASH,))
    run = await scene.next_run(scene.run.night, 2)
    async with scene.connection.transaction():
        await scene.happens(second, BreakEventKind.CLOSED, BreakState.CLOSED)
        await react_to_run(scene.connection, scene.finance, run, [ChangedBreak(second, BreakState.CLOSED)])
    assert await scene.balances() == {}
    assert "write_off" in await fitting(scene, payout)
    assert await scene.is_sound()


async def test_a_payout_that_comes_after_all_takes_the_booking_of_the_other_line_back(scene: Scene) -> None:
    payout, other = await absent(scene, 6_000), await line(scene, 6_000)
    await scene.decided(other, PAYS, payouts=(SSL,))
    run = await scene.next_run(scene.run.night, 2)
    async with scene.connection.transaction():
        await scene.happens(payout, BreakEventKind.CLOSED, BreakState.CLOSED)
        await react_to_run(scene.connection, scene.finance, run, [ChangedBreak(payout, BreakState.CLOSED)])
    assert await scene.balances() == {}
    assert await scene.state(other) is BreakState.OPEN
    assert "to_suspense" in await fitting(scene, other)
    assert await scene.is_sound()


async def test_the_audit_finds_a_payout_that_two_lines_have_paid(scene: Scene) -> None:
    await short(scene, 4_000)
    first, second = await line(scene, 4_000), await line(scene, 4_000, "FT2")
    await scene.decided(first, PAYS, payouts=(BKASH,))
    await scene.decided(second, ResolutionAction.TO_SUSPENSE)
    assert await first_broken(scene.connection) is None
    await scene.root.execute(
        "UPDATE reconciliation.resolutions SET action = 'pays_payouts',"
        " postings = postings || jsonb_build_object('payouts', jsonb_build_object($1::text, 4000))"
        " WHERE action = 'to_suspense'",
        BKASH,
    )
    finding = await first_broken(scene.connection)
    assert finding is not None
    assert finding.why == f"payout {BKASH} is paid by two lines"
