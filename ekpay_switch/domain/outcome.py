"""The four outcomes of every wire call, and what each allows.

Architecture law 4. An outcome is a value: an adapter returns one and raises nothing for what the far side
did.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from ekpay_switch.domain.vending import TokenLine


@dataclass(frozen=True, slots=True)
class Approved:
    """The far side said yes in words we know.

    `facts` are its own words worth keeping (receipt number, echoed amount), never secrets; `tokens` are
    what a prepaid biller returns for the money.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    tokens: tuple[TokenLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Declined:
    """An answered no: no money moved.

    `reason` is our word, `code` the far side's own. `may_reroute` is true for the few named
    declines after which another route may answer differently.
    """

    reason: str
    code: str = ""
    may_reroute: bool = False


@dataclass(frozen=True, slots=True)
class Unreached:
    """Not a byte of the request left us: DNS, connect, TLS, our breaker, our pool queue, our deadline."""

    why: str


@dataclass(frozen=True, slots=True)
class InDoubt:
    """No usable answer: money may or may not have moved.

    A timeout, a broken reply and an unmapped reply code all count as in doubt. Never try an in-doubt
    attempt elsewhere before an inquiry: the payer would pay twice.
    """

    why: str


Outcome = Approved | Declined | Unreached | InDoubt


def outcome_name(outcome: Outcome) -> str:
    """The outcome in one word, as it is stored, counted and logged."""
    match outcome:
        case Approved():
            return "approved"
        case Declined():
            return "declined"
        case Unreached():
            return "unreached"
        case InDoubt():
            return "in_doubt"
        case _:
            assert_never(outcome)


@dataclass(frozen=True, slots=True)
class Posted:
    """An inquiry found the payment at the far side; `amount_minor` is the amount that it echoes, or None."""

    reference: str
    amount_minor: int | None
    facts: Mapping[str, str] = field(default_factory=dict)
    tokens: tuple[TokenLine, ...] = ()


@dataclass(frozen=True, slots=True)
class HalfDone:
    """An inquiry found the payment at the far side, which waits for `next_step`."""

    next_step: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """An inquiry found nothing under our reference; final only after the settle time (law 14)."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """An inquiry got no usable answer; the doubt goes on.

    `was_asked` is false where not a byte left us, so that an outage uses up no inquiries. Where the far side
    refuses our login, the inquiry does not count either, and `is_shut_out` is true.
    """

    why: str
    was_asked: bool = True
    is_shut_out: bool = False


Inquiry = Posted | HalfDone | NotFound | NoAnswer


def may_try_another_route(outcome: Outcome) -> bool:
    """Whether it is safe, and useful, to ask another route after this outcome.

    Safe means that no money can have moved. Useful means that another route might answer
    differently: an empty account is empty on every route.
    """
    match outcome:
        case Unreached():
            return True
        case Declined(may_reroute=may):
            return may
        case Approved() | InDoubt():
            return False
        case _:
            assert_never(outcome)
