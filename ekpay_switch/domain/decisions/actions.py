"""What two persons may decide, by name, and what must prove it."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class DecisionAction(StrEnum):
    """What two persons may decide; the values of `decisions.action`."""

    ACCEPT = "accept"  # the payment stands as it is: its biller holds it, or nothing contradicts it any more
    DELIVER = "deliver"  # its money is taken as it came, and its payee is to get it
    GIVE_BACK = "give_back"  # everything goes back to where it came from
    COLLECTED = "collected"  # the connector has collected the whole of it
    NOTHING_COLLECTED = "nothing_collected"  # and never will under this try
    TAKE_HELD = "take_held"  # the connector's risk desk releases what it holds
    REFUSE_HELD = "refuse_held"  # what the connector holds goes back to its payer
    DEBIT_PARTNER = "debit_partner"  # the partner consents to pay what its biller holds after all
    BILLER_RETURNED = "biller_returned"  # the biller has let go of what it held
    UNDO = "undo"  # the biller is called to take its booking back
    WRITE_OFF = "write_off"  # the biller keeps it, and we bear it
    CLOSE = "close"  # no money of ours is in it
    RETURN_TO_PREFUND = "return_to_prefund"  # a completed payment, at its biller's cost
    RETURN_AT_OUR_LOSS = "return_at_our_loss"  # the same, and the biller keeps its money
    PAID_BACK = "paid_back"  # the connector has given the money back
    PAID_BACK_OTHERWISE = "paid_back_otherwise"  # but another amount, which is stated
    NOT_PAID_BACK = "not_paid_back"  # the connector has not and will not: finance pays it by hand
    JOURNAL = "journal"  # the entry is posted as it is written


# What the reference of a decision names, for each action that needs one.
REFERENCE: Mapping[DecisionAction, str] = MappingProxyType(
    {
        DecisionAction.ACCEPT: "how the biller names the payment: its receipt or acknowledgement",
        DecisionAction.COLLECTED: "how the connector names the movement of money",
        DecisionAction.NOTHING_COLLECTED: "the connector's written word",
        DecisionAction.TAKE_HELD: "the written word of the connector's risk desk",
        DecisionAction.REFUSE_HELD: "the written word of the connector's risk desk, or our reason's document",
        DecisionAction.DEBIT_PARTNER: "the partner's written consent",
        DecisionAction.BILLER_RETURNED: "the biller's credit note or written word",
        DecisionAction.RETURN_TO_PREFUND: "the biller's written consent",
        DecisionAction.RETURN_AT_OUR_LOSS: "the document that the loss rests on",
        DecisionAction.PAID_BACK: "how the connector names the refund",
        DecisionAction.PAID_BACK_OTHERWISE: "how the connector names the refund, and our bank what it paid",
        DecisionAction.NOT_PAID_BACK: "the connector's written word",
        DecisionAction.JOURNAL: "the document that the entry rests on",
    }
)
