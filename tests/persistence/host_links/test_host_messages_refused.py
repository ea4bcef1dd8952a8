"""What the database refuses by itself of requests to hosts, whoever writes."""

import asyncpg
import pytest

from tests.persistence.books import Books
from tests.persistence.host_links.host_message_setup import APPROVED, KEY, UNKNOWN, Desk

ROW = "WHERE reference = 'R1' AND stan IS NOT NULL"
_REVERSING = "state = 'reversing', reversal_stan = 9, reversal_at = now(), reversal_day = now()::date"
_ANSWERED = "state = 'answered', reply_code = '00', reply = '{}', answered_at = now()"
_REVERSED = "state = 'reversed', reversed_at = now(), reversal_code = '00'"
REFUSED = {
    "taken again": ("taken", "state = 'waiting'"),
    "answered twice": ("approved", "reply_code = '05'"),
    "another answer": ("approved", "reply = '{}'"),
    "an answer that settled nothing settles": ("unknown", "reply_decided = true"),
    "a settled one reversed": ("approved", _REVERSING),
    "withdrawn after an answer": ("unknown", "state = 'withdrawn'"),
    "withdrawn while it is reversed": ("reversing", "state = 'withdrawn'"),
    "answered while it is reversed": ("reversing", _ANSWERED),
    "reversed without a word": ("reversing", "state = 'reversed', reversed_at = now()"),
    "reversed without being reversing": ("taken", _REVERSED),
    "another number for the reversal": ("reversing", "reversal_stan = 77"),
    "another amount": ("taken", "amount = 1"),
    "another alias": ("waiting", "alias = 'x'"),
    "another number": ("taken", "stan = 77"),
    "another acquirer": ("taken", "acquirer = '1'"),
    "another name": ("taken", "rrn = 'x'"),
    "more time": ("waiting", "send_until = now() + interval '1 hour'"),
    "more sends than were wanted": ("reversing", "reversals_sent = 9"),
    "a state that there is not": ("taken", "state = 'done'"),
}


async def _brought(desk: Desk, state: str) -> None:
    if state == "waiting":
        await desk.handed()
    elif state == "reversing":
        await desk.reversing()
    else:
        await desk.sent()
    if state in {"approved", "unknown"}:
        await desk.links.answer(KEY, APPROVED if state == "approved" else UNKNOWN)


@pytest.mark.parametrize(("state", "change"), REFUSED.values(), ids=REFUSED)
async def test_the_database_refuses(books: Books, postgres: Desk, state: str, change: str) -> None:
    await _brought(postgres, state)
    with pytest.raises(asyncpg.CheckViolationError):
        await books.tell(f"UPDATE host_messages SET {change} {ROW}")  # noqa: S608 - constants


async def test_the_database_refuses_a_second_request_that_may_have_been_sent(
    books: Books, postgres: Desk
) -> None:
    await postgres.sent()
    copied = """
    INSERT INTO host_messages
    SELECT (jsonb_populate_record(m, '{"epoch": 2, "stan": 99}')).* FROM host_messages AS m
    """
    with pytest.raises(asyncpg.UniqueViolationError, match="uq_host_messages_one_sent"):
        await books.tell(copied)
    other_reference = copied.replace('"epoch": 2, "stan": 99', '"reference": "R9"')
    with pytest.raises(asyncpg.UniqueViolationError, match="uq_host_messages_stan"):
        await books.tell(other_reference)


@pytest.mark.parametrize(
    "values",
    ["('janata', 'R1', 1, 'waiting')", "('janata', 'R1', 1, 'taken')"],
)
async def test_only_a_tombstone_says_nothing(books: Books, values: str) -> None:
    insert = "INSERT INTO host_messages (connector_id, reference, epoch, state) VALUES "
    with pytest.raises(asyncpg.CheckViolationError):
        await books.tell(insert + values)
    await books.tell(insert + values.replace("waiting", "withdrawn").replace("taken", "withdrawn"))


async def test_a_number_beyond_the_last_is_refused(books: Books) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await books.tell("INSERT INTO host_traces VALUES ('1', now()::date, 1000000)")
