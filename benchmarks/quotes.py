"""What is made ready before the clock starts: sealed fetch and pay messages, and the reference's quotes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count
from typing import Any

import asyncpg

from benchmarks.stage import BenchPartner
from sandbox.partner.jwe import seal
from sandbox.partner.messages import Message, Payout, Writer, new_reference

BILLER = "b025"
FIRST_ACCOUNT = 10_000_000

# Quotes that a fetch has left and nobody has seen yet; what the reference pays is marked by its reference.
_FETCHED = """
SELECT quote_id, partner_id, request_reference, bill, amount, fee + vat AS charged, created_at FROM quotes
WHERE created_at > $1 AND request_reference NOT LIKE 'PGBENCH%' ORDER BY created_at, quote_id
"""
# The same rows as fetched ones have, under names that a client of pgbench can count up to.
_FOR_REFERENCE = """
INSERT INTO quotes (quote_id, partner_id, request_reference, biller_id, bucket, bill_key, bill_lock, is_paid,
  currency, amount, charge, fee, vat, fee_version, bill, biller_quote, expires_at)
SELECT key, 'bench' || lpad((1 + (client + n) % $2::int)::text, 2, '0'), key, q.biller_id, q.bucket,
  right(key, 19), hashtextextended(key, 0), false, q.currency, q.amount, q.charge, q.fee, q.vat,
  q.fee_version, q.bill, q.biller_quote, now() + INTERVAL '2 hours'
FROM generate_series(0, $3::int - 1) AS client, generate_series(1, $4::int) AS n,
  LATERAL (SELECT
    'PGBENCH' || lpad($1::int::text, 4, '0') || lpad(client::text, 3, '0') || lpad(n::text, 12, '0')
  ) AS named (key),
  (SELECT * FROM quotes WHERE request_reference NOT LIKE 'PGBENCH%' LIMIT 1) AS q
"""
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Prepared:
    """One request as it will travel: whose token it needs (from 1) and its sealed body."""

    token: int
    body: str


class Desk:
    """Prepares messages of all partners in turn; every account and every quote is used once."""

    def __init__(self, partners: Sequence[BenchPartner], connection: asyncpg.Connection) -> None:
        self._partners = partners
        self._connection = connection
        self._numbers = {partner.id: number for number, partner in enumerate(partners, 1)}
        self._writers = [
            Writer(partner.credentials.node_id, partner.credentials.syndicate_id) for partner in partners
        ]
        self._accounts = count(FIRST_ACCOUNT)
        self._seen_until = _EPOCH

    def fetches(self, wanted: int) -> list[Prepared]:
        """Fetch messages by account number, the way that costs the switch two calls of the biller."""
        return [self._fetch(next(self._accounts)) for _ in range(wanted)]

    def _fetch(self, account: int) -> Prepared:
        number = account % len(self._partners)
        message = self._writers[number].fetch(BILLER, bllr_accno=str(account))
        return self._sealed(number + 1, message)

    async def payments(self) -> list[Prepared]:
        """A pay message for every bill fetched since the last call."""
        rows = await self._connection.fetch(_FETCHED, self._seen_until)
        if rows:
            self._seen_until = rows[-1]["created_at"]
        return list(self._pay(rows))

    def _pay(self, rows: Sequence[Any]) -> Iterator[Prepared]:
        for row in rows:
            number = self._numbers[row["partner_id"]]
            message = self._writers[number - 1].payment(_fetched(row), Payout(new_reference()))
            yield self._sealed(number, message)

    def _sealed(self, number: int, message: Message) -> Prepared:
        secret = self._partners[number - 1].credentials.secret
        return Prepared(number, seal(json.dumps(message, ensure_ascii=False).encode(), secret))

    async def for_reference(self, turn: int, clients: int, each: int) -> None:
        """Quotes for one turn of pgbench: `each` for every client, copies of a fetched one."""
        await self._connection.execute(_FOR_REFERENCE, turn, len(self._partners), clients, each)


def _fetched(row: Any) -> Message:  # noqa: ANN401 - asyncpg's Record
    """The part of a fetch's answer that its payment echoes, from the quote that was stored with it."""
    bill = json.loads(row["bill"])
    return {
        "hdrs": {"ref_id": row["request_reference"]},
        "resp_status": {"refno_ack": row["quote_id"]},
        "bllr_inf": {
            "bllr_id": BILLER,
            "bll_no": bill["bill_number"],
            "bllr_accno": bill["account"],
            "bll_typ": "NM",
            "bll_dt_gnrt": _day(bill["issued_on"]),
            "bll_dt_due": _day(bill["due_on"]),
            "bll_cstnm": bill["customer_name"],
            "bll_add": bill["address"],
            "meter_no": bill["meter_no"],
            "totalKwh": bill["kwh"],
            "bll_amnt": _taka(bill["amount"]),
            "bll_vat": _taka(bill["vat"]),
            "bll_late_fee": _taka(bill["late_fee"]),
            "bll_amnt_ttl": _taka(row["amount"]),
            "ekpay_fee": _taka(row["charged"]),
            "is_bll_pd": "N",
        },
    }


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def _taka(paisa: int) -> str:
    return f"{paisa // 100}.{paisa % 100:02d}"
