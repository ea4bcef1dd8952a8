"""Lines of our bank that nothing explains: booked apart, decided by two persons, taken back."""

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import asyncpg
import pytest

from ekpay_switch.persistence.bank_lines import BankLineBookedError, refuse_booked_line
from ekpay_switch.persistence.decisions.journals import NoItemError, show_suspense
from reconciliation.canonical_row import BROKEN
from reconciliation.errors import SettlementError
from reconciliation.resolutions.break_audit import first_broken
from reconciliation.settlement.current_state import open_work
from reconciliation.settlement.post_outcomes import PostedOutcomes, post_instructions
from reconciliation.settlement.preview import current_cover
from reconciliation.settlement.unidentified.decisions import ItemProposal, ItemVerdict, decide, propose
from reconciliation.unidentified.item_store import find_items
from reconciliation.unidentified.items import ItemAction, ItemState, UnidentifiedItem
from tests.persistence.staff_rows import persons
from tests.reconciliation.settlement.sample_lines import MON, SUN, TUE
from tests.reconciliation.settlement.stage import CHECKER, MAKER, Row, Stage, booked, pair

BANK = "stmt_sonali"
SUSPENSE = f"suspense:{BANK}"
PREFUND = "prefund:bank1:postpaid"
OPEN_ALARMS = "SELECT kind, subject, amount FROM alarms WHERE ended_at IS NULL ORDER BY subject, kind"
STANDING = """
SELECT l.reference, l.amount, l.booked_by FROM break_bank_lines AS l WHERE l.releases IS NULL AND NOT EXISTS (
  SELECT FROM break_bank_lines AS r WHERE r.releases = l.entry_id AND r.reference = l.reference)
ORDER BY l.reference
"""
RTGS = 12_000_000


def stranger(paisa: int, reference: str = "", theirs: str = "", **more: object) -> Row:
    """A line of Monday's statement that nobody of ours waits for."""
    reference = reference or theirs
    return booked(BANK, reference, paisa, MON, **{"theirs": theirs, "verdict": BROKEN} | more)


async def follow(stage: Stage, *lines: Row) -> PostedOutcomes:
    """Commit a run over these rows of the statement, and book it."""
    others = [row for row in stage.rows if row["institution"] != BANK or row["source"] == 0]
    stage.rows = others + [line | {"ordinal": place} for place, line in enumerate(lines, start=1)]
    await stage.run(MON)
    return await stage.follow()


async def items(stage: Stage) -> list[UnidentifiedItem]:
    connection = await stage.office.connect()
    try:
        return await find_items(connection)
    finally:
        await connection.close()


async def item(stage: Stage, number: int = 1) -> UnidentifiedItem:
    return next(one for one in await items(stage) if one.number == number)


async def proposed(stage: Stage, action: ItemAction, *targets: tuple[str, int | None], number: int = 1,
                   reference: str = "", by: str = MAKER) -> None:  # fmt: skip
    async with open_work(stage.desk) as work:
        await propose(work, ItemProposal(number, action, "the bank says so", by, targets, reference))


async def checked(stage: Stage, *, approves: bool = True, by: str = CHECKER, number: int = 1) -> None:
    async with open_work(stage.desk) as work:
        await decide(work, ItemVerdict(number, by, approves, "seen"), post_instructions)


async def linked(stage: Stage, target: str, number: int = 1) -> None:
    await proposed(stage, ItemAction.LINK, (target, None), number=number)
    await checked(stage, number=number)


async def sound(stage: Stage) -> bool:
    """The books and the rows of the wing hold."""
    connection = await stage.office.connect("audit")
    try:
        found = await first_broken(connection) or await stage.books.audit()
    finally:
        await connection.close()
    assert found is None, found
    return True


async def alarms(stage: Stage) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await stage.books.rows(OPEN_ALARMS)]


async def names(stage: Stage) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await stage.books.rows(STANDING)]


async def test_a_line_that_nothing_explains_is_booked_once_and_is_an_alarm(stage: Stage) -> None:
    credit, debit = stranger(500_000, "PARTNER-7", "SB7"), stranger(-5_750, "", "SB8")
    assert (await follow(stage, credit, debit)).lines.found == (1, 2)
    assert await stage.balances() == {"settlement_bank": 494_250, SUSPENSE: 494_250}
    assert await alarms(stage) == [
        ("unidentified_credit", "unidentified 1", 500_000),
        ("unidentified_debit", "unidentified 2", 5_750),
    ]
    assert await names(stage) == [
        ("PARTNER-7", 500_000, "unidentified"),
        ("SB7", 500_000, "unidentified"),
        ("SB8", -5_750, "unidentified"),
    ]
    assert (await stage.follow()).lines.found == ()
    assert await sound(stage)


async def test_lines_that_something_explains_are_none(stage: Stage) -> None:
    """What is matched, a payout of a connector, an instruction, and a line that a person has booked."""
    stage.rows = pair("desco_postpaid", "D1", RTGS)
    await stage.hold({"payable:desco_postpaid": RTGS, "settlement_bank": RTGS})
    await stage.run(SUN)
    await stage.settle(MON)
    name = await stage.books.value("SELECT end_to_end_id FROM reconciliation.settlement_instructions")
    await stage.books.tell(
        "INSERT INTO break_bank_lines (reference, entry_id, amount) VALUES ('SB9', gen_random_uuid(), 700)"
    )
    lines = [
        stranger(97_700, "NPSB20260406", "S1"),
        stranger(-RTGS, str(name), "S2"),
        stranger(700, "ANY", "SB9"),
        booked(BANK, "T1", 300, MON),
    ]
    assert (await follow(stage, *lines)).lines.found == ()
    assert await items(stage) == []


async def test_equal_lines_are_two_and_a_correction_takes_one_back(stage: Stage) -> None:
    first = second = stranger(400, "", "CASH")
    assert (await follow(stage, first, second)).lines.found == (1, 2)
    corrected = stranger(400, "", "CASH", origin=f"{BANK}_20260406_01_c1.xml")
    assert (await follow(stage, corrected)).lines.gone == (2,)
    assert await stage.balances() == {"settlement_bank": 400, SUSPENSE: 400}
    assert [one.state for one in await items(stage)] == [ItemState.OPEN, ItemState.GONE]
    assert (await follow(stage, first, second)).lines.found == (2,)
    assert await stage.balances() == {"settlement_bank": 800, SUSPENSE: 800}
    assert await sound(stage)


async def test_a_corrected_amount_keeps_the_name_of_its_line(stage: Stage) -> None:
    await follow(stage, stranger(400, "", "SB7"))
    found = (await follow(stage, stranger(450, "", "SB7"))).lines
    assert (found.gone, found.found) == ((1,), (2,))
    assert await names(stage) == [("SB7", 450, "unidentified")]
    assert await stage.balances() == {"settlement_bank": 450, SUSPENSE: 450}


async def test_a_reference_that_lines_share_stays_with_those_that_stay(stage: Stage) -> None:
    """So nobody else books the line that is left under it."""
    await follow(stage, stranger(400, "", "CASH"), stranger(500, "", "CASH"))
    assert await names(stage) == [("CASH", 500, "unidentified")], "the larger one"
    await follow(stage, stranger(400, "", "CASH"))
    assert await names(stage) == [("CASH", 400, "unidentified")]
    assert await sound(stage)


async def test_a_link_to_a_prefund_takes_two_persons(stage: Stage) -> None:
    await partner(stage)
    await follow(stage, stranger(500_000, "", "SB7"))
    await proposed(stage, ItemAction.LINK, (PREFUND, None))
    with pytest.raises(SettlementError, match=r"^by: who proposed it cannot"):
        await checked(stage, by=MAKER)
    with pytest.raises(SettlementError, match="unidentified line 1 is proposed"):
        await proposed(stage, ItemAction.LINK, (PREFUND, None))
    assert (await stage.balances())[SUSPENSE] == 500_000
    await checked(stage)
    assert await stage.balances() == {"settlement_bank": 500_000, PREFUND: 500_000}
    assert await alarms(stage) == []
    assert await sound(stage)


async def test_a_rejected_proposal_moves_nothing(stage: Stage) -> None:
    await follow(stage, stranger(-5_750, "", "SB8"))
    await proposed(stage, ItemAction.LINK, ("bank_charges", None))
    await checked(stage, approves=False)
    assert (await item(stage)).state is ItemState.OPEN
    await linked(stage, "bank_charges")
    assert await stage.balances() == {"settlement_bank": -5_750, "bank_charges": 5_750}


UNFIT: list[tuple[int, Sequence[tuple[str, int | None]], str]] = [
    (1, (("receivable:bkash", None),), r"claim_received with --bank-reference"),
    (1, (("claim:bkash", None),), r"claim_received with --bank-reference"),
    (1, (("bank_charges", None),), r"^target: money that came is for one of"),
    (1, (("prefund:", None),), r"^target: money that came is for one of prefund:…"),
    (1, (("prefund:nobody:postpaid", None),), r"^target: there is no account prefund:nobody"),
    (1, (("instruction:EABCDEFGHIJKLMN", None),), r"^target: no instruction EABCDEFGHIJKLMN goes through"),
    (2, (("prefund:bank1:postpaid", None),), r"^target: money that left is for one of"),
    (2, (("bank_charges", 500), ("write_off", 300)), r"^parts: they come to 800 paisa, .* has 900"),
    (2, (("bank_charges", 450), ("bank_charges", 450)), r"^parts: a target stands there twice"),
    (2, (("bank_charges", 1_000), ("instruction:E", -100)), r"^parts: each is above zero"),
]


async def test_what_does_not_fit_is_refused_with_its_field(stage: Stage) -> None:
    await follow(stage, stranger(900, "", "SB7"), stranger(-900, "", "SB8"))
    for number, targets, why in UNFIT:
        with pytest.raises(SettlementError, match=why):
            await proposed(stage, ItemAction.SPLIT, *targets, number=number)
    assert {one.state for one in await items(stage)} == {ItemState.OPEN}


async def test_a_line_is_split_and_reversed_by_a_new_event(stage: Stage) -> None:
    await partner(stage)
    other = PREFUND.replace("postpaid", "prepaid")
    await follow(stage, stranger(1_000, "", "SB8"))
    await proposed(stage, ItemAction.SPLIT, (PREFUND, 700), (other, 300))
    await checked(stage)
    assert await stage.balances() == {"settlement_bank": 1_000, PREFUND: 700, other: 300}
    await proposed(stage, ItemAction.REVERSE, by=CHECKER)
    await checked(stage, by=MAKER)
    assert await stage.balances() == {"settlement_bank": 1_000, SUSPENSE: 1_000}
    assert await alarms(stage) == [("unidentified_credit", "unidentified 1", 1_000)]
    await linked(stage, other)
    assert await stage.balances() == {"settlement_bank": 1_000, other: 1_000}
    assert await sound(stage)


async def test_a_return_by_hand_books_its_own_line_and_a_reversal_releases_it(stage: Stage) -> None:
    await follow(stage, stranger(900, "", "SB7"), stranger(-30, "", "FT-1"))
    with pytest.raises(SettlementError, match=r"^reference: .* has booked it"):
        await proposed(stage, ItemAction.RETURN, reference="FT-1")
    with pytest.raises(SettlementError, match=r"^reference: the bank's own"):
        await proposed(stage, ItemAction.RETURN)
    await proposed(stage, ItemAction.RETURN, reference="FT-9")
    await checked(stage)
    assert await stage.balances() == {"settlement_bank": -30, SUSPENSE: -30}
    assert ("FT-9", -900, "return") in await names(stage)
    found = await follow(
        stage, stranger(900, "", "SB7"), stranger(-30, "", "FT-1"), stranger(-900, "", "FT-9")
    )
    assert found.lines.found == (), "its debit is booked already"
    await proposed(stage, ItemAction.REVERSE)
    await checked(stage)
    assert (await stage.follow()).lines.found == (3,)
    assert await stage.balances() == {"settlement_bank": -30, SUSPENSE: -30}
    assert await sound(stage)


async def test_a_line_that_goes_with_a_proposal_takes_it_along(stage: Stage) -> None:
    await follow(stage, stranger(-900, "", "SB7"))
    await proposed(stage, ItemAction.LINK, ("bank_charges", None))
    assert (await follow(stage)).lines.gone == (1,)
    with pytest.raises(SettlementError, match="unidentified line 1 is gone: nothing waits"):
        await checked(stage)
    assert await stage.balances() == {}
    assert (await alarms(stage), await names(stage)) == ([], [])
    assert await sound(stage)


async def test_a_line_that_goes_after_its_decision_is_an_alarm_until_that_is_reversed(stage: Stage) -> None:
    await follow(stage, stranger(-900, "", "SB7"))
    await linked(stage, "bank_charges")
    assert (await follow(stage)).lines.missing == (1,)
    assert await alarms(stage) == [("unidentified_debit", "unidentified 1", 900)]
    await follow(stage, stranger(-900, "", "SB7"))
    assert ((await item(stage)).state, await alarms(stage)) == (ItemState.SETTLED, [])
    await follow(stage)
    await proposed(stage, ItemAction.REVERSE)
    await checked(stage)
    assert (await stage.follow()).lines.gone == (1,)
    assert (await stage.balances(), await alarms(stage)) == ({}, [])
    assert await sound(stage)


async def test_a_debit_and_its_return_are_linked_to_their_instruction(stage: Stage) -> None:
    """The bank has left our reference out; what it did ends the instruction as always."""
    stage.rows = pair("desco_postpaid", "D1", RTGS)
    await stage.hold({"payable:desco_postpaid": RTGS, "settlement_bank": RTGS})
    await stage.run(SUN)
    await stage.settle(MON)
    name = await stage.books.value("SELECT end_to_end_id FROM reconciliation.settlement_instructions")
    debit, back = stranger(-RTGS, "", "S1"), stranger(RTGS, "", "S2", business_date=TUE)
    await follow(stage, debit)
    await linked(stage, f"instruction:{name}")
    assert await stage.balances() == {}
    await follow(stage, debit, back)
    await linked(stage, f"instruction:{name}", 2)
    assert (await stage.balances())["settlement_bank"] == RTGS
    assert (await stage.follow()).steps == ()
    assert await sound(stage)


async def test_cover_counts_what_came_and_what_left_apart(stage: Stage) -> None:
    await follow(stage, stranger(900, "", "SB7"), stranger(-400, "", "SB8"))
    async with open_work(stage.desk) as work:
        cover = await current_cover(work)
    assert (cover.owed_by_account, cover.strict) == ({SUSPENSE: 900}, -400)


async def test_two_persons_at_once_decide_once(stage: Stage) -> None:
    """One approves what another rejects; whoever is second finds nothing that waits."""
    await stage.books.tell(persons("Salma"))
    await follow(stage, stranger(-900, "", "SB7"))
    await proposed(stage, ItemAction.LINK, ("bank_charges", None))
    said = await asyncio.gather(
        checked(stage), checked(stage, by="Salma", approves=False), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in said) == ["NoneType", "SettlementError"]
    assert await sound(stage)


TAMPERINGS = [
    ("UPDATE reconciliation.unidentified_items SET amount = amount + 1", "its parts come to -900 paisa"),
    ("DELETE FROM reconciliation.unidentified_events WHERE event = 'approved'", "rests on none"),
    ("DELETE FROM reconciliation.unidentified_events WHERE event = 'proposed'", "the event before it is"),
    (
        "UPDATE reconciliation.unidentified_events SET state = 'open' WHERE revision = 2",
        "does not follow",
    ),
    ("UPDATE reconciliation.unidentified_events SET person = 'Rahima' WHERE revision = 3", "one person"),
    ("UPDATE reconciliation.unidentified_parts SET account = 'write_off'", "is not what it says"),
    ("DELETE FROM reconciliation.unidentified_events", "no event says that it was found"),
    ("DELETE FROM break_bank_lines", "nothing keeps SB7 booked for it"),
    ("UPDATE break_bank_lines SET amount = -901", "none of an unidentified line"),
    ("UPDATE break_bank_lines SET entry_id = gen_random_uuid()", "none of an unidentified line"),
]


async def test_the_audit_proves_items(stage: Stage) -> None:
    await follow(stage, stranger(-900, "", "SB7"))
    await linked(stage, "bank_charges")
    connection = await stage.books.superuser()
    assert await first_broken(connection) is None
    for tampering, why in TAMPERINGS:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"SET LOCAL session_replication_role = replica; {tampering}")
        found = await first_broken(connection)
        await transaction.rollback()
        assert found is not None, tampering
        assert why in found.why, found
    await connection.close()


async def test_two_bookings_of_one_line_at_once_book_it_once(stage: Stage) -> None:
    """A person books the line by its reference while `credits` finds it: the second sees the first."""
    stage.rows = [stranger(900, "ANY", "SB7") | {"ordinal": 1}]
    await stage.run(MON)
    connection = await stage.office.connect()
    async with connection.transaction():
        await refuse_booked_line(connection, ["SB7"], uuid4())
        credits_ = asyncio.create_task(stage.follow())
        await waits_for_a_name(stage)
        await stage.office.bank_lines.book(connection, uuid4(), ["SB7"], 900)
    assert (await credits_).lines.found == ()
    await connection.close()
    assert await stage.balances() == {}


async def waits_for_a_name(stage: Stage) -> None:
    """Until somebody waits for the lock of a line's name."""
    query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 7 AND NOT granted"
    while not await stage.books.value(query):  # noqa: ASYNC110 - what another connection waits for
        await asyncio.sleep(0.01)


async def test_nothing_else_books_the_line_or_takes_from_its_entry(stage: Stage) -> None:
    await follow(stage, stranger(900, "ANY", "SB7"))
    entry_id = (await item(stage)).booked_entry_id
    connection = await stage.office.connect()
    async with connection.transaction():
        with pytest.raises(BankLineBookedError, match=r"the unidentified line of entry .* has booked SB7"):
            await refuse_booked_line(connection, ["SB7"], uuid4())
        with pytest.raises(NoItemError, match="belongs to an unidentified line of a bank"):
            await show_suspense(connection, entry_id)
    await connection.close()


async def test_the_database_refuses_what_python_would_not_do(stage: Stage) -> None:
    await follow(stage, stranger(-900, "", "SB7"))
    event = (
        "INSERT INTO reconciliation.unidentified_events (item_id, revision, event, state, entry_id, reason)"
        " SELECT id, 2, '{event}', '{state}', gen_random_uuid(), '' FROM reconciliation.unidentified_items"
    )
    for kind, state in (("gone", "open"), ("gone", "gone"), ("approved", "settled")):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await stage.books.tell(event.format(event=kind, state=state))


async def partner(stage: Stage) -> None:
    await stage.books.tell(
        "INSERT INTO partners (id, name, nd_id, syndct_id, user_id, pass_key_hash, secret_sealed, lane)"
        " VALUES ('bank1', 'bank1', 'NS1', 's1', 'bank1', '', '', 0) ON CONFLICT DO NOTHING"
    )
    await stage.books.tell(
        "INSERT INTO accounts (code, kind, balance, floor) SELECT 'prefund:bank1:' || b, 'liability', 0, 0"
        " FROM unnest('{postpaid,prepaid}'::text[]) AS b ON CONFLICT DO NOTHING"
    )
