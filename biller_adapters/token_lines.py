"""Reads the token lines that a prepaid biller returns for money (billers.md 2.14).

The digits are worth money: no fact and no error message of this module contains them.
"""

from collections.abc import Iterable, Mapping

from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_SEPARATOR = ","


def token_lines(token: str, kinds: str, kinds_by_name: Mapping[str, TokenKind]) -> tuple[TokenLine, ...]:
    """The lines of a token in their order, with their kinds from the comma-separated names in `kinds`.

    An unknown name is `other`. Where the numbers of names and lines differ, the last line is taken for the
    credit, since it is last in every order of lines that we know.

    Raises:
        BrokenReplyError: a line is not 20 digits.
    """
    lines = token.split(_SEPARATOR)
    kind_names = kinds.split(_SEPARATOR) if kinds else []
    line_kinds = [kinds_by_name.get(word.strip(), TokenKind.UNSPECIFIED) for word in kind_names]
    if len(line_kinds) != len(lines):
        line_kinds = [TokenKind.UNSPECIFIED] * (len(lines) - 1) + [TokenKind.CREDIT]
    try:
        return tuple(
            TokenLine(seq, kind, digits)
            for seq, (kind, digits) in enumerate(zip(line_kinds, lines, strict=True), start=1)
        )
    except ValueError:
        raise BrokenReplyError("a token line is no token line") from None


def without_digits(facts: Mapping[str, str], lines: Iterable[TokenLine]) -> dict[str, str]:
    """The facts without those that contain the digits of a line, since more people may read facts."""
    digits = [line.digits for line in lines]
    return {name: value for name, value in facts.items() if not any(line in value for line in digits)}
