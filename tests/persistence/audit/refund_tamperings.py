"""What a superuser may do to collected money and its refunds, and which row the audit must then name."""

from string import Template

from tests.persistence.audit.tamperings import Tampering

_REFUND = "(SELECT id FROM refunds WHERE kind = '{}' AND state = '{}' ORDER BY id LIMIT 1)"
_PAYMENT_OF = "(SELECT payment_id FROM refunds WHERE id = {})"
_TRY_OF = "(SELECT attempt_id FROM refunds WHERE id = {})"
# In the statements, `$done`, `$approved` and `$asked` are refunds that somebody asked for, `$unexpected`
# is of money that came twice, `$by_hand` is paid by finance, and `$review` would end a review.
_REFUNDS = {
    "done": _REFUND.format("refund", "done"),
    "approved": _REFUND.format("refund", "approved"),
    "asked": _REFUND.format("refund", "asked"),
    "unexpected": """(SELECT id FROM refunds WHERE kind = 'unexpected' AND state = 'approved'
      AND further_movement_id IS NULL ORDER BY id LIMIT 1)""",
    "further": "(SELECT id FROM refunds WHERE further_movement_id IS NOT NULL AND state = 'approved')",
    "review": _REFUND.format("give_back", "asked"),
    "taken": _REFUND.format("chargeback", "done"),
    "beyond": "(SELECT id FROM refunds WHERE from_suspense > 0)",
    "lost": "(SELECT id FROM refunds WHERE bearer = 'our_loss' AND state = 'approved')",
    "consented": "(SELECT id FROM refunds WHERE bearer = 'consent')",
    "by_hand": """(SELECT id FROM refunds
      WHERE confirmed_by IS NOT NULL AND further_movement_id IS NULL)""",
    "late": "(SELECT refund_id FROM refund_history WHERE event = 'given_late')",
}
PLACES = {
    **_REFUNDS,
    **{f"payment_of_{name}": _PAYMENT_OF.format(place) for name, place in _REFUNDS.items()},
    **{f"try_of_{name}": _TRY_OF.format(place) for name, place in _REFUNDS.items()},
    "refunding": """(SELECT id FROM payments WHERE state = 'refunding' AND collected_by IS NOT NULL
      ORDER BY id LIMIT 1)""",
}


_FURTHER = "(SELECT id FROM further_movements WHERE provider_transaction = 'FURTHER-1')"


def placed(statement: str) -> str:
    """The statement with its places filled in."""
    return Template(statement).substitute(PLACES)


def _step(refund: str, seq: int, step: str) -> str:
    """A legal step that nobody took: it is on paper alone."""
    words = ", ".join(f"'{word}'" for word in step.split())
    return f"INSERT INTO refund_history VALUES ({refund}, {seq}, {words}, 'me', '{{}}')"  # noqa: S608 - our own words


TAMPERINGS = (
    # ---- who brought the money
    Tampering(
        "the connector of a payment changed",
        "SELECT 'attempts of payment ' || $payment_of_done",
        ("UPDATE payments SET collected_by = 'nagad' WHERE id = $payment_of_done",),
    ),
    Tampering(
        "the connector of a payment taken away",
        "SELECT 'attempts of payment ' || $payment_of_done",
        ("UPDATE payments SET collected_by = NULL WHERE id = $payment_of_done",),
    ),
    Tampering(
        "a connector named that brought nothing",
        "SELECT 'attempts of payment ' || $payment_of_review",
        ("UPDATE payments SET collected_by = 'bkash' WHERE id = $payment_of_review",),
    ),
    Tampering(
        "money brought twice for its payment",
        "SELECT 'attempts of payment ' || $payment_of_unexpected",
        (
            "DROP INDEX uq_attempts_one_success",
            "UPDATE attempts SET outcome = 'approved' WHERE id = $try_of_unexpected",
        ),
    ),
    Tampering(
        "a try deleted",
        "SELECT 'attempts of payment ' || $payment_of_done",
        (
            "SET session_replication_role = replica",
            "DELETE FROM tries WHERE attempt_id = $try_of_done",
        ),
    ),
    Tampering(
        "a collected payment made one from a prefund",
        "SELECT 'payments ' || $refunding",
        (
            "DELETE FROM collections WHERE payment_id = $refunding",
            "UPDATE payments SET collected_by = NULL WHERE id = $refunding",
        ),
    ),
    # ---- what came
    Tampering(
        "what a try brought changed",
        "SELECT 'tries of payment ' || $payment_of_done",
        ("UPDATE tries SET collected = collected + 1 WHERE attempt_id = $try_of_done",),
    ),
    Tampering(
        "what came twice taken away",
        "SELECT 'tries of payment ' || $payment_of_unexpected",
        (
            """UPDATE tries SET collected = NULL, collected_at = NULL, refunded = 0
            WHERE attempt_id = $try_of_unexpected""",
        ),
    ),
    Tampering(
        "what came for a payment made into what came beside it",
        "SELECT 'attempts of payment ' || $payment_of_done",
        ("UPDATE attempts SET outcome = 'second_success' WHERE id = $try_of_done",),
    ),
    # ---- who bears a refund
    Tampering(
        "our loss put on its biller",
        "SELECT 'payments ' || $payment_of_lost",
        ("UPDATE refunds SET bearer = 'payee' WHERE id = $lost",),
    ),
    Tampering(
        "what a biller consented to made our loss",
        "SELECT 'payments ' || $payment_of_consented",
        ("UPDATE refunds SET bearer = 'our_loss', consent = NULL WHERE id = $consented",),
    ),
    Tampering(
        "our loss made one that nobody approved",
        "SELECT 'refunds ' || $lost",
        (
            "ALTER TABLE refunds DROP CONSTRAINT ck_refunds_named_bearer",
            "SET session_replication_role = replica",
            "DELETE FROM refund_history WHERE refund_id = $lost",
            "UPDATE refunds SET steps = 0, approved_by = NULL WHERE id = $lost",
        ),
    ),
    Tampering(
        "a consent taken away",
        "SELECT 'refunds ' || $consented",
        (
            "ALTER TABLE refunds DROP CONSTRAINT ck_refunds_consent",
            "UPDATE refunds SET consent = NULL WHERE id = $consented",
        ),
    ),
    # ---- the running total
    Tampering(
        "a running total lowered",
        "SELECT 'tries ' || $try_of_done",
        ("UPDATE tries SET refunded = refunded - 1 WHERE attempt_id = $try_of_done",),
    ),
    Tampering(
        "a running total raised",
        "SELECT 'tries ' || $try_of_done",
        ("UPDATE tries SET refunded = refunded + 1 WHERE attempt_id = $try_of_done",),
    ),
    Tampering(
        "a running total of chargebacks lowered",
        "SELECT 'tries ' || $try_of_taken",
        ("UPDATE tries SET charged_back = charged_back - 1 WHERE attempt_id = $try_of_taken",),
    ),
    Tampering(
        "a running total of chargebacks where there is none",
        "SELECT 'tries ' || $try_of_done",
        ("UPDATE tries SET charged_back = 1 WHERE attempt_id = $try_of_done",),
    ),
    Tampering(
        "what a chargeback took from suspense put on its payee",
        "SELECT 'payments ' || $payment_of_beyond",
        (
            """UPDATE tries SET refunded = refunded + (SELECT from_suspense FROM refunds WHERE id = $beyond)
            WHERE attempt_id = $try_of_beyond""",
            "UPDATE refunds SET from_suspense = 0 WHERE id = $beyond",
        ),
    ),
    Tampering(
        "our loss by a chargeback moved into suspense",
        "SELECT 'payments ' || $payment_of_taken",
        (
            "UPDATE tries SET refunded = refunded - 1 WHERE attempt_id = $try_of_taken",
            "UPDATE refunds SET from_suspense = from_suspense + 1 WHERE id = $taken",
        ),
    ),
    Tampering(
        "more given back than came",
        "SELECT 'tries ' || $try_of_asked",
        (
            "ALTER TABLE tries DROP CONSTRAINT ck_tries_refunded",
            "UPDATE refunds SET amount = amount + 9000000 WHERE id = $asked",
            "UPDATE tries SET refunded = refunded + 9000000 WHERE attempt_id = $try_of_asked",
        ),
    ),
    Tampering(
        "collected money that is held as well",
        "SELECT 'tries ' || $try_of_done",
        (
            "ALTER TABLE tries DROP CONSTRAINT ck_tries_held",
            "UPDATE tries SET held_at = now() WHERE attempt_id = $try_of_done",
        ),
    ),
    Tampering(
        "the refund of what came twice deleted",
        "SELECT 'tries ' || $try_of_unexpected",
        (
            "SET session_replication_role = replica",
            "DELETE FROM refunds WHERE id = $unexpected",
        ),
    ),
    Tampering(
        "the refund of what came twice deleted with its hold",
        "SELECT 'tries ' || $try_of_unexpected",
        (
            "SET session_replication_role = replica",
            "UPDATE tries SET refunded = 0 WHERE attempt_id = $try_of_unexpected",
            "DELETE FROM refunds WHERE id = $unexpected",
        ),
    ),
    Tampering(
        "the amount of a refund changed",
        "SELECT 'payments ' || $payment_of_done",
        ("UPDATE refunds SET amount = amount + 1 WHERE id = $done",),
    ),
    Tampering(
        "a refund that is owed deleted with its hold",
        "SELECT 'payments ' || $payment_of_approved",
        (
            "SET session_replication_role = replica",
            """UPDATE tries SET refunded = refunded - (SELECT amount FROM refunds WHERE id = $approved)
            WHERE attempt_id = $try_of_approved""",
            "DELETE FROM refunds WHERE id = $approved",
        ),
    ),
    # ---- how a refund got where it is
    Tampering(
        "a refund called done",
        "SELECT 'refunds ' || $approved",
        ("UPDATE refunds SET state = 'done' WHERE id = $approved",),
    ),
    Tampering(
        "a step of a refund deleted",
        "SELECT 'refunds ' || $done",
        ("DELETE FROM refund_history WHERE refund_id = $done AND seq = 1",),
    ),
    Tampering(
        "a step of a refund changed",
        "SELECT 'refunds ' || $done",
        (
            """UPDATE refund_history SET from_state = 'in_doubt', event = 'sending', to_state = 'sent'
            WHERE refund_id = $done AND seq = 2""",
        ),
    ),
    Tampering(
        "a step of a refund that the table does not have",
        "SELECT 'refunds ' || $done",
        (
            "ALTER TABLE refund_history DROP CONSTRAINT ck_refund_history_legal_step",
            "UPDATE refund_history SET event = 'paid_by_hand' WHERE refund_id = $done AND seq = 2",
        ),
    ),
    Tampering(
        "a refund that began in the air",
        "SELECT 'refunds ' || $done",
        (
            "DELETE FROM refund_history WHERE refund_id = $done AND seq = 1",
            "UPDATE refund_history SET seq = 1 WHERE refund_id = $done",
            "UPDATE refunds SET steps = 1 WHERE id = $done",
        ),
    ),
    Tampering(
        "a refund given to another partner",
        "SELECT 'refunds ' || $done",
        ("UPDATE refunds SET partner_id = 'bank0' WHERE id = $done",),
    ),
    # ---- who stands behind it
    Tampering(
        "a refund approved by who asked",
        "SELECT 'refunds ' || $taken",
        (
            "ALTER TABLE refunds DROP CONSTRAINT ck_refunds_two_persons",
            "UPDATE refunds SET approved_by = asked_by WHERE id = $taken",
        ),
    ),
    Tampering(
        "the approval of a refund taken away",
        "SELECT 'refunds ' || $taken",
        ("UPDATE refunds SET approved_by = NULL WHERE id = $taken",),
    ),
    Tampering(
        "a refund approved that nobody had to approve",
        "SELECT 'refunds ' || $approved",
        ("UPDATE refunds SET approved_by = 'me' WHERE id = $approved",),
    ),
    Tampering(
        "a refund paid by hand by one person",
        "SELECT 'refunds ' || $by_hand",
        (
            "ALTER TABLE refunds DROP CONSTRAINT ck_refunds_confirmed",
            "UPDATE refunds SET confirmed_by = by_hand_by WHERE id = $by_hand",
        ),
    ),
    Tampering(
        "a refund that the connector gave called paid by hand",
        "SELECT 'refunds ' || $done",
        (
            """UPDATE refunds SET by_hand_by = 'me', confirmed_by = 'myself', bank_reference = 'B'
            WHERE id = $done""",
        ),
    ),
    Tampering(
        "a refund made a chargeback",
        "SELECT 'refunds ' || $done",
        (
            """UPDATE tries SET charged_back = (SELECT amount FROM refunds WHERE id = $done)
            WHERE attempt_id = $try_of_done""",
            "UPDATE refunds SET kind = 'chargeback' WHERE id = $done",
        ),
    ),
    # ---- where the money is meanwhile
    Tampering(
        "a refund done on paper alone",
        "SELECT 'refunds of payment ' || $payment_of_approved",
        (
            _step("$approved", 1, "approved sending sent"),
            _step("$approved", 2, "sent given done"),
            "UPDATE refunds SET state = 'done', steps = 2 WHERE id = $approved",
        ),
    ),
    Tampering(
        "a review ended on paper alone",
        "SELECT 'suspense of payment ' || $payment_of_review",
        (
            _step("$review", 1, "asked approved approved"),
            "UPDATE refunds SET state = 'approved', approved_by = 'me', steps = 1 WHERE id = $review",
        ),
    ),
    Tampering(
        "a late payment of the connector's on paper alone",
        "SELECT 'suspense of payment ' || $payment_of_by_hand",
        (
            _step("$by_hand", 4, "done given_late done"),
            "UPDATE refunds SET steps = 4 WHERE id = $by_hand",
        ),
    ),
    Tampering(
        "a late payment of the connector's taken away",
        "SELECT 'suspense of payment ' || $payment_of_late",
        (
            "UPDATE refunds SET steps = steps - 1 WHERE id = $late",
            "DELETE FROM refund_history WHERE event = 'given_late'",
        ),
    ),
    Tampering(
        "a refund of the connector's paid by hand on paper",
        "SELECT 'refunds of payment ' || $payment_of_done",
        (
            """UPDATE refund_history SET event = 'left_to_finance', to_state = 'by_hand'
            WHERE refund_id = $done AND seq = 2""",
            _step("$done", 3, "by_hand paid_by_hand done"),
            """UPDATE refunds SET steps = 3, by_hand_by = 'me', confirmed_by = 'myself', bank_reference = 'B'
            WHERE id = $done""",
        ),
    ),
    # ---- further movements
    Tampering(
        "the amount of a further movement changed",
        "SELECT 'tries of payment ' || $payment_of_further",
        ("UPDATE further_movements SET amount = amount + 1 WHERE provider_transaction = 'FURTHER-1'",),
    ),
    Tampering(
        "two further movements with each other's amounts",
        f"SELECT 'further_movements ' || {_FURTHER}",
        ("UPDATE further_movements SET amount = 3300 - amount",),
    ),
    Tampering(
        "a further movement of another connector than its try",
        f"SELECT 'further_movements ' || {_FURTHER}",
        ("UPDATE further_movements SET connector_id = 'nagad' WHERE provider_transaction = 'FURTHER-1'",),
    ),
    Tampering(
        "a further movement that a try has collected as well",
        f"SELECT 'further_movements ' || {_FURTHER}",
        (
            "SET LOCAL session_replication_role = replica",
            "UPDATE tries SET provider_transaction = 'FURTHER-1' WHERE attempt_id = $try_of_done",
        ),
    ),
    Tampering(
        "the refund of a further movement no longer named",
        "SELECT 'tries ' || $try_of_further",
        ("UPDATE refunds SET further_movement_id = NULL WHERE id = $further",),
    ),
    Tampering(
        "a further movement that goes back in part",
        f"SELECT 'further_movements ' || {_FURTHER}",
        ("UPDATE refunds SET amount = amount - 1 WHERE id = $further",),
    ),
    Tampering(
        "a refund of a further movement that nobody paid",
        "SELECT 'refunds ' || $further",
        ("UPDATE refunds SET state = 'done' WHERE id = $further",),
    ),
)
