"""Top-ups, deposits at utilities and refunds by hand on our bank's own statement, night by night."""

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest

from reconciliation.nightly.verify_run import verify_run
from reconciliation.resolutions.decision_records import CheckerVerdict, UnfitError
from reconciliation.resolutions.decisions import CheckOrder, Proposal, ResolutionActions
from reconciliation.resolutions.resolution_actions import ResolutionAction
from reconciliation.resolutions.staff_requests import break_history
from tests.persistence.staff_rows import persons
from tests.reconciliation.institution_files import Credit, Movement, at
from tests.reconciliation.nightly.stage import MON, NPSB, SUN, TUE, WED, NightStage
from tests.reconciliation.resolutions.test_case_thirteen import Switch

FUNDS = Movement("000000000001", at("2026-04-05 10:00:00"), 100_000, 1_150, theirs="F1")
PAYOUT = Credit(97_700, "NPSB20260406")
TOP_UP = """
INSERT INTO top_ups (id, partner_id, bucket, amount, reference, asked_by, approved_by, approved_at)
VALUES ($1, 'bank1', 'postpaid', $2, $3, 'rahima', 'karim', $4)
"""
DEPOSIT = """
INSERT INTO deposit_transfers (id, biller_id, amount, reference, asked_by, approved_by, approved_at)
VALUES ($1, 'nesco_prepaid', $2, $3, 'rahima', 'karim', $4)
"""
KINDS = [TOP_UP, DEPOSIT]


def instant(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 6, tzinfo=UTC)


async def staffed(stage: NightStage) -> NightStage:
    stage.institutions = (NPSB,)
    await hired(stage)
    return stage.book(NPSB, FUNDS).send(NPSB, [FUNDS], SUN)


async def hired(stage: NightStage) -> None:
    for person in ("rahima", "karim"):
        await stage.rows(persons(person))
    await stage.rows(
        "INSERT INTO partners (id, name, nd_id, syndct_id, user_id, pass_key_hash, secret_sealed, lane)"
        " VALUES ('bank1', 'bank1', 'NS1', 's1', 'bank1', '', '', 0)"
    )


async def booked(stage: NightStage, kind: str, amount: int, reference: str, day: date = SUN) -> UUID:
    transfer_id = uuid4()
    await stage.rows(kind, transfer_id, amount, reference, instant(day))
    return transfer_id


async def reverse(stage: NightStage, transfer_id: UUID) -> None:
    for table in ("top_ups", "deposit_transfers"):
        await stage.rows(f"UPDATE {table} SET reversed_at = now() WHERE id = $1", transfer_id)  # noqa: S608


def statement(stage: NightStage, day: date, *lines: Credit) -> None:
    stage.credit([PAYOUT, *lines] if day == MON else list(lines), day)


async def sound(stage: NightStage, day: date) -> set[tuple[str, ...]]:
    """Run a night for which everybody sent what was due; its breaks by code, reference and state."""
    ran = await stage.full_night(day)
    assert ran.run.holds, ran.run.invariants
    assert await verify_run(stage, ran.run.seq, nobody) is None
    return {(code, reference, state) for code, reference, _, state in await stage.breaks()}


def nobody(_done: int, _of: int) -> None:
    """Watches nothing."""


async def test_the_first_run_is_proven_before_any_statement_of_our_bank(stage: NightStage) -> None:
    """A new installation: transfers are booked, and our bank's statement takes no part yet."""
    await hired(stage)
    await booked(stage, TOP_UP, 500_000, "SB7")
    ran = await stage.night(SUN)
    assert await verify_run(stage, ran.run.seq, nobody) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("end_to_end", "theirs"), [("", "SB7"), ("PARTNER-7", "SB7"), ("SB7", "X1")])
async def test_a_booked_transfer_comes_back_without_a_break(
    stage: NightStage, kind: str, end_to_end: str, theirs: str
) -> None:
    """Whether persons have read the bank's own reference or the sender's."""
    await booked(await staffed(stage), kind, 500_000, "SB7")
    assert await sound(stage, SUN) == set()
    amount = 500_000 if kind == TOP_UP else -500_000
    statement(stage, MON, Credit(amount, end_to_end, theirs, charge=0))
    assert await sound(stage, MON) == set()
    assert await sound(stage, TUE) == set()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end_to_end", ["", "PARTNER-7"])
async def test_a_line_that_was_there_before_its_booking_is_a_break_until_then(
    stage: NightStage, kind: str, end_to_end: str
) -> None:
    await staffed(stage)
    await sound(stage, SUN)
    amount = 500_000 if kind == TOP_UP else -500_000
    statement(stage, MON, Credit(amount, end_to_end, "SB7", charge=0))
    reference = end_to_end or "SB7"
    assert await sound(stage, MON) == {("FILE_ONLY", reference, "open")}
    await booked(stage, kind, 500_000, "SB7", TUE)
    assert await sound(stage, TUE) == {("FILE_ONLY", reference, "closed")}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_transfer_that_the_bank_did_not_book_is_a_break_without_an_action_that_moves(
    stage: NightStage, kind: str
) -> None:
    """It is due by the business day after its approval; its own reversal is the way out."""
    transfer_id = await booked(await staffed(stage), kind, 500_000, "SB7")
    assert await sound(stage, SUN) == set()
    statement(stage, MON)
    assert await sound(stage, MON) == {("LEDGER_ONLY", "SB7", "open")}
    (row,) = await stage.rows("SELECT id FROM reconciliation.breaks WHERE code = 'LEDGER_ONLY'")
    story = await break_history(stage, str(row["id"]))
    assert story.fitting == [ResolutionAction.NO_ACTION]
    assert story.broken.details["movements"] == [str(transfer_id)]
    for action in (ResolutionAction.WRITE_OFF, ResolutionAction.CLAIM):
        with pytest.raises(UnfitError, match=f"{transfer_id} is booked: reverse it"):
            await ResolutionActions.of(stage).propose(
                Proposal(row["id"], action, "it did not come", "rahima")
            )
    await reverse(stage, transfer_id)
    assert await sound(stage, TUE) == {("LEDGER_ONLY", "SB7", "closed")}


async def test_a_line_is_not_decided_once_it_is_booked(stage: NightStage) -> None:
    """It was a stranger at the night; the decision would debit, or credit, our bank beside the booking."""
    await staffed(stage)
    await sound(stage, SUN)
    statement(stage, MON, Credit(500_000, "", "SB7", charge=0))
    assert await sound(stage, MON) == {("FILE_ONLY", "SB7", "open")}
    (row,) = await stage.rows("SELECT id FROM reconciliation.breaks WHERE code = 'FILE_ONLY'")
    desk = ResolutionActions.of(stage)
    asked = Proposal(row["id"], ResolutionAction.TO_SUSPENSE, "whose is it", "rahima")
    waiting = await desk.propose(asked)
    transfer_id = await booked(stage, TOP_UP, 500_000, "SB7", MON)
    with pytest.raises(UnfitError, match=f"top-up {transfer_id} is booked"):
        await desk.check(CheckOrder(waiting.id, "karim", CheckerVerdict.APPROVED))
    assert await stage.events("SB7") == ["FILE_ONLY found", "FILE_ONLY proposed", "FILE_ONLY refused"]
    assert await sound(stage, TUE) == {("FILE_ONLY", "SB7", "closed")}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_amount_ends_with_the_right_booking(stage: NightStage, kind: str) -> None:
    wrong = await booked(await staffed(stage), kind, 50_000, "SB7")
    await sound(stage, SUN)
    amount = 500_000 if kind == TOP_UP else -500_000
    statement(stage, MON, Credit(amount, "", "SB7", charge=0))
    assert await sound(stage, MON) == {("AMOUNT", "SB7", "open")}
    await reverse(stage, wrong)
    await booked(stage, kind, 500_000, "SB7", TUE)
    assert await sound(stage, TUE) == {("AMOUNT", "SB7", "closed")}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_transfer_that_the_bank_takes_back_matches_its_reversal(stage: NightStage, kind: str) -> None:
    transfer_id = await booked(await staffed(stage), kind, 500_000, "T7")
    await sound(stage, SUN)
    amount = 500_000 if kind == TOP_UP else -500_000
    statement(stage, MON, Credit(amount, "T7", "SB7", charge=0))
    assert await sound(stage, MON) == set()
    statement(stage, TUE, Credit(-amount, "T7", "SB8", charge=0))
    await sound(stage, TUE)
    await reverse(stage, transfer_id)
    assert {state for _, _, state in await sound(stage, WED)} <= {"closed"}


async def test_a_refund_that_was_paid_by_hand_is_expected(stage: NightStage) -> None:
    await staffed(stage)
    connection = await stage.superuser()
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(_BY_HAND)
    await connection.close()
    await sound(stage, SUN)
    statement(stage, MON, Credit(-700, "", "SB9", charge=0))
    assert await sound(stage, MON) == set()


async def test_a_refund_that_the_bank_returned_has_a_door(stage: NightStage) -> None:
    """It cannot be reversed, so its refusal says where the money is booked."""
    await staffed(stage)
    connection = await stage.superuser()
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(_BY_HAND)
    await connection.close()
    await sound(stage, SUN)
    statement(stage, MON)
    assert await sound(stage, MON) == {("LEDGER_ONLY", "SB9", "open")}
    (row,) = await stage.rows("SELECT id FROM reconciliation.breaks WHERE code = 'LEDGER_ONLY'")
    proposal = Proposal(row["id"], ResolutionAction.WRITE_OFF, "it came back", "rahima")
    with pytest.raises(UnfitError, match=r"^action: refund [0-9a-f-]{36} is booked: .*ekpay decide journal"):
        await ResolutionActions.of(stage).propose(proposal)


@pytest.mark.parametrize("action", ["journal", "paid_back_otherwise"])
async def test_a_decision_that_moves_our_bank_is_expected(stage: NightStage, action: str) -> None:
    await staffed(stage)
    connection = await stage.superuser()
    await connection.execute("SET session_replication_role = replica")
    reference = "SB9" if action == "journal" else "R-77, SB9"
    await connection.execute(_DECISION, action, reference)
    await connection.close()
    assert await sound(stage, SUN) == set()
    statement(stage, MON, Credit(-700, "", "SB9", charge=0))
    assert await sound(stage, MON) == set()
    assert await sound(stage, TUE) == set()


async def test_a_decision_that_the_bank_does_not_know_is_a_break(stage: NightStage) -> None:
    await staffed(stage)
    connection = await stage.superuser()
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(_DECISION, "journal", "SB9")
    await connection.close()
    await sound(stage, SUN)
    statement(stage, MON)
    assert await sound(stage, MON) == {("LEDGER_ONLY", "SB9", "open")}


async def test_a_line_that_its_break_has_booked_is_booked_by_nothing_else(stage: NightStage) -> None:
    """Under none of its names, until the decision is reversed."""
    stage = Switch(stage.endpoint, stage.home_folder)
    await staffed(stage)
    await sound(stage, SUN)
    statement(stage, MON, Credit(500_000, "PARTNER-7", "SB7", charge=0))
    assert await sound(stage, MON) == {("FILE_ONLY", "PARTNER-7", "open")}
    (row,) = await stage.rows("SELECT id FROM reconciliation.breaks WHERE code = 'FILE_ONLY'")
    desk = ResolutionActions.of(stage)
    asked = await desk.propose(Proposal(row["id"], ResolutionAction.TO_SUSPENSE, "whose is it", "rahima"))
    await desk.check(CheckOrder(asked.id, "karim", CheckerVerdict.APPROVED))
    assert await _booked(stage) == {("SB7", "break"), ("PARTNER-7", "break")}
    undo = Proposal(row["id"], ResolutionAction.TO_SUSPENSE, "the partner's", "rahima", reverses=asked.id)
    reversal = await desk.propose(undo)
    await desk.check(CheckOrder(reversal.id, "karim", CheckerVerdict.APPROVED))
    assert await _booked(stage) == set()


async def test_a_line_is_not_decided_once_it_is_booked_under_its_other_name(stage: NightStage) -> None:
    await staffed(stage)
    await sound(stage, SUN)
    statement(stage, MON, Credit(500_000, "PARTNER-7", "SB7", charge=0))
    assert await sound(stage, MON) == {("FILE_ONLY", "PARTNER-7", "open")}
    (row,) = await stage.rows("SELECT id FROM reconciliation.breaks WHERE code = 'FILE_ONLY'")
    transfer_id = await booked(stage, TOP_UP, 500_000, "SB7", MON)
    with pytest.raises(UnfitError, match=f"top-up {transfer_id} is booked"):
        await ResolutionActions.of(stage).propose(
            Proposal(row["id"], ResolutionAction.TO_SUSPENSE, "whose is it", "rahima")
        )


async def _booked(stage: NightStage) -> set[tuple[str, str]]:
    connection = await stage.connect()
    try:
        async with connection.transaction():
            names = ["SB7", "PARTNER-7"]
            return {
                (booking.names[0], booking.kind) for booking in await stage.bank_lines.lock(connection, names)
            }
    finally:
        await connection.close()


_DECISION = """
WITH entry AS (
  INSERT INTO postings (entry_id, seq, account, amount)
  VALUES ('00000000-0000-0000-0000-000000000009', 1, 'settlement_bank', -700) RETURNING entry_id)
INSERT INTO decisions (id, case_kind, subject, action, amount, reason, reference, entries, entry_ids, seen,
  proposed_by, approved_by, approved_at)
SELECT gen_random_uuid(), 'journal', gen_random_uuid(), $1, 700, 'a fee', $2, '[{}]',
  jsonb_build_array(entry_id), '', 'rahima', 'karim', '2026-04-05 06:00+00' FROM entry
"""
_BY_HAND = """
INSERT INTO refunds (id, payment_id, attempt_id, partner_id, connector_id, kind, reference, fingerprint,
  amount, reason, state, asked_by, our_reference, by_hand_by, confirmed_by, bank_reference, updated_at)
VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'bank1', 'npsb', 'give_back', 'g1', '', 700,
  'refused', 'done', 'switch', 'r1', 'rahima', 'karim', 'SB9', '2026-04-05 06:00+00')
"""
