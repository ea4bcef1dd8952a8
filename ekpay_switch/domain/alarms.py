"""Every alarm that can be raised, its meaning, and the row that it is kept as.

An alarm is a row that is written in the transaction of what raises it, so that no crash loses one
(architecture law 16). One that is raised again while it is open is the same row with a higher count. Who owns
it and when it is due stand in config/alarms.toml.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID


class Alarm(StrEnum):
    """The name of an alarm."""

    LATE_SUCCESS = "late_success"
    AMOUNT_ECHO_MISMATCH = "amount_echo_mismatch"
    LATE_ECHO_MISMATCH = "late_echo_mismatch"
    HALF_DONE_AFTER_GIVE_BACK = "half_done_after_give_back"
    NOTIFICATION_ENDPOINT_DISABLED = "notification_endpoint_disabled"
    IPNS_NOT_TAKEN = "ipns_not_taken"
    RECEIPT_USED_TWICE = "receipt_used_twice"
    UNEXPECTED_MONEY = "unexpected_money"
    PAID_BACK_AT_DESK = "paid_back_at_desk"
    COLLECTED_MISMATCH = "collected_mismatch"
    REFUND_NEEDS_A_PERSON = "refund_needs_a_person"
    LATE_REFUND = "late_refund"
    CHARGEBACK_BEYOND_THE_BILL = "chargeback_beyond_the_bill"
    DISPUTE_NOTIFIED = "dispute_notified"
    DISPUTE_EVIDENCE_DUE = "dispute_evidence_due"
    DISPUTE_UNANSWERED = "dispute_unanswered"
    DISPUTE_UNDECIDED = "dispute_undecided"
    DISPUTE_WAITS_FOR_APPROVAL = "dispute_waits_for_approval"
    DISPUTE_MONEY_NOT_TAKEN = "dispute_money_not_taken"
    LATE_APPROVAL = "late_approval"
    REVERSAL_NOT_KNOWN = "reversal_not_known"
    REVERSAL_NOT_CONFIRMED = "reversal_not_confirmed"
    FILE_NEEDS_A_PERSON = "file_needs_a_person"
    SHUT_OUT = "shut_out"
    RECEIPT_MISSING = "receipt_missing"
    HELD_FOR_RISK = "held_for_risk"
    HELD_ENDED_OTHERWISE = "held_ended_otherwise"
    PAID_TWICE = "paid_twice"
    PAYMENT_IN_REVIEW = "payment_in_review"
    DELIVERY_STUCK = "delivery_stuck"
    COLLECTION_STUCK = "collection_stuck"
    REFUND_STUCK = "refund_stuck"
    REFUND_WAITS_FOR_APPROVAL = "refund_waits_for_approval"
    MONEY_IN_SUSPENSE = "money_in_suspense"
    DECISION_WAITS = "decision_waits"
    TRANSFER_WAITS = "transfer_waits"
    MERCHANT_OWES = "merchant_owes"
    CART_STUCK = "cart_stuck"
    BREAKS_OPEN = "breaks_open"
    PAYOUT_CONTRADICTED = "payout_contradicted"
    PAYOUT_WAITS = "payout_waits"
    DEMAND_OVERDUE = "demand_overdue"
    DEPOSIT_LOW = "deposit_low"
    UNIDENTIFIED_CREDIT = "unidentified_credit"
    UNIDENTIFIED_DEBIT = "unidentified_debit"
    WORKER_SILENT = "worker_silent"
    DATABASE_RESTORED = "database_restored"
    STAFF_RECOVERED = "staff_recovered"
    TEXT_MESSAGES_WAIT = "text_messages_wait"
    TEXT_MESSAGES_CAPPED = "text_messages_capped"
    COMPLAINT_WAITS = "complaint_waits"
    COMPLAINT_ESCALATED = "complaint_escalated"


REVIEW_ALARMS = (
    Alarm.PAYMENT_IN_REVIEW,
    Alarm.LATE_SUCCESS,
    Alarm.AMOUNT_ECHO_MISMATCH,
    Alarm.LATE_ECHO_MISMATCH,
    Alarm.HALF_DONE_AFTER_GIVE_BACK,
    Alarm.RECEIPT_USED_TWICE,
    Alarm.COLLECTED_MISMATCH,
)
"""The alarms of a payment in review: any of them says why two persons have to decide."""


TEXT_MESSAGES = "text messages"
"""The subject of the alarms about text messages, of which there is one each."""


class AlarmOwner(StrEnum):
    """The role of the staff that an alarm belongs to; the values are those of `staff.roles`."""

    FINANCE = "finance"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class AlarmTerms:
    """Who owns an alarm and when it is due.

    It is due after `due_business_days`, from the day on which it is raised. `after_hours` is how long a state
    that ends by itself in most cases may last before the alarm is raised; 0 where it never does.
    """

    owner: AlarmOwner
    due_business_days: int
    after_hours: float = 0.0


@dataclass(frozen=True, slots=True)
class RaisedAlarm:
    """An alarm as its row begins.

    `subject` is what it is about, and an alarm of one kind is open once for each subject. `amount` is the
    money in paisa; None: the total of its payment, if it has one.
    """

    kind: Alarm
    subject: str
    payment_id: UUID | None = None
    amount: int | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_payment(
        cls, kind: Alarm, payment_id: UUID, facts: Mapping[str, str] | None = None
    ) -> "RaisedAlarm":
        """An alarm about a payment as a whole."""
        return cls(kind, payment_subject(payment_id), payment_id, facts=dict(facts or {}))


def payment_subject(payment_id: UUID) -> str:
    """The subject of an alarm about a payment as a whole."""
    return f"payment {payment_id}"


def refund_subject(refund_id: UUID) -> str:
    """The subject of an alarm about a refund."""
    return f"refund {refund_id}"


def dispute_subject(dispute_id: int) -> str:
    """The subject of an alarm about a dispute."""
    return f"dispute {dispute_id}"


def entry_subject(entry_id: UUID) -> str:
    """The subject of an alarm about what an entry has put into suspense."""
    return f"entry {entry_id}"


def restore_subject(restore_id: UUID) -> str:
    """The subject of an alarm about a database that was restored."""
    return f"restore {restore_id}"


def breaks_subject(institution: str) -> str:
    """The subject of an alarm about all standing breaks of an institution."""
    return f"breaks {institution}"


def instruction_subject(end_to_end_id: str) -> str:
    """The subject of an alarm about an instruction to a bank."""
    return f"instruction {end_to_end_id}"


def withdrawals_subject(partner_id: str) -> str:
    """The subject of an alarm about what a partner has withdrawn and cannot be paid."""
    return f"withdrawals {partner_id}"


def deposit_subject(biller_id: str) -> str:
    """The subject of an alarm about our deposit at a utility."""
    return f"deposit {biller_id}"


def endpoint_subject(endpoint_id: UUID) -> str:
    """The subject of an alarm about an endpoint of notifications."""
    return f"endpoint {endpoint_id}"


def staff_subject(name: str) -> str:
    """The subject of an alarm about a person of the staff."""
    return f"staff {name}"


def complaint_subject(number: int) -> str:
    """The subject of an alarm about a complaint."""
    return f"complaint {number}"


def distinct_alarms(alarms: Iterable[RaisedAlarm]) -> list[RaisedAlarm]:
    """The alarms without repeats of one kind about one subject; the last of them counts."""
    return list({(alarm.kind, alarm.subject): alarm for alarm in alarms}.values())


MEANING: Mapping[Alarm, str] = MappingProxyType(
    {
        Alarm.LATE_SUCCESS: "a biller holds a payment that was given back; it is in review, "
        "and suspense says what nobody paid for",
        Alarm.AMOUNT_ECHO_MISMATCH: "a biller says another amount than we booked; the payment is in review",
        Alarm.LATE_ECHO_MISMATCH: "a biller holds a payment that was given back, and says another amount; "
        "it is in review and nothing was posted",
        Alarm.HALF_DONE_AFTER_GIVE_BACK: "a biller waits for a further step of what was given back; "
        "it is not sent, and the biller has to let go of the payment",
        Alarm.NOTIFICATION_ENDPOINT_DISABLED: "an endpoint of a partner is told nothing any more; "
        "the partner has to repair it and have it enabled",
        Alarm.IPNS_NOT_TAKEN: "a merchant did not take the IPN of a payment until its tries were used up; "
        "replay it, and those that follow it, once its address works",
        Alarm.RECEIPT_USED_TWICE: "a biller answered with a receipt that has bought another service; "
        "the payment is in review",
        Alarm.UNEXPECTED_MONEY: "a connector collected money that its payment does not wait for; "
        "it stands in suspense and is being given back",
        Alarm.PAID_BACK_AT_DESK: "a connector collected after all what finance owes or has paid back by a "
        "decision about a break; it stands in suspense and is not given back again: finish the break's "
        "decision, or reverse it and ask for the give-back",
        Alarm.COLLECTED_MISMATCH: "a connector collected something else than it was asked for; the payment "
        "is in review and the money in suspense; a further movement under one page is owed to its payer",
        Alarm.REFUND_NEEDS_A_PERSON: "money is owed to a payer and the connector does not give it back; "
        "finance has to pay it by hand",
        Alarm.LATE_REFUND: "a connector gave back what had failed, or what was left to finance; "
        "nobody may pay it by hand, and what the payer has twice or without cause is a claim in suspense",
        Alarm.CHARGEBACK_BEYOND_THE_BILL: "a connector took back more than the payee can give: our charges, "
        "or what the payer had back already; suspense below zero is the claim, and finance has to follow it",
        Alarm.DISPUTE_NOTIFIED: "a connector has told of a dispute, or of a further round of one; answer it "
        "with evidence by its deadline, or accept it",
        Alarm.DISPUTE_EVIDENCE_DUE: "the deadline for the answer to a dispute is three days away or nearer",
        Alarm.DISPUTE_UNANSWERED: "the deadline for the answer to a dispute is over without an answer; ask "
        " the connector whether it still takes evidence, or record that it is lost",
        Alarm.DISPUTE_UNDECIDED: "a connector has not said for a long time what became of a dispute that we "
        "answered; ask it, and record what it says",
        Alarm.DISPUTE_WAITS_FOR_APPROVAL: "what became of a dispute waits for a second person, who approves "
        "or rejects it",
        Alarm.DISPUTE_MONEY_NOT_TAKEN: "a dispute is lost or accepted, and the connector has not taken the "
        "money; record it once it has, or what settled the claim in another way",
        Alarm.LATE_APPROVAL: "a bank's host approved a payment that it had refused, or that was being taken "
        "back; it was not credited, and the bank's settlement file must show it as reversed",
        Alarm.REVERSAL_NOT_KNOWN: "a bank's host knows nothing of a payment that we took back; "
        "nothing was collected, and the bank's settlement file must not hold it; late approvals are reversed",
        Alarm.REVERSAL_NOT_CONFIRMED: "a bank's host does not confirm that it took a payment back; we ask "
        "again and again, and the bank's operations desk has to look",
        Alarm.FILE_NEEDS_A_PERSON: "a settlement file speaks of money in doubt and does not end the doubt: "
        "its institution says otherwise, cannot be asked, or owes a token or receipt; somebody has to ask it",
        Alarm.SHUT_OUT: "a biller was to be asked about money in doubt and does not take our login, "
        "not even one that it has just given; we ask again and again, and its operations desk has to look",
        Alarm.RECEIPT_MISSING: "a biller has not given the final receipt of a payment in time, and we ask no "
        "more; once its operations desk has looked, `ekpay receipts ask` asks again",
        Alarm.PAYMENT_IN_REVIEW: "the facts about a payment disagree, and two persons have to decide",
        Alarm.DELIVERY_STUCK: "a biller has not said for a long time whether it holds a payment, or whether "
        "it has undone one, or is not configured any more; its operations desk has to say so, and two "
        "persons decide",
        Alarm.COLLECTION_STUCK: "a connector has not said for a long time whether it collected money, or is "
        "not configured any more; its operations desk has to say so, and two persons decide",
        Alarm.REFUND_STUCK: "a connector has not said for a long time whether it gave money back, or gave "
        "back another amount; its operations desk has to say so, and two persons decide",
        Alarm.REFUND_WAITS_FOR_APPROVAL: "a refund waits for the approval of a second person",
        Alarm.MONEY_IN_SUSPENSE: "money stands in suspense: collected, and nobody has asked that it go back; "
        "or of no payment, such as a payout that was not agreed, until two persons have settled the entry",
        Alarm.DECISION_WAITS: "a decision is proposed and waits for the approval of a second person",
        Alarm.TRANSFER_WAITS: "a top-up, a deposit or the reversal of one waits for a second person",
        Alarm.MERCHANT_OWES: "a merchant owes us more than its sales have set off; it has to pay, or finance "
        "writes it off",
        Alarm.CART_STUCK: "a cart of bills was paid long ago, and a bill of it is neither paid nor refunded; "
        "see its bills. One in doubt ends by its biller's word; where a biller has no manifest any more, put "
        "it back, and the bill is paid or given back; close it where people have refunded otherwise",
        Alarm.BREAKS_OPEN: "breaks of an institution are open or proposed after a night; finance "
        "resolves each by two persons, and the alarm ends with the last of them",
        Alarm.PAYOUT_CONTRADICTED: "a bank has rejected an instruction, and accepted or executed it as well; "
        "the payee is paid nothing more until two persons have asked the bank and decided",
        Alarm.DEMAND_OVERDUE: "a payee that owes us has not paid a demand by its due date; ask it again and "
        "link what it pays to the demand, or two persons write the rest off or withdraw the demand",
        Alarm.DEPOSIT_LOW: "our deposit at a utility has less left than its alarm days of vends, and no "
        "top-up is on its way; once it is used up, vending stops for everybody",
        Alarm.PAYOUT_WAITS: "the withdrawal of a prefund, a sweep of our own money, a top-up of a deposit, "
        "a change of a payee's bank account, or a demand waits for a second person, or what was approved "
        "cannot be paid: its payee has no account, or it is too much for the account's rail",
        Alarm.UNIDENTIFIED_CREDIT: "money has come to our bank and nothing explains it; it stands in "
        "suspense until two persons have found out whose it is, and link, split or return it",
        Alarm.UNIDENTIFIED_DEBIT: "money has left our bank and nothing explains it; ask the bank, and two "
        "persons link or split it, or say that it came back",
        Alarm.WORKER_SILENT: "no worker has done its rounds for a minute: doubts, notifications, refunds and "
        "alarms wait; start one, and look into its log if it runs",
        Alarm.DATABASE_RESTORED: "the database does not hold the position that was recorded outside of it: "
        "it was restored or cut, and no switch starts until what was lost is asked back and two persons "
        "release it",
        Alarm.STAFF_RECOVERED: "the owner of the database added a person to the staff, since fewer than two "
        "could decide; find out who they are and why, and close it once you know",
        Alarm.TEXT_MESSAGES_WAIT: "text messages with codes wait for minutes, so citizens cannot follow what "
        "they paid: the gateway cannot be reached or refuses us; see why, and mend its address, token or "
        "sender id",
        Alarm.TEXT_MESSAGES_CAPPED: "more text messages are requested than all citizens together may have; "
        "see from where, and raise the limit only if they are citizens: each message costs money",
        Alarm.COMPLAINT_WAITS: "a payer has complained about a payment and is promised an answer by the due "
        "date; read it, see what became of the payment, and answer",
        Alarm.COMPLAINT_ESCALATED: "the promised date of a complaint is over without an answer, or its payer "
        "was not content with one and wrote again; somebody who has not answered it before answers it",
        Alarm.HELD_FOR_RISK: "a connector has a payer's money and holds it for its risk; the payment and its "
        "bill wait until the connector releases or refuses it, or two persons accept or refuse it",
        Alarm.HELD_ENDED_OTHERWISE: "a connector says otherwise of money that it held than two persons have "
        "decided; nothing is booked: what was taken and is gone is a chargeback, and a refund of what the "
        "payer has already is decided",
        Alarm.PAID_TWICE: "a payer has paid more than once on one page; one payment counts, and the further "
        "one is owed to its payer, whom finance pays by hand; what the connector holds or does not confirm "
        "is in no account, until it confirms it or two persons decide",
    }
)
