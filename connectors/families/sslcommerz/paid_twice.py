"""Several payments under one reference: which of them counts, and what the others are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ekpay_switch.domain.collections.connector_calls import Collected, CollectOrder, HeldForRisk
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import NoAnswer
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

PaidAnswer = Collected | HeldForRisk | NoAnswer
"""What the provider says of one successful payment."""


def one_of_several(
    answers: Sequence[PaidAnswer], order: CollectOrder, unconfirmed: Sequence[Collected] = ()
) -> PaidAnswer:
    """The payment that counts, with the others beside it; `answers` are in their order.

    Collected money counts before held money, and as ordered before any other. Of the others, what is
    collected as well is further money; what is held is unproven, and so are the `unconfirmed` payments, of
    which the provider says one thing here and nothing there. They never count and keep none waiting.
    """
    collected = [answer for answer in answers if isinstance(answer, Collected)]
    holds = [answer for answer in answers if isinstance(answer, HeldForRisk)]
    held = _as_ordered_first([hold.money for hold in holds], order)
    if collected:
        first, *others = _as_ordered_first(collected, order)
        return replace(first, further=tuple(others), unproven=(*held, *unconfirmed))
    if held:
        first, *others = held
        return HeldForRisk(replace(first, unproven=(*others, *unconfirmed)), holds[0].why)
    return answers[0]


def unconfirmed_payment(
    read: Callable[[], Collected], order: CollectOrder, name: str, doubt: Mapping[str, str]
) -> Collected:
    """A successful payment that the provider does not confirm, as `read` has it, with the doubt as facts.

    Where it cannot be read either, only its name is known, and its amount stands as 0.
    """
    try:
        money = read()
    except BrokenReplyError:
        money = Collected(order.reference, Money(0), name)
    return replace(money, facts={**money.facts, **doubt})


def _as_ordered_first(moneys: Sequence[Collected], order: CollectOrder) -> list[Collected]:
    return sorted(moneys, key=lambda money: money.amount != order.amount)
