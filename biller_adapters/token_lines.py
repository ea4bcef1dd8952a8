"""Reading the lines that a prepaid biller returns for money (billers.md 2.14).

The digits are worth money: no text that leaves this module, an error's neither, contains one.
"""

from collections.abc import Iterable, Mapping

from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_SEPARATOR = ","


def token_lines(token: str, kinds: str, words: Mapping[str, TokenKind]) -> tuple[TokenLine, ...]:
    """The lines of a token in their order, each with the kind that `words` give to its word in `kinds`.

    An unknown word is `other`. Where there are not as many words as lines, the last line is taken for the
    credit: that is where it stands in every order of lines that we know.

    Raises:
        BrokenReplyError: a line is not 20 digits.
    """
    lines = token.split(_SEPARATOR)
    told = kinds.split(_SEPARATOR) if kinds else []
    named = [words.get(word.strip(), TokenKind.OTHER) for word in told]
    if len(named) != len(lines):
        named = [TokenKind.OTHER] * (len(lines) - 1) + [TokenKind.CREDIT]
    try:
        return tuple(
            TokenLine(seq, kind, digits)
            for seq, (kind, digits) in enumerate(zip(named, lines, strict=True), start=1)
        )
    except ValueError:
        raise BrokenReplyError("a token line is no token line") from None


def without_digits(facts: Mapping[str, str], lines: Iterable[TokenLine]) -> dict[str, str]:
    """The facts of a biller, less those in which it repeats a line: facts are read by more people."""
    digits = [line.digits for line in lines]
    return {name: told for name, told in facts.items() if not any(line in told for line in digits)}
