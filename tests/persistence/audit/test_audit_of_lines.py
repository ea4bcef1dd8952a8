"""`ekpay audit` finds the frozen lines of a lively book clean, and names the one that was tampered with."""

from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from ekpay_switch.persistence.audit import run as audit_module
from ekpay_switch.persistence.audit.run import audit, run
from ekpay_switch.persistence.embedded.server import Endpoint
from tests.database import a_copy, at_the_server, database_of
from tests.persistence.audit.tamperings import Tampering
from tests.persistence.books import REFUSED, SILENT, Books
from tests.persistence.collections.collection_setup import LAPSED, agreed, open_till
from tests.persistence.conftest import open_books
from tests.persistence.ledger.window_closing_setup import Closing
from tests.persistence.refunds.refund_setup import open_office

FROZEN = "frozen"
# Lines of each kind, by what they are: `$success` brought money, `$biller` was told, and so on.
LINE = "(SELECT min(id) FROM ledger_lines WHERE {})"
BROUGHT = LINE.format("role = 'connector' AND event = 'payment' AND status = 'success'")
GIVEN = LINE.format("role = 'connector' AND event = 'refund' AND status = 'success'")
TOLD = LINE.format("role = 'biller' AND status = 'success'")
HELD = LINE.format("role = 'partner' AND event = 'payment'")
FAILED = LINE.format("role = 'connector' AND status = 'failed' AND revision = 1")
OPEN = LINE.format("status = 'unknown'")
PAID = {"was brought": BROUGHT, "went back": GIVEN, "was told": TOLD, "was held": HELD}
NAMES = "SELECT 'ledger_lines ' || {}"
WINDOW = "SELECT 'ledger_lines of window ' || window_id FROM ledger_lines WHERE id = {}"
TAMPERINGS = (
    *(
        Tampering(
            f"the amount of what {word}",
            NAMES.format(line),
            (f"UPDATE ledger_lines SET gross = gross + 1, net = net + 1 WHERE id = {line}",),  # noqa: S608 - constants
        )
        for word, line in PAID.items()
    ),
    Tampering(
        "gross and fee together",
        WINDOW.format(BROUGHT),
        (f"UPDATE ledger_lines SET gross = gross + 1, fee = fee + 1 WHERE id = {BROUGHT}",),  # noqa: S608 - constants
    ),
    Tampering(
        "a line of another connector",
        "SELECT 'ledger_lines '",
        (f"UPDATE ledger_lines SET party = 'nagad' WHERE id = {BROUGHT}",),  # noqa: S608 - constants
    ),
    Tampering(
        "a success that is said to have failed",
        "SELECT 'settlement_windows 1'",
        (f"UPDATE ledger_lines SET status = 'failed' WHERE id = {TOLD}",),  # noqa: S608 - constants
    ),
    Tampering(
        "a failure that is said to have brought money",
        NAMES.format(FAILED),
        (f"UPDATE ledger_lines SET status = 'success' WHERE id = {FAILED}",),  # noqa: S608 - constants
    ),
    Tampering(
        "a name that the institution never heard",
        NAMES.format(BROUGHT),
        (f"UPDATE ledger_lines SET our_reference = 'ANOTHER' WHERE id = {BROUGHT}",),  # noqa: S608 - constants
    ),
    Tampering(
        "a name of a refund",
        NAMES.format(GIVEN),
        (f"UPDATE ledger_lines SET our_reference = 'ANOTHER' WHERE id = {GIVEN}",),  # noqa: S608 - constants
    ),
    Tampering(
        "a line of another date",
        WINDOW.format(HELD),
        (f"UPDATE ledger_lines SET business_date = business_date - 1 WHERE id = {HELD}",),  # noqa: S608 - constants
    ),
    Tampering(
        "a success deleted",
        "SELECT 'settlement_windows 1'",
        (f"DELETE FROM ledger_lines WHERE id = {BROUGHT}",),  # noqa: S608 - constants
    ),
    Tampering(
        "an open question deleted",
        "SELECT 'ledger_lines '",
        (f"DELETE FROM ledger_lines WHERE id = {OPEN}",),  # noqa: S608 - constants
    ),
    Tampering(
        "a window opened again",
        "SELECT 'ledger_lines '",
        (
            "UPDATE settlement_windows SET state = 'closed', closed_at = now() WHERE state = 'open'",
            "UPDATE settlement_windows SET state = 'open', closed_at = NULL WHERE id = 1",
        ),
    ),
    Tampering(
        "an open question that was open before",
        "SELECT 'ledger_lines ' || max(id) FROM ledger_lines WHERE revision = 2 AND status = 'failed'",
        ("UPDATE ledger_lines SET status = 'unknown' WHERE revision = 2 AND status = 'failed'",),
    ),
)  # fmt: skip


async def _live(books: Books) -> None:
    """Every kind of line, and two windows, of which the second says more of what was open in the first."""
    closing = Closing(books)
    await books.partner("bank0", prefund=100_000)
    await books.partner()
    async with open_till(books) as till, open_office(till) as office:
        await office.done((await office.take(await office.completed(), 30_000)).refund_id)
        await office.done(await office.given_back(await office.refused()))
        await office.paid_twice()
        first, second, _ = [await till.on_page() for _ in range(3)]
        await till.record(await till.leased(await till.on_page()), LAPSED)
        for outcome in (REFUSED, SILENT):
            await books.finish(await books.start("bank0"), outcome)
        await books.finish(await books.start("bank0"))
        await closing.close()
        first = await till.leased(first)
        await till.record(first, agreed(first, "TRX-LATE"))
        await till.record(await till.leased(second), LAPSED)
        await closing.close()
        await books.finish(await books.start("bank0"))
    await closing.is_whole()


@pytest.fixture
async def frozen(endpoint: Endpoint) -> AsyncIterator[Endpoint]:
    """Books with lines, made once for all tests here: each takes a copy."""
    try:
        await at_the_server(endpoint, f"CREATE DATABASE {FROZEN} TEMPLATE ekpay OWNER ekpay_owner")
    except asyncpg.DuplicateDatabaseError:
        pass
    else:
        async with open_books(replace(endpoint, database=FROZEN)) as books:
            await _live(books)
    async with a_copy(endpoint, FROZEN) as place:
        yield place


async def test_lively_lines_are_clean(frozen: Endpoint) -> None:
    assert await run(database_of(frozen)) is None


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda tampering: tampering.name)
async def test_a_line_that_was_tampered_with_is_named(frozen: Endpoint, tampering: Tampering) -> None:
    connection = await asyncpg.connect(frozen.dsn("postgres"))
    try:
        row = await connection.fetchval(tampering.row)
        for statement in tampering.statements:
            await connection.execute(statement)
        found = await audit(connection)
    finally:
        await connection.close()
    assert found is not None
    assert found.row.startswith(row)


async def test_books_whose_windows_never_closed_are_not_asked(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then there are no lines; the entries are not read once more for nothing."""
    monkeypatch.setattr(audit_module, "LINE_CHECKS", (("SELECT 1 / 0", lambda _: None, ""),))
    await books.partner(prefund=60_000)
    await books.finish(await books.start())
    assert await books.audit() is None
    await Closing(books).close()
    with pytest.raises(asyncpg.DivisionByZeroError):
        await books.audit()
