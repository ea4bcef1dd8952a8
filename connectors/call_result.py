"""What came of one call to a provider, and what that means where it settled nothing.

Shared by families: what a good answer holds is each family's own affair.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from connectors.manifest_parts import Means, Reason
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.world import NotSent, NoUsableAnswer


@dataclass(frozen=True, slots=True)
class Meant:
    """A whole answer, and what the manifest says that its code means (in doubt where it says nothing)."""

    means: Means
    reason: Reason | None
    code: str
    document: Mapping[str, Any] = field(repr=False)


Asked = Meant | NotSent | NoUsableAnswer


def not_done(asked: Asked) -> Declined | Unreached | InDoubt:
    """What an answer means that did not say "done": only a mapped decline is a no, the rest is in doubt."""
    match asked:
        case NotSent(why=why):
            return Unreached(why)
        case NoUsableAnswer(why=why):
            return InDoubt(why)
        case Meant(means=Means.DECLINED, reason=reason, code=code):
            return Declined(str(reason), code)
        case Meant(code=code):
            return InDoubt(f"reply code {code}")
        case _:
            assert_never(asked)


def nothing_learned(asked: Asked) -> NoAnswer:
    """What an answer to a question means that settles nothing."""
    match asked:
        case NotSent(why=why):
            return NoAnswer(why, was_asked=False)
        case NoUsableAnswer(why=why):
            return NoAnswer(why)
        case Meant(code=code):
            return NoAnswer(f"reply code {code}")
        case _:
            assert_never(asked)
