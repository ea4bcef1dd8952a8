"""Prepared before the clock starts: encrypted fetch and pay messages, and the quotes of the reference."""

import json
import tomllib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.kit.stage import BenchPartner, StageError
from sandbox.callers.partner.messages import Message, MessageWriter, Payout, new_reference
from sandbox.kit.biller.accounts import NORMAL_MAX, BillerAccounts
from sandbox.kit.biller.bills import BillerAccountKind
from sandbox.kit.biller.institution import BillerInstitution
from sandbox.kit.jwe import seal

BILLER = "b025"
FIRST_ACCOUNT = 10_000_000

_MANIFESTS = Path(__file__).resolve().parents[2] / "config" / "billers"
_SANDBOX_SEED = 7  # the default of `sandbox serve`, which the stage leaves as it is

# Quotes of fetches that no pay message was prepared for yet; those of pgbench are marked by their reference.
_FETCHED = """
SELECT quote_id, partner_id, request_reference, biller_id, bill, amount, fee + vat AS charged, created_at
FROM quotes WHERE created_at > $1 AND request_reference NOT LIKE 'PGBENCH%' ORDER BY created_at, quote_id
"""
# Rows as of fetched quotes, under ids that a client of pgbench can count up to.
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


class AccountsSpentError(StageError):
    """A simulated biller has no further account with an unfetched bill."""


@dataclass(frozen=True, slots=True)
class Payee:
    """A biller of the bench; `members` gives the members of `bll_inf` that name its nth bill, from 0."""

    id: str
    ekpay_id: str
    members: Callable[[int], dict[str, str]]


DESCO = Payee("desco_postpaid", BILLER, lambda nth: {"bllr_accno": str(FIRST_ACCOUNT + nth)})


def payee_of(institution: BillerInstitution, today: date) -> Payee:
    """A biller of the sandbox whose books were opened on this Dhaka day, with the maximum of accounts."""
    manifest = tomllib.loads((_MANIFESTS / f"{institution.id}.toml").read_text())
    wire_names = {entry["name"]: entry["wire_name"] for entry in manifest["parameters"]}
    world = BillerAccounts(institution, _SANDBOX_SEED, NORMAL_MAX, today)

    def members(nth: int) -> dict[str, str]:
        number = world.number_of(BillerAccountKind.NORMAL, nth)
        if number is None:
            raise AccountsSpentError(f"{institution.id} has no {nth + 1} accounts")
        bill = world.bills_of(number)[0]
        return {wire_names[name]: text for name, text in institution.fields_of(bill).items()}

    return Payee(institution.id, manifest["ekpay_id"], members)


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """One request: the number of its partner's token (from 1), its encrypted body, and its biller."""

    token: int
    body: str
    biller: str = ""


class RequestPreparer:
    """Prepares messages of all partners in turn; each account and each quote is used once."""

    def __init__(
        self,
        partners: Sequence[BenchPartner],
        connection: asyncpg.Connection,
        payees: Sequence[Payee] = (DESCO,),
        since: datetime = _EPOCH,
    ) -> None:
        self._partners = partners
        self._connection = connection
        self._numbers = {partner.id: number for number, partner in enumerate(partners, 1)}
        self._writers = [
            MessageWriter(partner.credentials.node_id, partner.credentials.syndicate_id)
            for partner in partners
        ]
        self._payees = {payee.id: payee for payee in payees}
        self._accounts = {payee.id: count() for payee in payees}
        self._prepared_until = since

    def prepare_fetches(self, number: int, order: Sequence[str] = ()) -> list[PreparedRequest]:
        """Fetch messages, DESCO's by account number, the way that costs the switch two calls of the biller.

        `order` are ids of payees, repeated in a cycle; without it all payees take turns.

        Raises:
            AccountsSpentError: a biller has too few accounts.
        """
        ids = islice(cycle(order or self._payees), number)
        return [self._prepare_fetch(self._payees[payee], next(self._accounts[payee])) for payee in ids]

    def _prepare_fetch(self, payee: Payee, nth: int) -> PreparedRequest:
        number = nth % len(self._partners)
        message = self._writers[number].fetch(payee.ekpay_id, **payee.members(nth))
        return self._seal_request(number + 1, message, payee.id)

    async def payments(self) -> list[PreparedRequest]:
        """A pay message for every bill fetched since the last call."""
        rows = await self._connection.fetch(_FETCHED, self._prepared_until)
        if rows:
            self._prepared_until = rows[-1]["created_at"]
        return list(self._prepare_fetched(rows))

    def _prepare_fetched(self, rows: Sequence[Any]) -> Iterator[PreparedRequest]:
        for row in rows:
            number, payee = self._numbers[row["partner_id"]], self._payees[row["biller_id"]]
            fetched = _fetch_reply(row, payee.ekpay_id)
            message = self._writers[number - 1].payment(fetched, Payout(new_reference()))
            yield self._seal_request(number, message, payee.id)

    def _seal_request(self, number: int, message: Message, payee: str) -> PreparedRequest:
        secret = self._partners[number - 1].credentials.secret
        return PreparedRequest(number, seal(json.dumps(message, ensure_ascii=False).encode(), secret), payee)

    async def write_reference_quotes(self, turn: int, clients: int, each: int) -> None:
        """Quotes for one turn of pgbench: `each` for every client, copies of a fetched one."""
        await self._connection.execute(_FOR_REFERENCE, turn, len(self._partners), clients, each)


class RequestStock:
    """Prepared messages by biller, oldest first; a turn takes its mix of them."""

    def __init__(self) -> None:
        self._by_biller: dict[str, deque[PreparedRequest]] = {}

    def add(self, prepared: Sequence[PreparedRequest]) -> None:
        """Add messages."""
        for request in prepared:
            self._by_biller.setdefault(request.biller, deque()).append(request)

    def available(self, biller: str) -> int:
        """How many messages of this biller there are."""
        return len(self._by_biller.get(biller, ()))

    def take(self, order: Sequence[str], number: int) -> list[PreparedRequest]:
        """So many messages, of the billers in this order, repeated in a cycle.

        Raises:
            IndexError: there are too few of a biller.
        """
        return [self._by_biller[biller].popleft() for biller in islice(cycle(order), number)]

    def put_back(self, unsent: Sequence[PreparedRequest]) -> None:
        """Return the messages that a turn did not send to their places."""
        for request in reversed(unsent):
            self._by_biller[request.biller].appendleft(request)


def interleave(weights: Mapping[str, int]) -> tuple[str, ...]:
    """One period in which each name occurs as often as its weight, spread evenly."""
    credit, whole = dict.fromkeys(weights, 0), sum(weights.values())
    order = []
    for _ in range(whole):
        for name, weight in weights.items():
            credit[name] += weight
        name = max(credit, key=credit.__getitem__)
        credit[name] -= whole
        order.append(name)
    return tuple(order)


def _fetch_reply(row: Any, ekpay_id: str) -> Message:  # noqa: ANN401 - asyncpg's Record
    """The part of a fetch answer that a payment echoes, rebuilt from the stored quote."""
    bill = json.loads(row["bill"])
    return {
        "hdrs": {"ref_id": row["request_reference"]},
        "resp_status": {"refno_ack": row["quote_id"]},
        "bllr_inf": {
            "bllr_id": ekpay_id,
            "bll_no": bill["bill_number"],
            "bllr_accno": bill["account"],
            "bll_typ": "NM",
            "bll_dt_gnrt": _date_text(bill["issued_on"]),
            "bll_dt_due": _date_text(bill["due_on"]),
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


def _date_text(text: str | None) -> str:
    return date.fromisoformat(text).isoformat() if text else ""


def _taka(paisa: int) -> str:
    return f"{paisa // 100}.{paisa % 100:02d}"
