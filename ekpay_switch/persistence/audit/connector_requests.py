"""Audit checks of requests to connectors: host messages, and routing decisions.

A request over a host link is the only record of money that a bank took and reversed, so it has to agree with
its try (docs/adr/0037).
"""

from typing import Any

from ekpay_switch.domain.collections.funding import TryEnd, TryState
from ekpay_switch.domain.host_messages import APPROVAL, NO_SUCH_ORIGINAL, HostState

# Each request that was not withdrawn, with its try and the total at the try's own price or its payment's.
REQUESTS = """
SELECT m.connector_id, m.reference, m.state, m.reply_decided, m.reply_code, m.amount, m.reversal_code,
  m.late_approved, m.overtaken_stan IS NOT NULL AND t.next_action_at IS NOT NULL AS is_reversed_anew,
  t.attempt_id IS NOT NULL AND t.payment_id = m.payment_id AS belongs, a.state AS try_state, a.outcome,
  t.collected, p.amount + p.rounding + coalesce(t.charge, p.charge) + coalesce(t.fee, p.fee)
    + coalesce(t.vat, p.vat) AS total
FROM host_messages AS m
LEFT JOIN attempts AS a ON a.reference = m.reference AND a.leg = 'funds'
LEFT JOIN tries AS t ON t.attempt_id = a.id AND t.connector_id = m.connector_id
LEFT JOIN payments AS p ON p.id = t.payment_id
WHERE m.state <> 'withdrawn' ORDER BY m.connector_id, m.reference
"""
DECISIONS = """
SELECT d.attempt_id FROM routing_decisions AS d LEFT JOIN tries AS t ON t.attempt_id = d.attempt_id
  AND t.connector_id = d.chosen AND t.payment_id = d.payment_id
WHERE t.attempt_id IS NULL ORDER BY d.attempt_id
"""

Row = Any
_UNANSWERED = frozenset({HostState.WAITING, HostState.SENDING, HostState.REVERSING})


def request_fault(row: Row) -> str | None:
    """What is wrong unless a request to a host and its try agree."""
    is_settled = row["state"] == HostState.ANSWERED and row["reply_decided"]
    has_ended = row["try_state"] == TryState.CLOSED
    is_taken = is_settled and row["reply_code"] == APPROVAL
    checks = (
        (not row["belongs"], "it is of no try of its payment"),
        (row["amount"] != row["total"], f"it asked for {row['amount']} of {row['total']}"),
        (row["collected"] is not None and not is_taken, f"its money is believed, and it is {row['state']}"),
        (
            has_ended and row["state"] in _UNANSWERED and not row["is_reversed_anew"],
            f"its try has ended, and it is {row['state']}",
        ),
        (
            row["state"] == HostState.REVERSED
            and row["late_approved"]
            and row["reversal_code"] == NO_SUCH_ORIGINAL,
            "its reversal came before it, the host has approved it since, and it is not reversed anew",
        ),
        (
            has_ended and is_taken and row["collected"] is None and row["outcome"] != TryEnd.DISAGREED,
            "the host has taken the money, and its try came to nothing",
        ),
    )
    return next((why for applies, why in checks if applies), None)


def decision_fault(row: Row) -> str:
    """What is wrong with a decision without a try, or with another connector than its try."""
    del row
    return "another connector was asked than was decided, or nobody was"
