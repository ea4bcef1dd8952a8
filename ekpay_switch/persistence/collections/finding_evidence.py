"""Under which kind, and with which facts, a finding about a try is stored as evidence."""

from typing import assert_never

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import Collected
from ekpay_switch.domain.collections.funding import (
    MoneyCollected,
    NothingCollected,
    PageOpened,
    StillOpen,
    TryFinding,
)
from ekpay_switch.domain.collections.held_money import MoneyHeld
from ekpay_switch.domain.money import Money

HELD = "held"
"""The kind of an answer that the connector holds the payer's money for its risk."""
# Whether one answer alone has said so, since a moment.
IS_FIRST_HELD = """
SELECT count(*) = 1 FROM evidence WHERE payment_id = $1 AND attempt_id = $2 AND kind = $3 AND at >= $4
"""
_OUR_NAMES = frozenset(
    {
        "provider_transaction",
        "reference",
        "collected_amount",
        "collected_currency",
        "further",
        "unproven",
        "why",
        "charge_basis_points",
    }
)


def facts_of_movement(collected: Collected) -> dict[str, str]:
    """Everything that a connector said of a movement of money; amounts in paisa."""
    facts = {
        **collected.facts,
        "provider_transaction": collected.provider_transaction,
        "reference": collected.reference,
        "collected_amount": str(collected.amount.minor),
        "collected_currency": collected.amount.currency,
    }
    for name, others in (("further", collected.further), ("unproven", collected.unproven)):
        if others:
            facts[name] = ", ".join(f"{other.provider_transaction} {other.amount}" for other in others)
    return facts


def movement_of_facts(facts: dict[str, str]) -> Collected:
    """The movement of money of a stored finding, without what came beside it."""
    others = {name: fact for name, fact in facts.items() if name not in _OUR_NAMES}
    amount = Money(int(facts["collected_amount"]), facts["collected_currency"])
    return Collected(facts["reference"], amount, facts["provider_transaction"], others)


def is_worth_keeping(finding: TryFinding) -> bool:
    """Whether a finding that moves nothing is stored; waiting for our own inquiry budget is not."""
    match finding:
        case StillOpen():
            return finding.was_asked or finding.is_new_doubt
        case PageOpened(created=created):
            return bool(created.facts)
        case MoneyCollected() | MoneyHeld() | NothingCollected():
            return True
        case _:
            assert_never(finding)


def kind_of_finding(finding: TryFinding) -> str:
    """The kind under which a finding is stored as evidence."""
    match finding:
        case PageOpened():
            return "page_opened"
        case MoneyCollected():
            return "money_came"
        case MoneyHeld():
            return HELD
        case NothingCollected(end=end):
            return end.value
        case StillOpen():
            return _kind_of_open(finding)
        case _:
            assert_never(finding)


def _kind_of_open(finding: StillOpen) -> str:
    if finding.is_new_doubt:
        return "execute_in_doubt"
    return "inquiry" if finding.was_asked else "still_open"


def facts_of_finding(finding: TryFinding) -> dict[str, str]:
    """What is stored of a finding."""
    match finding:
        case PageOpened(created=created):
            return {**created.facts, "provider_reference": created.provider_reference}
        case MoneyCollected(judged=judged):
            return facts_of_movement(judged.collected)
        case MoneyHeld(money=money, charge_basis_points=basis_points, why=why):
            own = {"why": why, "charge_basis_points": str(basis_points)}
            return {**facts_of_movement(money), **own}
        case NothingCollected(why=why) | StillOpen(why=why):
            return {"why": why}
        case _:
            assert_never(finding)


def further_alarm(finding: TryFinding, alarm: Alarm | None) -> Alarm | None:
    """The alarm of a payer who paid twice on one page; `alarm` is the finding's own.

    An answer that repeats a hold raises neither.
    """
    match finding:
        case MoneyCollected(judged=judged) if _has_others(judged.collected):
            return Alarm.PAID_TWICE
        case MoneyHeld(money=money) if _has_others(money) and alarm is Alarm.HELD_FOR_RISK:
            return Alarm.PAID_TWICE
        case _:
            return None


def _has_others(collected: Collected) -> bool:
    return bool(collected.further or collected.unproven)
