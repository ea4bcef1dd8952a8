"""Who moves each state on: the switch by itself, a person, or nobody because it is final.

Every state and sub-state of every record of money stands here once (architecture law 16). A test compares the
table with the enums, and fails for one that waits on a person without an alarm and a door. It is drawn into
docs/payment-states.md.
"""

from dataclasses import dataclass
from enum import StrEnum

from ekpay_switch.domain.alarms import REVIEW_ALARMS, Alarm


class Mover(StrEnum):
    """Who moves a state on; the comment of each member says what follows."""

    SWITCH = "the switch"  # a job goes on with it by itself; an alarm tells if it lasts too long
    PERSON = "a person"  # nothing further happens by itself, and money is not final: alarm and door
    NOBODY = "nobody"  # it is final


@dataclass(frozen=True, slots=True)
class MovedState:
    """One state: its record, the state or sub-state, who moves it on and how.

    `alarms` are raised while it waits on a person, or once the switch has not moved it for a long time.
    """

    record: str
    state: str
    mover: Mover
    how: str
    alarms: tuple[Alarm, ...] = ()


def _switch(record: str, state: str, how: str, *alarms: Alarm) -> MovedState:
    return MovedState(record, state, Mover.SWITCH, how, alarms)


def _person(record: str, state: str, how: str, *alarms: Alarm) -> MovedState:
    return MovedState(record, state, Mover.PERSON, how, alarms)


def _final(record: str, state: str, how: str = "final") -> MovedState:
    return MovedState(record, state, Mover.NOBODY, how)


MOVED_STATES: tuple[MovedState, ...] = (
    _switch("payment", "created", "expires with its quote"),
    _switch("payment", "collecting", "its tries are asked about", Alarm.COLLECTION_STUCK),
    _switch("payment", "funded", "is delivered, or goes back once its quote has expired"),
    _switch("payment", "delivering", "its biller is asked about it", Alarm.DELIVERY_STUCK, Alarm.SHUT_OUT),
    _final("payment", "completed"),
    _person("payment", "completed, its receipt late", "the biller is asked no more", Alarm.RECEIPT_MISSING),
    _final("payment", "declined"),
    _final("payment", "expired"),
    _switch("payment", "refunding", "its refund goes on"),
    _final("payment", "refunded"),
    _switch(
        "payment",
        "refunded, being undone at its biller",
        "the biller does so, or its review goes on",
        Alarm.DELIVERY_STUCK,
    ),
    _person(
        "payment",
        "in_review",
        "two persons decide",
        *REVIEW_ALARMS,
    ),
    _person("payment", "said otherwise by a file", "its institution is asked", Alarm.FILE_NEEDS_A_PERSON),
    _switch("try", "open", "its connector is asked about it", Alarm.COLLECTION_STUCK),
    _person("try", "held for risk", "its connector says so, or two persons decide", Alarm.HELD_FOR_RISK),
    _person(
        "try",
        "held, and ended otherwise",
        "finance charges it back, or decides its refund",
        Alarm.HELD_ENDED_OTHERWISE,
    ),
    _person("try", "paid twice", "finance pays the further money by hand", Alarm.PAID_TWICE),
    _person(
        "try",
        "with unbooked money",
        "its connector confirms it, or two persons decide",
        Alarm.PAID_TWICE,
        Alarm.COLLECTED_MISMATCH,
    ),
    _switch("try", "abandoned", "its connector is asked until its page has expired"),
    _final("try", "approved"),
    _final("try", "declined"),
    _final("try", "unreached"),
    _final("try", "no_page"),
    _final("try", "never_paid"),
    _final("try", "lapsed"),
    _person("try", "disagreed", "its money stands in suspense", Alarm.MONEY_IN_SUSPENSE),
    _switch("try", "second_success", "its refund goes on", Alarm.UNEXPECTED_MONEY, Alarm.MONEY_IN_SUSPENSE),
    _person(
        "try",
        "paid back at the desk",
        "its break is finished, or its money goes back",
        Alarm.PAID_BACK_AT_DESK,
    ),
    _person("try", "with a further movement", "finance pays it by hand", Alarm.COLLECTED_MISMATCH),
    _person("refund", "asked", "a second person approves or rejects", Alarm.REFUND_WAITS_FOR_APPROVAL),
    _switch("refund", "approved", "is sent to its connector", Alarm.REFUND_STUCK),
    _switch("refund", "sent", "its connector is asked", Alarm.REFUND_STUCK),
    _switch("refund", "in_doubt", "its connector is asked", Alarm.REFUND_STUCK),
    _final("refund", "done", "final, but a won dispute returns a chargeback"),
    _switch("refund", "held", "its dispute goes on"),
    _final("refund", "returned"),
    _person("refund", "given back after all", "it failed here and was given there", Alarm.LATE_REFUND),
    _person(
        "refund",
        "a chargeback beyond the bill",
        "its claim is collected, or written off",
        Alarm.CHARGEBACK_BEYOND_THE_BILL,
    ),
    _final("refund", "failed"),
    _person("refund", "by_hand", "finance pays it, and another confirms", Alarm.REFUND_NEEDS_A_PERSON),
    _final("refund", "rejected"),
    _person(
        "dispute",
        "notified",
        "somebody answers it, or two persons accept it",
        Alarm.DISPUTE_NOTIFIED,
        Alarm.DISPUTE_EVIDENCE_DUE,
        Alarm.DISPUTE_UNANSWERED,
    ),
    _person(
        "dispute",
        "evidence_due",
        "somebody answers it, or two persons accept it",
        Alarm.DISPUTE_EVIDENCE_DUE,
        Alarm.DISPUTE_UNANSWERED,
    ),
    _person("dispute", "represented", "two persons say what its connector decided", Alarm.DISPUTE_UNDECIDED),
    _person("dispute", "proposed", "a second person approves or rejects", Alarm.DISPUTE_WAITS_FOR_APPROVAL),
    _person(
        "dispute",
        "against us, its money not taken",
        "two persons say that the connector took it, or what settled it",
        Alarm.DISPUTE_MONEY_NOT_TAKEN,
    ),
    _final("dispute", "accepted", "final, but a further round may be opened"),
    _final("dispute", "won", "final, but a further round may be opened"),
    _final("dispute", "lost", "final, but a further round may be opened"),
    _final("dispute", "settled"),
    _switch("host message", "waiting", "is sent, or withdrawn once its deadline is over"),
    _final("host message", "withdrawn"),
    _switch("host message", "taken", "is reversed unless an answer comes"),
    _final("host message", "answered", "its payment goes on"),
    _person(
        "host message", "approved too late", "the bank's file must show it reversed", Alarm.LATE_APPROVAL
    ),
    _switch("host message", "reversing", "its reversal is repeated", Alarm.REVERSAL_NOT_CONFIRMED),
    _person("host message", "not known to be reversed", "the bank is asked", Alarm.REVERSAL_NOT_KNOWN),
    _final("host message", "reversed"),
    _switch("notification", "waiting", "is sent again"),
    _final("notification", "delivered"),
    _person(
        "notification",
        "given_up",
        "its partner mends the endpoint",
        Alarm.NOTIFICATION_ENDPOINT_DISABLED,
        Alarm.IPNS_NOT_TAKEN,
    ),
    _final("notification", "unwanted"),
    _switch("challan line", "open", "its payment goes on"),
    _final("challan line", "paid"),
    _final("challan line", "moved_back"),
    _person("decision", "waiting", "a second person approves or rejects", Alarm.DECISION_WAITS),
    _final("decision", "approved"),
    _final("decision", "rejected"),
    _final("decision", "lapsed"),
    _person(
        "entry",
        "in suspense without a payment",
        "two persons link, split or return it",
        Alarm.MONEY_IN_SUSPENSE,
    ),
    _person("break", "open", "two persons resolve it", Alarm.BREAKS_OPEN),
    _person("break", "proposed", "a further person approves or rejects", Alarm.BREAKS_OPEN),
    _final("break", "resolved"),
    _final("break", "closed"),
    _person(
        "instruction",
        "rejected and executed",
        "two persons ask the bank and decide",
        Alarm.PAYOUT_CONTRADICTED,
    ),
    _person("withdrawal", "waits", "a second person approves or rejects", Alarm.PAYOUT_WAITS),
    _switch("withdrawal", "due", "the next value date that is settled pays it"),
    _person(
        "withdrawal", "due, without a way", "its account is changed, or it is cancelled", Alarm.PAYOUT_WAITS
    ),
    _switch("withdrawal", "instructed", "the bank's statement books it, or it is due again"),
    _final("withdrawal", "paid"),
    _final("withdrawal", "rejected"),
    _final("withdrawal", "cancelled", "final: back where it was held"),
    _person("demand", "waits", "a second person approves or rejects", Alarm.PAYOUT_WAITS),
    _switch("demand", "open", "its payment is linked to it, or later sheets set it off"),
    _person(
        "demand",
        "overdue",
        "the payee pays, or two persons write it off or withdraw it",
        Alarm.DEMAND_OVERDUE,
    ),
    _final("demand", "rejected"),
    _final("demand", "paid"),
    _final("demand", "set_off"),
    _final("demand", "written_off"),
    _final("demand", "withdrawn"),
    _person("account change", "waits", "a second person approves, or anybody stops it", Alarm.PAYOUT_WAITS),
    _switch("account change", "cooling", "is valid once its cooling time is over, or is stopped"),
    _final("account change", "valid"),
    _final("account change", "stopped"),
    _person(
        "unidentified line",
        "open",
        "two persons link, split or return it",
        Alarm.UNIDENTIFIED_CREDIT,
        Alarm.UNIDENTIFIED_DEBIT,
    ),
    _person(
        "unidentified line",
        "proposed",
        "a second person approves or rejects",
        Alarm.UNIDENTIFIED_CREDIT,
        Alarm.UNIDENTIFIED_DEBIT,
    ),
    _person(
        "unidentified line",
        "missing",
        "two persons reverse what they decided",
        Alarm.UNIDENTIFIED_CREDIT,
        Alarm.UNIDENTIFIED_DEBIT,
    ),
    _final("unidentified line", "settled"),
    _final("unidentified line", "taken", "a decision about a break has booked the line"),
    _final(
        "unidentified line",
        "gone",
        "no line of the statement, or one that our books or a request explain",
    ),
    _person("top-up", "asked", "a second person approves or rejects", Alarm.TRANSFER_WAITS),
    _final("top-up", "approved"),
    _final("top-up", "rejected"),
    _person("top-up", "reversal asked", "a second person approves or rejects", Alarm.TRANSFER_WAITS),
    _person("deposit", "asked", "a second person approves or rejects", Alarm.TRANSFER_WAITS),
    _final("deposit", "approved"),
    _final("deposit", "rejected"),
    _person("deposit", "low, and nothing on its way", "two persons top it up", Alarm.DEPOSIT_LOW),
    _person("deposit", "reversal asked", "a second person approves or rejects", Alarm.TRANSFER_WAITS),
    _person("worker", "silent", "an operator starts it", Alarm.WORKER_SILENT),
    _person(
        "database",
        "restored",
        "what was lost is asked back, and two persons release it",
        Alarm.DATABASE_RESTORED,
    ),
    _person("staff", "recovered", "somebody of finance finds out why", Alarm.STAFF_RECOVERED),
    _switch("text message", "waiting", "the gateway takes it", Alarm.TEXT_MESSAGES_WAIT),
    _person(
        "text messages",
        "requested beyond the limit of all",
        "fewer are requested, or an operator raises the limit",
        Alarm.TEXT_MESSAGES_CAPPED,
    ),
    _final("text message", "sent"),
    _final("text message", "refused", "the gateway will never take this number or text"),
    _final("text message", "lapsed", "its code would have expired"),
    _person("complaint", "waiting", "a person of finance answers it", Alarm.COMPLAINT_WAITS),
    _person(
        "complaint",
        "escalated: late, or its payer wrote again",
        "somebody who has not answered it before answers it",
        Alarm.COMPLAINT_ESCALATED,
    ),
    _final("complaint", "answered", "its payer may write again"),
    _person("merchant", "in debt", "sales set it off, or the merchant pays", Alarm.MERCHANT_OWES),
    _switch("bill of a cart", "open", "is paid from the prefund of the portal", Alarm.CART_STUCK),
    _final("bill of a cart", "paid"),
    _switch("bill of a cart", "given_back", "the payment of its cart is refunded", Alarm.CART_STUCK),
)
