"""Codes in the database: guessed, used twice, old, replaced, of another purpose, and read by a thief."""

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from ekpay_switch.domain.citizens.one_time_codes import TRIES_MAX, CodeCheck, CodePurpose, CodeVerdict
from ekpay_switch.domain.citizens.text_messages import MessageKind
from ekpay_switch.persistence.citizens.one_time_codes import drop_old_codes
from ekpay_switch.ports.citizens import NewCode, NewTextMessage
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.citizens.conftest import Desk

CODE, SUBJECT = "482913", "THECARTSREFERENCE"
DEAD = CodeCheck(CodeVerdict.DEAD)


async def issued(desk: Desk, *, subject: str | None = SUBJECT, replaces: UUID | None = None) -> UUID:
    new = NewCode(uuid7(), CodePurpose.TRACK, subject, CODE, replaces)
    await desk.codes.issue(new, None)
    return new.code_id


async def tried(desk: Desk, code_id: UUID, code: str = CODE) -> CodeCheck:
    return await desk.codes.check(code_id, CodePurpose.TRACK, code)


async def test_a_right_code_opens_once(desk: Desk) -> None:
    code_id = await issued(desk)
    assert await tried(desk, code_id) == CodeCheck(CodeVerdict.RIGHT, SUBJECT)
    assert await tried(desk, code_id) == DEAD


async def test_of_a_hundred_who_type_it_at_once_one_is_let_in(desk: Desk) -> None:
    code_id = await issued(desk)
    checks = await asyncio.gather(*(tried(desk, code_id) for _ in range(100)))
    verdicts = Counter(check.verdict for check in checks)
    assert verdicts == {CodeVerdict.RIGHT: 1, CodeVerdict.DEAD: 99}


async def test_a_thousand_guesses_at_once_are_five(desk: Desk) -> None:
    code_id = await issued(desk)
    guesses = (f"{number:06}" for number in range(1_000))
    checks = await asyncio.gather(*(tried(desk, code_id, guess) for guess in guesses))
    verdicts = Counter(check.verdict for check in checks)
    assert verdicts == {CodeVerdict.WRONG: TRIES_MAX - 1, CodeVerdict.DEAD: 1_000 - TRIES_MAX + 1}
    assert await desk.books.value("SELECT tries FROM one_time_codes") == TRIES_MAX
    assert await tried(desk, code_id) == DEAD


async def test_a_wrong_code_says_how_often_it_may_be_corrected(desk: Desk) -> None:
    code_id = await issued(desk)
    left = [(await tried(desk, code_id, "000000")).tries_left for _ in range(TRIES_MAX - 1)]
    assert left == [4, 3, 2, 1]
    assert await tried(desk, code_id) == CodeCheck(CodeVerdict.RIGHT, SUBJECT)


async def test_a_code_that_was_never_sent_behaves_like_any_other_and_never_opens(desk: Desk) -> None:
    code_id = await issued(desk, subject=None)
    assert await tried(desk, code_id) == CodeCheck(CodeVerdict.WRONG, tries_left=4)


async def test_a_code_for_another_purpose_opens_nothing(desk: Desk) -> None:
    code_id = await issued(desk)
    # There is one purpose yet, so the row is given another.
    await desk.books.tell("ALTER TABLE one_time_codes DROP CONSTRAINT ck_one_time_codes_purpose")
    await desk.books.tell("UPDATE one_time_codes SET purpose = 'login'")
    assert await tried(desk, code_id) == DEAD
    await desk.books.tell("UPDATE one_time_codes SET purpose = 'track'")
    assert (await tried(desk, code_id)).verdict is CodeVerdict.RIGHT


async def test_a_code_is_dead_after_five_minutes(desk: Desk) -> None:
    code_id = await issued(desk)
    life = await desk.books.value("SELECT expires_at - created_at FROM one_time_codes")
    assert life == timedelta(minutes=5)
    await desk.books.tell("UPDATE one_time_codes SET expires_at = now()")
    assert await tried(desk, code_id) == DEAD


async def test_a_newer_code_of_the_browser_ends_the_one_before_for_ever(desk: Desk) -> None:
    first = await issued(desk)
    second = await issued(desk, replaces=first)
    await issued(desk, replaces=second)
    assert [await tried(desk, first), await tried(desk, second)] == [DEAD, DEAD]


async def test_a_code_of_another_browser_stays(desk: Desk) -> None:
    mine, theirs = await issued(desk), await issued(desk)
    assert (await tried(desk, mine)).verdict is CodeVerdict.RIGHT
    assert (await tried(desk, theirs)).verdict is CodeVerdict.RIGHT


async def test_a_code_under_another_id_is_wrong_although_it_has_the_same_digits(desk: Desk) -> None:
    await issued(desk)
    digests = await desk.books.rows("SELECT digest FROM one_time_codes")
    other = await issued(desk)
    await desk.books.tell("UPDATE one_time_codes SET digest = $1 WHERE id = $2", digests[0][0], other)
    assert (await tried(desk, other)).verdict is CodeVerdict.WRONG


async def test_a_repeat_after_a_lost_commit_writes_nothing_twice(desk: Desk) -> None:
    new = NewCode(uuid7(), CodePurpose.TRACK, SUBJECT, CODE)
    message = NewTextMessage(uuid7(), MessageKind.CODE, "01712345678", f"code {CODE}", timedelta(minutes=5))
    for _ in range(2):
        await desk.codes.issue(new, message)
    assert await desk.books.count("one_time_codes") == 1
    assert await desk.books.count("text_messages") == 1


async def test_no_row_tells_a_code_a_number_or_a_text(desk: Desk) -> None:
    message = NewTextMessage(uuid7(), MessageKind.CODE, "01712345678", f"code {CODE}", timedelta(minutes=5))
    await desk.codes.issue(NewCode(uuid7(), CodePurpose.TRACK, SUBJECT, CODE), message)
    for table in ("one_time_codes", "text_messages"):
        dump = str(await desk.books.rows(f"SELECT row_to_json(t)::text FROM {table} AS t"))  # noqa: S608 - the table
        assert CODE not in dump
        assert "01712345678" not in dump
        assert CODE.encode().hex() not in dump
    assert CODE not in repr(message)


@pytest.mark.parametrize(
    "change",
    [
        "tries = 6",
        "used_at = now()",
        "used_at = now(), tries = 1, replaced_at = now()",
        "used_at = now(), tries = 1, subject = NULL",
        "purpose = 'anything'",
        "digest = ''",
    ],
)
async def test_the_database_refuses_a_code_that_cannot_be(desk: Desk, change: str) -> None:
    await issued(desk)
    with pytest.raises(asyncpg.CheckViolationError):
        await desk.books.tell(f"UPDATE one_time_codes SET {change}")  # noqa: S608 - from the table


async def test_codes_are_forgotten_a_day_after_they_expired(desk: Desk) -> None:
    old, fresh = await issued(desk), await issued(desk)
    await desk.books.tell(
        "UPDATE one_time_codes SET expires_at = now() - interval '25 hours' WHERE id = $1", old
    )
    await drop_old_codes(desk.transactions)
    assert [row[0] for row in await desk.books.rows("SELECT id FROM one_time_codes")] == [fresh]
    assert await tried(desk, old) == DEAD
