"""References: ours, the institutions' and payment ids, each unique in a month."""

from collections import Counter
from functools import cache
from random import Random

from sandbox.rehearsals.month.model.days import date_of
from sandbox.rehearsals.month.model.institutions import Leg, MonthInstitution, Trait

_ISO_INSTITUTIONS = {"janata", "npsb"}
_LEG_LETTERS = {Leg.FUNDS: "F", Leg.DELIVERY: "D"}
_STRANGERS_FROM = 900_000_000
"""Above every number that we use, so that such a reference is unknown."""

# How an institution names a movement: the prefix, the number of digits, and their base. Each number is
# multiplied by a prime that does not divide the base, so that references are not consecutive and still
# differ.
_FORMS = {
    "bkash": ("", 10, "X"), "nagad": ("00", 18, "d"), "dbbl_nexus": ("", 12, "d"),
    "sslcommerz": ("2604", 18, "d"), "upay": ("UP", 12, "X"), "sonali_spg": ("SPG", 14, "d"),
    "ebl": ("", 12, "d"), "janata": ("", 6, "X"), "npsb": ("", 16, "d"), "okwallet": ("OKW", 10, "X"),
    "mcash": ("MC", 12, "d"), "desco_postpaid": ("RD", 12, "d"), "breb_postpaid": ("", 16, "d"),
    "nesco_postpaid": ("N", 12, "X"), "jalalabad_gas": ("JG", 12, "d"),
    "achallan_generic": ("2526-", 12, "d"), "stmt_sonali": ("SB", 12, "d"), "stmt_janata": ("JB", 12, "d"),
}  # fmt: skip
_PRIME = 7_368_787
_BASES = {"d": 10, "X": 16}
_RANDOM_BITS = 74


@cache
def _before_number(institution: MonthInstitution, day: int) -> tuple[str, int]:
    """Return the prefix of our references of a day, and the number of digits after it."""
    if institution.id in _ISO_INSTITUTIONS:
        return f"{date_of(day):%j}", 9
    return f"EK{_LEG_LETTERS[institution.leg]}{date_of(day):%y%m%d}", 11


class ReferenceMaker:
    """Makes references; the same sequence of calls gives the same references."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._strangers = _STRANGERS_FROM
        self._of_institution: Counter[str] = Counter()
        self.number = 0
        """How many payments there were so far."""

    def payment_id(self, ms: int) -> str:
        """Return the id of the next payment, in the form of a UUID of version 7."""
        self.number += 1
        bits = self._random.getrandbits(_RANDOM_BITS)
        whole = ms << 80 | 7 << 76 | (bits >> 62) << 64 | 2 << 62 | bits & (1 << 62) - 1
        text = f"{whole:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def ours(self, institution: MonthInstitution, day: int, *, is_stranger: bool = False) -> str:
        """Return our reference of the current payment at an institution, or one that only looks like ours."""
        number = self.number
        if is_stranger:
            self._strangers += 1
            number = self._strangers
        before, length = _before_number(institution, day)
        return f"{before}{number:0{length}d}"

    def theirs(self, institution: MonthInstitution) -> str:
        """Return the next reference of an institution; empty where it gives none."""
        if institution.has(Trait.NO_THEIRS):
            return ""
        self._of_institution[institution.id] += 1
        before, length, kind = _FORMS[institution.id]
        number = self._of_institution[institution.id] * _PRIME % _BASES[kind] ** length
        return f"{before}{number:0{length}{kind}}"
