"""Every alarm that can be raised, and its meaning for the operator."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


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
    COLLECTED_MISMATCH = "collected_mismatch"
    REFUND_NEEDS_A_PERSON = "refund_needs_a_person"
    LATE_REFUND = "late_refund"
    LATE_APPROVAL = "late_approval"
    REVERSAL_NOT_KNOWN = "reversal_not_known"
    REVERSAL_NOT_CONFIRMED = "reversal_not_confirmed"
    FILE_NEEDS_A_PERSON = "file_needs_a_person"
    SHUT_OUT = "shut_out"
    RECEIPT_MISSING = "receipt_missing"


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
        Alarm.COLLECTED_MISMATCH: "a connector collected something else than it was asked for; "
        "the payment is in review and the money in suspense",
        Alarm.REFUND_NEEDS_A_PERSON: "money is owed to a payer and the connector does not give it back; "
        "finance has to pay it by hand",
        Alarm.LATE_REFUND: "a connector gave back what had failed or is paid by hand; "
        "the payer has or will have it without a record",
        Alarm.LATE_APPROVAL: "a bank's host approved a payment that it had refused, or that was being taken "
        "back; it was not credited, and the bank's settlement file must show it as reversed",
        Alarm.REVERSAL_NOT_KNOWN: "a bank's host knows nothing of a payment that we took back; "
        "nothing was collected, and the bank's settlement file must not hold it",
        Alarm.REVERSAL_NOT_CONFIRMED: "a bank's host does not confirm that it took a payment back; we ask "
        "again and again, and the bank's operations desk has to look",
        Alarm.FILE_NEEDS_A_PERSON: "a settlement file speaks of money in doubt and does not end the doubt: "
        "its institution says otherwise, cannot be asked, or owes a token or receipt; somebody has to ask it",
        Alarm.SHUT_OUT: "a biller was to be asked about money in doubt and does not take our login, "
        "not even one that it has just given; we ask again and again, and its operations desk has to look",
        Alarm.RECEIPT_MISSING: "a biller has not given the final receipt of a payment in time, and we ask no "
        "more; once its operations desk has looked, `ekpay receipts ask` asks again",
    }
)
