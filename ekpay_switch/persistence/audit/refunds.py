"""Audit checks of collected money: who collected it, where it is, and whether it was refunded.

Refunds have no entry id: they are compared with entries by payment, connector and amount.
"""

from typing import Any

from ekpay_switch.domain.collections.funding import TryEnd
from ekpay_switch.domain.ledger.posting_rules import WRITE_OFF
from ekpay_switch.domain.refunds.burden import Bearer
from ekpay_switch.domain.refunds.refund import FREED, REFUND_TRANSITIONS, RefundEvent, RefundKind, RefundState


def _quoted_list(values: object) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))  # type: ignore[call-overload]


FIRST_STATES = frozenset({RefundState.REQUESTED, RefundState.APPROVED})
# Nothing of these is owed to a payer, or was paid.
UNDECIDED = FREED | {RefundState.REQUESTED, RefundState.HELD}
# The states in which a refund is owed and not yet paid.
DUE_STATES = frozenset(RefundState) - UNDECIDED - {RefundState.DONE}
_DECISIONS = frozenset({RefundEvent.APPROVED, RefundEvent.TAKEN_BY_CONNECTOR, RefundEvent.HELD_BY_CONNECTOR})
_HAS_STEP = """(r.kind = 'chargeback' AND EXISTS (SELECT FROM refund_history AS s
        WHERE s.refund_id = r.id AND s.event = '{event}'))"""

FUNDERS = """
SELECT coalesce(p.id, f.payment_id) AS id, p.collected_by, f.brought_by,
  coalesce(f.successes, 0) AS successes, coalesce(f.unnamed, 0) AS unnamed
FROM (SELECT id, collected_by FROM payments WHERE collected_by IS NOT NULL) AS p
FULL JOIN (
  SELECT a.payment_id, count(*) FILTER (WHERE a.outcome = 'approved') AS successes,
    min(t.connector_id) FILTER (WHERE a.outcome = 'approved') AS brought_by,
    count(*) FILTER (WHERE t.attempt_id IS NULL) AS unnamed
  FROM attempts AS a LEFT JOIN tries AS t ON t.attempt_id = a.id WHERE a.leg = 'funds' GROUP BY a.payment_id
) AS f ON f.payment_id = p.id
ORDER BY 1
"""
# What the tries of each payment collected, and what came beside them, with what was posted of it.
COLLECTED = """
SELECT coalesce(t.payment_id, e.payment_id) AS id, coalesce(t.funding, 0) AS funding,
  coalesce(t.beside, 0) AS beside, coalesce(e.funding, 0) AS posted_funding,
  coalesce(e.beside, 0) AS posted_beside
FROM (
  SELECT t.payment_id, sum(t.collected) FILTER (WHERE a.outcome = 'approved') AS funding,
    coalesce(sum(t.collected) FILTER (WHERE a.outcome IS DISTINCT FROM 'approved'), 0)
      + coalesce(sum(m.further), 0) AS beside
  FROM tries AS t JOIN attempts AS a ON a.id = t.attempt_id
  LEFT JOIN (SELECT attempt_id, sum(amount) AS further FROM further_movements GROUP BY attempt_id) AS m
    ON m.attempt_id = t.attempt_id
  GROUP BY t.payment_id) AS t
FULL JOIN (
  SELECT j.payment_id,
    -sum(o.amount) FILTER (WHERE (j.moment = 'collected' AND o.account = 'in_flight')
      OR (j.moment = 'funded_from_suspense' AND o.account IN ('in_flight', 'write_off'))) AS funding,
    -sum(o.amount) FILTER (WHERE j.moment <> 'collected' AND o.account LIKE 'suspense:%') AS beside
  FROM journal_entries AS j JOIN postings AS o ON o.entry_id = j.id
  WHERE j.moment IN ('collected', 'collected_without_payment', 'funded_from_suspense')
  GROUP BY j.payment_id) AS e
  ON e.payment_id = t.payment_id
ORDER BY 1
"""
TOTALS = f"""
SELECT t.attempt_id, a.outcome, t.collected, t.refunded, t.charged_back, b.owed_at_desk, b.owed_beside,
  t.held_at IS NOT NULL AS is_held,
  coalesce(sum(r.amount - r.from_suspense), 0) AS held,
  coalesce(sum(r.amount) FILTER (WHERE r.kind = '{RefundKind.CHARGEBACK}'), 0) AS taken
FROM tries AS t JOIN attempts AS a ON a.id = t.attempt_id
LEFT JOIN refunds AS r ON r.attempt_id = t.attempt_id AND r.further_movement_id IS NULL
  AND r.state NOT IN ({_quoted_list(FREED)})
LEFT JOIN (
  SELECT attempt_id, sum(amount) FILTER (WHERE NOT is_beside) AS owed_at_desk,
    sum(amount) FILTER (WHERE is_beside) AS owed_beside FROM break_refunds GROUP BY attempt_id) AS b
  ON b.attempt_id = t.attempt_id
GROUP BY t.attempt_id, a.outcome, b.owed_at_desk, b.owed_beside ORDER BY t.attempt_id
"""  # noqa: S608 - constants
# Every further movement with its try, the entry that it names and the refund that gives it back; `is_named`:
# the movement counts elsewhere, too.
FURTHER = """
SELECT m.id, m.amount, m.connector_id, t.connector_id AS try_connector_id, t.payment_id,
  t.collected IS NOT NULL AS has_collected, e.payment_id AS entry_payment_id, e.moment, e.posted,
  r.payment_id AS refund_payment_id, r.attempt_id = m.attempt_id AS is_refund_of_try, r.kind,
  r.state AS refund_state, r.amount AS refund_amount,
  EXISTS (SELECT FROM tries AS o WHERE o.connector_id = m.connector_id
    AND o.provider_transaction = m.provider_transaction) AS is_named
FROM further_movements AS m JOIN tries AS t ON t.attempt_id = m.attempt_id
LEFT JOIN LATERAL (
  SELECT j.payment_id, j.moment, -sum(o.amount) AS posted
  FROM journal_entries AS j JOIN postings AS o ON o.entry_id = j.id
  WHERE j.id = m.entry_id AND o.account = 'suspense:' || m.connector_id
  GROUP BY j.payment_id, j.moment) AS e ON true
LEFT JOIN refunds AS r ON r.further_movement_id = m.id
ORDER BY m.id
"""
STEPS = """
SELECT r.id, r.kind, r.state, r.steps, r.asked_by, r.approved_by, r.by_hand_by, r.confirmed_by,
  r.bearer, r.consent,
  t.payment_id = r.payment_id AND t.connector_id = r.connector_id AND p.partner_id = r.partner_id AS belongs,
  h.numbers, h.starts, h.events, h.ends
FROM refunds AS r JOIN tries AS t ON t.attempt_id = r.attempt_id JOIN payments AS p ON p.id = r.payment_id
LEFT JOIN (
  SELECT refund_id, array_agg(seq ORDER BY seq) AS numbers, array_agg(from_state ORDER BY seq) AS starts,
    array_agg(event ORDER BY seq) AS events, array_agg(to_state ORDER BY seq) AS ends
  FROM refund_history GROUP BY refund_id) AS h ON h.refund_id = r.id
ORDER BY r.id
"""
# What each payment has in refund_due, with what its refunds owe; a refunding payment owes all of it, even
# before its give-back is written.
DUES = f"""
SELECT coalesce(r.payment_id, e.payment_id) AS id, coalesce(r.account, e.account) AS account,
  coalesce(r.due, 0) AS due, coalesce(e.held, 0) AS held
FROM (
  SELECT d.payment_id, d.account, sum(d.due) AS due FROM (
    SELECT payment_id, 'refund_due:' || connector_id AS account, amount AS due FROM refunds
    WHERE state IN ({_quoted_list(DUE_STATES)})
    UNION ALL
    SELECT p.id, 'refund_due:' || p.collected_by, p.amount + p.rounding + p.charge + p.fee + p.vat
    FROM payments AS p WHERE p.state = 'refunding' AND p.collected_by IS NOT NULL AND NOT EXISTS (
      SELECT FROM refunds AS g WHERE g.payment_id = p.id AND g.kind = 'give_back' AND g.state <> 'rejected')
  ) AS d GROUP BY d.payment_id, d.account) AS r
FULL JOIN (
  SELECT j.payment_id, o.account, -sum(o.amount) AS held
  FROM journal_entries AS j JOIN postings AS o ON o.entry_id = j.id
  WHERE o.account LIKE 'refund_due:%' AND j.payment_id IS NOT NULL GROUP BY j.payment_id, o.account) AS e
  ON e.payment_id = r.payment_id AND e.account = r.account
ORDER BY 1, 2
"""  # noqa: S608 - constants
# What refunds at our own loss come to, with what was posted of them.
LOSSES = f"""
SELECT coalesce(r.payment_id, e.payment_id) AS id, coalesce(r.borne, 0) AS borne, coalesce(e.lost, 0) AS lost
FROM (
  SELECT payment_id, sum(amount - from_suspense) AS borne FROM refunds
  WHERE bearer = '{Bearer.LOSS}' AND state NOT IN ({_quoted_list(UNDECIDED)}) GROUP BY payment_id) AS r
FULL JOIN (
  SELECT j.payment_id, sum(o.amount) AS lost
  FROM journal_entries AS j JOIN postings AS o ON o.entry_id = j.id
  WHERE j.moment IN ('owed_back_as_loss', 'owed_back_as_loss_reversed') AND o.account = '{WRITE_OFF}'
  GROUP BY j.payment_id) AS e ON e.payment_id = r.payment_id
ORDER BY 1
"""  # noqa: S608 - constants
# What each payment has in suspense of its connectors: what came beside it and does not go back, less what
# chargebacks took from there and what the connector paid after all, and more by what refunds settled of that.
# What a biller holds after a give-back stands under the biller, and is no collected money.
SUSPENSE = f"""
SELECT coalesce(w.payment_id, e.payment_id) AS id, coalesce(w.account, e.account) AS account,
  coalesce(w.waiting, 0) AS waiting, coalesce(e.held, 0) AS held
FROM (
  SELECT c.payment_id, c.account, sum(c.waiting) AS waiting FROM (
    SELECT t.payment_id, 'suspense:' || t.connector_id AS account,
      CASE WHEN a.outcome = 'approved' THEN -coalesce(r.from_suspense, 0)
        ELSE t.collected - coalesce(r.opened, 0) END - coalesce(l.late, 0) + coalesce(r.settled, 0) AS waiting
    FROM tries AS t JOIN attempts AS a ON a.id = t.attempt_id
    LEFT JOIN (
      SELECT attempt_id, sum(amount) AS opened, sum(from_suspense) AS from_suspense,
        sum(settles_claim) AS settled FROM refunds
      WHERE state NOT IN ({_quoted_list(UNDECIDED)}) AND further_movement_id IS NULL
      GROUP BY attempt_id) AS r ON r.attempt_id = t.attempt_id
    LEFT JOIN (
      SELECT r.attempt_id, sum(r.amount) AS late FROM refunds AS r JOIN refund_history AS h
        ON h.refund_id = r.id AND h.event = '{RefundEvent.PAID_LATE}' GROUP BY r.attempt_id) AS l
      ON l.attempt_id = t.attempt_id
    WHERE t.collected IS NOT NULL
    UNION ALL
    SELECT t.payment_id, 'suspense:' || m.connector_id, m.amount - coalesce(r.amount, 0)
    FROM further_movements AS m JOIN tries AS t ON t.attempt_id = m.attempt_id
    LEFT JOIN refunds AS r ON r.further_movement_id = m.id AND r.state NOT IN ({_quoted_list(UNDECIDED)})
  ) AS c GROUP BY c.payment_id, c.account) AS w
FULL JOIN (
  SELECT j.payment_id, o.account, -sum(o.amount) AS held
  FROM journal_entries AS j JOIN postings AS o ON o.entry_id = j.id
  WHERE o.account LIKE 'suspense:%' AND EXISTS (
    SELECT FROM tries AS t WHERE t.payment_id = j.payment_id AND o.account = 'suspense:' || t.connector_id)
  GROUP BY j.payment_id, o.account) AS e
  ON e.payment_id = w.payment_id AND e.account = w.account
ORDER BY 1, 2
"""  # noqa: S608 - constants
# The completed refunds of each payment with the entries that paid them, amount by amount.
# What a dispute has returned had been paid before, unless it was only held.
PAID = f"""
SELECT coalesce(r.payment_id, e.payment_id) AS id, coalesce(r.moment, e.moment) AS moment, r.done, e.paid
FROM (
  SELECT payment_id, CASE WHEN confirmed_by IS NOT NULL THEN 'paid_back_by_hand'
      WHEN settles_claim > 0 THEN 'paid_back_before'
      WHEN {_HAS_STEP.format(event=RefundEvent.HELD_BY_CONNECTOR)} THEN 'dispute_lost'
      ELSE 'paid_back' END AS moment,
    'refund_due:' || connector_id AS account, array_agg(amount ORDER BY amount) AS done
  FROM refunds AS r WHERE state = 'done'
    OR state = 'returned' AND {_HAS_STEP.format(event=RefundEvent.TAKEN_BY_CONNECTOR)} GROUP BY 1, 2, 3) AS r
FULL JOIN (
  SELECT j.payment_id, j.moment, o.account, array_agg(o.amount ORDER BY o.amount) AS paid
  FROM journal_entries AS j JOIN postings AS o ON o.entry_id = j.id AND o.account LIKE 'refund_due:%'
  WHERE j.moment IN ('dispute_lost', 'paid_back', 'paid_back_before', 'paid_back_by_hand')
  GROUP BY 1, 2, 3) AS e
  ON e.payment_id = r.payment_id AND e.moment = r.moment AND e.account = r.account
ORDER BY 1, 2
"""  # noqa: S608 - constants

Row = Any


def funder_fault(row: Row) -> str | None:
    """What is wrong unless a payment's money was collected once, by the connector that it names."""
    if row["successes"] > 1:
        return "two tries of one payment brought its money"
    if row["unnamed"]:
        return "an attempt to collect has no try"
    if row["brought_by"] != row["collected_by"]:
        named, funder = row["collected_by"] or "none", row["brought_by"] or "none"
        return f"its money was brought by {funder}, and it names {named}"
    return None


def collected_fault(row: Row) -> str | None:
    """What is wrong unless what tries collected is what was posted."""
    for part, destination in (("funding", "for its payment"), ("beside", "into suspense")):
        stated, posted = row[part], row[f"posted_{part}"]
        if stated != posted:
            return f"they say that {stated} paisa came {destination}, and {posted} were posted"
    return None


def total_fault(row: Row) -> str | None:
    """What is wrong unless a try's running totals are those of its refunds, and at most what it collected.

    What it has collected is held for no risk any more. What finance owes by decisions about breaks is not
    given back as well (`break_refunds`).
    """
    if row["is_held"] and row["collected"] is not None:
        return "it has collected its money, and its connector holds it for its risk"
    return _running_total_fault(row) or _desk_fault(row)


def _running_total_fault(row: Row) -> str | None:
    if row["refunded"] != row["held"]:
        return f"its running total is {row['refunded']} paisa, and its refunds hold {row['held']}"
    if row["refunded"] > (row["collected"] or 0):
        return f"{row['refunded']} paisa go back of {row['collected'] or 0} that came"
    if row["charged_back"] != row["taken"] or row["taken"] > (row["collected"] or 0):
        return f"{row['charged_back']} paisa are charged back, and its chargebacks took {row['taken']}"
    is_unexpected = row["outcome"] == TryEnd.SECOND_SUCCESS and row["refunded"] != row["collected"]
    if is_unexpected and (row["refunded"] or row["owed_at_desk"] is None):
        return "nobody waited for its money, and it does not go back"
    return None


def _desk_fault(row: Row) -> str | None:
    """What is wrong if finance owes a try's money by decisions about breaks, and the switch gives it back."""
    owed: int = row["owed_at_desk"] or 0
    if min(owed, row["owed_beside"] or 0) < 0:
        return "more was released than decisions about breaks owed"
    if owed and row["refunded"]:
        return "finance has paid it back for a break, or owes it, and the switch gives it back as well"
    return None


def further_fault(row: Row) -> str | None:
    """What is wrong unless a further movement counts once, was booked by its entry and goes back whole."""
    if not row["has_collected"] or row["connector_id"] != row["try_connector_id"]:
        return "its try is another connector's, or has collected nothing"
    if row["is_named"]:
        return "a try has collected the same movement of money"
    booked = (row["entry_payment_id"], row["moment"], row["posted"])
    if booked != (row["payment_id"], "collected_without_payment", row["amount"]):
        return "its entry does not book it for the payment of its try"
    refund = (row["refund_payment_id"], row["is_refund_of_try"], row["kind"], row["refund_amount"])
    is_undecided = row["refund_state"] in UNDECIDED
    if is_undecided or refund != (row["payment_id"], True, RefundKind.UNEXPECTED, row["amount"]):
        return "no refund gives it back whole"
    return None


def refund_fault(row: Row) -> str | None:
    """What is wrong unless a refund belongs to its try, and its history is legal from start to end."""
    if not row["belongs"]:
        return "its try is another payment's, connector's or partner's"
    numbers, starts, events, ends = (row[name] or [] for name in ("numbers", "starts", "events", "ends"))
    if numbers != list(range(1, row["steps"] + 1)):
        return "its steps are not numbered 1..n"
    first = starts[0] if starts else row["state"]
    if first not in FIRST_STATES or [first, *ends] != [*starts, row["state"]]:
        return "its steps do not lead from asked or approved to its state"
    for before, event, following in zip(starts, events, ends, strict=True):
        if REFUND_TRANSITIONS.get((before, event)) != following:
            return f"{before} does not become {following} by {event}"
    return _person_fault(row, first, events) or _bearer_fault(row, first)


def _person_fault(row: Row, first: str, events: list[str]) -> str | None:
    """What is wrong unless two persons decided what needs two."""
    is_agreed = row["approved_by"] is not None
    if is_agreed and (first != RefundState.REQUESTED or row["approved_by"] == row["asked_by"]):
        return "the person who approved it is not a second one"
    decided = _DECISIONS & set(events)
    if bool(decided) != is_agreed:
        return "its approval has no person, or a person and no approval"
    if row["kind"] == RefundKind.CHARGEBACK and first != RefundState.REQUESTED:
        return "a chargeback that nobody had to approve"
    is_by_hand = RefundEvent.PAID_BY_HAND in events
    if is_by_hand != (row["confirmed_by"] is not None) or (
        is_by_hand and row["confirmed_by"] == row["by_hand_by"]
    ):
        return "two persons do not say that it was paid by hand"
    return None


def _bearer_fault(row: Row, first: str) -> str | None:
    """What is wrong unless two persons name who bears a refund, and a biller has consented to it."""
    if row["bearer"] != Bearer.PAYEE and first != RefundState.REQUESTED:
        return "nobody had to approve who bears it"
    if (row["bearer"] == Bearer.CONSENT) != bool(row["consent"]):
        return "its biller bears it without a consent, or has consented and does not bear it"
    return None


def due_fault(row: Row) -> str | None:
    """What is wrong unless refund_due holds what is owed to the payer and not yet paid."""
    if row["due"] == row["held"]:
        return None
    return f"{row['account']} holds {row['held']} paisa for it instead of {row['due']}"


def loss_fault(row: Row) -> str | None:
    """What is wrong unless our losses by refunds of a payment are what was posted of them."""
    if row["borne"] == row["lost"]:
        return None
    return f"we bear {row['borne']} paisa of it, and {row['lost']} were posted"


def suspense_fault(row: Row) -> str | None:
    """What is wrong unless suspense holds unexpected money until its refund is approved, and no longer."""
    if row["waiting"] == row["held"]:
        return None
    return f"{row['account']} holds {row['held']} paisa for it instead of {row['waiting']}"


def paid_fault(row: Row) -> str | None:
    """What is wrong unless every completed refund was paid once, and nothing else was."""
    if row["done"] == row["paid"]:
        return None
    return (
        f"{len(row['done'] or [])} of its refunds are done by {row['moment']}, {row['paid'] or []} were paid"
    )
