"""Audit checks of payments: the place of their money, their history, and scroll numbers."""

from typing import Any

from ekpay_switch.domain.merchants.merchant import payee_of
from ekpay_switch.domain.payment import FINAL, TRANSITIONS, State
from ekpay_switch.domain.payments.delivery import UNDO_WANTED
from ekpay_switch.persistence.audit.refunds import UNDECIDED

_IS_MERCHANT = f"starts_with(p.biller_id, '{payee_of('')}') AS is_merchant"
_UNDECIDED = ", ".join(f"'{state}'" for state in sorted(UNDECIDED))
# What each payment holds in flight and what its payee was credited, with its state and the one before; for
# collected payments also what refunds have taken from the payee.
PAYMENTS = f"""
SELECT coalesce(p.id, e.payment_id) AS id, p.state, p.amount, {_IS_MERCHANT},
  p.collected_by IS NOT NULL OR c.payment_id IS NOT NULL AS is_collected,
  coalesce(r.taken, 0) + coalesce(d.returned, 0) AS taken,
  coalesce(d.kept, 0) + CASE WHEN p.facts ? '{UNDO_WANTED}' THEN p.amount ELSE 0 END AS kept,
  p.amount + p.rounding + p.charge + p.fee + p.vat AS total,
  coalesce(e.in_flight, 0) AS in_flight, coalesce(e.payable, 0) AS payable,
  (SELECT from_state FROM history AS h WHERE h.payment_id = p.id ORDER BY h.seq DESC LIMIT 1) AS came_from
FROM payments AS p FULL JOIN (
  SELECT j.payment_id, -sum(o.amount) FILTER (WHERE o.account = 'in_flight') AS in_flight,
    -sum(o.amount) FILTER (WHERE o.account LIKE 'payable:%' OR o.account LIKE 'biller_deposit:%') AS payable
  FROM journal_entries AS j JOIN postings AS o ON o.entry_id = j.id
  WHERE j.payment_id IS NOT NULL GROUP BY j.payment_id) AS e ON e.payment_id = p.id
LEFT JOIN collections AS c ON c.payment_id = p.id
LEFT JOIN (
  SELECT payment_id, sum(amount - from_suspense) AS taken FROM refunds
  WHERE kind IN ('refund', 'chargeback') AND state NOT IN ({_UNDECIDED})
    AND bearer <> 'our_loss'
  GROUP BY payment_id) AS r ON r.payment_id = p.id
LEFT JOIN (
  SELECT payment_id, sum(amount) FILTER (WHERE action = 'write_off') AS kept,
    sum(amount) FILTER (WHERE action = 'return_to_prefund') AS returned
  FROM decisions WHERE approved_at IS NOT NULL GROUP BY payment_id) AS d ON d.payment_id = p.id
ORDER BY 1
"""  # noqa: S608 - constants
SUCCESSES = f"""
SELECT p.id, p.state, {_IS_MERCHANT}, count(*) FILTER (WHERE a.outcome = 'approved') AS successes,
  count(*) FILTER (WHERE a.state = 'open') AS still_open
FROM payments AS p LEFT JOIN attempts AS a ON a.payment_id = p.id AND a.leg = 'delivery'
GROUP BY p.id ORDER BY p.id
"""  # noqa: S608 - constants
# A merchant's payment has no step until its payer chooses how to pay.
HISTORY = """
SELECT p.id, p.state, p.steps, coalesce(h.numbers, '{}') AS numbers, coalesce(h.starts, '{}') AS starts,
  coalesce(h.events, '{}') AS events, coalesce(h.ends, '{}') AS ends
FROM payments AS p LEFT JOIN (
  SELECT payment_id, array_agg(seq ORDER BY seq) AS numbers, array_agg(from_state ORDER BY seq) AS starts,
    array_agg(event ORDER BY seq) AS events, array_agg(to_state ORDER BY seq) AS ends
  FROM history GROUP BY payment_id) AS h ON h.payment_id = p.id
ORDER BY p.id
"""
SCROLLS = """
SELECT coalesce(c.series, p.biller_id) AS series, coalesce(c.business_date, p.business_date) AS day, c.last,
  p.count, p.highest
FROM scroll_counters AS c FULL JOIN (
  SELECT biller_id, business_date, count(scroll_no) AS count, max(scroll_no) AS highest FROM payments
  WHERE scroll_no IS NOT NULL GROUP BY biller_id, business_date) AS p
  ON p.biller_id = c.series AND p.business_date = c.business_date
ORDER BY 1, 2
"""
# How a review may end what was still open before it.
_ENDS_OF = {State.DELIVERING: State.COMPLETED, State.COLLECTING: State.EXPIRED}
HOLDING = frozenset({State.FUNDED, State.DELIVERING, State.REFUNDING})

Row = Any


def payment_fault(row: Row) -> str | None:
    """What is wrong unless a payment's money is where its state says: in flight while open, and then cleared.

    Collected money that goes back is owed to its payer, and no longer in flight. The shares of merchants are
    checked by `audit.merchants`.
    """
    if row["state"] is None:
        return "entries name it, but there is no such payment"
    state = State(row["state"])
    # In review a payment still holds what it held in its state before.
    effective_state = State(row["came_from"]) if state is State.IN_REVIEW and row["came_from"] else state
    is_owed_back = row["is_collected"] and effective_state is State.REFUNDING
    expected_in_flight = row["total"] if effective_state in HOLDING and not is_owed_back else 0
    if row["in_flight"] != expected_in_flight:
        return f"{state}, and in_flight holds {row['in_flight']} paisa for it instead of {expected_in_flight}"
    if row["is_merchant"]:
        return None
    # What a biller keeps of a payment that went back, as two persons decided, or until it has undone it.
    expected_payable = row["kept"]
    if effective_state is State.COMPLETED:
        expected_payable = row["amount"] - row["taken"]
    if state is not State.IN_REVIEW and row["payable"] != expected_payable:
        return f"{state}, and its payee was credited {row['payable']} paisa instead of {expected_payable}"
    return None


def success_fault(row: Row) -> str | None:
    """What is wrong unless a leg has at most one success, and a completed bill exactly one."""
    if row["successes"] > 1:
        return "two attempts of one leg succeeded"
    if row["state"] == State.COMPLETED and row["successes"] != 1 and not row["is_merchant"]:
        return "completed without an attempt that succeeded"
    if row["state"] in FINAL and row["still_open"]:
        return "finished with an attempt still open"
    return None


def history_fault(row: Row) -> str | None:
    """What is wrong unless the history starts at created, has legal steps and ends in the payment's state."""
    numbers, starts, events, ends = (row[name] for name in ("numbers", "starts", "events", "ends"))
    if numbers != list(range(1, row["steps"] + 1)):
        return "its steps are not numbered 1..n"
    if [State.CREATED, *ends] != [*starts, row["state"]]:
        return "its steps do not lead from created to the payment's state"
    for before, event, following in zip(starts, events, ends, strict=True):
        if TRANSITIONS.get((before, event)) != following:
            return f"{before} does not become {following} by {event}"
    return _review_fault(starts, events, ends)


def _review_fault(starts: list[str], events: list[str], ends: list[str]) -> str | None:
    """What is wrong unless a review leads back to a state that the payment had before.

    A delivery may end completed, and a collection that brought nothing expired.
    """
    for number, (event, following) in enumerate(zip(events, ends, strict=True)):
        is_return = event.startswith("reviewed_as_")
        before = {*starts[:number], *(_ENDS_OF.get(State(start)) for start in starts[:number])}
        if is_return and following not in before:
            return f"reviewed as {following}, which it never was"
    return None


def scroll_fault(row: Row) -> str | None:
    """What is wrong unless the day's scroll numbers are 1..n."""
    if row["last"] == row["count"] == row["highest"]:
        return None
    return f"{row['count'] or 0} numbers up to {row['highest'] or 0}, and {row['last'] or 0} were given out"
