"""Demands in the table of migration 0056, their payments, and the debts behind them. A trigger sets times."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from ekpay_switch.ports.finance import Connection
from reconciliation.results.table_values import Row
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.demand_figures import DemandEnd, demand_name, reference_of

_COLUMNS: Final = (
    "id, number, role, party, amount, due_days, asked_by, asked_at, approved_by, approved_at, due_on, "
    "content, rejected_by, reject_reason, ending, ended_at, paid, remainder, ended_by, "
    "end_approved_by, end_reason"
)
_ALL: Final = f"SELECT {_COLUMNS} FROM reconciliation.demands ORDER BY number"  # noqa: S608 - constants
_LOCKED: Final = f"SELECT {_COLUMNS} FROM reconciliation.demands WHERE number = $1 FOR UPDATE"  # noqa: S608 - constants
_NEW: Final = """
INSERT INTO reconciliation.demands (id, role, party, amount, due_days, asked_by)
VALUES ($1, $2, $3, $4, $5, $6) RETURNING number
"""
_APPROVE: Final = """
UPDATE reconciliation.demands SET approved_by = $2, content = $3, approved_at = now(),
  due_on = (now() AT TIME ZONE INTERVAL '+06:00')::date + due_days WHERE id = $1
"""
_REJECT: Final = """
UPDATE reconciliation.demands SET rejected_by = $2, rejected_at = now(), reject_reason = $3 WHERE id = $1
"""
_END: Final = """
UPDATE reconciliation.demands SET ending = $2, ended_at = now(), paid = $3, remainder = $4, ended_by = $5,
  end_approved_by = $6, end_reason = $7, end_entry_id = $8 WHERE id = $1
"""
# A reversed payment is a payment below zero on the date of its reversal.
_PAYMENTS: Final = """
SELECT split_part(p.target, ':', 2)::bigint AS number, j.business_date, w.state = 'closed' AS is_closed,
  sum(CASE WHEN d.action = 'reverse' THEN -p.amount ELSE p.amount END)::bigint AS paisa
FROM reconciliation.unidentified_events AS e
JOIN reconciliation.unidentified_decisions AS d ON d.id = e.decision_id
JOIN reconciliation.unidentified_parts AS p ON p.decision_id = coalesce(d.reverses, d.id)
JOIN public.journal_entries AS j ON j.id = e.entry_id
JOIN public.settlement_windows AS w ON w.id = j.window_id
WHERE e.event = 'approved' AND starts_with(p.target, 'demand:')
GROUP BY 1, 2, 3
"""
# Postings to an open window are no claims yet, except those of settlement itself.
_CHANGES: Final = """
SELECT p.account, j.business_date, sum(p.amount)::bigint AS paisa FROM public.postings AS p
JOIN public.journal_entries AS j ON j.id = p.entry_id
JOIN public.settlement_windows AS w ON w.id = j.window_id
WHERE p.account = ANY ($1) AND (w.state = 'closed' OR starts_with(j.moment, 'settlement_'))
GROUP BY p.account, j.business_date
"""
_TODAY: Final = "SELECT (now() AT TIME ZONE INTERVAL '+06:00')::date"
_DEBITS: Final = """
SELECT account, sum(amount)::bigint AS paisa FROM public.postings WHERE account = ANY ($1) GROUP BY account
"""
_NAMES: Final = """
SELECT 'payee' AS role, partner_id || ':' || code AS party, name FROM public.merchant_payees
UNION ALL
SELECT 'merchant', m.partner_id, p.name
FROM public.merchants AS m JOIN public.partners AS p ON p.id = m.partner_id
"""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a payee is asked to pay; `number` is how people name it, `amount` is in paisa.

    `content` is what its paper says, kept since its approval. `paid` and `remainder`, which was written off
    or let go, stand once it has ended.
    """

    id: UUID
    number: int
    role: str
    payee_name: str
    amount: int
    due_days: int
    asked_by: str
    asked_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    due_on: date | None
    content: Mapping[str, Any] | None
    rejected_by: str | None
    reject_reason: str | None
    ending: DemandEnd | None
    ended_at: datetime | None
    paid: int | None
    remainder: int | None
    ended_by: str | None
    end_approved_by: str | None
    end_reason: str | None

    @property
    def party(self) -> Party:
        """Whom it is about."""
        return Party(PartyRole(self.role), self.payee_name)

    @property
    def name(self) -> str:
        """How people name it."""
        return demand_name(self.number)

    @property
    def reference(self) -> str:
        """What the payee writes into its transfer."""
        return reference_of(self.number)

    @property
    def subject(self) -> str:
        """The subject of its alarms."""
        return f"demand {self.number}"

    @property
    def is_open(self) -> bool:
        """Whether it was approved and has not ended."""
        return self.approved_by is not None and self.ending is None


@dataclass(frozen=True, slots=True)
class DemandEnding:
    """How a demand ends, with what was paid of it and what is left, in paisa; `persons` are two, or none."""

    kind: DemandEnd
    paid: int
    remainder: int = 0
    persons: tuple[str | None, str | None] = (None, None)
    reason: str | None = None
    entry_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class DemandPayments:
    """What was paid of one demand, in paisa: in all, and by business date in closed windows."""

    paid: int
    by_day: Mapping[date, int]


async def read_demands(connection: Connection) -> tuple[Demand, ...]:
    """Every demand in the order in which it was asked for."""
    return tuple(_demand(row) for row in await connection.fetch(_ALL))


async def lock_demand(connection: Connection, number: int) -> Demand | None:
    """The demand of a number, locked until the transaction ends."""
    row = await connection.fetchrow(_LOCKED, number)
    return None if row is None else _demand(row)


async def read_payments(connection: Connection) -> Mapping[int, DemandPayments]:
    """What lines of our bank have paid of each demand, by its number."""
    paid: dict[int, int] = {}
    by_day: dict[int, dict[date, int]] = {}
    for number, day, is_closed, paisa in await connection.fetch(_PAYMENTS):
        paid[number] = paid.get(number, 0) + paisa
        if is_closed:
            of_number = by_day.setdefault(number, {})
            of_number[day] = of_number.get(day, 0) + paisa
    return {number: DemandPayments(sum_, by_day.get(number, {})) for number, sum_ in paid.items()}


async def debt_changes(connection: Connection, accounts: Collection[str]) -> Mapping[str, Mapping[date, int]]:
    """By how many paisa closed windows have grown the debt on each account, by business date."""
    changes: dict[str, dict[date, int]] = {}
    for account, day, paisa in await connection.fetch(_CHANGES, sorted(accounts)):
        changes.setdefault(account, {})[day] = paisa
    return changes


async def debits_now(connection: Connection, accounts: Collection[str]) -> Mapping[str, int]:
    """The balances of accounts now, open windows included, above zero where their party owes us."""
    return {row["account"]: row["paisa"] for row in await connection.fetch(_DEBITS, sorted(accounts))}


async def payee_names(connection: Connection) -> Mapping[Party, str]:
    """The names of merchants and of their payees."""
    rows = await connection.fetch(_NAMES)
    return {Party(PartyRole(row["role"]), row["party"]): row["name"] for row in rows}


async def today_in_dhaka(connection: Connection) -> date:
    """The business date of the database's clock."""
    today: date = await connection.fetchval(_TODAY)
    return today


async def write_demand(connection: Connection, new: UUID, party: Party, terms: Sequence[Any]) -> int:
    """Write a demand that was asked for; its number. `terms` are amount, days to pay, and who asks.

    Raises:
        asyncpg.UniqueViolationError: another demand of the party waits or is open.
        asyncpg.CheckViolationError: the person is not of finance.
    """
    return int(await connection.fetchval(_NEW, new, party.role.value, party.name, *terms))


async def write_approval(
    connection: Connection, demand: Demand, approved_by: str, content: Mapping[str, Any]
) -> None:
    """Approve a demand; from today its payee has its days to pay.

    Raises:
        asyncpg.CheckViolationError: these are not two persons of finance.
    """
    text = json.dumps(content, ensure_ascii=False, sort_keys=True)
    await connection.execute(_APPROVE, demand.id, approved_by, text)


async def write_rejection(connection: Connection, demand: Demand, rejected_by: str, reason: str) -> None:
    """Reject a demand that waits.

    Raises:
        asyncpg.CheckViolationError: the person is not of finance.
    """
    await connection.execute(_REJECT, demand.id, rejected_by, reason)


async def write_ending(connection: Connection, demand: Demand, ending: DemandEnding) -> None:
    """End a demand; the entry of a write-off stands.

    Raises:
        asyncpg.CheckViolationError: these are not two persons of finance, or the figures or the entry are
            not those of the demand.
    """
    await connection.execute(
        _END,
        demand.id,
        ending.kind.value,
        ending.paid,
        ending.remainder,
        *ending.persons,
        ending.reason,
        ending.entry_id,
    )


def _demand(row: Row) -> Demand:
    values = {**dict(row), "payee_name": row["party"]}
    values.pop("party")
    values["content"] = None if row["content"] is None else json.loads(row["content"])
    values["ending"] = None if row["ending"] is None else DemandEnd(row["ending"])
    return Demand(**values)
