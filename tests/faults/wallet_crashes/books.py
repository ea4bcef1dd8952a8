"""Reading what is known of a shop's payments out of the three books there are."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Protocol

from ekpay_switch.persistence.audit import run as audit
from tests.faults.crashes.payment_checks import Theirs, Verdict
from tests.faults.installation import Installation
from tests.faults.wallet_crashes.collection_checks import (
    Debit,
    Heard,
    OurCollection,
    OurRefund,
    OurTry,
    Returned,
    WalletEvidence,
    judge_wallets,
)

# The reference of REST v1 is the caller's key behind a name space of its own.
KEY_OF = "v1:"

PAYMENTS = """
SELECT p.id, p.reference, p.bill_key, p.state, p.amount + p.rounding AS amount,
  p.amount + p.rounding + p.charge + p.fee + p.vat AS total,
  coalesce(array_agg(a.reference) FILTER (WHERE a.leg = 'delivery'), '{}') AS sent_as
FROM payments AS p LEFT JOIN attempts AS a ON a.payment_id = p.id WHERE p.partner_id = $1 GROUP BY p.id
"""
TRIES = """
SELECT t.payment_id, a.reference, coalesce(t.provider_transaction, '') AS transaction,
  coalesce(t.collected, 0) AS collected
FROM tries AS t JOIN attempts AS a ON a.id = t.attempt_id JOIN payments AS p ON p.id = t.payment_id
WHERE p.partner_id = $1 ORDER BY a.opened_at, a.id
"""
REFUNDS = """
SELECT payment_id, 'rfd_' || replace(id::text, '-', '') AS name, state, amount,
  coalesce(provider_refund, '') AS transaction
FROM refunds WHERE partner_id = $1 ORDER BY created_at, id
"""
NETS = """
SELECT replace(split_part(o.account, ':', 1), 'biller_deposit', 'payable') AS kind,
  sum(o.amount)::bigint AS net
FROM journal_entries AS e JOIN postings AS o ON o.entry_id = e.id JOIN payments AS p ON p.id = e.payment_id
WHERE p.partner_id = $1 GROUP BY 1
"""
OTHERS = """
SELECT a.reference FROM tries AS t JOIN attempts AS a ON a.id = t.attempt_id
JOIN payments AS p ON p.id = t.payment_id WHERE p.partner_id <> $1
"""
BOOKS = {"payments": PAYMENTS, "tries": TRIES, "refunds": REFUNDS, "nets": NETS, "others": OTHERS}

Rows = dict[str, Sequence[Any]]


class Told(Protocol):
    """What a shop knows of its own orders."""

    @property
    def partner_id(self) -> str:
        """Which partner it is."""
        ...

    def heard(self) -> Sequence[Heard]:
        """Whatever it heard, key by key."""
        ...


async def audited(site: Installation, shop: Told) -> Verdict:
    """The verdict on a shop's payments, with whatever the audit of all books finds."""
    verdict = judge_wallets(await evidence_of(site, shop))
    finding = await audit.run(site.database)
    if finding is None:
        return verdict
    return Verdict(verdict.lost, verdict.doubled, (*verdict.wrong, f"audit: {finding}"))


async def evidence_of(site: Installation, shop: Told) -> WalletEvidence:
    """Everything known of a shop's payments now."""
    rows, biller = await _read(site, shop.partner_id), await site.ask_far_side("GET", "dump")
    heard = shop.heard()
    bills = {one.bill for one in heard}
    return WalletEvidence(
        heard=heard,
        ours=_ours(rows),
        debits=await _debits(site, rows),
        theirs=[
            Theirs(line["bill_number"], line["transaction_id"], line["amount_paisa"], line["saves"])
            for line in biller["payments"]
            if line["bill_number"] in bills
        ],
        sent_twice=[
            pair["bill_number"] for pair in biller["rejected_duplicates"] if pair["bill_number"] in bills
        ],
        nets={row["kind"]: row["net"] for row in rows["nets"]},
    )


async def debits_of(site: Installation, shop: Told) -> Sequence[Debit]:
    """The money that the wallet has taken from a shop's payers by now."""
    return await _debits(site, await _read(site, shop.partner_id))


async def _debits(site: Installation, rows: Rows) -> list[Debit]:
    others = {row["reference"] for row in rows["others"]}
    dump = await site.ask_wallet("GET", "dump")
    return [_debit(line) for line in dump["payments"] if line["trxID"] and line["invoice"] not in others]


async def _read(site: Installation, partner_id: str) -> Rows:
    connection = await site.database.connect("audit")
    try:
        return {name: await connection.fetch(query, partner_id) for name, query in BOOKS.items()}
    finally:
        await connection.close()


def _ours(rows: Rows) -> list[OurCollection]:
    tries: defaultdict[object, list[OurTry]] = defaultdict(list)
    for row in rows["tries"]:
        tries[row["payment_id"]].append(OurTry(row["reference"], row["transaction"], row["collected"]))
    refunds: defaultdict[object, list[OurRefund]] = defaultdict(list)
    for row in rows["refunds"]:
        refund = OurRefund(row["name"], row["state"], row["amount"], row["transaction"])
        refunds[row["payment_id"]].append(refund)
    return [
        OurCollection(
            key=row["reference"].removeprefix(KEY_OF),
            bill=row["bill_key"],
            state=row["state"],
            amount=row["amount"],
            total=row["total"],
            sent_as=tuple(row["sent_as"]),
            tries=tuple(tries[row["id"]]),
            refunds=tuple(refunds[row["id"]]),
        )
        for row in rows["payments"]
    ]


def _debit(line: dict[str, Any]) -> Debit:
    returned = tuple(Returned(one["refundTrxID"], one["amount_paisa"]) for one in line["refunds"])
    return Debit(line["invoice"], line["trxID"], line["amount_paisa"], line["fee_paisa"], returned)
