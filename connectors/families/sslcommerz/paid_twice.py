"""Several payments under one reference: which of them counts, and which are further movements of money."""

from collections.abc import Sequence
from dataclasses import replace

from ekpay_switch.domain.collections.connector_calls import Collected, CollectOrder, HeldForRisk
from ekpay_switch.domain.outcome import NoAnswer

PaidAnswer = Collected | HeldForRisk | NoAnswer
"""What the provider says of one successful payment."""


def one_of_several(
    answers: Sequence[PaidAnswer], order: CollectOrder, unconfirmed: Sequence[Collected] = ()
) -> PaidAnswer:
    """The payment that counts, with the others as its further movements; `answers` are in their order.

    Collected money counts before held money, and as ordered before any other. `unconfirmed` payments, of
    which the provider says one thing here and nothing there, never count and keep none waiting.
    """
    collected = [answer for answer in answers if isinstance(answer, Collected)]
    held = [answer for answer in answers if isinstance(answer, HeldForRisk)]
    moneys = _as_ordered_first(collected, order) + _as_ordered_first([hold.money for hold in held], order)
    if not moneys:
        return answers[0]
    first = replace(moneys[0], further=(*moneys[1:], *unconfirmed))
    return first if collected else HeldForRisk(first, held[0].why)


def _as_ordered_first(moneys: Sequence[Collected], order: CollectOrder) -> list[Collected]:
    return sorted(moneys, key=lambda money: money.amount != order.amount)
