"""The faults of a host on its link, step by step, and the payers that cause them.

Set by the admin API, a fault strikes so many messages of a step, of one order, one payer or anybody; that of
a payer strikes the first 0200 of an order, or as many of its reversals as the payer's number says.
"""

from enum import StrEnum
from typing import NamedTuple

from sandbox.kit.provider import faults as kit
from sandbox.kit.provider.magic_numbers import MoneyOutcome, PayerBehaviour, PayerKindRow


class HostStep(StrEnum):
    """The messages that a fault can strike."""

    SIGN_ON = "sign_on"
    ECHO = "echo"
    REQUEST = "request"
    """0200."""
    REVERSAL = "reversal"
    """0420 and 0421."""


class HostFault(StrEnum):
    """One fault; `refuse` is of the whole link and knows no step."""

    LOST_DONE = "lost_done"
    """Done, and never answered."""
    LOST_UNDONE = "lost_undone"
    """Not done, and never answered."""
    SLOW = "slow"
    """Done at once, answered after `slow_seconds`."""
    AFTER_REVERSAL = "after_reversal"
    """Posted, and answered only after a reversal of it was confirmed."""
    BEHIND_REVERSAL = "behind_reversal"
    """Overtaken: posted and answered only after a reversal of it was answered with 25."""
    BAD_MAC = "bad_mac"
    RUBBISH = "rubbish"
    """Done, and answered with bytes that are no message."""
    OTHER_AMOUNT = "other_amount"
    """Done, and the answer reports 1.00 taka more."""
    OTHER_CURRENCY = "other_currency"
    """Done, and the answer reports US dollars."""
    OTHER_STAN = "other_stan"
    """Done, and the answer bears the STAN after the one that was asked with."""
    CUT = "cut"
    """Done; half the answer is sent, then the connection closes."""
    TWICE_IN_ONE = "twice_in_one"
    """Done; the answer comes twice in one TCP segment."""
    SINGLE_BYTES = "single_bytes"
    """Done; every byte of the answer comes in a segment of its own."""
    NO_ORIGINAL = "no_original"
    """A reversal is carried out, and answered with 25 as if there had been nothing to reverse."""
    CODE_05 = "code_05"
    """Not done, and DE39 says so much; all the same for those that follow."""
    CODE_06 = "code_06"
    CODE_51 = "code_51"
    CODE_77 = "code_77"
    CODE_91 = "code_91"
    CODE_94 = "code_94"
    CODE_96 = "code_96"
    CODE_06_DONE = "code_06_done"
    """Done, and DE39 says so much; all the same for those that follow."""
    CODE_77_DONE = "code_77_done"
    CODE_94_DONE = "code_94_done"
    CODE_96_DONE = "code_96_done"
    REFUSE = "refuse"
    """Every connection closes, and none is accepted for `seconds`."""


class FaultEffect(NamedTuple):
    """The effect of a fault on one message: whether it is carried out, and the code of its answer.

    Without a code the answer has the right one.
    """

    fault: HostFault | None = None
    is_done: bool = True
    code: str = ""
    waits_seconds: float = 0.0


NO_EFFECT = FaultEffect()

_CODE, _DONE = "code_", "_done"


def effect_of_fault(fault: HostFault) -> FaultEffect:
    """Return what a fault does to a message."""
    if fault.startswith(_CODE):
        code = fault.removeprefix(_CODE).removesuffix(_DONE)
        return FaultEffect(fault, is_done=fault.endswith(_DONE), code=code)
    return FaultEffect(fault, is_done=fault is not HostFault.LOST_UNDONE)


# ---- what payers bring

_REQUEST, _REVERSAL, _ANY_CODE = "request", "reversal", "any_code"
REFUSED_AT_PAGE = "refused_at_page"

_NNN = 3
# What the kinds of all institutions mean here whose fault strikes the merchant's own call.
_OF_KIT = {
    kit.ProviderFault.LOST_DONE: HostFault.LOST_DONE,
    kit.ProviderFault.LOST_UNDONE: HostFault.LOST_UNDONE,
    kit.ProviderFault.HTML: HostFault.RUBBISH,
    kit.ProviderFault.HTTP_500: HostFault.CODE_96,
    kit.ProviderFault.SLOW: HostFault.SLOW,
}


def _on_request(digits: int, name: str, fault: HostFault, meaning: str) -> PayerKindRow:
    return PayerKindRow(digits, name, meaning, PayerBehaviour(facts={_REQUEST: fault}))


OWN_KINDS: tuple[PayerKindRow, ...] = (
    PayerKindRow(90, "any_code",
          "the first 0200 is answered with the last two digits of the number in DE39; it is "
          "posted all the same if the digit before them is 1", PayerBehaviour(facts={_ANY_CODE: "yes"})),
    _on_request(91, "bad_mac", HostFault.BAD_MAC, "posted, and the 0210 has a wrong MAC"),
    _on_request(92, "other_stan", HostFault.OTHER_STAN, "posted, and the 0210 bears another STAN"),
    _on_request(93, "cut", HostFault.CUT, "posted, and the link is dropped in the middle of the 0210"),
    _on_request(94, "twice_in_one", HostFault.TWICE_IN_ONE,
          "posted, and the 0210 comes twice in one segment"),
    _on_request(95, "single_bytes", HostFault.SINGLE_BYTES, "posted, and the 0210 comes byte by byte"),
    _on_request(96, "after_reversal", HostFault.AFTER_REVERSAL,
                "posted, and the 0210 comes after a reversal of it was confirmed"),
    PayerKindRow(97, "reversal_unanswered",
          "posted, the 0210 lost; NNN reversals and one more are not carried out "
          "and not answered",
          PayerBehaviour(facts={_REQUEST: HostFault.LOST_DONE, _REVERSAL: HostFault.LOST_UNDONE})),
    PayerKindRow(98, "reversal_96",
          "posted, the 0210 lost; NNN reversals and one more are not carried out and "
          "answered with 96", PayerBehaviour(facts={_REQUEST: HostFault.LOST_DONE,
          _REVERSAL: HostFault.CODE_96})),
    PayerKindRow(99, "refused_at_page", "the bank refuses on its page",
          PayerBehaviour(facts={REFUSED_AT_PAGE: "yes"})),
)  # fmt: skip
"""Payers of this family alone; NNN are the last three digits of the number."""


def effect_on_request(behaviour: PayerBehaviour, payer: str, pending_seconds: float) -> FaultEffect:
    """Return what fault strikes the first 0200 of a payer's order."""
    if _ANY_CODE in behaviour.facts:
        code = payer[-2:]
        return FaultEffect(is_done=payer[-_NNN] == "1" or code == "00", code=code)
    if behaviour.money is MoneyOutcome.PENDING:
        return effect_of_fault(HostFault.LOST_UNDONE)
    if behaviour.money in {MoneyOutcome.PENDING_THEN_MOVES, MoneyOutcome.PENDING_THEN_DECLINED}:
        return FaultEffect(waits_seconds=pending_seconds)
    named = behaviour.facts.get(_REQUEST)
    if named is not None:
        return effect_of_fault(HostFault(named))
    fault = (
        _OF_KIT.get(behaviour.faults[kit.ProviderStep.TAKE])
        if kit.ProviderStep.TAKE in behaviour.faults
        else None
    )
    return NO_EFFECT if fault is None else effect_of_fault(fault)


def effect_on_reversal(behaviour: PayerBehaviour, payer: str, heard_before: int) -> FaultEffect:
    """Return what fault strikes a reversal of a payer's order, of which so many were heard before."""
    named = behaviour.facts.get(_REVERSAL)
    if named is None or heard_before > int(payer[-_NNN:]):
        return NO_EFFECT
    return effect_of_fault(HostFault(named))
