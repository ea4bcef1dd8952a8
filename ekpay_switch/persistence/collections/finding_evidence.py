"""How a finding about a try is stored as evidence: whether at all, under which kind, with which facts."""

from typing import assert_never

from ekpay_switch.domain.collections.funding import (
    MoneyCollected,
    NothingCollected,
    PageOpened,
    StillOpen,
    TryFinding,
)


def is_worth_keeping(finding: TryFinding) -> bool:
    """Whether a finding that moves nothing is stored; waiting for our own inquiry budget is not."""
    match finding:
        case StillOpen():
            return finding.was_asked or finding.is_new_doubt
        case PageOpened(created=created):
            return bool(created.facts)
        case MoneyCollected() | NothingCollected():
            return True
        case _:
            assert_never(finding)


def evidence_kind(finding: TryFinding) -> str:
    """The kind under which a finding is stored as evidence."""
    match finding:
        case PageOpened():
            return "page_opened"
        case MoneyCollected():
            return "money_came"
        case NothingCollected(end=end):
            return end.value
        case StillOpen(is_new_doubt=True):
            return "execute_in_doubt"
        case StillOpen(was_asked=was_asked):
            return "inquiry" if was_asked else "still_open"
        case _:
            assert_never(finding)


def evidence_facts(finding: TryFinding) -> dict[str, str]:
    """What is stored of a finding, as text."""
    match finding:
        case PageOpened(created=created):
            return {**created.facts, "provider_reference": created.provider_reference}
        case MoneyCollected(judged=judged):
            collected = judged.collected
            return {
                **collected.facts,
                "provider_transaction": collected.provider_transaction,
                "reference": collected.reference,
                "collected_amount": str(collected.amount.minor),
                "collected_currency": collected.amount.currency,
            }
        case NothingCollected(why=why) | StillOpen(why=why):
            return {"why": why}
        case _:
            assert_never(finding)
