"""Lines that nothing explains, from the night to the books: one door, and the next night is sound."""

from pathlib import Path
from typing import cast
from uuid import UUID

import pytest

from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.ports.finance import Finance
from reconciliation.resolutions.break_audit import first_broken
from reconciliation.resolutions.decision_records import CheckerVerdict, Resolution, UnfitError
from reconciliation.resolutions.decisions import CheckOrder, Proposal, ResolutionActions
from reconciliation.resolutions.resolution_actions import ResolutionAction
from reconciliation.settlement.current_state import batches, open_work, read_setting
from reconciliation.settlement.plan_order import received_money, undecided_batches
from reconciliation.settlement.post_outcomes import post_outcomes
from reconciliation.settlement.unidentified.decisions import ItemProposal, ItemVerdict, decide, propose
from reconciliation.settlement.unidentified.found_lines import FoundLines
from reconciliation.unidentified.items import ItemAction
from tests.reconciliation.institution_files import Credit, Movement, at
from tests.reconciliation.nightly.stage import MON, NPSB, SUN, TUE, WED
from tests.reconciliation.nightly.test_bank_transfers import PAYOUT, TOP_UP, booked, sound, staffed, statement
from tests.reconciliation.resolutions.test_case_thirteen import Switch
from tests.reconciliation.settlement.sample_lines import THU

LINE = Credit(500_000, "PARTNER-7", "SB7", charge=0)
FEE = Credit(-5_750, "", "CHG", charge=0)
PREFUND = """
INSERT INTO accounts (code, kind, balance, floor) VALUES ('prefund:bank1:postpaid', 'liability', 0, 0)
"""
LOST = Movement("000000000009", at("2026-04-05 11:00:00"), 500_000, 0, theirs="F9")


@pytest.fixture
def stage(place: Endpoint, tmp_path: Path) -> Switch:
    return Switch(place, tmp_path / "home")


async def follow(stage: Switch) -> FoundLines:
    async with open_work(read_setting(cast("Finance", stage))) as work:
        return (await post_outcomes(work)).lines


async def is_sound(stage: Switch) -> bool:
    """What the audit proves of the wing; the lines of this stage were posted by nobody."""
    connection = await stage.connect("audit")
    try:
        assert await first_broken(connection) is None
    finally:
        await connection.close()
    return True


async def balance(stage: Switch, account: str) -> int:
    connection = await stage.connect()
    try:
        return (await stage.books.balances(connection)).get(account, 0)
    finally:
        await connection.close()


async def break_of(stage: Switch, code: str, reference: str) -> UUID:
    query = "SELECT id FROM reconciliation.breaks WHERE code = $1 AND reference = $2"
    (row,) = await stage.rows(query, code, reference)
    return UUID(str(row["id"]))


async def decided(stage: Switch, break_id: UUID, action: ResolutionAction, **more: object) -> Resolution:
    desk = ResolutionActions.of(cast("Finance", stage))
    asked = await desk.propose(Proposal(break_id, action, "their letter", "rahima", **more))  # type: ignore[arg-type]
    return await desk.check(CheckOrder(asked.id, "karim", CheckerVerdict.APPROVED))


async def linked(stage: Switch, number: int, target: str) -> None:
    """Two persons link a line."""
    async with open_work(read_setting(cast("Finance", stage))) as work:
        await propose(
            work, ItemProposal(number, ItemAction.LINK, "their letter", "rahima", ((target, None),))
        )
        await decide(work, ItemVerdict(number, "karim", approves=True), post_outcomes)


async def returned(stage: Switch, number: int, *parts: tuple[str, int]) -> None:
    """Two persons write down by which transfers a line went back."""
    async with open_work(read_setting(cast("Finance", stage))) as work:
        await propose(work, ItemProposal(number, ItemAction.SPLIT, "paid twice", "rahima", parts))
        await decide(work, ItemVerdict(number, "karim", approves=True), post_outcomes)


async def test_each_transfer_by_which_a_line_went_back_is_expected_by_itself(stage: Switch) -> None:
    """Two of one amount: the night that has one of them still waits for the other."""
    first, second = (Credit(-250_000, "", name, charge=0) for name in ("FT-1", "FT-2"))
    await staffed(stage)
    await sound(stage, SUN)
    statement(stage, MON, LINE)
    await sound(stage, MON)
    assert (await follow(stage)).found == (1,)
    await returned(stage, 1, ("return:FT-1", 250_000), ("return:FT-2", 250_000))
    statement(stage, TUE, first)
    assert {state for _, name, state in await sound(stage, TUE) if name == "FT-1"} == set()
    statement(stage, WED, second)
    assert await follow(stage) == FoundLines()
    assert {state for *_, state in await sound(stage, WED)} == {"closed"}
    assert await follow(stage) == FoundLines()
    assert {state for *_, state in await sound(stage, THU)} == {"closed"}
    assert await balance(stage, "suspense:stmt_sonali") == 0
    assert await is_sound(stage)


async def test_a_fee_that_comes_under_the_reference_of_a_return_written_before_is_found_again(
    stage: Switch,
) -> None:
    """The return is reversed, the next night expects nothing of it any more, and both lines are found."""
    parts = (("return:FT-9", 488_000), ("bank_charges", 12_000))
    await staffed(stage)
    await sound(stage, SUN)
    statement(stage, MON, LINE)
    await sound(stage, MON)
    await follow(stage)
    await returned(stage, 1, *parts)
    statement(stage, TUE, Credit(-12_000, "", "FT-9", charge=0), Credit(-488_000, "", "FT-9", charge=0))
    assert ("AMBIGUOUS", "FT-9", "open") in await sound(stage, TUE)
    assert await follow(stage) == FoundLines(), "they have the reference of the return"
    async with open_work(read_setting(cast("Finance", stage))) as work:
        await propose(work, ItemProposal(1, ItemAction.REVERSE, "a fee as well", "rahima"))
        await decide(work, ItemVerdict(1, "karim", approves=True), post_outcomes)
    assert await follow(stage) == FoundLines(), "the next night withdraws what the return expected"
    await sound(stage, WED)
    assert (await follow(stage)).found == (2, 3)
    await returned(stage, 1, *parts)
    await linked(stage, 2, "bank_charges")
    await decided(stage, await break_of(stage, "AMBIGUOUS", "FT-9"), ResolutionAction.NO_ACTION)
    assert {state for *_, state in await sound(stage, THU)} == {"closed", "resolved"}
    assert await follow(stage) == FoundLines()
    assert await balance(stage, "suspense:stmt_sonali") == 0
    assert await balance(stage, "bank_charges") == 1_150
    assert await is_sound(stage)


async def test_the_break_of_an_unidentified_line_moves_no_money_and_ends_with_its_decision(
    stage: Switch,
) -> None:
    await staffed(stage)
    await sound(stage, SUN)
    statement(stage, MON, LINE, Credit(700, "", "SB8", charge=0))
    await sound(stage, MON)
    await booked(stage, TOP_UP, 700, "SB8", MON)
    assert (await follow(stage)).found == (1,), "the other line is a top-up by now"
    with pytest.raises(
        UnfitError, match=r"unidentified line of entry .* is booked: link, split or return it"
    ):
        await decided(stage, await break_of(stage, "FILE_ONLY", "PARTNER-7"), ResolutionAction.TO_SUSPENSE)
    assert ("FILE_ONLY", "PARTNER-7", "open") in await sound(stage, TUE)
    assert await follow(stage) == FoundLines()
    assert await balance(stage, "suspense:stmt_sonali") == 500_000
    await stage.rows(PREFUND)
    await linked(stage, 1, "prefund:bank1:postpaid")
    assert ("FILE_ONLY", "PARTNER-7", "closed") in await sound(stage, WED)
    assert await follow(stage) == FoundLines()


async def test_a_line_without_a_key_that_pays_a_payout_is_taken_over_and_the_payout_has_come(
    stage: Switch,
) -> None:
    """Unidentified or not, there is a way from the line to the payout that it pays, and to its payees."""
    await staffed(stage)
    await sound(stage, SUN)
    stage.credit([Credit(PAYOUT.amount, "", "SB9", charge=0)], MON)
    await sound(stage, MON)
    assert (await follow(stage)).found == (1,)
    await sound(stage, TUE)
    line = await break_of(stage, "FILE_ONLY", "SB9")
    before = await balance(stage, "settlement_bank")
    paid = await decided(stage, line, ResolutionAction.PAYS_PAYOUTS, payouts=(PAYOUT.batch,))
    assert await balance(stage, "suspense:stmt_sonali") == 0
    assert await balance(stage, "settlement_bank") == before, "the line was booked before, and is once"
    async with open_work(read_setting(cast("Finance", stage))) as work:
        received = await received_money(work, batches(work))
        assert [cycle.party.name for cycle in received.cycles] == [NPSB]
        assert await undecided_batches(work.connection, batches(work)) == []
    assert await follow(stage) == FoundLines()
    assert await is_sound(stage)
    await decided(stage, line, ResolutionAction.PAYS_PAYOUTS, reverses=paid.id)
    assert (await follow(stage)).found == (1,), "it waits again"
    assert await is_sound(stage)


async def test_a_claim_that_was_received_takes_its_line_over_and_gives_it_back(stage: Switch) -> None:
    """So the money is booked once: by the decision, and as unidentified again once that is reversed."""
    await staffed(stage)
    stage.book(NPSB, LOST)
    await sound(stage, SUN)
    statement(stage, MON, LINE)
    await sound(stage, MON)
    await follow(stage)
    await sound(stage, TUE)
    broken = await break_of(stage, "LEDGER_ONLY", LOST.ours)
    await decided(stage, broken, ResolutionAction.CLAIM)
    with pytest.raises(UnfitError, match=r"^bank_reference: say the bank's own"):
        await decided(stage, broken, ResolutionAction.CLAIM_RECEIVED)
    received = await decided(stage, broken, ResolutionAction.CLAIM_RECEIVED, bank_reference="SB7")
    accounts = ("settlement_bank", "suspense:stmt_sonali", "claim:npsb")
    assert [await balance(stage, account) for account in accounts] == [597_700, 0, 0]
    assert {state for _, _, state in await sound(stage, WED)} == {"closed", "resolved"}
    assert await follow(stage) == FoundLines()
    assert await is_sound(stage)
    await decided(stage, broken, ResolutionAction.CLAIM_RECEIVED, reverses=received.id)
    await sound(stage, THU)
    assert (await follow(stage)).found == (1,)
    assert [await balance(stage, account) for account in accounts] == [597_700, 500_000, 500_000]
    assert await is_sound(stage)


async def test_each_line_under_a_reference_that_our_bank_uses_again_has_its_own_door(stage: Switch) -> None:
    """The bank's word for a fee is no name of a line, and a name that came later is one of the same line."""
    cash, other = Credit(-400, "", "CASH", charge=0), Credit(-500, "OUR-2", "CASH", charge=0)
    await staffed(stage)
    await sound(stage, SUN)
    statement(stage, MON, FEE, cash, other)
    await sound(stage, MON)
    assert (await follow(stage)).found == (1, 2, 3)
    await linked(stage, 1, "bank_charges")
    stage.credit([PAYOUT, FEE, other], MON, correction=1)
    statement(stage, TUE, FEE)
    breaks = await sound(stage, TUE)
    assert {("FILE_ONLY", "CHG", "closed"), ("DUP_ACROSS_FILES", "CHG", "open")} < breaks
    assert await follow(stage) == FoundLines(found=(4,), gone=(2,))
    again = await break_of(stage, "DUP_ACROSS_FILES", "CHG")
    with pytest.raises(UnfitError, match="link, split or return it"):
        await decided(stage, again, ResolutionAction.WRITE_OFF)
    await linked(stage, 3, "write_off")
    await linked(stage, 4, "bank_charges")
    await decided(stage, again, ResolutionAction.NO_ACTION)
    assert ("FILE_ONLY", "OUR-2", "closed") in await sound(stage, WED)
    assert await follow(stage) == FoundLines()
    assert await balance(stage, "suspense:stmt_sonali") == 0
    assert await is_sound(stage)
