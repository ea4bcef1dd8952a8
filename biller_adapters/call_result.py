"""What came of one call to a biller, and what that means where it was no approval.

Shared by families: an approval is each family's own affair, everything else means the same to all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from biller_adapters.manifest_parts import Means, Reason
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Outcome, Unreached
from ekpay_switch.ports.world import NotSent, NoUsableAnswer


@dataclass(frozen=True, slots=True)
class Meant:
    """A whole answer, and what the manifest says that its code means (in doubt where it says nothing).

    `next_step` is what the far side waits for where the code means "half done".
    """

    means: Means
    reason: Reason | None
    code: str
    document: Mapping[str, Any] = field(repr=False)
    next_step: str = ""

    @property
    def refuses_token(self) -> bool:
        """Whether the far side did not take our token: an answered no, nothing was done."""
        return self.reason is Reason.NOT_AUTHENTICATED


@dataclass(frozen=True, slots=True)
class ShutOut(NotSent):
    """Not a byte left us, because the far side refuses the tokens that it gives."""


Asked = Meant | NotSent | NoUsableAnswer


def not_approved(asked: Asked) -> Outcome:
    """What an answer to a pay call means that was no approval; whatever nobody mapped is in doubt."""
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
    """What an answer to an inquiry means that settles nothing."""
    match asked:
        case ShutOut(why=why):
            return NoAnswer(why, was_asked=False, is_shut_out=True)
        case NotSent(why=why):
            return NoAnswer(why, was_asked=False)
        case NoUsableAnswer(why=why):
            return NoAnswer(why)
        case Meant(code=code) if asked.refuses_token:
            return NoAnswer(f"reply code {code}", was_asked=False, is_shut_out=True)
        case Meant(code=code):
            return NoAnswer(f"reply code {code}")
        case _:
            assert_never(asked)
