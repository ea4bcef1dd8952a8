"""Comparing the two books of a day: the shop's and the switch's, payment by payment and share by share.

Without I/O: both books were read before, each from its own side.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

COMPLETED = "completed"
_PAID, _CANCELLED, _FAILED, _WAITING = "paid", "cancelled", "failed", "waiting"
_CODES: Mapping[str, frozenset[str]] = {
    COMPLETED: frozenset({"1020"}),
    "declined": frozenset({"1021", "1022"}),
    "expired": frozenset({"1021"}),
}
"""The codes that the IPN of a payment with this end state may have."""

# The states at the switch that agree with each state in the shop.
_STATES: Mapping[str, frozenset[str]] = {
    _PAID: frozenset({COMPLETED}),
    _FAILED: frozenset({"declined", "expired"}),
    _CANCELLED: frozenset({"declined"}),
    _WAITING: frozenset({"created", "collecting"}),
}


@dataclass(frozen=True, slots=True)
class ShopPayment:
    """A payment in the shop's book; `shares` are by payee, with the shop itself under the empty name.

    `ipns` are those that it answered with 2xx, as message id and code; `turned_away` counts the others.
    `unconfirmed` are IPNs that a status call did not confirm at once. `is_blind` says that the shop relies on
    the customer's return alone, and the customer has not returned.
    """

    trnx_id: str
    standing: str
    amount_paisa: int
    shares: Mapping[str, int]
    ipns: Sequence[tuple[str, str]]
    turned_away: int
    forged: int
    handed_out: int
    contradictions: int
    unconfirmed: int = 0
    is_blind: bool = False


@dataclass(frozen=True, slots=True)
class SwitchShare:
    """A share at the switch, and the amount credited to its account in all postings of the payment."""

    amount_paisa: int
    refunded_paisa: int
    credited_paisa: int


@dataclass(frozen=True, slots=True)
class SwitchPayment:
    """A payment in the switch's database; `refunded_paisa` is the total refunded to the payer.

    `notices` are its IPNs, by their state. `unbalanced_paisa` is the sum of all postings.
    """

    trnx_id: str
    state: str
    amount_paisa: int
    shares: Mapping[str, SwitchShare]
    refunded_paisa: int
    unbalanced_paisa: int
    notices: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between the two books, and the payment that it is about."""

    subject: str
    problem: str


def compare(shop: Sequence[ShopPayment], switch: Sequence[SwitchPayment]) -> list[Difference]:
    """All differences between the two books."""
    ours = {payment.trnx_id: payment for payment in shop}
    theirs = {payment.trnx_id: payment for payment in switch}
    differences = [Difference(name, "the switch does not know it") for name in ours.keys() - theirs.keys()]
    differences += [Difference(name, "the shop does not know it") for name in theirs.keys() - ours.keys()]
    for name in ours.keys() & theirs.keys():
        differences += [Difference(name, problem) for problem in _payment(ours[name], theirs[name])]
    return sorted(differences, key=lambda difference: (difference.subject, difference.problem))


def largest_remainder_parts(amount: int, weights: Sequence[int]) -> list[int]:
    """Split an amount in proportion to weights by largest remainders; of equal remainders the first wins."""
    whole = sum(weights)
    parts = [amount * weight // whole for weight in weights]
    rests = sorted(range(len(weights)), key=lambda place: (-(amount * weights[place] % whole), place))
    for place in rests[: amount - sum(parts)]:
        parts[place] += 1
    return parts


def _payment(shop: ShopPayment, switch: SwitchPayment) -> Iterator[str]:
    knows_nothing = shop.is_blind and shop.standing == _WAITING
    if not knows_nothing and switch.state not in _STATES.get(shop.standing, frozenset()):
        yield f"it is {shop.standing} in the shop and {switch.state} in the switch"
    if shop.amount_paisa != switch.amount_paisa:
        yield f"its amount is {shop.amount_paisa} paisa in the shop and {switch.amount_paisa} in the switch"
    if switch.unbalanced_paisa:
        yield f"its postings sum to {switch.unbalanced_paisa} paisa"
    if shop.contradictions:
        yield f"the shop was told otherwise {shop.contradictions} times"
    if shop.handed_out != (shop.standing == _PAID):
        yield f"goods were handed out {shop.handed_out} times"
    yield from _ipns(shop, switch)
    yield from _shares(shop, switch)


def _ipns(shop: ShopPayment, switch: SwitchPayment) -> Iterator[str]:
    if shop.forged:
        yield f"{shop.forged} IPNs were not rightly signed"
    if shop.unconfirmed:
        yield f"{shop.unconfirmed} IPNs came before a status call said the same"
    codes, expected_codes = [code for _, code in shop.ipns], _CODES.get(switch.state, frozenset())
    if len(codes) != bool(expected_codes):
        yield f"it is {switch.state}, and {len(codes)} IPNs were taken: {codes}"
    elif codes and codes[0] not in expected_codes:
        yield f"it is {switch.state}, and its IPN said {codes[0]}"
    expected = {"delivered": 1} if expected_codes else {}
    if dict(switch.notices) != expected:
        yield f"its IPNs are {dict(switch.notices)} in the switch, not {expected}"


def _shares(shop: ShopPayment, switch: SwitchPayment) -> Iterator[str]:
    amounts = {payee: share.amount_paisa for payee, share in switch.shares.items()}
    if dict(shop.shares) != amounts:
        yield f"its shares are {dict(shop.shares)} in the shop and {amounts} in the switch"
        return
    weights = [share.amount_paisa for share in switch.shares.values()]
    back = largest_remainder_parts(switch.refunded_paisa, weights)
    is_credited = switch.state == COMPLETED
    for (payee, share), returned_paisa in zip(switch.shares.items(), back, strict=True):
        if share.refunded_paisa != returned_paisa:
            given = f"{payee or 'the shop'} gave {share.refunded_paisa} paisa back"
            yield f"{given}, and its part is {returned_paisa}"
        expected = share.amount_paisa - returned_paisa if is_credited else 0
        if share.credited_paisa != expected:
            yield f"{payee or 'the shop'} was credited {share.credited_paisa} paisa, not {expected}"


def repeated_ipns(shop: Sequence[ShopPayment]) -> list[Difference]:
    """IPNs that were accepted more than once: each message counts once over the whole day."""
    message_counts = Counter(message for payment in shop for message, _ in payment.ipns)
    return [
        Difference(message, f"taken {times} times") for message, times in message_counts.items() if times > 1
    ]
