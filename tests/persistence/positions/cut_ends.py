"""Cutting the end off the books as a superuser does who leaves them sound in themselves."""

from tests.persistence.books import Books

_LAST = "SELECT id, lane, seq, moment FROM journal_entries ORDER BY at DESC, seq DESC LIMIT 1"
_GIVE_BACK = """
UPDATE accounts AS a SET balance = balance + p.amount FROM postings AS p
WHERE p.entry_id = $1 AND a.code = p.account AND a.balance IS NOT NULL
"""
_CUT = (
    _GIVE_BACK,
    "DELETE FROM postings WHERE entry_id = $1",
    "DELETE FROM journal_entries WHERE id = $1",
)
_HEAD = """
UPDATE lanes AS l SET seq = $2 - 1, hash = coalesce(
  (SELECT hash FROM journal_entries WHERE lane = $1 AND seq = $2 - 1), decode(repeat('00', 32), 'hex'))
WHERE l.lane = $1
"""


async def cut_end(books: Books) -> tuple[int, int]:
    """Remove the newest entry with its postings, its balances and its head; its lane and sequence."""
    (last,) = await books.rows(_LAST)
    await books.tell("SET session_replication_role = replica")
    for statement in _CUT:
        await books.tell(statement, last["id"])
    await books.tell(_HEAD, last["lane"], last["seq"])
    return last["lane"], last["seq"]
