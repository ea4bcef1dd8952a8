"""One collected payment in every book there is: ours, the ledger, bKash's own, the shop's; told and judged.

Amounts are paisa in books and taka in texts. An account is told by its own balance, whichever side that is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from ekpay_switch.domain.ledger.entries import kind_of
from ekpay_switch.domain.money import format_taka
from sandbox.callers.client.messages import ApiPayment
from sandbox.rehearsals.demo.comparison.bkash_books import (
    Collection,
    OurRefund,
    OurTry,
    ShopLine,
    WalletBooks,
    WalletMovement,
    compare_wallet,
)
from tests.faults.wallets.counting_proxy import Sent
from tests.faults.wallets.stage import WalletSite

KEPT_BASIS_POINTS = 150
RECEIVABLE = "receivable:bkash"
ACCOUNTS_IN_ORDER = (
    "receivable", "connector_fee", "in_flight", "refund_due", "suspense", "payable", "biller_deposit",
    "charge_income", "fee_income", "vat_payable", "write_off",
)  # fmt: skip

PAYMENT = """
SELECT p.state, p.amount + p.rounding + p.charge + p.fee + p.vat AS total, c.bill ->> 'number' AS bill_number
FROM payments AS p JOIN collections AS c ON c.payment_id = p.id WHERE p.id = $1
"""
TRIES = """
SELECT a.reference, a.outcome, t.provider_reference AS payment, t.provider_transaction AS transaction,
  t.collected AS collected_paisa
FROM tries AS t JOIN attempts AS a ON a.id = t.attempt_id WHERE t.payment_id = $1 ORDER BY a.opened_at
"""
REFUNDS = """
SELECT id::text AS refund_id, kind, state, amount AS amount_paisa, provider_refund AS transaction
FROM refunds WHERE payment_id = $1 ORDER BY created_at, id
"""
LEDGER = """
SELECT o.account, sum(o.amount)::bigint AS net
FROM journal_entries AS e JOIN postings AS o ON o.entry_id = e.id
WHERE e.payment_id = $1 GROUP BY 1 HAVING sum(o.amount) <> 0
"""
# Messages by what they name: a callback names bKash's reference, a notification ours, a forged one nothing.
KEPT = """
SELECT CASE WHEN is_forged THEN 'forged, ' || why
  WHEN reference = ANY($2) THEN 'notification' ELSE 'callback' END AS kind, count(*) AS count
FROM (SELECT provider_reference, reference, is_forged, why, body FROM callbacks
  UNION ALL SELECT provider_reference, reference, is_forged, why, body FROM unclaimed_callbacks) AS kept
WHERE provider_reference = ANY($1) OR reference = ANY($2) OR is_forged AND EXISTS (
  SELECT FROM unnest($2::text[]) AS named WHERE position(named IN encode(body, 'escape')) > 0)
GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Page:
    """One payment as bKash has it: a page of ours, and what came of it."""

    invoice: str
    status: str
    is_verified: bool
    moved_paisa: int
    told_paisa: int
    refunds: Sequence[int] = ()

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> "Page":
        """A line of the simulator's dump."""
        return cls(
            invoice=line["invoice"],
            status=line["status"],
            is_verified=line["is_verified"],
            moved_paisa=line["amount_paisa"] * line["executes"],
            told_paisa=line["told_paisa"] * line["executes"],
            refunds=tuple(refund["amount_paisa"] for refund in line["refunds"]),
        )

    @property
    def text(self) -> str:
        if not self.moved_paisa:
            status = "open" if self.status == "Initiated" else self.status.lower()
            return f"page {status}, agreed to" if self.is_verified else f"page {status}"
        parts = [f"{format_taka(self.moved_paisa)} taken"]
        if self.told_paisa != self.moved_paisa:
            parts.append(f"told as {format_taka(self.told_paisa)}")
        if self.refunds:
            often = f" in {len(self.refunds)} parts" if len(self.refunds) > 1 else ""
            parts.append(f"{format_taka(sum(self.refunds))} given back{often}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that is written about one payment, wherever it is.

    `nets` are its postings by account, debit positive; `movements` are its own at bKash; `kept` are messages
    that came unasked, by kind; `sent` the calls that bKash got.
    """

    ours: Collection
    nets: Mapping[str, int]
    pages: Sequence[Page]
    movements: Sequence[WalletMovement]
    told: ApiPayment
    sent: Mapping[Sent, int] = field(default_factory=dict)
    kept: Mapping[str, int] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict)


async def books_of(site: WalletSite, payment_id: UUID, told: ApiPayment) -> Books:
    """Open every book at this payment; `told` is what its shop was told last."""
    ours = await our_collection(site, payment_id)
    invoices = [one.reference for one in ours.tries]
    names = [one.payment for one in ours.tries if one.payment]
    dump = await site.wallet.admin("GET", "dump")
    return Books(
        ours=ours,
        nets={line["account"]: line["net"] for line in await site.rows(LEDGER, payment_id)},
        pages=[Page.of(line) for line in dump["payments"] if line["invoice"] in invoices],
        movements=[one for one in await site.wallet.book() if one.invoice in invoices],
        told=told,
        sent=site.witness.counted(names),
        kept={line["kind"]: line["count"] for line in await site.rows(KEPT, names, invoices)},
        tokens=await tokens_made(site),
    )


async def our_collection(site: WalletSite, payment_id: UUID) -> Collection:
    """A payment as our own tables have it."""
    (payment,) = await site.rows(PAYMENT, payment_id)
    return Collection(
        payment_id=f"pay_{payment_id.hex}",
        state=payment["state"],
        bill_number=payment["bill_number"],
        total_paisa=payment["total"],
        tries=[OurTry(**one) for one in await site.rows(TRIES, payment_id)],
        refunds=[OurRefund(**one) for one in await site.rows(REFUNDS, payment_id)],
    )


async def tokens_made(site: WalletSite) -> Mapping[str, str]:
    """The token lines that the prepaid biller has made, by bill number."""
    return {line.bill_number or "": line.token or "" for line in await site.desks["nesco"].book()}


def shop_line(told: ApiPayment) -> ShopLine:
    """What a shop believes once it was told this."""
    token = ",".join(line.digits for line in told.tokens)
    return ShopLine(told.id, told.status, told.total, told.refunded, token)


def cells_of(books: Books, alarms: Sequence[str], *, inquiries_vary: bool = False) -> Mapping[str, str]:
    """The cells of a row, by column; where `inquiries_vary`, it is told that we asked and not how often."""
    return {
        "payment": _payment_text(books),
        "our ledger": _ledger_text(books.nets),
        "bKash's book": "; ".join(page.text for page in books.pages) or "nothing there",
        "sent to bKash": _sent_text(books.sent, inquiries_vary=inquiries_vary),
        "messages kept": _kept_text(books.kept),
        "alarms": ", ".join(alarms) or "none",
    }


COLUMNS = ("payment", "our ledger", "bKash's book", "sent to bKash", "messages kept", "alarms")


def _payment_text(books: Books) -> str:
    told = books.told
    parts = [f"{books.ours.state}, told {told.status}"]
    parts += [f"because {told.reason}"] if told.reason else []
    if told.refunds:
        states = sorted({refund.status for refund in told.refunds})
        count = len(told.refunds)
        parts.append(f"{count} refund{'s' * (count > 1)} told {' and '.join(states)}")
    return ", ".join(parts)


def _ledger_text(nets: Mapping[str, int]) -> str:
    own = {
        account: net if kind_of(account).is_debit_normal else -net
        for account, net in sorted(nets.items(), key=lambda one: _place(one[0]))
    }
    return ", ".join(f"{account} {format_taka(balance)}" for account, balance in own.items()) or "nothing"


def _place(account: str) -> tuple[int, str]:
    return ACCOUNTS_IN_ORDER.index(account.partition(":")[0]), account


def _sent_text(sent: Mapping[Sent, int], *, inquiries_vary: bool) -> str:
    parts = []
    for kind, plural in _PLURALS.items():
        count = sent.get(kind, 0)
        if count and inquiries_vary and kind is Sent.INQUIRY:
            parts.append(plural)
        elif count:
            parts.append(f"{count} {kind if count == 1 else plural}")
    return ", ".join(parts) or "nothing"


_PLURALS: Mapping[Sent, str] = {
    Sent.EXECUTE: "executes",
    Sent.INQUIRY: "inquiries",
    Sent.REFUND: "refunds",
    Sent.REFUND_INQUIRY: "refund inquiries",
}


def _kept_text(kept: Mapping[str, int]) -> str:
    parts = []
    for kind, count in kept.items():
        word, _, why = kind.partition(", ")
        named = f"{word} ({why})" if why else f"{word}{'s' * (count > 1)}"
        parts.append(f"{count} {named}")
    return ", ".join(parts) or "none"


def disagreements(books: Books, *, contradicts: bool = False) -> Iterator[str]:
    """What the books have against each other, a sentence each; none where all of them say the same.

    `contradicts` says that bKash is expected to tell another amount than it has moved.
    """
    compared = compare_wallet(
        WalletBooks(
            ours=[books.ours],
            theirs=books.movements,
            shop=[shop_line(books.told)],
            receivable_paisa=books.nets.get(RECEIVABLE, 0),
            kept_basis_points=KEPT_BASIS_POINTS,
            tokens=books.tokens,
        )
    )
    yield from (f"{one.subject}: {one.problem}" for one in compared.unexplained)
    if bool(compared.contradictions) != contradicts:
        yield f"bKash contradicts itself: {[one.problem for one in compared.contradictions]}"
    if sum(1 for one in books.movements if one.refund_of is None) > 1:
        yield "the payer was debited twice"
    if sum(books.nets.values()):
        yield f"the ledger does not balance: {books.nets}"
    if given_back(books.movements) > collected(books.movements):
        yield "more was given back than was taken"


def collected(movements: Iterable[WalletMovement]) -> int:
    """What bKash took of payers, in paisa."""
    return sum(one.amount_paisa for one in movements if one.refund_of is None)


def given_back(movements: Iterable[WalletMovement]) -> int:
    """What bKash gave back to payers, in paisa."""
    return sum(one.amount_paisa for one in movements if one.refund_of is not None)
