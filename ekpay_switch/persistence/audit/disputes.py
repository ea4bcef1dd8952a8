"""Audit checks of disputes: their steps are legal, and each step of their money has its posting."""

from typing import Any

from ekpay_switch.domain.disputes.dispute import (
    DISPUTE_TRANSITIONS,
    OPEN,
    TWO_PERSON_EVENTS,
    DisputeEvent,
    DisputeState,
)
from ekpay_switch.domain.refunds.refund import RefundEvent, RefundKind, RefundState

STEPS = """
SELECT d.id, num_nonnulls(d.opened_by, d.opened_from) AS openers, d.state, d.round, d.steps, d.amount,
  d.attempt_id = r.attempt_id AS is_of_try, r.kind,
  r.state AS refund_state, r.amount AS refund_amount, t.collected,
  (SELECT c.refund_id FROM dispute_history AS c WHERE c.dispute_id = d.id
    AND c.event = 'money_held' ORDER BY c.seq DESC LIMIT 1) AS last_refund_id, d.refund_id,
  h.numbers, h.rounds, h.starts, h.events, h.ends, h.actors, h.approvers
FROM disputes AS d JOIN tries AS t ON t.attempt_id = d.attempt_id
LEFT JOIN refunds AS r ON r.id = d.refund_id
LEFT JOIN (
  SELECT dispute_id, array_agg(seq ORDER BY seq) AS numbers, array_agg(round ORDER BY seq) AS rounds,
    array_agg(from_state ORDER BY seq) AS starts, array_agg(event ORDER BY seq) AS events,
    array_agg(to_state ORDER BY seq) AS ends, array_agg(actor ORDER BY seq) AS actors,
    array_agg(approved_by ORDER BY seq) AS approvers
  FROM dispute_history GROUP BY dispute_id) AS h ON h.dispute_id = d.id
ORDER BY d.id
"""
# Each chargeback that a connector holds or has returned, without the dispute that says so.
UNDISPUTED = f"""
SELECT r.id, r.state FROM refunds AS r
WHERE r.state = '{RefundState.HELD}' AND NOT EXISTS (SELECT FROM disputes AS d WHERE d.refund_id = r.id)
  OR r.state = '{RefundState.RETURNED}' AND NOT EXISTS (SELECT FROM dispute_history AS h
    WHERE h.refund_id = r.id AND h.event = '{DisputeEvent.WON}')
ORDER BY r.id
"""  # noqa: S608 - constants
# The chargebacks of each payment that were held, and that were returned, with the entries that say so.
MOVED = f"""
SELECT coalesce(r.payment_id, e.payment_id) AS id, coalesce(r.moment, e.moment) AS moment, r.said, e.posted
FROM (
  SELECT r.payment_id, r.connector_id, CASE s.event WHEN '{RefundEvent.HELD_BY_CONNECTOR}'
      THEN 'held_in_dispute' ELSE 'dispute_won' END AS moment, array_agg(r.amount ORDER BY r.amount) AS said
  FROM refunds AS r JOIN refund_history AS s ON s.refund_id = r.id
    AND s.event IN ('{RefundEvent.HELD_BY_CONNECTOR}', '{RefundEvent.RETURNED_BY_CONNECTOR}')
  WHERE r.kind = '{RefundKind.CHARGEBACK}' GROUP BY 1, 2, 3) AS r
FULL JOIN (
  SELECT j.payment_id, split_part(o.account, ':', 2) AS connector_id, j.moment,
    array_agg(abs(o.amount) ORDER BY abs(o.amount)) AS posted
  FROM journal_entries AS j JOIN postings AS o ON o.entry_id = j.id AND starts_with(o.account, 'receivable:')
  WHERE j.moment IN ('dispute_won', 'held_in_dispute') GROUP BY 1, 2, 3) AS e
  ON e.payment_id = r.payment_id AND e.connector_id = r.connector_id AND e.moment = r.moment
ORDER BY 1, 2
"""  # noqa: S608 - constants
# What stands in dispute of each payment, with what connectors hold of it.
HELD = f"""
SELECT coalesce(r.payment_id, e.payment_id) AS id, coalesce(r.account, e.account) AS account,
  coalesce(r.held, 0) AS held, coalesce(e.posted, 0) AS posted
FROM (
  SELECT payment_id, 'disputed:' || connector_id AS account, sum(amount) AS held FROM refunds
  WHERE state = '{RefundState.HELD}' GROUP BY 1, 2) AS r
FULL JOIN (
  SELECT j.payment_id, o.account, sum(o.amount) AS posted
  FROM journal_entries AS j JOIN postings AS o ON o.entry_id = j.id
  WHERE starts_with(o.account, 'disputed:') GROUP BY 1, 2) AS e
  ON e.payment_id = r.payment_id AND e.account = r.account
ORDER BY 1, 2
"""  # noqa: S608 - constants
# Each row that a decision about its break and a chargeback have both booked.
BOOKED_TWICE = f"""
SELECT r.id, r.provider_refund AS name FROM refunds AS r
WHERE r.kind = '{RefundKind.CHARGEBACK}' AND r.state NOT IN ('{RefundState.FAILED}', '{RefundState.REJECTED}')
  AND (SELECT sum(d.amount) FROM chargeback_decisions AS d
    WHERE d.connector_id = r.connector_id AND d.name = r.provider_refund) > 0
ORDER BY r.id
"""  # noqa: S608 - constants

Row = Any


def step_fault(row: Row) -> str | None:
    """What is wrong unless a dispute's history is legal from start to end, and its money is as it says."""
    names = ("numbers", "rounds", "starts", "events", "ends")
    numbers, rounds, starts, events, ends = (row[name] or [] for name in names)
    if numbers != list(range(1, row["steps"] + 1)):
        return "its steps are not numbered 1..n"
    if [DisputeState.NOTIFIED, *ends] != [*starts, row["state"]]:
        return "its steps do not lead from notified to its state"
    for before, event, following in zip(starts, events, ends, strict=True):
        if DISPUTE_TRANSITIONS.get((before, event)) != following:
            return f"{before} does not become {following} by {event}"
    opened = [sum(event == DisputeEvent.ROUND_OPENED for event in events[:number]) for number in numbers]
    if rounds != [count + 1 for count in opened] or row["round"] != (rounds or [1])[-1]:
        return "its rounds are not those of its steps"
    return _person_fault(row, events) or _money_fault(row, events)


def _person_fault(row: Row, events: list[str]) -> str | None:
    if row["openers"] != 1:
        return "neither one person nor one file has opened it"
    for event, actor, approver in zip(events, row["actors"] or [], row["approvers"] or [], strict=True):
        # A settlement file opens a round without a person.
        if actor is None and event != DisputeEvent.ROUND_OPENED:
            return f"nobody says that it was {event}"
        is_by_two = approver is not None and approver != actor
        if is_by_two != (event in TWO_PERSON_EVENTS) or (approver is not None and not is_by_two):
            return f"two persons do not say that it was {event}"
    return None


def _money_fault(row: Row, events: list[str]) -> str | None:
    """What is wrong unless its chargeback is the last that its steps recorded, unless it came back."""
    if row["amount"] > (row["collected"] or 0):
        return f"{row['amount']} paisa are disputed of {row['collected'] or 0} that came"
    moves = [event for event in events if event in {DisputeEvent.MONEY_HELD, DisputeEvent.WON}]
    is_held = bool(moves) and moves[-1] == DisputeEvent.MONEY_HELD
    if (row["refund_id"] is not None) != is_held or (is_held and row["refund_id"] != row["last_refund_id"]):
        return "its money is not what its steps say"
    return _chargeback_fault(row) if is_held else None


def _chargeback_fault(row: Row) -> str | None:
    """What is wrong unless its chargeback is of its try, of its amount and in the state that it says."""
    if (row["kind"], row["is_of_try"], row["refund_amount"]) != (RefundKind.CHARGEBACK, True, row["amount"]):
        return "its money is no chargeback of its amount"
    allowed = {RefundState.DONE} | ({RefundState.HELD} if row["state"] in OPEN else set())
    if row["refund_state"] not in allowed:
        return f"it is {row['state']}, and its money is {row['refund_state']}"
    return None


def undisputed_fault(row: Row) -> str:
    """A chargeback that no dispute explains."""
    return f"it is {row['state']}, and no dispute says so"


def moved_fault(row: Row) -> str | None:
    """What is wrong unless each step of disputed money was posted once, with its amount."""
    if row["said"] == row["posted"]:
        return None
    return (
        f"{row['said'] or []} of its chargebacks are {row['moment']}, and {row['posted'] or []} were posted"
    )


def held_fault(row: Row) -> str | None:
    """What is wrong unless the account of disputed money holds what connectors hold."""
    if row["held"] == row["posted"]:
        return None
    return f"{row['account']} holds {row['posted']} paisa for it instead of {row['held']}"


def booked_twice_fault(row: Row) -> str:
    """A chargeback row that is booked twice."""
    return f"a decision about the break of its row {row['name']} has booked it as well"


DISPUTE_CHECKS = (
    (STEPS, step_fault, "disputes {id}"),
    (UNDISPUTED, undisputed_fault, "refunds {id}"),
    (MOVED, moved_fault, "disputes of payment {id}"),
    (HELD, held_fault, "disputes of payment {id}"),
    (BOOKED_TWICE, booked_twice_fault, "refunds {id}"),
)
