"""Compares what the citizens read at the portal with the switch's books, cart by cart and bill by bill.

Without I/O: lists in, disagreements out. The billers' and the providers' books are compared with the same
payments elsewhere (`comparison`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.kit.institution.amounts import lakh
from sandbox.rehearsals.demo.citizens.load import CitizenExperience, CitizenVisit
from sandbox.rehearsals.demo.comparison.biller_books import (
    COMPLETED,
    DECLINED,
    EXPIRED,
    IN_REVIEW,
    REFUNDED,
    Disagreement,
)
from sandbox.rehearsals.demo.comparison.bkash_books import REFUND_BY_HAND, REFUND_DONE

PORTAL = "portal"
"""The id of the partner that citizens' bills are paid by."""

_CART, _MERCHANT_PAYMENT = "cart:", "ekpg:"
_BACK = ("goes_back", "given_back", "by_staff")
# What a citizen may read of a bill whose payment stands so.
_OUTCOMES = {COMPLETED: ("paid",), REFUNDED: _BACK, DECLINED: _BACK, IN_REVIEW: ("review",)}
# What the page shows of a cart of which nothing was taken.
_NOTHING_TAKEN = "refused"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CitizenOutcome:
    """Everything that a demo found out about its citizens; amounts in paisa.

    `bills` counts the bills of paid carts by what their citizens read last, `paid_paisa` is what billers got.
    `refunds` counts what their providers have given back. `owed` are the payments, by id, whose citizens read
    that staff bring money back: to the connector that has no call for it.
    """

    experience: CitizenExperience
    carts: int
    bills: Mapping[str, int]
    paid_paisa: int
    refunds: int = 0
    unexplained: Sequence[Disagreement] = field(default_factory=list)
    owed: Mapping[str, str] = field(default_factory=dict)

    @property
    def disagreements(self) -> list[str]:
        """Everything unexplained, as sentences."""
        return [f"{each.subject}: {each.problem}" for each in self.unexplained] + self.experience.surprises


def compare_citizens(
    experience: CitizenExperience, exported: Sequence[Row], numbers: Mapping[str, str], texts: Sequence[str]
) -> CitizenOutcome:
    """Compare each citizen's cart with its payment and with the payments of its bills, and back.

    `numbers` are the ids of the portal's payments by the numbers that citizens read, `texts` all text
    messages that were sent.
    """
    own = [line for line in exported if line["partner_id"] == PORTAL]
    collected = {_of(line, _MERCHANT_PAYMENT): line for line in own if line["tries"]}
    ids = {line["id"]: cart_id for cart_id, line in collected.items()}
    bills: dict[str, list[Row]] = {}
    for (cart_id, _), line in _newest_payments(own).items():
        bills.setdefault(cart_id, []).append(line)
    unexplained: list[Disagreement] = []
    known, owed = set(), {}
    visits = [visit for visit in experience.visits if visit.order.course.is_ordered]
    for visit in visits:
        number = visit.last.number if visit.last else ""
        cart_id = ids.get(numbers.get(number, ""), "")
        known.add(cart_id)
        subject = f"citizen {visit.order.nth}, {visit.order.course}"
        faults = [*_faults(visit, collected.get(cart_id), bills.get(cart_id, []))]
        faults += _message_faults(visit, number, texts)
        if _is_owed(visit, collected.get(cart_id)):
            owed[numbers[number]] = visit.provider.id if visit.provider else ""
        unexplained += [Disagreement(subject, fault) for fault in faults]
    unexplained += [
        Disagreement(f"cart {cart_id}", "no citizen knows of it")
        for cart_id in sorted((collected.keys() | bills.keys()) - known)
    ]
    read = Counter(outcome for visit in visits if visit.last for outcome in visit.last.bills)
    paid = [line for lines in bills.values() for line in lines if line["state"] == COMPLETED]
    return CitizenOutcome(
        experience,
        carts=sum(line["state"] == COMPLETED for line in collected.values()),
        bills=read,
        paid_paisa=sum(line["amount"] + line["rounding"] for line in paid),
        refunds=sum(back["state"] == REFUND_DONE for line in collected.values() for back in line["refunds"]),
        unexplained=unexplained,
        owed=owed,
    )


def _newest_payments(own: Sequence[Row]) -> dict[tuple[str, str], Row]:
    """Each bill's payment by cart and number; of a bill that was paid in stand-in, the newest one."""
    numbered: dict[tuple[str, str], tuple[int, Row]] = {}
    for line in own:
        if line["reference"].startswith(_CART):
            cart_id, seq, *nth = _of(line, _CART).split(":")
            number = int(nth[0]) if nth else 1
            if number > numbered.get((cart_id, seq), (0, line))[0]:
                numbered[cart_id, seq] = number, line
    return {bill: line for bill, (_, line) in numbered.items()}


def _of(line: Row, prefix: str) -> str:
    reference: str = line["reference"]
    return reference.removeprefix(prefix)


def _faults(visit: CitizenVisit, collected: Row | None, bills: Sequence[Row]) -> Iterator[str]:
    view = visit.last
    if view is None:
        yield "has read nothing of the ordered cart"
    elif not visit.order.course.is_paid:
        if bills or (collected is not None and collected["state"] not in {DECLINED, EXPIRED}):
            yield "has cancelled, and the books have a payment"
        if view.state != _NOTHING_TAKEN or view.bills:
            yield f"has cancelled, and reads {view.state} with {list(view.bills)}"
    elif collected is None or collected["state"] != COMPLETED:
        yield f"reads {view.state}, and the books have no money of the cart"
    else:
        yield from _cart_faults(visit, collected, bills)
        yield from _bill_faults(view.bills, sorted(bills, key=_seq))


def _cart_faults(visit: CitizenVisit, collected: Row, bills: Sequence[Row]) -> Iterator[str]:
    taken = sum(line["amount"] + line["rounding"] for line in bills)
    owed = sum(bill.amount_paisa for bill in visit.order.bills)
    sums = {"shown": visit.shown_paisa, "collected": collected["amount"], "paid on": taken, "billed": owed}
    if len(set(sums.values())) > 1:
        yield ", ".join(f"{name} {lakh(paisa)}" for name, paisa in sums.items())
    connectors = {
        attempt["connector_id"] for attempt in collected["tries"] if attempt["collected"] is not None
    }
    chosen = visit.provider.id if visit.provider else "nobody"
    if connectors != {chosen}:
        yield f"has paid by {chosen}, and {sorted(connectors)} collected"


def _bill_faults(read: Sequence[str], lines: Sequence[Row]) -> Iterator[str]:
    if len(read) != len(lines):
        yield f"reads of {len(read)} bills, and the books have {len(lines)}"
        return
    for outcome, line in zip(read, lines, strict=True):
        if outcome not in _OUTCOMES.get(line["state"], ("on_its_way",)):
            yield f"reads {outcome} of {line['biller_id']}'s bill, and its payment is {line['state']}"


def _message_faults(visit: CitizenVisit, number: str, texts: Sequence[str]) -> Iterator[str]:
    """Who has paid is told the outcome by one message, and nobody else by any."""
    times = sum(number in text for text in texts) if number else 0
    if times != visit.order.course.is_paid:
        yield f"{times} text messages tell the outcome of {number or 'nothing'}"


def _is_owed(visit: CitizenVisit, collected: Row | None) -> bool:
    """Whether money of the cart waits on staff, its citizen reads so, and no call could give it back."""
    is_read = visit.last is not None and "by_staff" in visit.last.bills
    gives_back = visit.provider is not None and visit.provider.parts_max > 0
    refunds = () if collected is None else collected["refunds"]
    return is_read and not gives_back and any(refund["state"] == REFUND_BY_HAND for refund in refunds)


def _seq(line: Row) -> int:
    return int(_of(line, _CART).split(":")[1])
