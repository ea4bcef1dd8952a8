"""The bounds of an amount that a payer chooses: part payments, prepaid recharges, taxes."""

from dataclasses import dataclass

from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import Money, parse_taka


@dataclass(frozen=True, slots=True)
class AmountBounds:
    """From `least` to `most`, both included and either open where None, in multiples of `step`."""

    least: Money | None
    most: Money | None
    step: Money

    def admit(self, text: str) -> bool:
        """Whether the text is an amount in taka, above zero and within the bounds."""
        try:
            amount = parse_taka(text)
        except MalformedAmountError:
            return False
        return (
            amount.minor > 0
            and amount.minor % self.step.minor == 0
            and (self.least is None or amount >= self.least)
            and (self.most is None or amount <= self.most)
        )
