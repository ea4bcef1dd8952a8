"""One-time codes: six digits by text message prove that somebody holds a mobile number (T36 to T38).

A code belongs to one purpose and to the browser that requested it. It lives five minutes, opens once, and is
dead after five tries, so that guesses hit it with a chance of one in 200,000.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from ekpay_switch.domain.bangla import fold_bangla_digits

CODE_DIGITS = 6
TRIES_MAX = 5
LIFE = timedelta(minutes=5)

_SEPARATORS = re.compile(r"[\s\-\u2013]+")
_CODE = re.compile(rf"[0-9]{{{CODE_DIGITS}}}", re.ASCII)


class CodePurpose(StrEnum):
    """What a code opens; one for another purpose opens nothing."""

    SIGN_IN = "sign_in"  # the account of a mobile number
    TRACK = "track"  # the page of one cart, for the number that its payer named


class CodeVerdict(StrEnum):
    """What became of a typed code."""

    RIGHT = "right"
    WRONG = "wrong"
    DEAD = "dead"  # used, expired, replaced or tried too often: only a new code helps


@dataclass(frozen=True, slots=True)
class CodeCheck:
    """A verdict; `subject` is what a right code opens, `tries_left` how many more may be tried."""

    verdict: CodeVerdict
    subject: str = ""
    tries_left: int = 0


def typed_code(text: str) -> str:
    """The code that somebody typed, in Bangla digits or with blanks too; empty where it can be none."""
    digits = _SEPARATORS.sub("", fold_bangla_digits(text))
    return digits if _CODE.fullmatch(digits) else ""
