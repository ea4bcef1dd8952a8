"""`ekpay audit` holds requests to hosts and routing decisions against their tries."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.persistence.books import Books
from tests.persistence.collections.collection_setup import Till
from tests.persistence.host_links.crash_point_setup import BANK, Scene, a_scene
from tests.persistence.routing.routing_setup import a_routed_try

# What a superuser does, and what the audit says of the request; triggers are put to sleep for it.
ALTERED = {
    "a request reversed whose money is believed": (
        """UPDATE host_messages SET state = 'reversed', reply_decided = false, reversal_stan = 9,
        reversal_at = now(), reversal_day = now()::date, reversal_code = '00', reversed_at = now()""",
        "its money is believed, and it is reversed",
    ),
    "a refusal of which the money is believed": (
        "UPDATE host_messages SET reply_code = '51'",
        "its money is believed, and it is answered",
    ),
    "another amount asked for": ("UPDATE host_messages SET amount = amount + 1", "it asked for"),
    "a request of another payment": (
        "UPDATE host_messages SET payment_id = '00000000-0000-0000-0000-000000000001'",
        "it is of no try of its payment",
    ),
    "a request that nobody made": (
        "UPDATE host_messages SET reference = 'STRANGER00000000000000'",
        "it is of no try of its payment",
    ),
}
FORGOTTEN = {
    "money taken and forgotten": (
        """UPDATE host_messages SET state = 'answered', reply_code = '00', reply = '{}', reply_decided = true,
        answered_at = now(), reversal_stan = NULL, reversal_at = NULL, reversal_day = NULL,
        reversed_at = NULL, reversals_wanted = 0, reversals_sent = 0""",
        "the host has taken the money, and its try came to nothing",
    ),
    "a try that ended before its reversal": (
        "UPDATE host_messages SET state = 'reversing', reversed_at = NULL",
        "its try has ended, and it is reversing",
    ),
}


@pytest.fixture
async def scene(till: Till) -> AsyncIterator[Scene]:
    async with a_scene(till) as scene:
        yield scene


async def tamper(books: Books, statement: str) -> None:
    """What only a superuser can: change rows behind the triggers."""
    await books.tell(f"ALTER TABLE host_messages DISABLE TRIGGER ALL; {statement}")


async def found(books: Books, statement: str) -> str:
    assert await books.audit() is None
    await tamper(books, statement)
    finding = await books.audit()
    assert finding is not None
    assert finding.row.startswith(f"host_messages {BANK} ")
    return finding.why


@pytest.mark.parametrize(("statement", "why"), ALTERED.values(), ids=ALTERED)
async def test_a_request_that_was_paid_and_altered_is_found(scene: Scene, statement: str, why: str) -> None:
    process = scene.process()
    process.keep()
    await process.follow_up(await scene.agreed())
    assert (await found(scene.till.books, statement)).startswith(why)


@pytest.mark.parametrize(("statement", "why"), FORGOTTEN.values(), ids=FORGOTTEN)
async def test_a_request_that_was_taken_back_and_altered_is_found(
    scene: Scene, statement: str, why: str
) -> None:
    scene.bank.loses_answers = 1
    process = scene.process()
    process.keep()
    held = await scene.agreed()
    await process.follow_up(held)
    await scene.until_over(process, held)
    assert await found(scene.till.books, statement) == why


async def test_the_database_believes_no_money_whose_request_is_open(scene: Scene) -> None:
    scene.bank.loses_answers = 1
    process = scene.process()
    process.keep()
    held = await scene.agreed()
    await process.follow_up(held)
    believes = "UPDATE tries SET collected = 1, collected_at = now() WHERE attempt_id = $1"
    with pytest.raises(asyncpg.CheckViolationError, match="no host has said"):
        await scene.till.books.tell(believes, held.attempt_id)


async def test_a_decision_for_another_connector_is_found(till: Till) -> None:
    held = await till.opened(till.new(first=a_routed_try("ebl")))
    attempt_id = held.attempt_id
    assert await till.books.audit() is None
    await till.books.tell("UPDATE routing_decisions SET chosen = 'nagad' WHERE attempt_id = $1", attempt_id)
    finding = await till.books.audit()
    assert finding is not None
    assert finding.row == f"routing_decisions {attempt_id}"
