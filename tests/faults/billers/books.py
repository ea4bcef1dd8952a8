"""One payment in every book there is, and what the books have against each other (laws 4, 9, 14 and 15)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.rehearsals.demo.paying.partner import Reference
from tests.faults.billers.stage import Site

COMPLETED, REFUNDED, IN_REVIEW = "completed", "refunded", "in_review"
LATE_SUCCESS, HALF_DONE = "late_success", "half_done_after_give_back"

PAYMENT = """
SELECT p.id, p.state, p.amount, p.amount + p.rounding AS billed,
  p.amount + p.rounding + p.charge + p.fee + p.vat AS total, a.reference, a.sends,
  (SELECT coalesce(array_agg(e.facts ->> 'why'), '{}') FROM evidence AS e
    WHERE e.payment_id = p.id AND e.facts ->> 'why' <> '') AS whys
FROM payments AS p JOIN attempts AS a ON a.payment_id = p.id WHERE p.reference = $1
"""
NETS = """
SELECT replace(split_part(o.account, ':', 1), 'biller_deposit', 'payable') AS kind,
  sum(o.amount)::bigint AS net
FROM journal_entries AS e JOIN postings AS o ON o.entry_id = e.id WHERE e.payment_id = $1 GROUP BY 1
"""
BALANCES = """
SELECT a.code, a.balance, (SELECT coalesce(sum(t.amount), 0)::bigint FROM top_ups AS t
    WHERE a.code = 'prefund:' || t.partner_id || ':' || t.bucket AND t.approved_at IS NOT NULL) AS topped_up,
  (SELECT coalesce(sum(p.amount + p.rounding + p.charge + p.fee + p.vat), 0)::bigint FROM payments AS p
    WHERE a.code = 'prefund:' || p.partner_id || ':' || p.bucket AND p.state = ANY($1)
      AND NOT EXISTS (SELECT FROM history AS h WHERE h.payment_id = p.id AND h.to_state = 'refunded')
  ) AS spent
FROM accounts AS a WHERE a.balance IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Ours:
    """A payment as we hold it, in paisa; `nets` are its postings summed by kind of account, debit positive.

    `whys` are what its far side's unsatisfying answers were kept as.
    """

    payment_id: str
    state: str
    amount: int
    billed: int
    total: int
    sent_as: str
    sends: int
    whys: Sequence[str]
    nets: Mapping[str, int]

    @property
    def is_reviewed_half_done(self) -> bool:
        """Given back, and in review since the biller waits for a further step of it: nothing is posted."""
        return self.state == IN_REVIEW and not any(self.nets.values())

    @property
    def expected_nets(self) -> Mapping[str, int]:
        """What state and ledger owe each other; what is income or tax is left to the audit."""
        if self.state == COMPLETED:
            return {"prefund": self.total, "payable": -self.amount}
        if self.state == REFUNDED or self.is_reviewed_half_done:
            return {}
        if self.nets.get("suspense"):
            return {"suspense": self.amount, "payable": -self.amount}
        return {"prefund": self.total, "in_flight": -self.total}


@dataclass(frozen=True, slots=True)
class Theirs:
    """What a biller holds under one bill number, in paisa: so many payments, of so many accepted calls.

    `is_whole` is false where a payment is saved and not acknowledged; `tokens` are its lines, with commas.
    """

    count: int
    calls: int = 0
    paid: int = 0
    owed: int = 0
    known_as: frozenset[str] = frozenset()
    is_whole: bool = True
    is_rejected: bool = False
    tokens: str = ""

    @property
    def text(self) -> str:
        if not self.count:
            return "nothing there"
        often = "once" if self.count == 1 else f"{self.count} times"
        if not self.is_whole:
            return f"saved {often}, not acknowledged"
        lines = len(self.tokens.split(",")) if self.tokens else 0
        return f"vended {often}, {lines} token lines" if lines else f"paid {often}"


async def ours_of(site: Site, reference: str) -> Ours | None:
    """The payment under a partner's reference, if there is one."""
    found = await site.rows(PAYMENT, reference)
    if not found:
        return None
    row = found[0]
    nets = {line["kind"]: line["net"] for line in await site.rows(NETS, row["id"]) if line["net"]}
    return Ours(str(row["id"]), row["state"], row["amount"], row["billed"], row["total"], row["reference"],
                row["sends"], row["whys"], nets)  # fmt: skip


def theirs_of(far_side: str, book: Mapping[str, Any], bill_number: str) -> Theirs:
    """What a biller's dump holds under a bill number."""
    if far_side == "nesco":
        return _vended([line for line in book["vends"] if line["transaction_id"] == bill_number])
    lines = [line for line in book["payments"] if line["bill_number"] == bill_number]
    rejected = any(pair["bill_number"] == bill_number for pair in book["rejected_duplicates"])
    if far_side == "desco":
        amounts = [(line["amount_paisa"], line["amount_paisa"]) for line in lines]
    else:
        amounts = [(line["amount_taka"] * 100, line["due_paisa"]) for line in lines]
    return Theirs(
        count=len(lines),
        calls=sum(max(line["saves"], line.get("acknowledges", 0)) for line in lines),
        paid=sum(paid for paid, _ in amounts),
        owed=sum(owed for _, owed in amounts),
        known_as=frozenset(line["transaction_id"] for line in lines),
        is_whole=all(line.get("is_acknowledged", True) for line in lines),
        is_rejected=rejected,
    )


def _vended(lines: Sequence[Mapping[str, Any]]) -> Theirs:
    return Theirs(
        count=len(lines),
        calls=sum(line["asks"] for line in lines),
        paid=sum(line["amount_paisa"] for line in lines),
        owed=sum(line["amount_paisa"] for line in lines),
        tokens=",".join(one["digits"] for line in lines for one in line["lines"]),
    )


def disagreements(ours: Ours, theirs: Theirs, heard: Reference, alarms: Sequence[str]) -> Iterator[str]:
    """What does not fit, a sentence each; none where every book says the same."""
    nets = {
        kind: ours.nets[kind] for kind in ("prefund", "in_flight", "payable", "suspense") if kind in ours.nets
    }
    if nets != ours.expected_nets:
        yield f"{ours.state}, and the ledger says {nets}"
    if theirs.count and (theirs.paid, theirs.owed) != (ours.billed, ours.amount):
        yield f"{theirs.paid} paisa there for {theirs.owed} owed, {ours.billed} for {ours.amount} here"
    if not theirs.known_as <= {ours.sent_as}:
        yield f"known there as {sorted(theirs.known_as)}, sent as {ours.sent_as}"
    if theirs.is_rejected:
        yield "sent under a second transaction"
    if heard.is_two_valued:
        yield f"the partner was told two things: {heard.codes}, {len(set(heard.tokens))} tokens"
    yield from _unlawful(ours, theirs, alarms)
    made = theirs.tokens if ours.state == COMPLETED else ""
    if set(heard.tokens) != ({made} if made else set()):
        yield "the partner holds other token lines than the biller made"


def _unlawful(ours: Ours, theirs: Theirs, alarms: Sequence[str]) -> Iterator[str]:
    if theirs.count > 1:
        yield "paid twice"
    if ours.state == COMPLETED and not (theirs.count and theirs.is_whole):
        yield "completed, and not paid"
    if ours.state == REFUNDED and theirs.count:
        yield "given back, and the biller has it"
    if ours.is_reviewed_half_done and (theirs.is_whole or HALF_DONE not in alarms):
        yield "given back, and the biller was paid all the same"
    if ours.state == IN_REVIEW and not alarms:
        yield "in review, and nobody was told"
    if (LATE_SUCCESS in alarms) != ("suspense" in ours.nets):
        yield "a late success and its posting go together"


async def prefund_faults(site: Site) -> list[str]:
    """Prefunds that are not their top-ups less what is spent or held."""
    held = [COMPLETED, IN_REVIEW, "delivering", "funded"]
    return [
        f"{row['code']} holds {row['balance']}, {row['topped_up']} less {row['spent']} would be right"
        for row in await site.rows(BALANCES, held)
        if row["balance"] != row["topped_up"] - row["spent"]
    ]
