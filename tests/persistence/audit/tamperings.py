"""What a superuser may do to the books behind everybody's back, and which row the audit must then name."""

from dataclasses import dataclass
from string import Template

TAKEN_BY_NOBODY = """
UPDATE accounts SET taken = taken + 10000000, taken_on = coalesce(taken_on, current_date)
WHERE code = 'prefund:bank0:postpaid'
"""
# In the statements, `$middle` is an entry of lane 0 that takes a prefund, `$next` the one after it.
PLACES = {
    "nobody": "'00000000-0000-0000-0000-000000000001'::uuid",
    "middle": "(SELECT id FROM journal_entries WHERE lane = 0 AND seq = 4)",
    "next": "(SELECT id FROM journal_entries WHERE lane = 0 AND seq = 5)",
    "last": "(SELECT id FROM journal_entries WHERE lane = 0 ORDER BY seq DESC LIMIT 1)",
    "completed": "(SELECT id FROM payments WHERE state = 'completed' ORDER BY id LIMIT 1)",
    "delivering": "(SELECT id FROM payments WHERE state = 'delivering' ORDER BY id LIMIT 1)",
    "refunded": "(SELECT id FROM payments WHERE state = 'refunded' ORDER BY id LIMIT 1)",
    "declined": "(SELECT id FROM payments WHERE state = 'declined' ORDER BY id LIMIT 1)",
}


def placed(statement: str) -> str:
    """The statement with its places filled in."""
    return Template(statement).substitute(PLACES)


@dataclass(frozen=True)
class Tampering:
    """What a superuser does, and the row that the audit must name: a query for the text it contains."""

    name: str
    row: str
    statements: tuple[str, ...]


TAMPERINGS = (
    Tampering(
        "one posting changed",
        "SELECT 'journal_entries ' || $middle",
        ("UPDATE postings SET amount = amount + 1 WHERE entry_id = $middle AND seq = 1",),
    ),
    Tampering(
        "two postings changed in balance",
        "SELECT 'journal_entries ' || $middle",
        (
            "UPDATE postings SET amount = amount + 1 WHERE entry_id = $middle AND seq = 1",
            "UPDATE postings SET amount = amount - 1 WHERE entry_id = $middle AND seq = 2",
        ),
    ),
    Tampering(
        "two postings swapped with the balances they move",
        "SELECT 'journal_entries ' || $middle",
        (
            "UPDATE postings SET account = 'prefund:bank1:postpaid' WHERE entry_id = $middle AND seq = 1",
            "UPDATE accounts SET balance = balance + 6000 WHERE code = 'prefund:bank0:postpaid'",
            "UPDATE accounts SET balance = balance - 6000 WHERE code = 'prefund:bank1:postpaid'",
        ),
    ),
    Tampering(
        "a posting inserted in balance",
        "SELECT 'journal_entries ' || $middle",
        ("INSERT INTO postings VALUES ($middle, 90, 'in_flight', 5), ($middle, 91, 'settlement_bank', -5)",),
    ),
    Tampering(
        "a posting deleted",
        "SELECT 'journal_entries ' || $last",
        ("DELETE FROM postings WHERE entry_id = $last AND seq = 2",),
    ),
    Tampering(
        "the moment of an entry changed",
        "SELECT 'journal_entries ' || $middle",
        ("UPDATE journal_entries SET moment = 'given_back' WHERE id = $middle",),
    ),
    Tampering(
        "an entry given to another payment",
        "SELECT 'journal_entries ' || $middle",
        ("UPDATE journal_entries SET payment_id = $refunded WHERE id = $middle",),
    ),
    Tampering(
        "the hash of an entry changed",
        "SELECT 'journal_entries ' || $middle",
        ("UPDATE journal_entries SET hash = sha256(hash) WHERE id = $middle",),
    ),
    Tampering(
        "a middle entry deleted",
        "SELECT 'journal_entries ' || $next",
        (
            "DELETE FROM postings WHERE entry_id = $middle",
            "DELETE FROM journal_entries WHERE lane = 0 AND seq = 4",
        ),
    ),
    Tampering(
        "a middle entry deleted and the rest renumbered",
        "SELECT 'journal_entries ' || $next",
        (
            "DELETE FROM postings WHERE entry_id = $middle",
            "DELETE FROM journal_entries WHERE lane = 0 AND seq = 4",
            "UPDATE journal_entries SET seq = -seq WHERE lane = 0 AND seq > 4",
            "UPDATE journal_entries SET seq = -seq - 1 WHERE lane = 0 AND seq < 0",
        ),
    ),
    Tampering(
        "the last entry deleted",
        "SELECT 'lanes 0'",
        (
            "DELETE FROM postings WHERE entry_id = $last",
            "DELETE FROM journal_entries WHERE id = $last",
        ),
    ),
    Tampering(
        "an entry deleted and its postings left",
        "SELECT 'lanes 0'",
        ("DELETE FROM journal_entries WHERE id = $last",),
    ),
    Tampering(
        "the head of a lane moved", "SELECT 'lanes 0'", ("UPDATE lanes SET seq = seq - 1 WHERE lane = 0",)
    ),
    Tampering(
        "the head of a lane rehashed",
        "SELECT 'lanes 1'",
        ("UPDATE lanes SET hash = sha256(hash) WHERE lane = 1",),
    ),
    Tampering("a lane deleted", "SELECT 'lanes 1'", ("DELETE FROM lanes WHERE lane = 1",)),
    Tampering(
        "postings without an entry",
        "SELECT 'postings ' || $nobody || ' line 1'",
        (
            "ALTER TABLE postings DISABLE TRIGGER postings_balance",
            "INSERT INTO postings VALUES ($nobody, 1, 'in_flight', 5), ($nobody, 2, 'settlement_bank', -5)",
        ),
    ),
    Tampering(
        "the day of a window changed",
        "SELECT 'journal_entries ' || id FROM journal_entries ORDER BY lane, seq LIMIT 1",
        ("UPDATE settlement_windows SET business_date = business_date - 1",),
    ),
    Tampering(
        "a balance changed",
        "SELECT 'accounts prefund:bank0:postpaid'",
        ("UPDATE accounts SET balance = balance + 1 WHERE code = 'prefund:bank0:postpaid'",),
    ),
    Tampering(
        "a floor that nobody approved",
        "SELECT 'accounts prefund:bank0:postpaid'",
        ("UPDATE accounts SET floor = 100 WHERE code = 'prefund:bank0:postpaid'",),
    ),
    Tampering(
        "a daily limit that nobody approved",
        "SELECT 'accounts prefund:bank0:prepaid'",
        ("UPDATE accounts SET daily_limit = 100 WHERE code = 'prefund:bank0:prepaid'",),
    ),
    Tampering(
        "a total of the day of what nobody paid",
        "SELECT 'accounts prefund:bank0:postpaid'",
        (TAKEN_BY_NOBODY,),
    ),
    Tampering(
        "a kind changed",
        "SELECT 'accounts in_flight'",
        ("UPDATE accounts SET kind = 'asset' WHERE code = 'in_flight'",),
    ),
    Tampering(
        "a currency changed",
        "SELECT 'accounts settlement_bank'",
        ("UPDATE accounts SET currency = 'USD' WHERE code = 'settlement_bank'",),
    ),
    Tampering(
        "an account deleted",
        "SELECT 'accounts prefund:bank0:postpaid'",
        ("DELETE FROM accounts WHERE code = 'prefund:bank0:postpaid'",),
    ),
    Tampering(
        "an account invented",
        "SELECT 'accounts pocket'",
        ("INSERT INTO accounts (code, kind) VALUES ('pocket', 'asset')",),
    ),
    Tampering(
        "a state changed",
        "SELECT 'payments ' || $delivering",
        ("UPDATE payments SET state = 'completed' WHERE id = $delivering",),
    ),
    Tampering(
        "a payment declined after the fact",
        "SELECT 'payments ' || $completed",
        ("UPDATE payments SET state = 'declined', refusal = 'bill_taken' WHERE id = $completed",),
    ),
    Tampering(
        "the amount of a payment changed",
        "SELECT 'payments ' || $completed",
        ("UPDATE payments SET amount = amount + 1 WHERE id = $completed",),
    ),
    Tampering(
        "a payment deleted",
        "SELECT 'payments ' || $completed",
        (
            "SET session_replication_role = replica",
            "DELETE FROM payments WHERE id = $completed",
        ),
    ),
    Tampering(
        "a success doubled",
        "SELECT 'attempts of payment ' || $completed",
        (
            "DROP INDEX uq_attempts_one_success",
            """INSERT INTO attempts SELECT gen_random_uuid(), payment_id, leg, far_side, 'another', state,
            outcome, sends, send_until, opened_at, closed_at FROM attempts WHERE payment_id = $completed""",
        ),
    ),
    Tampering(
        "a success taken away",
        "SELECT 'attempts of payment ' || $completed",
        ("UPDATE attempts SET outcome = 'declined' WHERE payment_id = $completed",),
    ),
    Tampering(
        "an attempt deleted",
        "SELECT 'attempts of payment ' || $completed",
        ("DELETE FROM attempts WHERE payment_id = $completed",),
    ),
    Tampering(
        "a finished attempt opened",
        "SELECT 'attempts of payment ' || $refunded",
        ("UPDATE attempts SET state = 'open', closed_at = NULL WHERE payment_id = $refunded",),
    ),
    Tampering(
        "a step changed",
        "SELECT 'history of payment ' || $refunded",
        (
            """UPDATE history SET from_state = 'funded', event = 'delivery_given_up'
            WHERE seq = 2 AND payment_id = $refunded""",
        ),
    ),
    Tampering(
        "a step deleted",
        "SELECT 'history of payment ' || $refunded",
        ("DELETE FROM history WHERE seq = 2 AND payment_id = $refunded",),
    ),
    Tampering(
        "all history of a declined payment deleted",
        "SELECT 'history of payment ' || $declined",
        ("DELETE FROM history WHERE payment_id = $declined",),
    ),
    Tampering(
        "a scroll number changed",
        "SELECT 'scroll desco_postpaid'",
        ("UPDATE payments SET scroll_no = scroll_no + 100 WHERE scroll_no = 2",),
    ),
    Tampering(
        "a scroll number taken away",
        "SELECT 'scroll desco_postpaid'",
        ("UPDATE payments SET scroll_no = NULL WHERE scroll_no = 1",),
    ),
    Tampering(
        "the scroll counter set back",
        "SELECT 'scroll desco_postpaid'",
        ("UPDATE scroll_counters SET last = last - 1",),
    ),
    Tampering(
        "the scroll counter deleted",
        "SELECT 'scroll desco_postpaid'",
        ("DELETE FROM scroll_counters",),
    ),
)
