"""A value date over real tables: what is owed is instructed once, posted once and never lost."""

from datetime import date

import asyncpg
import pytest

from reconciliation.canonical_row import BROKEN
from reconciliation.errors import SettlementError
from reconciliation.settlement.instructions import beftn, pacs009
from reconciliation.settlement.positions.cycles import Party
from reconciliation.settlement.settle_value_date import SettledValueDate, write_bank_files
from tests.reconciliation.settlement.sample_lines import BREB, DESCO, MON, NPSB, SUN, TUE
from tests.reconciliation.settlement.stage import CHECKER, MAKER, Stage, ours, pair, report, row

WED = date(2026, 4, 8)
RTGS = 12_000_000


@pytest.fixture
async def day(stage: Stage) -> Stage:
    """Sunday: a connector owes us, one biller is paid by RTGS and one by BEFTN, one row is broken."""
    stage.rows = [
        *pair("npsb", "N1", RTGS + 70_000),
        *pair("desco_postpaid", "D1", RTGS),
        *pair("dhaka_wasa", "W1", 70_000),
        row("dhaka_wasa", "W2", 500, ordinal=2, verdict=BROKEN),
    ]
    await stage.hold(
        {"receivable:npsb": RTGS + 70_000, "payable:desco_postpaid": RTGS, "payable:dhaka_wasa": 70_000}
    )
    await stage.run(SUN)
    return stage


def figures(issued: SettledValueDate, party: Party) -> tuple[int, int, int, int, int]:
    (found,) = [one for one in issued.rows if one.position.party == party]
    return found.position.net, found.carried_in, found.instructed, found.carried_out, found.pays_itself


# dhaka_wasa sends its file a business day later.
WASA = Party(DESCO.role, "dhaka_wasa")


async def test_a_value_date_is_instructed_and_posted_at_once(day: Stage) -> None:
    issued = await day.settle(MON)
    assert figures(issued, DESCO) == (-RTGS, 0, RTGS, 0, 0)
    assert figures(issued, NPSB) == (RTGS + 70_000, 0, 0, 0, RTGS + 70_000)
    assert await day.journal() == [
        ("settlement_instructed", "payable:desco_postpaid", RTGS),
        ("settlement_instructed", "clearing:rtgs", -RTGS),
    ]
    (file,) = issued.files
    pacs009.check_message(file.content)
    assert (file.rail, file.entries, file.amount) == ("rtgs", 1, RTGS)
    assert await day.books.audit() is None


async def test_nets_sum_to_zero_and_what_is_not_agreed_moves_nothing(day: Stage) -> None:
    await day.run(MON)
    issued = await day.settle(TUE)
    assert sum(one.position.net for one in issued.rows) == 0
    (wasa,) = [one for one in issued.rows if one.position.party == WASA]
    assert (wasa.position.gross_out, wasa.position.held, wasa.position.net) == (-70_500, -500, -70_000)
    # Monday passed without a sheet: what it owed was carried, and is paid now.
    assert figures(issued, DESCO) == (0, RTGS, RTGS, 0, 0)
    batch, message = issued.files
    assert (beftn.check_batch(batch.content).amount, message.amount) == (70_000, RTGS)
    assert await day.books.audit() is None


async def test_settled_again_the_same_bytes_come_and_nothing_is_posted(day: Stage) -> None:
    first = await day.settle(MON)
    posted = await day.journal()
    again = await day.settle(MON)
    assert (first.is_new, again.is_new) == (True, False)
    assert (again.head, again.rows, again.files) == (first.head, first.rows, first.files)
    assert await day.journal() == posted


async def test_a_death_in_the_middle_leaves_nothing_and_the_next_run_does_it_once(
    day: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(day.office.books, "post", die)
        with pytest.raises(ConnectionError):
            await day.settle(MON)
    assert await day.books.count("reconciliation.settlement_sheets") == 0
    assert await day.books.count("reconciliation.settlement_lines") == 0
    assert (await day.settle(MON)).is_new
    assert await day.books.count("reconciliation.settlement_instructions") == 1


async def test_what_becomes_known_after_the_sheet_belongs_to_a_later_one(day: Stage) -> None:
    first = await day.settle(MON)
    # The same night again with one row more: the value date is over.
    day.rows += pair("desco_postpaid", "D2", 900, ordinal=2)
    await day.hold({"payable:desco_postpaid": 900})
    await day.run(SUN)
    assert (await day.settle(MON)).rows == first.rows
    await day.run(MON)
    issued = await day.settle(TUE)
    assert figures(issued, DESCO) == (-900, 0, 0, 900, 0), "below the minimum of BEFTN too: carried"
    assert sum(one.position.net for one in issued.rows) == 0


async def test_a_rejected_instruction_is_reversed_and_paid_with_the_next_value_date(day: Stage) -> None:
    (given,) = (await day.settle(MON)).files
    name = pacs009_id(given.content)
    heard = await day.follow(report(name, "RJCT"))
    assert [step.ending for step in heard.steps] == ["rejected"]
    assert (await day.balances())["payable:desco_postpaid"] == RTGS
    again = await day.follow(report(name, "RJCT"))
    assert (again.steps, again.is_new) == ((), False)
    await day.run(MON)
    issued = await day.settle(TUE)
    assert figures(issued, DESCO) == (0, RTGS, RTGS, 0, 0)
    await day.run(TUE)
    assert DESCO not in {one.position.party for one in (await day.settle(WED)).rows}, "brought in once"
    moments = [moment for moment, account, _ in await day.journal() if account == "clearing:rtgs"]
    assert moments == ["settlement_instructed", "settlement_rejected", "settlement_instructed"]
    assert await day.books.audit() is None


def pacs009_id(content: bytes) -> str:
    return content.partition(b"<EndToEndId>")[2].partition(b"<")[0].decode()


async def test_nobody_is_paid_more_than_our_books_owe(stage: Stage) -> None:
    stage.rows = pair("desco_postpaid", "D1", RTGS)
    await stage.hold({"payable:desco_postpaid": RTGS - 1})
    await stage.run(SUN)
    issued = await stage.settle(MON)
    assert figures(issued, DESCO) == (-RTGS, 0, RTGS - 1, 1, 0)
    (desco,) = [one for one in issued.rows if one.position.party == DESCO]
    assert desco.reason == "less_in_books"
    assert (await stage.balances()).get("payable:desco_postpaid", 0) == 0


async def test_what_is_posted_to_an_open_window_pays_nobody(stage: Stage) -> None:
    stage.rows = pair("desco_postpaid", "D1", RTGS)
    await stage.hold({"payable:desco_postpaid": RTGS - 1})
    await stage.run(SUN)
    await stage.hold({"payable:desco_postpaid": 10_000})
    assert figures(await stage.settle(MON), DESCO) == (-RTGS, 0, RTGS - 1, 1, 0)
    await stage.run(MON)
    assert figures(await stage.settle(TUE), DESCO)[1:4] == (1, 0, 1), "below the minimum"
    assert (await stage.balances())["payable:desco_postpaid"] == 10_000


async def test_what_is_taken_back_in_an_open_window_is_not_paid(stage: Stage) -> None:
    stage.rows = pair("desco_postpaid", "D1", RTGS)
    await stage.hold({"payable:desco_postpaid": RTGS})
    await stage.run(SUN)
    await stage.hold({"payable:desco_postpaid": -400})
    assert figures(await stage.settle(MON), DESCO) == (-RTGS, 0, RTGS - 400, 400, 0)


async def test_a_biller_that_took_its_money_from_a_deposit_is_not_paid_again(stage: Stage) -> None:
    stage.rows = pair("desco_postpaid", "D1", RTGS)
    await stage.hold({"biller_deposit:desco_postpaid": -RTGS})
    await stage.run(SUN)
    issued = await stage.settle(MON)
    (desco,) = [one for one in issued.rows if one.position.party == DESCO]
    assert (desco.position.gross_out, desco.position.adjustments, desco.position.net) == (-RTGS, RTGS, 0)
    assert issued.files == ()


@pytest.mark.parametrize(
    ("night", "sums", "value_date", "why"),
    [
        (SUN, "hold", date(2026, 4, 10), "no business day"),
        (SUN, "hold", TUE, "is the last to be settled"),
        (SUN, "1 paisa", MON, "does not hold"),
    ],
)
async def test_a_value_date_that_cannot_be_settled_is_refused(
    stage: Stage, night: date, sums: str, value_date: date, why: str
) -> None:
    await stage.run(night, holds=sums == "hold")
    with pytest.raises(SettlementError, match=why):
        await stage.settle(value_date)


async def test_nothing_is_settled_before_a_night_or_behind_a_later_value_date(stage: Stage) -> None:
    with pytest.raises(SettlementError, match="no night"):
        await stage.settle(MON)
    await stage.run(MON)
    await stage.settle(TUE)
    with pytest.raises(SettlementError, match="was settled"):
        await stage.settle(MON)


async def test_files_are_left_once_and_never_over_others(day: Stage) -> None:
    issued = await day.settle(MON)
    (place,) = write_bank_files(issued.files, day.home / "out")
    assert place.read_bytes() == issued.files[0].content
    assert write_bank_files(issued.files, day.home / "out") == (place,)
    place.write_bytes(b"another")
    with pytest.raises(SettlementError, match="says something else"):
        write_bank_files(issued.files, day.home / "out")
    assert [path.name for path in (day.home / "out").iterdir()] == [place.name]


async def test_a_changed_sheet_is_found_out(day: Stage) -> None:
    await day.settle(MON)
    await day.books.tell(TAMPERING)
    with pytest.raises(SettlementError, match="not what was written"):
        await day.settle(MON)


TAMPERING = """
UPDATE reconciliation.settlement_positions
SET net = net + 1, adjustments = adjustments + 1, carried_out = carried_out - 1 WHERE role = 'biller'
"""
SHEET = """
INSERT INTO reconciliation.settlement_sheets (value_date, run_id, digest, instructed_by, approved_by)
SELECT $1, run_id, '', $2::text, $3::text FROM reconciliation.settlement_sheets LIMIT 1
"""
INSTRUCTION = """
INSERT INTO reconciliation.settlement_instructions
SELECT 'EAAAAAAAAAAAAAA', value_date, role, party, amount, set_off, rail, statement, ledger_account, name,
  bic, routing_number, account, holds, gen_random_uuid()
FROM reconciliation.settlement_instructions
"""
POSITION = """
INSERT INTO reconciliation.settlement_positions
SELECT $1, 'biller', 'desco_postpaid', 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, -1, 0, ''
"""


async def test_the_database_refuses_what_python_would_never_write(day: Stage) -> None:
    await day.settle(MON)
    connection = await day.office.connect()
    try:
        with pytest.raises(asyncpg.CheckViolationError, match="two_persons"):
            await connection.execute(SHEET, TUE, MAKER, MAKER)
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(SHEET, MON, MAKER, CHECKER)
        await connection.execute(SHEET, TUE, MAKER, CHECKER)
        with pytest.raises(asyncpg.CheckViolationError, match="do not sum to zero"):
            await connection.execute(POSITION, TUE)
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(INSTRUCTION)
        for table in ("lines", "sheets", "positions", "instructions", "files", "endings", "credits"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"DELETE FROM reconciliation.settlement_{table}")  # noqa: S608 - our own words
    finally:
        await connection.close()


async def test_zero_window_settles(stage: Stage) -> None:
    """A date on which nothing was paid closes, settles, and keeps no later date waiting."""
    await stage.run(SUN)
    nothing = await stage.settle(MON)
    assert {row.position.net for row in nothing.rows} == {0}
    assert (nothing.files, await stage.journal()) == ((), [])
    stage.rows = [*pair("npsb", "N1", RTGS), *pair("desco_postpaid", "D1", RTGS)]
    await stage.hold({"receivable:npsb": RTGS, "payable:desco_postpaid": RTGS})
    await stage.run(MON)
    assert figures(await stage.settle(TUE), DESCO) == (-RTGS, 0, RTGS, 0, 0)
    assert await stage.books.audit() is None


async def test_a_claim_of_ours_alone_is_held(stage: Stage) -> None:
    stage.rows = [ours("npsb", "N1", 500, verdict=BROKEN)]
    await stage.run(SUN)
    issued = await stage.settle(MON)
    (npsb,) = [one for one in issued.rows if one.position.party == NPSB]
    assert (npsb.position.held, npsb.position.net) == (500, 0)
    assert BREB not in {one.position.party for one in issued.rows}
