"""One collected payment in every book there is: ours, the ledger, its providers', its biller's, the shop's.

Amounts are paisa in books and taka in texts.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus
from uuid import UUID

from ekpay_switch.domain.money import format_taka
from sandbox.callers.client.client import RefusedError
from sandbox.callers.client.messages import ApiPayment
from sandbox.kit.institution.seeded_values import share_half_up
from tests.faults.connectors.providers import Held, Provider
from tests.faults.connectors.scene import PAISA, Scene
from tests.faults.connectors.stage import Site

PAYMENTS = """
SELECT p.id, p.state, p.amount + p.rounding + p.charge + p.fee + p.vat AS total, c.bill ->> 'number' AS bill
FROM payments AS p JOIN collections AS c ON c.payment_id = p.id WHERE p.partner_id = $1
"""
TRIES = """
SELECT t.payment_id, a.reference, t.connector_id, coalesce(a.outcome, a.state) AS outcome,
  coalesce(t.provider_transaction, '') AS transaction, coalesce(t.collected, 0) AS collected,
  CASE WHEN t.collected IS NULL THEN coalesce((SELECT e.facts ->> 'why' FROM evidence AS e
    WHERE e.attempt_id = a.id AND e.kind = a.outcome ORDER BY e.at DESC LIMIT 1), (
    SELECT h.facts ->> 'why' FROM history AS h WHERE h.payment_id = t.payment_id
    AND h.event = 'collection_came_to_nothing' ORDER BY h.seq LIMIT 1)) END AS why
FROM tries AS t JOIN attempts AS a ON a.id = t.attempt_id JOIN payments AS p ON p.id = t.payment_id
WHERE p.partner_id = $1 ORDER BY a.opened_at, a.id
"""
REFUNDS = """
SELECT r.payment_id, a.reference AS collected_as, r.kind, r.state, r.amount,
  coalesce(r.provider_refund, '') AS name, r.confirmed_by IS NOT NULL AS is_by_hand
FROM refunds AS r JOIN attempts AS a ON a.id = r.attempt_id WHERE r.partner_id = $1
ORDER BY r.created_at, r.id
"""
NETS = """
SELECT e.payment_id, o.account, sum(o.amount)::bigint AS net
FROM journal_entries AS e JOIN postings AS o ON o.entry_id = e.id JOIN payments AS p ON p.id = e.payment_id
WHERE p.partner_id = $1 GROUP BY 1, 2 HAVING sum(o.amount) <> 0
"""
FORGED = "SELECT body FROM unclaimed_callbacks WHERE is_forged"
RECEIVABLES = """
SELECT split_part(account, ':', 2) AS connector, sum(amount)::bigint AS net
FROM postings WHERE account LIKE 'receivable:%' GROUP BY 1
"""
COMPLETED, REFUNDED, IN_REVIEW = "completed", "refunded", "in_review"
FREE = frozenset({"expired", "declined"})
# What a shop is told of a payment in this state; everything else is pending to it.
TOLD: Mapping[str, str] = {
    COMPLETED: "paid",
    REFUNDED: "refunded",
    "refunding": "refund_pending",
    **dict.fromkeys(FREE, "failed"),
}
_SETTLED = frozenset({"done", "failed", "rejected"})
_WHOLE = 10_000
PAUSE_SECONDS = 0.5
_KINDS: Mapping[str, str] = {"unexpected": "second money", "give_back": "all of it"}


@dataclass(frozen=True, slots=True)
class OurTry:
    """One page of one connector in our books; `collected` is 0 where it brought in nothing."""

    reference: str
    connector_id: str
    outcome: str
    transaction: str = ""
    collected: int = 0
    why: str | None = None


@dataclass(frozen=True, slots=True)
class OurRefund:
    """One refund in our books; `collected_as` is the reference of the try whose money goes back."""

    collected_as: str
    kind: str
    state: str
    amount: int
    name: str = ""
    is_by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that is written about one payment, wherever it is.

    `theirs` are its orders at providers by our reference, `kept_basis_points` what each connector keeps.
    `nets` are its postings by account, debit positive. `token` is what its biller made for it, if anything.
    """

    told: ApiPayment
    state: str
    total: int
    tries: Sequence[OurTry]
    refunds: Sequence[OurRefund]
    nets: Mapping[str, int]
    theirs: Mapping[str, Held]
    kept_basis_points: Mapping[str, int]
    token: str = ""
    alarms: Sequence[str] = ()
    forged: int = 0

    @property
    def suspense(self) -> int:
        """What stands in suspense of it."""
        return -sum(net for account, net in self.nets.items() if account.startswith("suspense:"))


# ---- told


def cell_of(scene: Scene, books: Mapping[UUID, Books]) -> str:
    """How the payments of a cell ended, in words."""
    parts = [*scene.first, *told(books[scene.payment_id]), *scene.last]
    parts += [f"beside it {', '.join(told(books[one.payment_id]))}" for one in scene.also]
    return "; ".join(parts)


def told(books: Books) -> Iterator[str]:
    """How one payment ended: our state and the shop's word, its tries, its refunds, its providers' books."""
    yield f"{books.state} ({books.told.status})"
    tries = ", ".join(f"{one.outcome} ({one.why})" if one.why else one.outcome for one in books.tries)
    yield f"{'tries' if len(books.tries) > 1 else 'try'} {tries}"
    yield from _refunds_told(books.refunds)
    held = (books.theirs[one.reference] for one in books.tries if one.reference in books.theirs)
    yield f"there {', then '.join(map(_held_told, held)) or 'nothing'}"
    if books.suspense:
        yield f"suspense {format_taka(books.suspense)}"
    if books.forged:
        yield f"{books.forged} forged"
    yield from (f"alarm {alarm}" for alarm in books.alarms)


def _refunds_told(refunds: Sequence[OurRefund]) -> Iterator[str]:
    for one in refunds:
        what = _KINDS.get(one.kind) or f"refund of {one.amount // PAISA}"
        yield f"{what} {one.state.replace('_', ' ')}{' by hand' * one.is_by_hand}"


def _held_told(held: Held) -> str:
    if not held.taken:
        return held.word
    parts = ["taken"]
    if held.told != held.taken:
        parts.append(f"told {format_taka(held.told - held.taken)} more")
    if held.back:
        back = "given back" if held.back == held.taken else f"{held.back // PAISA} given back"
        parts.append(f"{back} in {len(held.given_back)} parts" if len(held.given_back) > 1 else back)
    return " and ".join(parts)


# ---- judged


def disagreements(books: Books) -> Iterator[str]:
    """What the books have against each other, a sentence each; none where all of them say the same.

    That a provider tells another amount than it has moved is right only where the payment is in review.
    """
    yield from _state_faults(books)
    for one in books.tries:
        yield from _try_faults(one, books.theirs.get(one.reference))
        yield from _refund_faults(one, books)
    yield from (f"a refund is {one.state}" for one in books.refunds if one.state not in _SETTLED)
    yield from _receivable_faults(books)
    if sum(books.nets.values()):
        yield f"the ledger does not balance: {books.nets}"
    if books.told.status != TOLD.get(books.state, "pending"):
        yield f"it is {books.state}, and its shop was told {books.told.status}"
    if bool(books.token) != (books.state == COMPLETED):
        yield f"it is {books.state}, and its biller made {'a' if books.token else 'no'} token"
    if ",".join(line.digits for line in books.told.tokens) != books.token:
        yield "its shop holds other token lines than were made"


def _state_faults(books: Books) -> Iterator[str]:
    """Whether a payment's state agrees with its money: collected once, kept or given back whole."""
    funded = [one.collected for one in books.tries if one.outcome == "approved"]
    rest = [one.collected for one in books.tries if one.outcome != "approved" and one.collected]
    given = {kind: _given(books.refunds, kind) for kind in ("give_back", "unexpected", "refund")}
    rights = {
        COMPLETED: funded == [books.total],
        REFUNDED: funded == [books.total] and given["give_back"] == books.total,
        IN_REVIEW: not funded,
        **dict.fromkeys(FREE, not funded),
    }
    contradicts = any(held.told != held.taken for held in books.theirs.values())
    if contradicts != (books.state == IN_REVIEW):
        yield f"it is {books.state}, and {'a' if contradicts else 'no'} provider contradicts itself"
    if not rights.get(books.state, False):
        yield f"it is {books.state}, and {funded} of {books.total} were collected, {given} given back"
    if books.state != IN_REVIEW and (sum(rest) != given["unexpected"] or books.suspense):
        yield f"beside it {rest} were collected and {given['unexpected']} given back"
    if books.state == IN_REVIEW and books.suspense != sum(rest):
        yield f"{rest} were collected and {books.suspense} stand in suspense"


def _given(refunds: Iterable[OurRefund], kind: str) -> int:
    return sum(one.amount for one in refunds if (one.kind, one.state) == (kind, "done"))


def _try_faults(one: OurTry, held: Held | None) -> Iterator[str]:
    if held is None:
        yield f"{one.connector_id} has no order {one.reference}"
    elif one.collected != held.told:
        yield f"{one.reference} brought {one.collected} here and {held.told} there"
    elif one.collected and one.transaction not in held.names:
        yield f"{one.reference} was moved as {one.transaction} here and as {sorted(held.names)} there"


def _refund_faults(one: OurTry, books: Books) -> Iterator[str]:
    """Whether each refund that a provider was told of is exactly one over there, and the other way round."""
    held = books.theirs.get(one.reference)
    left = [] if held is None else list(held.given_back)
    for refund in books.refunds:
        if (refund.collected_as, refund.state, refund.is_by_hand) != (one.reference, "done", False):
            continue
        found = [line for line in left if line[1] == refund.amount and refund.name in line[0]]
        if found:
            left.remove(found[0])
        else:
            yield f"the refund {refund.name} of {refund.amount} is not at {one.connector_id}"
    yield from (f"{one.connector_id} gave back {amount} of its own" for _, amount in left)


def _receivable_faults(books: Books) -> Iterator[str]:
    """Where the ledger says that a provider owes us something else than its own book does."""
    owed: defaultdict[str, int] = defaultdict(int)
    for one in books.tries:
        held = books.theirs.get(one.reference)
        if held is not None:
            owed[one.connector_id] += owed_by(held, books.kept_basis_points[one.connector_id])
    for connector_id, right in owed.items():
        stands = books.nets.get(f"receivable:{connector_id}", 0)
        if stands != right:
            yield f"{connector_id} owes us {stands} here and {right} there"


def owed_by(held: Held, kept_basis_points: int) -> int:
    """What a provider owes us of an order, by what it tells; its own fee counts where it tells the truth."""
    kept = held.fee if held.told == held.taken else share_half_up(held.told, kept_basis_points, _WHOLE)
    return held.told - kept - held.back


# ---- read


@dataclass(frozen=True, slots=True)
class Everything:
    """All books of one play, as they stand when all is over."""

    books: Mapping[UUID, Books]
    strays: Sequence[str] = field(default_factory=list)


async def read_everything(site: Site, providers: Mapping[str, Provider]) -> Everything:
    """Open every book there is, once."""
    theirs = {name: await provider.book() for name, provider in providers.items()}
    kept = {name: provider.manifest["charge_basis_points"] for name, provider in providers.items()}
    rows = {
        name: await site.rows(query, site.shop.partner_id)
        for name, query in {"payments": PAYMENTS, "tries": TRIES, "refunds": REFUNDS, "nets": NETS}.items()
    }
    tokens = {line.bill_number: line.token or "" for line in await site.biller.book()}
    forged = [unquote_plus(row["body"].decode(errors="replace")) for row in await site.rows(FORGED)]
    tries = _by_payment(rows["tries"], OurTry)
    refunds, nets, alarms = _by_payment(rows["refunds"], OurRefund), _nets(rows["nets"]), site.alarms()
    books = {}
    for payment in rows["payments"]:
        own = tries[payment["id"]]
        books[payment["id"]] = Books(
            told=await _asked(site, payment["id"]),
            state=payment["state"],
            total=payment["total"],
            tries=own,
            refunds=refunds[payment["id"]],
            nets=nets[payment["id"]],
            theirs={
                one.reference: theirs[one.connector_id][one.reference]
                for one in own
                if one.reference in theirs[one.connector_id]
            },
            kept_basis_points=kept,
            token=tokens.get(payment["bill"], ""),
            alarms=alarms.get(str(payment["id"]), ()),
            forged=sum(any(one.reference in body for one in own) for body in forged),
        )
    ours = {(one.connector_id, one.reference) for several in tries.values() for one in several}
    strays = [f"{name} {it}" for name, book in theirs.items() for it in book if (name, it) not in ours]
    return Everything(books, [*strays, *await _wrong_totals(site, theirs, kept)])


async def _asked(site: Site, payment_id: UUID) -> ApiPayment:
    """What the shop is told when it asks, by a switch that answers only so many questions in a second."""
    while True:
        try:
            return await site.client.get(f"pay_{payment_id.hex}")
        except RefusedError as refused:
            if refused.problem.code != "rate_limited":
                raise
        await asyncio.sleep(PAUSE_SECONDS)


async def _wrong_totals(
    site: Site, theirs: Mapping[str, Mapping[str, Held]], kept: Mapping[str, int]
) -> Sequence[str]:
    """Where the whole ledger and a provider's whole book disagree about what it owes us."""
    stands = {row["connector"]: row["net"] for row in await site.rows(RECEIVABLES)}
    rights = {name: sum(owed_by(one, kept[name]) for one in book.values()) for name, book in theirs.items()}
    return [
        f"{name} owes us {stands.get(name, 0)} here and {right} there"
        for name, right in rights.items()
        if stands.get(name, 0) != right
    ]


def _by_payment(rows: Iterable[Any], kind: Any) -> defaultdict[UUID, list[Any]]:  # noqa: ANN401 - a dataclass
    found: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        values = dict(row)
        found[values.pop("payment_id")].append(kind(**values))
    return found


def _nets(rows: Iterable[Any]) -> defaultdict[UUID, dict[str, int]]:
    found: defaultdict[UUID, dict[str, int]] = defaultdict(dict)
    for row in rows:
        found[row["payment_id"]][row["account"]] = row["net"]
    return found
