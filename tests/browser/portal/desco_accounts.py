"""Which story pays the bill of which account at DESCO: a bill that was paid is paid in the whole street.

The sandbox's DESCO shows a bill of every account. It refuses the payment of those from 96, and those from 97
have three bills, of which older ones are overdue.
"""

from enum import StrEnum, unique


@unique
class DescoAccount(StrEnum):
    """An account that one story pays in one window."""

    TWO_BILLS_FIRST_BN = "10000021"
    TWO_BILLS_SECOND_BN = "10000023"
    TWO_BILLS_FIRST_EN = "10000025"
    TWO_BILLS_SECOND_EN = "10000026"
    BESIDE_REFUSED_FIRST_BN = "10000027"
    BESIDE_REFUSED_SECOND_BN = "10000028"
    BESIDE_REFUSED_FIRST_EN = "10000029"
    BESIDE_REFUSED_SECOND_EN = "10000030"
    REFUSED_BN = "96000021"
    REFUSED_EN = "96000022"
    FOLLOWED_BN = "10000031"
    FOLLOWED_EN = "10000032"
    COUNTER_BN = "10000041"
    COUNTER_EN = "10000042"
    COUNTER_REFUSED_BN = "96000041"
    COUNTER_REFUSED_EN = "96000042"
    COMPLAINT_BN = "10000051"
    COMPLAINT_EN = "10000052"
    STAND_IN_BN = "10000061"
    STAND_IN_EN = "10000062"
    STAND_IN_NEVER = "10000064"
    STANDING_BN = "97000071"
    STANDING_EN = "97000072"
    SAVED_BN = "97000041"
    SAVED_EN = "97000042"
    THREE_BILLS_PAID_BN = "10000081"
    THREE_BILLS_PAID_EN = "10000082"
    THREE_BILLS_REFUSED_BN = "96000081"
    THREE_BILLS_REFUSED_EN = "96000082"
    LOST_ANSWER_BN = "10000091"
    LOST_ANSWER_EN = "10000092"


def account_of(story: str, language: str) -> DescoAccount:
    """The account of this story in the window of this language."""
    return DescoAccount[f"{story}_{language.upper()}"]
