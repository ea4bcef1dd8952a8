"""Who collects in a demo, and which courses each of them can play: a table, and what the switch says of it.

A provider joins by being a connector of the switch and a house of the sandbox. What its family's faults are
stands in `KNOWN`; a family that is not there plays what every page can. What a provider gives back, the
switch says itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sandbox.kit.provider.family import GatewayFarSide
from sandbox.kit.provider.magic_numbers import Magic, Payers
from sandbox.kit.provider.payer_numbers import MAGIC_RANGE_LENGTH, Kind
from sandbox.providers.bkash.wallets import FIRST_NORMAL_WALLET, WALLET_LENGTH, WalletKind, magic_wallet
from sandbox.rehearsals.demo.collecting.scenarios import Course

BKASH = "bkash"
NORMAL = "normal"

_ACTIVE = "active"
_THREE_PARTS = 3


@dataclass(frozen=True, slots=True)
class Provider:
    """One connector of the switch as the sandbox plays it.

    It gives a payment back in `parts_max` parts, not at all if that is 0. `executes` says that it takes money
    on the switch's word alone. It keeps `kept_basis_points` of what it collects.
    """

    id: str
    family: str
    kind: Kind
    parts_max: int
    executes: bool
    kept_basis_points: int
    own_kinds: Sequence[Magic] = ()

    def courses(self) -> tuple[Course, ...]:
        """Every course that it can play, the plain one first."""
        known = KNOWN.get(self.family, ANY_PAGE) - UNKNOWN.get(self.id, frozenset())
        played = known | self._given_back()
        return (Course.PLAIN, *(course for course in Course if course in played))

    def _given_back(self) -> frozenset[Course]:
        """What follows from how it gives money back; where our word is missing, nobody pays too late."""
        late = {Course.PAID_TOO_LATE, Course.PAID_TOO_LATE_BY_HAND} if self.executes else set()
        if not self.parts_max:
            owed = {Course.REFUND_OWED, Course.BILLER_REFUSES_BY_HAND, Course.PAID_TOO_LATE_BY_HAND}
            return frozenset(owed - late)
        back = {Course.REFUND_WHOLE, Course.REFUND_PART, Course.BILLER_REFUSES, Course.PAID_TOO_LATE}
        parts = {Course.REFUND_PARTS} if self.parts_max >= _THREE_PARTS else set()
        return frozenset((back | parts) - late)

    def number(self, course: Course, nth: int) -> str:
        """The number of a payer who plays the course; the nth where it does not matter which.

        Raises:
            UnknownPayerError: the provider has nobody who does.
        """
        nth %= MAGIC_RANGE_LENGTH
        if self.family == BKASH:
            return _wallet(BKASH_PAYERS.get(course, WalletKind.NORMAL), nth)
        name, fixed = PAYERS.get(course, (NORMAL, None))
        number = Payers(self.kind, 1, self.own_kinds).number_of(name, nth if fixed is None else fixed)
        if number is None:
            raise UnknownPayerError(f"{self.id} has no payer of the kind {name}")
        return number


class UnknownPayerError(Exception):
    """The table of courses says that a family knows a payer whom it does not know."""


def providers_of(
    listed: Iterable[Mapping[str, Any]], families: Iterable[type[GatewayFarSide]]
) -> tuple[list[Provider], list[str]]:
    """The providers of `ekpay connectors list --json` that the sandbox plays, and the ids of the others."""
    known = {house.id: (house, family) for family in families for house in family.houses}
    providers, others = [], []
    for line in listed:
        if line["status"] != _ACTIVE:
            continue
        if line["id"] == BKASH:
            providers.append(_provider(line, BKASH, Kind.WALLET, ()))
        elif line["id"] in known:
            house, family = known[line["id"]]
            providers.append(_provider(line, house.family, house.kind, family.own_kinds))
        else:
            others.append(line["id"])
    return providers, others


def _wallet(kind: WalletKind, nth: int) -> str:
    is_normal = kind is WalletKind.NORMAL
    return f"{FIRST_NORMAL_WALLET + nth:0{WALLET_LENGTH}d}" if is_normal else magic_wallet(kind, nth)


def _provider(line: Mapping[str, Any], family: str, kind: Kind, own_kinds: Sequence[Magic]) -> Provider:
    return Provider(
        id=line["id"],
        family=family,
        kind=kind,
        parts_max=line["refunds"]["parts_max"] if line["refunds"] else 0,
        executes=line["executes"],
        kept_basis_points=line["charge_basis_points"],
        own_kinds=own_kinds,
    )


# ---- the tables

BKASH_PAYERS: Mapping[Course, WalletKind] = MappingProxyType(
    {
        Course.INSUFFICIENT: WalletKind.INSUFFICIENT_BALANCE,
        Course.EXECUTE_LOST_DONE: WalletKind.EXECUTE_LOST_DONE,
        Course.EXECUTE_LOST_UNDONE: WalletKind.EXECUTE_LOST_UNDONE,
        Course.EXECUTE_HANGS_DONE: WalletKind.EXECUTE_HANGS_DONE,
        Course.NEVER_BACK_NOTICE: WalletKind.LEAVES,
        Course.NOTICE_FIRST: WalletKind.NOTICE_FIRST,
        Course.OTHER_AMOUNT: WalletKind.OTHER_AMOUNT,
        Course.REFUND_LOST: WalletKind.REFUND_LOST_DONE,
        Course.REFUND_UNDONE: WalletKind.REFUND_LOST_UNDONE,
        Course.REFUND_REFUSED: WalletKind.REFUND_REFUSED,
    }
)
"""Which wallet of bKash plays a course; a normal one all others."""

PAYERS: Mapping[Course, tuple[str, int | None]] = MappingProxyType(
    {
        Course.INSUFFICIENT: ("insufficient_funds", None),
        Course.DECLINED: ("declined", None),
        Course.PAGE_REFUSES: ("refused_at_page", None),
        Course.FRAUD: ("fraud", None),
        Course.ABORTED: ("aborted", None),
        Course.SECOND_ATTEMPT: ("second_try", None),
        Course.PENDING_PAID: ("pending_then_paid", None),
        Course.STATUS_LOST: ("status_lost_done", None),
        Course.STATUS_HTML: ("status_html", None),
        Course.STATUS_500: ("status_http_500", None),
        Course.STATUS_LATE: ("status_slow", None),
        Course.STATUS_REFUSED: ("status_unauthorised", None),
        Course.HOST_LOST_DONE: ("take_lost_done", None),
        Course.HOST_LOST_UNDONE: ("take_lost_undone", None),
        Course.HOST_LATE: ("after_reversal", None),
        Course.HOST_BAD_MAC: ("bad_mac", None),
        Course.HOST_OTHER_STAN: ("other_stan", None),
        Course.HOST_RUBBISH: ("take_html", None),
        Course.HOST_CUT: ("cut", None),
        # The last digits are the code, or how many reversals come to nothing.
        Course.HOST_91: ("any_code", 91),
        Course.HOST_94: ("any_code", 94),
        Course.HOST_96: ("any_code", 196),
        Course.HOST_TWICE: ("twice_in_one", None),
        Course.HOST_BYTES: ("single_bytes", None),
        Course.REVERSAL_LOST: ("reversal_unanswered", 0),
        Course.REVERSAL_96: ("reversal_96", 0),
        Course.OTHER_AMOUNT: ("other_amount", None),
        Course.OTHER_CURRENCY: ("other_currency", None),
        Course.CHARGES_ON_TOP: ("charges_on_top", None),
        Course.NOTHING_COMES: ("nothing_comes", None),
        Course.RETURN_LOST: ("return_lost", None),
        Course.RETURN_TWICE: ("return_twice", None),
        Course.RETURN_FORGED: ("return_forged", None),
        Course.SAYS_PAID: ("says_paid", None),
        Course.SAYS_DECLINED: ("says_declined", None),
        Course.INDICATOR_WRONG: ("indicator_mismatch", None),
        Course.INDICATOR_MISSING: ("indicator_missing", None),
        Course.PUSH_FIRST: ("push_first", None),
        Course.PUSH_TWICE: ("push_twice", None),
        Course.PUSH_FORGED: ("push_forged", None),
        Course.PUSH_UNFOUNDED: ("push_unfounded", None),
        Course.REFUND_LOST: ("refund_lost_done", None),
        Course.REFUND_UNDONE: ("refund_lost_undone", None),
        Course.REFUND_WORKS: ("refund_processing", None),
        Course.REFUND_REFUSED: ("refund_refused", None),
    }
)
"""Which payer of a gateway plays a course, and the nth of it where it must be that one; else a normal one."""

ANY_PAGE = frozenset({Course.CANCELLED, Course.WRONG_PIN, Course.DECLINED, Course.RETURN_TWICE})
"""What every page can play."""

# Where a page takes several attempts, one that is declined ends nothing, and no other try may begin.
_NO_OTHER_TRY = frozenset({Course.INSUFFICIENT})
_ANY_GATEWAY = ANY_PAGE | {
    Course.LAPSED, Course.INSUFFICIENT, Course.PENDING_PAID, Course.CREATE_LOST, Course.CREATE_HTML,
    Course.CREATE_500, Course.CREATE_REFUSED, Course.STATUS_LOST, Course.STATUS_HTML, Course.STATUS_500,
    Course.STATUS_LATE, Course.OTHER_AMOUNT, Course.NEVER_BACK_CLOCK, Course.NOTHING_COMES,
    Course.RETURN_LOST, Course.RETURN_FORGED, Course.SAYS_PAID, Course.SAYS_DECLINED,
}  # fmt: skip
_PUSHES = frozenset({Course.PUSH_FIRST, Course.PUSH_TWICE, Course.PUSH_FORGED, Course.PUSH_UNFOUNDED})
_LOGINS = frozenset({Course.LOGIN_DIES, Course.STATUS_REFUSED})
# A refund that may have been heard is sent again only where the provider can be asked about it.
_ASKED_REFUNDS = frozenset(
    {Course.REFUND_LOST, Course.REFUND_UNDONE, Course.REFUND_WORKS, Course.REFUND_REFUSED}
)

KNOWN: Mapping[str, frozenset[Course]] = MappingProxyType(
    {
        BKASH: frozenset(
            {
                Course.CANCELLED, Course.LAPSED, Course.SECOND_TRY, Course.WRONG_PIN, Course.INSUFFICIENT,
                Course.EXECUTE_LOST_DONE, Course.EXECUTE_LOST_UNDONE, Course.EXECUTE_HANGS_DONE,
                Course.OTHER_AMOUNT, Course.NEVER_BACK_NOTICE, Course.NEVER_BACK_CLOCK, Course.NOTICE_FIRST,
                Course.REFUND_LOST, Course.REFUND_UNDONE, Course.REFUND_REFUSED,
            }
        ),
        "nagad": _ANY_GATEWAY | {Course.FRAUD, Course.ABORTED},
        "sslcommerz": _ANY_GATEWAY | _PUSHES | _ASKED_REFUNDS | {Course.SECOND_ATTEMPT},
        "token_init_status": _ANY_GATEWAY | _LOGINS | _ASKED_REFUNDS | {Course.OTHER_CURRENCY},
        "bank_redirect": _ANY_GATEWAY | _LOGINS | _PUSHES | {Course.CHARGES_ON_TOP},
        "mpgs": _ANY_GATEWAY - _NO_OTHER_TRY
        | _PUSHES
        | _ASKED_REFUNDS
        | {Course.INDICATOR_WRONG, Course.INDICATOR_MISSING, Course.SECOND_ATTEMPT},
        "iso8583": ANY_PAGE
        | {
            Course.LAPSED, Course.SECOND_TRY, Course.INSUFFICIENT, Course.PAGE_REFUSES, Course.RETURN_FORGED,
            Course.SAYS_PAID, Course.HOST_LOST_DONE, Course.HOST_LOST_UNDONE, Course.HOST_LATE,
            Course.HOST_BAD_MAC, Course.HOST_OTHER_STAN, Course.HOST_RUBBISH, Course.HOST_CUT,
            Course.HOST_91, Course.HOST_94, Course.HOST_96, Course.HOST_TWICE, Course.HOST_BYTES,
            Course.REVERSAL_LOST, Course.REVERSAL_96,
        },
    }
)  # fmt: skip
"""The courses of each family, beside those that follow from how a provider gives money back."""

UNKNOWN: Mapping[str, frozenset[Course]] = MappingProxyType(
    {
        "sslcommerz": _NO_OTHER_TRY,
        "aamarpay": _PUSHES | _ASKED_REFUNDS | {Course.SECOND_ATTEMPT},
        "upay": _ASKED_REFUNDS,
        # It has no word for a page that has lapsed: the switch's own clock ends it, after a demo.
        "shurjopay": _ASKED_REFUNDS | {Course.LAPSED},
        "dbbl_nexus": _PUSHES | _LOGINS | {Course.CHARGES_ON_TOP},
        "rocket": _PUSHES | _LOGINS | {Course.CHARGES_ON_TOP},
        "city_bank": _PUSHES | {Course.CHARGES_ON_TOP},
    }
)
"""What a provider does not play of the courses of its family."""
