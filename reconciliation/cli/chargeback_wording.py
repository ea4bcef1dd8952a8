"""What a night prints of the chargeback rows of settlement files: what became of each, and what to do."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ekpay_switch.cli.terminal import taka
from ekpay_switch.domain.disputes.chargeback_rows import ChargebackRowOutcome
from ekpay_switch.ports.disputes import ChargebackRowAnswer

_HELD: Final = "record its money: ekpay disputes held {number} --movement {name}"
_WORDS: Final[Mapping[ChargebackRowOutcome, str]] = MappingProxyType(
    {
        ChargebackRowOutcome.OPENED: f"dispute {{number}} is open, answer due on {{due}}; {_HELD}",
        ChargebackRowOutcome.ROUND_OPENED: (
            f"a further round of dispute {{number}} is open, answer due on {{due}}; {_HELD}"
        ),
        ChargebackRowOutcome.IS_MONEY_OF_DISPUTE: f"dispute {{number}} waits for this amount; {_HELD}",
        ChargebackRowOutcome.KNOWN: "dispute {number} has it: ekpay disputes show {number}",
        ChargebackRowOutcome.NO_PAYMENT: (
            "{connector} collected nothing as {collected}: ask which payment is meant, or claim the money"
        ),
        ChargebackRowOutcome.OTHER_CURRENCY: (
            "its payment has another currency: ask for the amount in that one, or claim the money"
        ),
        ChargebackRowOutcome.BEYOND_PAYMENT: (
            "no so much is left of its payment: ask for the right amount, or claim what is too much"
        ),
        ChargebackRowOutcome.NAME_TAKEN: "dispute {number} has its name: ask the connector what is meant",
    }
)
_WORDS_WITHOUT_DISPUTE: Final[Mapping[ChargebackRowOutcome, str]] = MappingProxyType(
    {
        ChargebackRowOutcome.KNOWN: "a chargeback of our books has it",
        ChargebackRowOutcome.NAME_TAKEN: "other money has its name: ask the connector what is meant",
    }
)


def chargeback_wording(answer: ChargebackRowAnswer) -> str:
    """One line about a row, with what comes next."""
    row, outcome = answer.row, answer.outcome
    words = _WORDS[outcome]
    if answer.dispute_id is None:
        words = _WORDS_WITHOUT_DISPUTE.get(outcome, words)
    told = words.format(
        number=answer.dispute_id,
        name=row.name,
        due=row.answer_due_on,
        connector=row.connector_id,
        collected=row.collected,
    )
    return f"{row.file}: chargeback {row.name} of {taka(row.amount.minor)} {row.amount.currency}: {told}"
