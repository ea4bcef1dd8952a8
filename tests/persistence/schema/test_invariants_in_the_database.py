"""What Python refuses, PostgreSQL refuses again: each rule broken on purpose, by the role that might."""

import asyncpg
import pytest

from ekpay_switch.domain.payments.claims import StartedClaim
from ekpay_switch.persistence.schema.whole_schema import append_only_tables, metadata
from tests.persistence.books import APPROVED, REFUSED, Books, recording_of
from tests.persistence.staff_rows import persons

NEW_ENTRY = """
INSERT INTO journal_entries (id, lane, seq, moment, currency, business_date, window_id, hash)
SELECT gen_random_uuid(), 0, 1000, 'made_up', 'BDT', business_date, id, '' FROM settlement_windows
RETURNING id
"""
NEW_POSTINGS = """
INSERT INTO postings (entry_id, seq, account, amount)
SELECT $1, n, account, amount FROM unnest($2::text[], $3::bigint[]) WITH ORDINALITY AS p (account, amount, n)
"""
SECOND_PAYMENT = """
INSERT INTO payments SELECT (jsonb_populate_record(p, jsonb_build_object(
  'id', gen_random_uuid(), 'scroll_no', null) || $1::jsonb)).* FROM payments AS p LIMIT 1
"""
SECOND_ATTEMPT = """
INSERT INTO attempts SELECT (jsonb_populate_record(a, jsonb_build_object(
  'id', gen_random_uuid(), 'reference', gen_random_uuid()) || $1::jsonb)).* FROM attempts AS a LIMIT 1
"""
LIVELY = ("journal_entries", "postings", "history", "evidence")


@pytest.fixture
async def started(books: Books) -> StartedClaim:
    await books.partner(prefund=60_000)
    return await books.start()


async def _as_app(books: Books, statement: str, *values: object) -> None:
    connection = await books.database.connect()
    try:
        await connection.execute(statement, *values)
    finally:
        await connection.close()


async def _post(books: Books, accounts: list[str], amounts: list[int]) -> None:
    connection = await books.database.connect()
    try:
        async with connection.transaction():
            entry_id = await connection.fetchval(NEW_ENTRY)
            await connection.execute(NEW_POSTINGS, entry_id, accounts, amounts)
    finally:
        await connection.close()


@pytest.mark.usefixtures("started")
async def test_an_entry_that_does_not_balance_is_refused(books: Books) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="does not balance"):
        await _post(books, ["in_flight", "settlement_bank"], [-5, 6])
    await _post(books, ["in_flight", "settlement_bank"], [-5, 5])


@pytest.mark.usefixtures("started")
async def test_a_posting_that_unbalances_an_entry_later_is_refused(books: Books) -> None:
    later = "INSERT INTO postings SELECT entry_id, 99, account, amount FROM postings LIMIT 1"
    with pytest.raises(asyncpg.CheckViolationError, match="does not balance"):
        await _as_app(books, later)


@pytest.mark.usefixtures("started")
async def test_an_account_that_we_do_not_have_is_refused(books: Books) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="no account"):
        await _post(books, ["in_flight", "payable:nobody"], [-5, 5])


async def test_postings_without_their_entry_are_refused(books: Books, started: StartedClaim) -> None:
    accounts = ["in_flight", "settlement_bank"]
    with pytest.raises(asyncpg.CheckViolationError, match="no entry"):
        await _as_app(books, NEW_POSTINGS, started.claim.payment_id, accounts, [-5, 5])


@pytest.mark.usefixtures("started")
async def test_a_line_of_nothing_is_refused(books: Books) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="ck_postings_amount"):
        await _post(books, ["in_flight"], [0])


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("UPDATE accounts SET balance = -1 WHERE code LIKE 'prefund:%'", "ck_accounts_balance"),
        ("UPDATE accounts SET floor = -1 WHERE code LIKE 'prefund:%'", "ck_accounts_limits"),
        ("UPDATE accounts SET daily_limit = -1 WHERE code LIKE 'prefund:%'", "ck_accounts_limits"),
        ("UPDATE accounts SET taken = -1 WHERE code LIKE 'prefund:%'", "ck_accounts_limits"),
        ("UPDATE accounts SET balance = NULL WHERE code LIKE 'prefund:%'", "ck_accounts_balance_with_floor"),
        ("UPDATE payments SET state = 'lost'", "ck_payments_state"),
        ("UPDATE payments SET state = 'declined'", "ck_payments_declined_has_refusal"),
        ("UPDATE payments SET vat = -1", "ck_payments_sums"),
        ("UPDATE payments SET scroll_no = 0", "ck_payments_scroll_no"),
        ("UPDATE attempts SET state = 'closed'", "ck_attempts_closed_at"),
        ("UPDATE attempts SET leg = 'third'", "ck_attempts_leg"),
        ("UPDATE settlement_windows SET state = 'closed'", "ck_settlement_windows_closed_at"),
        ("UPDATE quotes SET bucket = 'gold'", "ck_quotes_bucket"),
        ("UPDATE quotes SET amount = -1", "ck_quotes_sums"),
        ("UPDATE partners SET nd_id = '101'", "ck_partners_nd_id"),
    ],
)
async def test_a_row_that_makes_no_sense_is_refused(books: Books, statement: str, rule: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match=rule):
        await _as_app(books, statement)


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ('{"reference": "another"}', "uq_payments_one_per_bill"),
        ('{"bill_key": "another"}', "uq_payments_partner_id_reference"),
        ('{"reference": "another", "bill_key": "another", "scroll_no": 1}', "uq_payments_scroll"),
    ],
)
async def test_a_payment_that_stands_is_not_made_again(books: Books, change: str, rule: str) -> None:
    with pytest.raises(asyncpg.UniqueViolationError, match=rule):
        await _as_app(books, SECOND_PAYMENT, change)


@pytest.mark.usefixtures("started")
async def test_a_declined_payment_leaves_its_bill_free(books: Books) -> None:
    declined = '{"reference": "another", "state": "declined", "refusal": "bill_taken"}'
    await _as_app(books, SECOND_PAYMENT, declined)
    assert await books.count("payments") == 2


@pytest.mark.usefixtures("started")
async def test_a_leg_has_one_open_attempt(books: Books) -> None:
    with pytest.raises(asyncpg.UniqueViolationError, match="uq_attempts_one_open"):
        await _as_app(books, SECOND_ATTEMPT, "{}")
    await _as_app(books, SECOND_ATTEMPT, '{"state": "abandoned"}')


async def test_a_leg_has_one_success(books: Books, started: StartedClaim) -> None:
    await books.finish(started, APPROVED)
    with pytest.raises(asyncpg.UniqueViolationError, match="uq_attempts_one_success"):
        await _as_app(books, SECOND_ATTEMPT, "{}")


async def test_a_reference_of_ours_is_used_once_at_a_far_side(books: Books, started: StartedClaim) -> None:
    again = f'{{"state": "abandoned", "reference": "{started.claim.attempt_reference}"}}'
    with pytest.raises(asyncpg.UniqueViolationError, match="uq_attempts_far_side_reference"):
        await _as_app(books, SECOND_ATTEMPT, again)


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize(
    "step",
    [
        "'created', 'prefund_taken', 'completed'",
        "'completed', 'given_back', 'refunded'",
        "'refunded', 'biller_acknowledged', 'completed'",
        "'delivering', 'hoped', 'completed'",
    ],
)
async def test_a_step_that_the_table_does_not_know_is_refused(books: Books, step: str) -> None:
    query = f"INSERT INTO history SELECT id, 2, {step}, 'somebody', '{{}}' FROM payments"  # noqa: S608 - our own
    with pytest.raises(asyncpg.CheckViolationError, match="ck_history_legal_step"):
        await _as_app(books, query)


@pytest.mark.usefixtures("started")
async def test_a_day_has_one_open_window(books: Books) -> None:
    again = "INSERT INTO settlement_windows (business_date) SELECT business_date FROM settlement_windows"
    with pytest.raises(asyncpg.UniqueViolationError, match="uq_settlement_windows_one_open"):
        await _as_app(books, again)


@pytest.mark.usefixtures("started")
async def test_a_top_up_takes_two_persons(books: Books) -> None:
    await books.tell(persons("Rahima"))
    alone = """
    INSERT INTO top_ups (id, partner_id, bucket, amount, reference, asked_by, approved_by)
    VALUES (gen_random_uuid(), 'bank1', 'postpaid', 1, 'B-1', 'Rahima', 'Rahima')
    """
    with pytest.raises(asyncpg.CheckViolationError, match="ck_top_ups_two_persons"):
        await _as_app(books, alone)


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize("command", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", append_only_tables(), ids=str)
async def test_the_application_cannot_change_what_is_written(
    books: Books, table: object, command: str
) -> None:
    # A column that PostgreSQL numbers itself is refused to everybody.
    column = next(column.name for column in metadata.tables[str(table)].columns if column.identity is None)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _as_app(books, command.format(table, column, column))


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize("table", ["payments", "accounts", "lanes", "partners", "top_ups"])
async def test_the_application_deletes_nothing_that_money_hangs_on(books: Books, table: str) -> None:
    for command in ("DELETE FROM {}", "TRUNCATE {} CASCADE"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await _as_app(books, command.format(table))


@pytest.mark.parametrize("table", sorted(metadata.tables))
async def test_the_audit_cannot_write(books: Books, table: str) -> None:
    # The last one: what PostgreSQL counts or computes by itself is refused for another reason.
    column = [column.name for column in metadata.tables[table].columns if column.computed is None][-1]
    commands = (
        f"UPDATE {table} SET {column} = {column}",  # noqa: S608 - our own words
        f"DELETE FROM {table}",  # noqa: S608 - our own words
        f"INSERT INTO {table} DEFAULT VALUES",
        f"TRUNCATE {table} CASCADE",
    )
    connection = await books.database.connect("audit")
    try:
        for command in commands:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(command)
    finally:
        await connection.close()


async def test_what_is_tried_in_vain_leaves_clean_books(books: Books, started: StartedClaim) -> None:
    other = await books.start()
    await books.submit_all([recording_of(started, APPROVED), recording_of(other, REFUSED)])
    for table in LIVELY:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await _as_app(books, f"DELETE FROM {table}")  # noqa: S608 - our own words
    assert await books.audit() is None
