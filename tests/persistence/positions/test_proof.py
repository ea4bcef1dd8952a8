"""What `ekpay audit` proves of the recorded position."""

from pathlib import Path

from ekpay_switch.persistence.audit.run import run
from ekpay_switch.persistence.positions.keeper import PositionKeeper, PositionRules
from ekpay_switch.persistence.positions.position_file import PositionFile
from ekpay_switch.persistence.positions.proof import position_check
from tests.persistence.books import APPROVED, Books, a_top_up
from tests.persistence.positions.cut_ends import cut_end


async def _recorded(books: Books, folder: Path) -> PositionRules:
    """Books with a recorded position whose last entry is a top-up."""
    await books.partner(prefund=100_000)
    await books.finish(await books.start(), APPROVED)
    await books.submit(a_top_up("bank1", 1_234))
    file = PositionFile(folder, books.database.name, bytes(32))
    rules = PositionRules(file, "host:/positions", standby_synchronous=False)
    keeper = PositionKeeper(books.database.connect, rules)
    await keeper.start()
    await keeper.close()
    return rules


async def test_audit_finds_a_cut_end(books: Books, tmp_path: Path) -> None:
    rules = await _recorded(books, tmp_path)
    assert await run(books.database, [position_check(rules)]) is None

    lane, seq = await cut_end(books)
    assert await books.audit() is None, "the books are sound in themselves"
    finding = await run(books.database, [position_check(rules)])
    assert str(finding).startswith(f"journal_entries (lane {lane}, seq {seq}): the database ends before ")


async def test_what_was_made_after_the_position_is_no_finding(books: Books, tmp_path: Path) -> None:
    rules = await _recorded(books, tmp_path)
    await books.submit(a_top_up("bank1", 5))
    assert await run(books.database, [position_check(rules)]) is None


async def test_audit_finds_a_missing_and_a_changed_file(books: Books, tmp_path: Path) -> None:
    rules = await _recorded(books, tmp_path)
    rules.file.path.write_text("{}\n")
    assert "was changed" in str(await run(books.database, [position_check(rules)]))
    rules.file.path.unlink()
    assert "is missing" in str(await run(books.database, [position_check(rules)]))
