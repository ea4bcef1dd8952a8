# ruff: noqa: S608 - every part of the queries is a constant
"""The states in which money waits on a person, each as a query: what raises an alarm, and while it is open.

The queries are the net below the flows: a state that has its alarm from the transaction that led to it is not
raised again, one that has none gets it within a minute, and an alarm whose state is over ends by evidence.
Each query returns the subject, its payment or null, the amount in paisa or null, and since when.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ekpay_switch.domain.alarms import REVIEW_ALARMS, TEXT_MESSAGES, Alarm
from ekpay_switch.domain.carts.bill_cart import PORTAL
from ekpay_switch.domain.disputes.dispute import AGAINST_US, UNANSWERED
from ekpay_switch.domain.payments.delivery import FINAL_RECEIPT, UNDO_WANTED
from ekpay_switch.persistence.alarms.rows import TODAY
from ekpay_switch.persistence.ledger.suspense_items import ENTRIES_WITH_REMAINDER
from ekpay_switch.persistence.schema.books import one_of
from ekpay_switch.persistence.schema.collections import IS_UNBOOKED
from ekpay_switch.persistence.schema.restores import IS_OPEN
from ekpay_switch.persistence.schema.upkeep import OPEN, UNSCHEDULED
from ekpay_switch.persistence.worker_mark import WORKER_SILENT

# Alarms that the reconciliation raises and ends in its own transactions (`ports.finance.AlarmBooks`). No
# query of the core tells when they are over, so the sweep leaves them alone and nobody closes one.
ENDED_BY_WING = frozenset(
    {
        Alarm.BREAKS_OPEN,
        Alarm.DEMAND_OVERDUE,
        Alarm.PAYOUT_CONTRADICTED,
        Alarm.PAYOUT_WAITS,
        Alarm.UNIDENTIFIED_CREDIT,
        Alarm.UNIDENTIFIED_DEBIT,
    }
)

# Alarms that the watch of deposits raises and ends (`persistence.ledger.deposit_watch`): it keeps the sums of
# vends, which no query of a sweep could read every minute.
ENDED_BY_DEPOSIT_WATCH = frozenset({Alarm.DEPOSIT_LOW})

# How many days before its deadline a dispute that nobody has answered is told of.
EVIDENCE_DUE_DAYS = 3


@dataclass(frozen=True, slots=True)
class Watch:
    """One such state.

    `waiting` selects the subjects that are in it. Where `raises` is false, only the flows raise its alarm,
    and the query just ends it. Where `is_closable`, its owner may close it before. `covered_by` are alarms
    about the same subject that are as good as this one.
    """

    waiting: str
    raises: bool = True
    is_closable: bool = False
    covered_by: frozenset[Alarm] = frozenset()


_PAYMENT = "'payment ' || p.id AS subject, p.id AS payment_id, NULL::bigint AS amount, p.updated_at AS since"
_REFUND = "'refund ' || r.id AS subject, r.payment_id, r.amount, {since} AS since"
_ASKED_SINCE = _REFUND.format(since="r.created_at")
# A person may have taken days to approve it; one that nobody has to approve is approved as it is written.
_APPROVED_SINCE = _REFUND.format(
    since="coalesce((SELECT max(h.at) FROM refund_history AS h"
    " WHERE h.refund_id = r.id AND h.event = 'approved'), r.created_at)"
)
_COMPLAINT = f"""
SELECT 'complaint ' || c.number AS subject, o.payment_id, NULL::bigint AS amount, {{since}} AS since
FROM complaints AS c LEFT JOIN merchant_orders AS o ON o.partner_id = '{PORTAL}'
  AND o.trnx_id = replace(c.cart_id::text, '-', '')
WHERE c.state = 'waiting' AND {{which}}
"""
_IN_REVIEW = f"SELECT {_PAYMENT} FROM payments AS p WHERE p.state = 'in_review'"
# Two partial indexes together contain every open payment (`schema.upkeep`).
_OPEN = f"""
(SELECT * FROM payments WHERE {OPEN} AND next_action_at IS NOT NULL
 UNION ALL SELECT * FROM payments WHERE {UNSCHEDULED}) AS p
"""
# Money that differs from its order, or that its payment did not wait for, and that is not being given back;
# what finance owes for a break has its own alarm.
_IN_SUSPENSE = """
SELECT 'payment ' || t.payment_id AS subject, t.payment_id,
  sum(t.collected - t.refunded - t.charged_back)::bigint AS amount, min(t.collected_at) AS since
FROM tries AS t JOIN attempts AS a ON a.id = t.attempt_id
WHERE a.outcome IN ('disagreed', 'second_success') AND t.collected > t.refunded + t.charged_back
  AND NOT EXISTS (SELECT FROM break_refunds AS b WHERE b.attempt_id = t.attempt_id AND NOT b.is_beside
    GROUP BY b.attempt_id HAVING sum(b.amount) > 0)
GROUP BY t.payment_id
"""
# Money besides what a try has collected, until finance has paid it back.
_FURTHER = """
SELECT 'payment ' || r.payment_id AS subject, r.payment_id, NULL::bigint AS amount, r.created_at AS since
FROM refunds AS r WHERE r.further_movement_id IS NOT NULL
  AND (r.next_action_at IS NOT NULL OR r.state = 'by_hand')
"""
# Money that a connector tells and no account has, until it is booked after all or two persons have decided.
_UNBOOKED = f"""
SELECT 'payment ' || t.payment_id AS subject, t.payment_id, NULL::bigint AS amount, u.told_at AS since
FROM unbooked_movements AS u JOIN tries AS t ON t.attempt_id = u.attempt_id WHERE {IS_UNBOOKED}
"""
# Late money of a try that finance owes back for a break: until the break or a refund ends it.
_PAID_AT_DESK = """
SELECT a.subject, a.payment_id, a.amount, a.raised_at AS since FROM alarms AS a
WHERE a.kind = 'paid_back_at_desk' AND a.ended_at IS NULL AND EXISTS (
  SELECT FROM tries AS t JOIN break_refunds AS b ON b.attempt_id = t.attempt_id
  WHERE t.payment_id = a.payment_id AND t.collected > t.refunded AND NOT b.is_beside
  GROUP BY t.attempt_id HAVING sum(b.amount) > 0)
"""
# What a file says otherwise of has not moved since.
_UNMOVED = """
SELECT a.subject, a.payment_id, a.amount, a.raised_at AS since
FROM alarms AS a JOIN payments AS p ON p.id = a.payment_id
WHERE a.kind = 'file_needs_a_person' AND a.ended_at IS NULL AND (
  (starts_with(a.subject, 'payment ') AND p.updated_at < a.last_raised_at)
  OR EXISTS (SELECT FROM refunds AS r WHERE r.payment_id = a.payment_id AND 'refund ' || r.id = a.subject
    AND r.state IN ('sent', 'in_doubt')))
"""
_NOT_TAKEN = """
SELECT a.subject, NULL::uuid AS payment_id, NULL::bigint AS amount, a.raised_at AS since
FROM alarms AS a JOIN notification_endpoints AS e ON a.subject = 'endpoint ' || e.id
WHERE a.kind = 'ipns_not_taken' AND a.ended_at IS NULL AND e.given_up_in_a_row > 0
"""
# The biller has not answered about the payment over which it was raised last, and that is to be asked about.
_SHUT_OUT = """
SELECT s.subject, NULL::uuid AS payment_id, NULL::bigint AS amount, now() AS since
FROM alarms AS s JOIN payments AS p ON p.id = s.payment_id
WHERE s.kind = 'shut_out' AND s.ended_at IS NULL AND p.next_action_at IS NOT NULL
  AND NOT EXISTS (SELECT FROM evidence AS e
    WHERE e.payment_id = p.id AND e.kind = 'inquiry' AND e.at > s.last_raised_at)
  AND NOT EXISTS (SELECT FROM history AS h WHERE h.payment_id = p.id AND h.at > s.last_raised_at
    AND h.event IN ('biller_acknowledged', 'biller_refused', 'proven_not_posted'))
"""
_DISPUTE = "SELECT 'dispute ' || d.id AS subject, d.payment_id, d.amount, {since} AS since FROM disputes AS d"
_UNANSWERED = f"{_DISPUTE.format(since='d.updated_at')} WHERE {one_of('d.state', UNANSWERED)}"

WATCHES: Mapping[Alarm, Watch] = MappingProxyType(
    {
        Alarm.PAYMENT_IN_REVIEW: Watch(_IN_REVIEW, covered_by=frozenset(REVIEW_ALARMS)),
        **dict.fromkeys(
            sorted(frozenset(REVIEW_ALARMS) - {Alarm.PAYMENT_IN_REVIEW, Alarm.COLLECTED_MISMATCH}),
            Watch(_IN_REVIEW, raises=False),
        ),
        Alarm.COLLECTED_MISMATCH: Watch(
            f"{_IN_REVIEW} UNION SELECT subject, payment_id, NULL, since FROM ({_IN_SUSPENSE}) AS s"
            f" UNION {_FURTHER} UNION {_UNBOOKED}",
            raises=False,
        ),
        Alarm.HELD_FOR_RISK: Watch(
            "SELECT 'payment ' || t.payment_id AS subject, t.payment_id, NULL::bigint AS amount,"
            " t.held_at AS since FROM tries AS t WHERE t.held_at IS NOT NULL"
        ),
        Alarm.PAID_TWICE: Watch(
            f"{_FURTHER} UNION {_UNBOOKED}", covered_by=frozenset({Alarm.COLLECTED_MISMATCH})
        ),
        Alarm.PAID_BACK_AT_DESK: Watch(_PAID_AT_DESK, raises=False, is_closable=True),
        Alarm.MONEY_IN_SUSPENSE: Watch(
            f"{_IN_SUSPENSE} UNION ALL {ENTRIES_WITH_REMAINDER}", covered_by=frozenset(REVIEW_ALARMS)
        ),
        Alarm.DELIVERY_STUCK: Watch(
            f"SELECT {_PAYMENT} FROM {_OPEN} WHERE p.state = 'delivering'"
            f" UNION ALL SELECT {_PAYMENT} FROM payments AS p WHERE p.state = 'refunded'"
            f" AND p.next_action_at IS NOT NULL AND p.facts ? '{UNDO_WANTED}'"
        ),
        Alarm.COLLECTION_STUCK: Watch(f"SELECT {_PAYMENT} FROM {_OPEN} WHERE p.state = 'collecting'"),
        Alarm.REFUND_STUCK: Watch(
            f"SELECT {_APPROVED_SINCE} FROM refunds AS r"
            " WHERE r.state IN ('approved', 'sent', 'in_doubt') AND r.next_action_at IS NOT NULL"
        ),
        Alarm.REFUND_WAITS_FOR_APPROVAL: Watch(
            f"SELECT {_ASKED_SINCE} FROM refunds AS r WHERE r.state = 'asked'"
        ),
        Alarm.REFUND_NEEDS_A_PERSON: Watch(
            f"SELECT {_ASKED_SINCE} FROM refunds AS r WHERE r.state = 'by_hand'"
        ),
        Alarm.DISPUTE_NOTIFIED: Watch(
            f"{_DISPUTE.format(since='d.updated_at')} WHERE d.state = 'notified'",
            covered_by=frozenset({Alarm.DISPUTE_EVIDENCE_DUE, Alarm.DISPUTE_UNANSWERED}),
        ),
        Alarm.DISPUTE_EVIDENCE_DUE: Watch(
            f"{_UNANSWERED} AND d.answer_due_on BETWEEN {TODAY} AND {TODAY} + {EVIDENCE_DUE_DAYS}"
        ),
        Alarm.DISPUTE_UNANSWERED: Watch(f"{_UNANSWERED} AND d.answer_due_on < {TODAY}"),
        Alarm.DISPUTE_UNDECIDED: Watch(
            f"{_DISPUTE.format(since='d.updated_at')} WHERE d.state = 'represented'"
        ),
        Alarm.DISPUTE_WAITS_FOR_APPROVAL: Watch(
            f"{_DISPUTE.format(since='d.proposed_at')} WHERE d.proposed_event IS NOT NULL"
        ),
        Alarm.DISPUTE_MONEY_NOT_TAKEN: Watch(
            f"{_DISPUTE.format(since='d.updated_at')} WHERE d.refund_id IS NULL"
            f" AND {one_of('d.state', AGAINST_US)}"
        ),
        Alarm.UNEXPECTED_MONEY: Watch(
            "SELECT 'payment ' || r.payment_id AS subject, r.payment_id, r.amount, r.created_at AS since"
            " FROM refunds AS r WHERE r.kind = 'unexpected'"
            " AND (r.next_action_at IS NOT NULL OR r.state IN ('asked', 'by_hand'))",
            raises=False,
        ),
        Alarm.FILE_NEEDS_A_PERSON: Watch(_UNMOVED, raises=False, is_closable=True),
        Alarm.RECEIPT_MISSING: Watch(
            "SELECT a.subject, a.payment_id, NULL::bigint AS amount, now() AS since FROM alarms AS a"
            " JOIN payments AS p ON p.id = a.payment_id WHERE a.kind = 'receipt_missing'"
            f" AND a.ended_at IS NULL AND NOT p.facts ? '{FINAL_RECEIPT}'",
            raises=False,
            is_closable=True,
        ),
        Alarm.NOTIFICATION_ENDPOINT_DISABLED: Watch(
            "SELECT 'endpoint ' || e.id AS subject, NULL::uuid AS payment_id, NULL::bigint AS amount,"
            " now() AS since FROM notification_endpoints AS e WHERE e.state = 'disabled'"
            " AND e.disabled_why IS NOT NULL",
            raises=False,
        ),
        Alarm.IPNS_NOT_TAKEN: Watch(_NOT_TAKEN, raises=False, is_closable=True),
        Alarm.SHUT_OUT: Watch(_SHUT_OUT, raises=False, is_closable=True),
        Alarm.REVERSAL_NOT_CONFIRMED: Watch(
            "SELECT 'payment ' || m.payment_id AS subject, m.payment_id, NULL::bigint AS amount,"
            " now() AS since FROM host_messages AS m WHERE m.state = 'reversing'",
            raises=False,
            is_closable=True,
        ),
        Alarm.DECISION_WAITS: Watch(
            "SELECT 'decision ' || d.id AS subject, d.payment_id, d.amount, d.proposed_at AS since"
            " FROM decisions AS d WHERE num_nonnulls(d.approved_at, d.rejected_at, d.lapsed_at) = 0"
        ),
        Alarm.TRANSFER_WAITS: Watch(
            "SELECT 'transfer ' || w.id AS subject, NULL::uuid AS payment_id, w.amount, w.since FROM ("
            "SELECT id, amount, asked_at AS since FROM top_ups"
            " WHERE num_nonnulls(approved_by, rejected_by) = 0"
            " UNION ALL SELECT id, amount, asked_at FROM deposit_transfers"
            " WHERE num_nonnulls(approved_by, rejected_by) = 0"
            " UNION ALL SELECT id, NULL, asked_at FROM transfer_reversals"
            " WHERE num_nonnulls(approved_by, rejected_by) = 0) AS w"
        ),
        # The web process raises it (`AlarmUpkeep.sweep_worker`): a sweep is done by a worker that works.
        Alarm.WORKER_SILENT: Watch(WORKER_SILENT, raises=False),
        Alarm.DATABASE_RESTORED: Watch(
            "SELECT 'restore ' || r.id AS subject, NULL::uuid AS payment_id, NULL::bigint AS amount,"
            f" r.found_at AS since FROM restores AS r WHERE {IS_OPEN}"
        ),
        Alarm.CART_STUCK: Watch(
            "SELECT 'cart ' || c.id AS subject, o.payment_id, NULL::bigint AS amount,"
            # What waits in stand-in is not stuck before the time that its payer was told.
            " greatest(c.ordered_at, (SELECT max(until) FROM stand_in_tries AS t WHERE t.cart_id = c.id))"
            " AS since FROM cart_work AS w JOIN bill_carts AS c ON c.id = w.cart_id"
            f" JOIN merchant_orders AS o ON o.partner_id = '{PORTAL}'"
            " AND o.trnx_id = replace(c.id::text, '-', '') WHERE w.next_action_at IS NOT NULL",
            is_closable=True,
        ),
        Alarm.TEXT_MESSAGES_WAIT: Watch(
            f"SELECT '{TEXT_MESSAGES}' AS subject, NULL::uuid AS payment_id, NULL::bigint AS amount,"
            " min(m.created_at) AS since FROM text_messages AS m WHERE m.next_try_at IS NOT NULL"
            " HAVING count(*) > 0"
        ),
        # The limit itself raises it (`citizens.message_limits`), and it ends once the bucket is full again.
        Alarm.TEXT_MESSAGES_CAPPED: Watch(
            f"SELECT '{TEXT_MESSAGES}' AS subject, NULL::uuid AS payment_id, NULL::bigint AS amount,"
            " now() AS since FROM message_permits AS b WHERE b.holder LIKE 'all:%' AND b.free_at > now()",
            raises=False,
            is_closable=True,
        ),
        Alarm.COMPLAINT_WAITS: Watch(
            _COMPLAINT.format(since="c.waits_since", which="c.escalated_at IS NULL"),
            covered_by=frozenset({Alarm.COMPLAINT_ESCALATED}),
        ),
        Alarm.COMPLAINT_ESCALATED: Watch(
            _COMPLAINT.format(
                since="coalesce(c.escalated_at, c.due_on)",
                which=f"(c.escalated_at IS NOT NULL OR c.due_on < {TODAY})",
            )
        ),
        Alarm.MERCHANT_OWES: Watch(
            "SELECT 'merchant ' || m.partner_id AS subject, NULL::uuid AS payment_id, -m.owed AS amount,"
            " now() AS since FROM merchants AS m WHERE m.owed < 0"
        ),
    }
)
