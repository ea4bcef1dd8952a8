"""Card numbers in text that others wrote: the one detector, and what is done with what it finds.

A card number (PAN) is 13 to 19 digits of any script, with spaces, hyphens, dots and the like between them, in
a range that a scheme issues, whose check digit is right (ISO/IEC 7812-1). It must not touch a further digit:
in a longer number nothing tells where it would begin. The switch never stores one (PCI DSS 4.0.1, 3.3 to 3.5;
api-conventions-and-security.md, T96; docs/adr/0084).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import NamedTuple

_LENGTH_MIN, _PREFIX_MAX = 13, 4
# Of a short number ten digits would be nearly all of it.
_FIRST_SHOWN, _LAST_SHOWN, _FIRST_SHOWN_FROM = 6, 4, 15


class CardRange(NamedTuple):
    """Numbers of a scheme: those from `first` to `last`, compared by so many digits.

    `lengths` are all that were ever issued, `issued_lengths` those of cards in use today.
    """

    scheme: str
    first: str
    last: str
    lengths: frozenset[int]
    issued_lengths: frozenset[int]


def _card_range(scheme: str, prefixes: str, lengths: range, issued: range | None = None) -> CardRange:
    first, _, last = prefixes.partition("-")
    return CardRange(scheme, first, last or first, frozenset(lengths), frozenset(issued or lengths))


_SIXTEEN, _SIXTEEN_UP = range(16, 17), range(16, 20)
# Prefixes and lengths as the schemes publish them for acquirers (Visa and Mastercard BIN rules, American
# Express, JCB and UnionPay specifications, Discover's IIN ranges, which hold Diners Club). NPSB publishes no
# range of TakaPay that we found: it is to be added here once an acquirer is told it.
CARD_RANGES: tuple[CardRange, ...] = (
    _card_range("visa", "4", range(13, 20, 3), _SIXTEEN),
    _card_range("mastercard", "51-55", _SIXTEEN),
    _card_range("mastercard", "2221-2720", _SIXTEEN),
    _card_range("american_express", "34", range(15, 16)),
    _card_range("american_express", "37", range(15, 16)),
    _card_range("jcb", "3528-3589", _SIXTEEN_UP, _SIXTEEN),
    _card_range("unionpay", "62", _SIXTEEN_UP),
    _card_range("unionpay", "8100-8171", _SIXTEEN_UP),
    _card_range("discover", "6011", _SIXTEEN_UP, _SIXTEEN),
    _card_range("discover", "644-649", _SIXTEEN_UP, _SIXTEEN),
    _card_range("discover", "65", _SIXTEEN_UP, _SIXTEEN),
    _card_range("diners_club", "300-305", range(14, 20), range(14, 15)),
    _card_range("diners_club", "3095", range(14, 20), range(14, 15)),
    _card_range("diners_club", "36", range(14, 20), range(14, 15)),
    _card_range("diners_club", "38-39", range(14, 20), range(14, 15)),
)

# What people and encodings put between digits: white space, dashes, dots, marks without a width.
_BETWEEN = r"[\s.\-_/+\u00ad\u00b7\u2010-\u2015\u2212\u2022\u2219\u200b-\u200f\u2060\ufe63\ufeff\uff0d\uff0e]"
_RUN = re.compile(rf"\d(?:{_BETWEEN}{{0,5}}\d){{{_LENGTH_MIN - 1},}}")
# One character as JSON, XML or a form may write it.
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|&#([0-9]{1,7});|&#x([0-9a-fA-F]{1,6});|((?:%[0-9a-fA-F]{2})+)")
_ESCAPE_SIGNS = ("\\u", "&#", "%")
_UUID = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}(?![0-9a-fA-F])")
# yyMMddHHmm, with which many systems begin the numbers that they give.
_MOMENT = re.compile(r"2[0-9](?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])[0-5][0-9]")
_UNICODE_END = 0x110000


class _Found(NamedTuple):
    """A card number: its digits in ASCII, and where in the text each of them stands."""

    number: str
    places: Sequence[int]


def mask_card_numbers(text: str) -> str:
    """The text with every card number shown by its first six digits and its last four at most."""
    decoded, spans = _decode(text)
    hidden = {place for found in _find(decoded) for place in _hidden_places(found)}
    if not hidden:
        return text
    if spans is None:
        return "".join("*" if place in hidden else character for place, character in enumerate(text))
    return "".join("*" if place in hidden else text[start:end] for place, (start, end) in enumerate(spans))


def is_identifier_of_a_card(name: str) -> bool:
    """Whether a name that a client gave holds the number of a card as they are issued today.

    A name has to stay as it is, so it can only be refused; what is no card with near certainty passes:
    lengths that are issued no more, UUIDs, and numbers that begin with a moment.
    """
    return any(
        _MOMENT.match(found.number) is None
        and len(found.number) in _lengths(found.number[:_PREFIX_MAX], issued_today=True)
        for found in _find(_decode(_UUID.sub("", name))[0])
    )


def mask_card_bytes(body: bytes) -> bytes:
    """A body in any encoding that has ASCII in it, masked likewise; every other byte stays."""
    text = body.decode("utf-8", "surrogateescape")
    masked = mask_card_numbers(text)
    return body if masked is text else masked.encode("utf-8", "surrogateescape")


def mask_card_values(value: object, exact: frozenset[str] = frozenset()) -> object:
    """A JSON value with every text, name and number in it masked; the values of `exact` names stay."""
    if isinstance(value, str):
        return mask_card_numbers(value)
    if isinstance(value, int) and not isinstance(value, bool):
        masked = mask_card_numbers(str(value))
        return masked if "*" in masked else value
    if isinstance(value, Mapping):
        return {
            mask_card_numbers(name): inner if name in exact else mask_card_values(inner, exact)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [mask_card_values(inner, exact) for inner in value]
    return value


def _hidden_places(found: _Found) -> Sequence[int]:
    first = _FIRST_SHOWN if len(found.number) >= _FIRST_SHOWN_FROM else 0
    return found.places[first:-_LAST_SHOWN]


def _find(text: str) -> Iterator[_Found]:
    """Every card number in the text, those that overlap included."""
    for run in _RUN.finditer(text):
        places = [place for place in range(run.start(), run.end()) if text[place].isdecimal()]
        number = "".join(str(int(text[place])) for place in places)
        yield from _find_in_run(number, places)


def _find_in_run(number: str, places: Sequence[int]) -> Iterator[_Found]:
    """The card numbers among digits that only separators part; each begins and ends at a separator."""
    sums = _luhn_sums(number, 0), _luhn_sums(number, 1)
    count = len(number)
    borders = {at for at in range(count + 1) if at in (0, count) or places[at] != places[at - 1] + 1}
    for start in sorted(borders):
        for length in _lengths(number[start : start + _PREFIX_MAX], issued_today=False):
            end = start + length
            # From its last digit back, every second one is doubled.
            luhn = sums[end % 2]
            if end in borders and (luhn[end] - luhn[start]) % 10 == 0:
                yield _Found(number[start:end], places[start:end])


def _luhn_sums(number: str, doubled_place: int) -> Sequence[int]:
    """The sum of the digits before each place; every second one from `doubled_place` on is doubled."""
    values = (
        sum(divmod(int(digit) * 2, 10)) if place % 2 == doubled_place else int(digit)
        for place, digit in enumerate(number)
    )
    return list(accumulate(values, initial=0))


@cache
def _lengths(prefix: str, *, issued_today: bool) -> frozenset[int]:
    """The lengths that numbers with these first digits may have; none where no scheme issues any."""
    return frozenset(
        length
        for card_range in CARD_RANGES
        if card_range.first <= prefix[: len(card_range.first)] <= card_range.last
        for length in (card_range.issued_lengths if issued_today else card_range.lengths)
    )


def _decode(text: str) -> tuple[str, Sequence[tuple[int, int]] | None]:
    """The text without escapes, and where each of its characters stands in `text`; None: where it is."""
    if not any(sign in text for sign in _ESCAPE_SIGNS):
        return text, None
    characters: list[str] = []
    spans: list[tuple[int, int]] = []
    at = 0
    for escape in _ESCAPE.finditer(text):
        characters += text[at : escape.start()]
        spans += ((place, place + 1) for place in range(at, escape.start()))
        at = escape.start()
        for character, width in _characters_of(escape):
            characters.append(character)
            spans.append((at, at + width))
            at += width
    characters += text[at:]
    spans += ((place, place + 1) for place in range(at, len(text)))
    return "".join(characters), spans


def _characters_of(escape: re.Match[str]) -> Iterator[tuple[str, int]]:
    """The characters that an escape stands for, each with its width in the text."""
    in_json, decimal, hexadecimal, in_form = escape.groups()
    if in_form is None:
        code = int(decimal) if decimal else int(in_json or hexadecimal, 16)
        yield chr(code) if code < _UNICODE_END else "?", len(escape[0])
        return
    decoded = bytes.fromhex(in_form.replace("%", "")).decode("utf-8", "surrogateescape")
    for character in decoded:
        yield character, 3 * len(character.encode("utf-8", "surrogateescape"))
