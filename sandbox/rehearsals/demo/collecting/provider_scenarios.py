"""Which providers collect in a demo, and the courses of each: a table, joined with the switch's connectors.

A provider takes part if it is a connector of the switch and simulated in the sandbox. `KNOWN` holds the
courses of its family; a family that is missing there has the courses of any page. The refund courses follow
from what the switch says about the connector.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sandbox.kit.provider.family import ProviderFamily
from sandbox.kit.provider.magic_numbers import PayerKindRow, Payers
from sandbox.kit.provider.payer_numbers import MAGIC_RANGE_LENGTH, PayerKind
from sandbox.providers.bkash.wallets import FIRST_NORMAL_WALLET, WALLET_LENGTH, WalletKind, magic_wallet
from sandbox.rehearsals.demo.collecting.scenarios import CollectionCourse

BKASH = "bkash"
NORMAL = "normal"

_ACTIVE = "active"
_THREE_PARTS = 3


@dataclass(frozen=True, slots=True)
class DemoProvider:
    """One connector of the switch as the sandbox simulates it.

    It refunds a payment in at most `parts_max` parts, not at all if that is 0. `takes_money_on_order` says
    that it takes money only when the switch requests it. It keeps `kept_basis_points` of what it collects.
    """

    id: str
    family: str
    kind: PayerKind
    parts_max: int
    takes_money_on_order: bool
    kept_basis_points: int
    own_kinds: Sequence[PayerKindRow] = ()

    def courses(self) -> tuple[CollectionCourse, ...]:
        """Every course that it supports, the plain one first."""
        known = KNOWN.get(self.family, ANY_PAGE) - UNKNOWN.get(self.id, frozenset())
        played = known | self._refund_courses()
        return (CollectionCourse.PLAIN, *(course for course in CollectionCourse if course in played))

    def _refund_courses(self) -> frozenset[CollectionCourse]:
        """The refund courses; a payment can only be too late where the switch need not request the money."""
        late = (
            {CollectionCourse.PAID_TOO_LATE, CollectionCourse.PAID_TOO_LATE_BY_HAND}
            if self.takes_money_on_order
            else set()
        )
        if not self.parts_max:
            by_hand = {
                CollectionCourse.REFUND_OWED,
                CollectionCourse.BILLER_REFUSES_BY_HAND,
                CollectionCourse.PAID_TOO_LATE_BY_HAND,
            }
            return frozenset(by_hand - late)
        back = {
            CollectionCourse.REFUND_WHOLE,
            CollectionCourse.REFUND_PART,
            CollectionCourse.BILLER_REFUSES,
            CollectionCourse.PAID_TOO_LATE,
        }
        parts = {CollectionCourse.REFUND_PARTS} if self.parts_max >= _THREE_PARTS else set()
        return frozenset((back | parts) - late)

    def number(self, course: CollectionCourse, nth: int) -> str:
        """The number of a payer for the course; the nth where any will do.

        Raises:
            UnknownPayerError: the provider has no such payer.
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
    """The table of courses names a payer that the family does not have."""


def providers_of(
    listed: Iterable[Mapping[str, Any]], families: Iterable[type[ProviderFamily]]
) -> tuple[list[DemoProvider], list[str]]:
    """The simulated providers of `ekpay connectors list --json`, and the ids of the others."""
    known = {
        institution.id: (institution, family) for family in families for institution in family.institutions
    }
    providers, unplayed = [], []
    for line in listed:
        if line["status"] != _ACTIVE:
            continue
        if line["id"] == BKASH:
            providers.append(_provider(line, BKASH, PayerKind.WALLET, ()))
        elif line["id"] in known:
            institution, family = known[line["id"]]
            providers.append(_provider(line, institution.family, institution.kind, family.own_kinds))
        else:
            unplayed.append(line["id"])
    return providers, unplayed


def _wallet(kind: WalletKind, nth: int) -> str:
    is_normal = kind is WalletKind.NORMAL
    return f"{FIRST_NORMAL_WALLET + nth:0{WALLET_LENGTH}d}" if is_normal else magic_wallet(kind, nth)


def _provider(
    line: Mapping[str, Any], family: str, kind: PayerKind, own_kinds: Sequence[PayerKindRow]
) -> DemoProvider:
    return DemoProvider(
        id=line["id"],
        family=family,
        kind=kind,
        parts_max=line["refunds"]["parts_max"] if line["refunds"] else 0,
        takes_money_on_order=line["executes"],
        kept_basis_points=line["charge_basis_points"],
        own_kinds=own_kinds,
    )


# ---- the tables

BKASH_PAYERS: Mapping[CollectionCourse, WalletKind] = MappingProxyType(
    {
        CollectionCourse.INSUFFICIENT: WalletKind.INSUFFICIENT_BALANCE,
        CollectionCourse.EXECUTE_LOST_DONE: WalletKind.EXECUTE_LOST_DONE,
        CollectionCourse.EXECUTE_LOST_UNDONE: WalletKind.EXECUTE_LOST_UNDONE,
        CollectionCourse.EXECUTE_HANGS_DONE: WalletKind.EXECUTE_HANGS_DONE,
        CollectionCourse.NEVER_BACK_NOTICE: WalletKind.LEAVES,
        CollectionCourse.NOTICE_FIRST: WalletKind.NOTICE_FIRST,
        CollectionCourse.OTHER_AMOUNT: WalletKind.OTHER_AMOUNT,
        CollectionCourse.REFUND_LOST: WalletKind.REFUND_LOST_DONE,
        CollectionCourse.REFUND_UNDONE: WalletKind.REFUND_LOST_UNDONE,
        CollectionCourse.REFUND_REFUSED: WalletKind.REFUND_REFUSED,
    }
)
"""The kind of bKash wallet for a course; a normal one for all others."""

PAYERS: Mapping[CollectionCourse, tuple[str, int | None]] = MappingProxyType(
    {
        CollectionCourse.INSUFFICIENT: ("insufficient_funds", None),
        CollectionCourse.DECLINED: ("declined", None),
        CollectionCourse.PAGE_REFUSES: ("refused_at_page", None),
        CollectionCourse.FRAUD: ("fraud", None),
        CollectionCourse.ABORTED: ("aborted", None),
        CollectionCourse.SECOND_ATTEMPT: ("second_try", None),
        CollectionCourse.PENDING_PAID: ("pending_then_paid", None),
        CollectionCourse.STATUS_LOST: ("status_lost_done", None),
        CollectionCourse.STATUS_HTML: ("status_html", None),
        CollectionCourse.STATUS_500: ("status_http_500", None),
        CollectionCourse.STATUS_LATE: ("status_slow", None),
        CollectionCourse.STATUS_REFUSED: ("status_unauthorised", None),
        CollectionCourse.HOST_LOST_DONE: ("take_lost_done", None),
        CollectionCourse.HOST_LOST_UNDONE: ("take_lost_undone", None),
        CollectionCourse.HOST_LATE: ("after_reversal", None),
        CollectionCourse.HOST_BAD_MAC: ("bad_mac", None),
        CollectionCourse.HOST_OTHER_STAN: ("other_stan", None),
        CollectionCourse.HOST_RUBBISH: ("take_html", None),
        CollectionCourse.HOST_CUT: ("cut", None),
        # The last digits are the response code, or how many reversals fail.
        CollectionCourse.HOST_91: ("any_code", 91),
        CollectionCourse.HOST_94: ("any_code", 94),
        CollectionCourse.HOST_96: ("any_code", 196),
        CollectionCourse.HOST_TWICE: ("twice_in_one", None),
        CollectionCourse.HOST_BYTES: ("single_bytes", None),
        CollectionCourse.REVERSAL_LOST: ("reversal_unanswered", 0),
        CollectionCourse.REVERSAL_96: ("reversal_96", 0),
        CollectionCourse.OTHER_AMOUNT: ("other_amount", None),
        CollectionCourse.OTHER_CURRENCY: ("other_currency", None),
        CollectionCourse.CHARGES_ON_TOP: ("charges_on_top", None),
        CollectionCourse.NOTHING_COMES: ("nothing_comes", None),
        CollectionCourse.RETURN_LOST: ("return_lost", None),
        CollectionCourse.RETURN_TWICE: ("return_twice", None),
        CollectionCourse.RETURN_FORGED: ("return_forged", None),
        CollectionCourse.SAYS_PAID: ("says_paid", None),
        CollectionCourse.SAYS_DECLINED: ("says_declined", None),
        CollectionCourse.INDICATOR_WRONG: ("indicator_mismatch", None),
        CollectionCourse.INDICATOR_MISSING: ("indicator_missing", None),
        CollectionCourse.PUSH_FIRST: ("push_first", None),
        CollectionCourse.PUSH_TWICE: ("push_twice", None),
        CollectionCourse.PUSH_FORGED: ("push_forged", None),
        CollectionCourse.PUSH_UNFOUNDED: ("push_unfounded", None),
        CollectionCourse.REFUND_LOST: ("refund_lost_done", None),
        CollectionCourse.REFUND_UNDONE: ("refund_lost_undone", None),
        CollectionCourse.REFUND_WORKS: ("refund_processing", None),
        CollectionCourse.REFUND_REFUSED: ("refund_refused", None),
    }
)
"""The payer of a provider family for a course, and the nth where it must be that one; else a normal one."""

ANY_PAGE = frozenset(
    {
        CollectionCourse.CANCELLED,
        CollectionCourse.WRONG_PIN,
        CollectionCourse.DECLINED,
        CollectionCourse.RETURN_TWICE,
    }
)
"""The courses of every page."""

# Where a page allows several attempts, a declined one ends nothing, and no other try may begin.
_NO_OTHER_TRY = frozenset({CollectionCourse.INSUFFICIENT})
_ANY_GATEWAY = ANY_PAGE | {
    CollectionCourse.LAPSED, CollectionCourse.INSUFFICIENT, CollectionCourse.PENDING_PAID,
    CollectionCourse.CREATE_LOST, CollectionCourse.CREATE_HTML, CollectionCourse.CREATE_500,
    CollectionCourse.CREATE_REFUSED, CollectionCourse.STATUS_LOST, CollectionCourse.STATUS_HTML,
    CollectionCourse.STATUS_500, CollectionCourse.STATUS_LATE, CollectionCourse.OTHER_AMOUNT,
    CollectionCourse.NEVER_BACK_CLOCK, CollectionCourse.NOTHING_COMES, CollectionCourse.RETURN_LOST,
    CollectionCourse.RETURN_FORGED, CollectionCourse.SAYS_PAID, CollectionCourse.SAYS_DECLINED,
}  # fmt: skip
_PUSHES = frozenset(
    {
        CollectionCourse.PUSH_FIRST,
        CollectionCourse.PUSH_TWICE,
        CollectionCourse.PUSH_FORGED,
        CollectionCourse.PUSH_UNFOUNDED,
    }
)
_LOGINS = frozenset({CollectionCourse.LOGIN_DIES, CollectionCourse.STATUS_REFUSED})
# A refund that may have been received is sent again only where the provider can be queried.
_INQUIRED_REFUNDS = frozenset(
    {
        CollectionCourse.REFUND_LOST,
        CollectionCourse.REFUND_UNDONE,
        CollectionCourse.REFUND_WORKS,
        CollectionCourse.REFUND_REFUSED,
    }
)

KNOWN: Mapping[str, frozenset[CollectionCourse]] = MappingProxyType(
    {
        BKASH: frozenset(
            {
                CollectionCourse.CANCELLED, CollectionCourse.LAPSED, CollectionCourse.SECOND_TRY,
                CollectionCourse.WRONG_PIN, CollectionCourse.INSUFFICIENT, CollectionCourse.EXECUTE_LOST_DONE,
                CollectionCourse.EXECUTE_LOST_UNDONE, CollectionCourse.EXECUTE_HANGS_DONE,
                CollectionCourse.OTHER_AMOUNT, CollectionCourse.NEVER_BACK_NOTICE,
                CollectionCourse.NEVER_BACK_CLOCK, CollectionCourse.NOTICE_FIRST,
                CollectionCourse.REFUND_LOST, CollectionCourse.REFUND_UNDONE, CollectionCourse.REFUND_REFUSED,
            }
        ),
        "nagad": _ANY_GATEWAY | {CollectionCourse.FRAUD, CollectionCourse.ABORTED},
        "sslcommerz": _ANY_GATEWAY | _PUSHES | _INQUIRED_REFUNDS | {CollectionCourse.SECOND_ATTEMPT},
        "token_init_status": _ANY_GATEWAY | _LOGINS | _INQUIRED_REFUNDS | {CollectionCourse.OTHER_CURRENCY},
        "bank_redirect": _ANY_GATEWAY | _LOGINS | _PUSHES | {CollectionCourse.CHARGES_ON_TOP},
        "mpgs": _ANY_GATEWAY - _NO_OTHER_TRY
        | _PUSHES
        | _INQUIRED_REFUNDS
        | {
            CollectionCourse.INDICATOR_WRONG, CollectionCourse.INDICATOR_MISSING,
            CollectionCourse.SECOND_ATTEMPT,
        },
        "iso8583": ANY_PAGE
        | {
            CollectionCourse.LAPSED, CollectionCourse.SECOND_TRY, CollectionCourse.INSUFFICIENT,
            CollectionCourse.PAGE_REFUSES, CollectionCourse.RETURN_FORGED, CollectionCourse.SAYS_PAID,
            CollectionCourse.HOST_LOST_DONE, CollectionCourse.HOST_LOST_UNDONE, CollectionCourse.HOST_LATE,
            CollectionCourse.HOST_BAD_MAC, CollectionCourse.HOST_OTHER_STAN, CollectionCourse.HOST_RUBBISH,
            CollectionCourse.HOST_CUT, CollectionCourse.HOST_91, CollectionCourse.HOST_94,
            CollectionCourse.HOST_96, CollectionCourse.HOST_TWICE, CollectionCourse.HOST_BYTES,
            CollectionCourse.REVERSAL_LOST, CollectionCourse.REVERSAL_96,
        },
    }
)  # fmt: skip
"""The courses of each family, beside those that follow from how a provider gives money back."""

UNKNOWN: Mapping[str, frozenset[CollectionCourse]] = MappingProxyType(
    {
        "sslcommerz": _NO_OTHER_TRY,
        "aamarpay": _PUSHES | _INQUIRED_REFUNDS | {CollectionCourse.SECOND_ATTEMPT},
        "upay": _INQUIRED_REFUNDS,
        # It does not report an expired page: the switch's own timer ends it, later than a demo.
        "shurjopay": _INQUIRED_REFUNDS | {CollectionCourse.LAPSED},
        "dbbl_nexus": _PUSHES | _LOGINS | {CollectionCourse.CHARGES_ON_TOP},
        "rocket": _PUSHES | _LOGINS | {CollectionCourse.CHARGES_ON_TOP},
        "city_bank": _PUSHES | {CollectionCourse.CHARGES_ON_TOP},
    }
)
"""Courses of its family that a provider does not support."""
