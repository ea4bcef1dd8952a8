"""The result of one call to a biller, and the outcome of a call that was not approved.

Shared by families: each family reads its own approvals; everything else means the same to all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard, assert_never

from biller_adapters.manifest_parts import Means, Reason, Reply
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Outcome, Unreached
from ekpay_switch.ports.world import NotSent, NoUsableAnswer


@dataclass(frozen=True, slots=True)
class MappedReply:
    """A complete answer and the meaning that the manifest gives its code; in doubt where it has none.

    `next_step` is the step that the far side waits for where the code means "half done".
    """

    means: Means
    reason: Reason | None
    code: str
    document: Mapping[str, Any] = field(repr=False)
    next_step: str = ""

    @property
    def refuses_token(self) -> bool:
        """Whether the far side refused our token: a decline, so nothing was done."""
        return self.reason is Reason.NOT_AUTHENTICATED


@dataclass(frozen=True, slots=True)
class TokensRefused(NotSent):
    """Not a byte left us, because the far side refuses the tokens that it issues."""


CallResult = MappedReply | NotSent | NoUsableAnswer


def map_reply(replies: Mapping[str, Reply], code: str, document: Mapping[str, Any]) -> MappedReply:
    """The answer with the meaning that `replies` of the manifest give its code; in doubt without an entry."""
    reply = replies.get(code)
    if reply is None:
        return MappedReply(Means.IN_DOUBT, None, code, document)
    return MappedReply(reply.means, reply.reason, code, document, reply.next_step)


def has_meaning(result: CallResult, means: Means) -> TypeGuard[MappedReply]:
    """Whether a complete answer came and its code has this meaning."""
    return isinstance(result, MappedReply) and result.means is means


def unsuccessful_outcome(result: CallResult) -> Outcome:
    """The outcome of a pay call that was not approved; a code without a mapping is in doubt."""
    match result:
        case NotSent(why=why):
            return Unreached(why)
        case NoUsableAnswer(why=why):
            return InDoubt(why)
        case MappedReply(means=Means.DECLINED, reason=reason, code=code):
            return Declined(str(reason), code)
        case MappedReply(code=code):
            return InDoubt(f"reply code {code}")
        case _:
            assert_never(result)


def inconclusive_answer(result: CallResult) -> NoAnswer:
    """The answer of an inquiry that settles nothing."""
    match result:
        case TokensRefused(why=why):
            return NoAnswer(why, was_asked=False, is_shut_out=True)
        case NotSent(why=why):
            return NoAnswer(why, was_asked=False)
        case NoUsableAnswer(why=why):
            return NoAnswer(why)
        case MappedReply(code=code) if result.refuses_token:
            return NoAnswer(f"reply code {code}", was_asked=False, is_shut_out=True)
        case MappedReply(code=code):
            return NoAnswer(f"reply code {code}")
        case _:
            assert_never(result)
