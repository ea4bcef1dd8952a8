"""What every family is built with, so that one more need does not change every signature."""

from collections.abc import Mapping
from dataclasses import dataclass

from ekpay_switch.ports import Clock, Tokens, Wire


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The ports and settings an adapter may use; `divisor` shortens every time of its manifest."""

    wire: Wire
    tokens: Tokens
    clock: Clock
    environ: Mapping[str, str]
    divisor: float = 1.0
