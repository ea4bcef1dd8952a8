"""The doors of every alarm: the commands by which a person ends what it is about, and what decisions end."""

from collections.abc import Mapping
from types import MappingProxyType

from ekpay_switch.domain.alarms import REVIEW_ALARMS, Alarm
from ekpay_switch.domain.decisions.case import CaseKind

_DECIDE = ("ekpay decide show PAYMENT", "ekpay decide propose PAYMENT ACTION")
_DECIDE_REFUND = ("ekpay decide show REFUND", "ekpay decide propose REFUND ACTION")
_BY_HAND = ("ekpay refunds by-hand REFUND", "ekpay refunds confirm REFUND", *_DECIDE_REFUND)
_CLOSE = ("ekpay alarms close ALARM",)
_ANSWER_DISPUTE = (
    "ekpay disputes show DISPUTE",
    "ekpay disputes represent DISPUTE",
    "ekpay disputes accept DISPUTE",
)
_ANSWER_COMPLAINT = ("ekpay complaints show COMPLAINT", "ekpay complaints answer COMPLAINT")
_END_DISPUTE = ("ekpay disputes won DISPUTE", "ekpay disputes lost DISPUTE", "ekpay disputes settle DISPUTE")
_UNIDENTIFIED = (
    "ekpay settle unidentified list",
    "ekpay settle unidentified show LINE",
    "ekpay settle unidentified link LINE TARGET",
    "ekpay settle unidentified split LINE PARTS",
    "ekpay settle unidentified return LINE",
    "ekpay settle unidentified reverse LINE",
    "ekpay settle unidentified approve LINE",
    "ekpay settle unidentified reject LINE",
)

DOORS: Mapping[Alarm, tuple[str, ...]] = MappingProxyType(
    {
        Alarm.LATE_SUCCESS: _DECIDE,
        Alarm.AMOUNT_ECHO_MISMATCH: _DECIDE,
        Alarm.LATE_ECHO_MISMATCH: _DECIDE,
        Alarm.HALF_DONE_AFTER_GIVE_BACK: _DECIDE,
        Alarm.RECEIPT_USED_TWICE: _DECIDE,
        Alarm.COLLECTED_MISMATCH: _DECIDE,
        Alarm.PAYMENT_IN_REVIEW: _DECIDE,
        Alarm.DELIVERY_STUCK: _DECIDE,
        Alarm.COLLECTION_STUCK: _DECIDE,
        Alarm.MONEY_IN_SUSPENSE: (
            *_DECIDE,
            "ekpay refunds give-back PAYMENT",
            "ekpay decide suspense ENTRY",
            "ekpay decide journal",
        ),
        Alarm.REFUND_STUCK: _DECIDE_REFUND,
        Alarm.RECEIPT_MISSING: ("ekpay receipts ask PAYMENT", *_DECIDE, *_CLOSE),
        Alarm.DECISION_WAITS: ("ekpay decide approve DECISION", "ekpay decide reject DECISION"),
        Alarm.REFUND_WAITS_FOR_APPROVAL: ("ekpay refunds approve REFUND", "ekpay refunds reject REFUND"),
        Alarm.REFUND_NEEDS_A_PERSON: _BY_HAND,
        Alarm.HELD_FOR_RISK: _DECIDE,
        Alarm.HELD_ENDED_OTHERWISE: (
            "ekpay refunds chargeback PAYMENT",
            "ekpay refunds list",
            *_DECIDE_REFUND,
            *_CLOSE,
        ),
        Alarm.PAID_TWICE: ("ekpay refunds list", *_BY_HAND, *_DECIDE),
        Alarm.UNEXPECTED_MONEY: ("ekpay refunds list", *_BY_HAND),
        Alarm.PAID_BACK_AT_DESK: ("ekpay refunds give-back PAYMENT", *_CLOSE),
        Alarm.CHARGEBACK_BEYOND_THE_BILL: ("ekpay decide journal", *_CLOSE),
        Alarm.DISPUTE_NOTIFIED: (*_ANSWER_DISPUTE, "ekpay disputes held DISPUTE"),
        Alarm.DISPUTE_EVIDENCE_DUE: _ANSWER_DISPUTE,
        Alarm.DISPUTE_UNANSWERED: (*_ANSWER_DISPUTE, *_END_DISPUTE),
        Alarm.DISPUTE_UNDECIDED: ("ekpay disputes evidence DISPUTE", *_END_DISPUTE),
        Alarm.DISPUTE_WAITS_FOR_APPROVAL: ("ekpay disputes approve DISPUTE", "ekpay disputes reject DISPUTE"),
        Alarm.DISPUTE_MONEY_NOT_TAKEN: ("ekpay disputes held DISPUTE", "ekpay disputes settle DISPUTE"),
        Alarm.LATE_REFUND: (
            "ekpay refunds withdraw REFUND",
            *_DECIDE_REFUND,
            "ekpay decide journal",
            *_CLOSE,
        ),
        Alarm.LATE_APPROVAL: _CLOSE,
        Alarm.REVERSAL_NOT_KNOWN: _CLOSE,
        Alarm.REVERSAL_NOT_CONFIRMED: _CLOSE,
        Alarm.FILE_NEEDS_A_PERSON: (*_DECIDE, *_CLOSE),
        Alarm.SHUT_OUT: ("ekpay billers certify BILLER", *_CLOSE),
        Alarm.NOTIFICATION_ENDPOINT_DISABLED: ("ekpay notifications endpoints enable ENDPOINT",),
        Alarm.IPNS_NOT_TAKEN: ("ekpay notifications ipns replay", *_CLOSE),
        Alarm.TRANSFER_WAITS: (
            "ekpay partners top-ups",
            "ekpay partners approve TOP_UP",
            "ekpay partners reject TOP_UP",
            "ekpay billers transfers",
            "ekpay billers approve-deposit DEPOSIT",
            "ekpay billers reject-deposit DEPOSIT",
        ),
        Alarm.CART_STUCK: (
            "ekpay carts show CART",
            "ekpay decide show PAYMENT",
            "ekpay refunds ask PAYMENT",
            *_CLOSE,
        ),
        Alarm.BREAKS_OPEN: (
            "ekpay reconcile breaks",
            "ekpay reconcile resolve BREAK",
            "ekpay reconcile approve RESOLUTION",
        ),
        Alarm.PAYOUT_CONTRADICTED: ("ekpay settle credits", "ekpay settle decide INSTRUCTION"),
        Alarm.PAYOUT_WAITS: (
            "ekpay settle withdrawals list",
            "ekpay settle withdrawals approve NO",
            "ekpay settle sweep approve NO",
            "ekpay settle topup approve NO",
            "ekpay settle withdrawals reject NO",
            "ekpay settle withdrawals cancel NO",
            "ekpay settle accounts list",
            "ekpay settle accounts approve NO",
            "ekpay settle accounts stop NO",
            "ekpay settle debts approve NO",
            "ekpay settle debts reject NO",
        ),
        Alarm.DEMAND_OVERDUE: (
            "ekpay settle debts",
            "ekpay settle debts paper NO",
            "ekpay settle unidentified link LINE TARGET",
            "ekpay settle debts write-off NO",
            "ekpay settle debts withdraw NO",
        ),
        Alarm.DEPOSIT_LOW: (
            "ekpay settle deposits",
            "ekpay settle topup ask BILLER",
            "ekpay settle topup approve NO",
            "ekpay billers deposit BILLER",
        ),
        Alarm.UNIDENTIFIED_CREDIT: _UNIDENTIFIED,
        Alarm.UNIDENTIFIED_DEBIT: _UNIDENTIFIED,
        Alarm.MERCHANT_OWES: ("ekpay decide journal",),
        Alarm.WORKER_SILENT: ("ekpay worker",),
        Alarm.DATABASE_RESTORED: (
            "ekpay restore status",
            "ekpay restore check",
            "ekpay restore release RESTORE",
            "ekpay restore approve RESTORE",
        ),
        Alarm.TEXT_MESSAGES_WAIT: ("ekpay text-messages list", "ekpay doctor"),
        Alarm.TEXT_MESSAGES_CAPPED: ("ekpay text-messages list", *_CLOSE),
        Alarm.COMPLAINT_WAITS: _ANSWER_COMPLAINT,
        Alarm.COMPLAINT_ESCALATED: _ANSWER_COMPLAINT,
        Alarm.STAFF_RECOVERED: ("ekpay staff list", "ekpay staff disable NAME", *_CLOSE),
    }
)

DECIDED: Mapping[CaseKind, frozenset[Alarm]] = MappingProxyType(
    {
        CaseKind.REVIEW: frozenset({*REVIEW_ALARMS, Alarm.MONEY_IN_SUSPENSE}),
        CaseKind.HELD: frozenset({Alarm.HELD_FOR_RISK}),
        CaseKind.STUCK_COLLECTION: frozenset({Alarm.COLLECTION_STUCK, Alarm.FILE_NEEDS_A_PERSON}),
        CaseKind.STUCK_DELIVERY: frozenset({Alarm.DELIVERY_STUCK, Alarm.FILE_NEEDS_A_PERSON}),
        CaseKind.MISMATCHED_MONEY: frozenset({Alarm.MONEY_IN_SUSPENSE, Alarm.COLLECTED_MISMATCH}),
        CaseKind.DOUBTFUL_REFUND: frozenset(
            {Alarm.REFUND_STUCK, Alarm.FILE_NEEDS_A_PERSON, Alarm.REFUND_NEEDS_A_PERSON}
        ),
        CaseKind.MISSING_RECEIPT: frozenset({Alarm.RECEIPT_MISSING}),
        # The sweep ends its alarms, which may be about booked money as well.
        CaseKind.UNBOOKED_MONEY: frozenset(),
        CaseKind.COMPLETED: frozenset(),
        CaseKind.JOURNAL: frozenset(),
    }
)
"""The alarms about its subject that a decision about a case answers; it ends no other one."""
