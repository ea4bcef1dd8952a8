"""Changes of payees' bank accounts in the table of migration 0048; its trigger sets the times."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from reconciliation.results.table_values import Connection, Row
from reconciliation.settlement.instructions.account_registry import AccountRegistry, CreditorAccount

_COLUMNS: Final = (
    "id, number, role, party, name, bic, routing_number, account, holds, rail, reason, asked_by, asked_at, "
    "approved_by, valid_from, stopped_by, stop_reason, valid_from <= now() AND stopped_by IS NULL AS is_valid"
)
_ALL: Final = f"SELECT {_COLUMNS} FROM reconciliation.account_changes ORDER BY number"  # noqa: S608 - constants
_LOCKED: Final = f"SELECT {_COLUMNS} FROM reconciliation.account_changes WHERE number = $1 FOR UPDATE"  # noqa: S608 - constants
# The time of the transaction, as in the trigger that holds an instruction to the account in force.
_IN_FORCE: Final = f"""
SELECT DISTINCT ON (role, party) {_COLUMNS} FROM reconciliation.account_changes
WHERE stopped_by IS NULL AND valid_from <= now() ORDER BY role, party, valid_from DESC, id DESC
"""  # noqa: S608 - constants
_NEW: Final = """
INSERT INTO reconciliation.account_changes
  (id, role, party, name, bic, routing_number, account, holds, rail, reason, cooling_hours, asked_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING number
"""
_APPROVE: Final = """
UPDATE reconciliation.account_changes SET approved_by = $2, approved_at = now(), valid_from = now()
WHERE id = $1 RETURNING valid_from
"""
_STOP: Final = """
UPDATE reconciliation.account_changes SET stopped_by = $2, stopped_at = now(), stop_reason = $3 WHERE id = $1
"""
_IS_KNOWN: Final = "SELECT EXISTS (SELECT FROM public.accounts WHERE code = ANY($1))"


@dataclass(frozen=True, slots=True)
class AccountChange:
    """A change of the account into which a payee is paid; `number` is how people name it.

    `valid_from` is None until it is approved; the account of before is paid until then. `is_valid` once the
    cooling time is over and nobody has stopped it.
    """

    id: UUID
    number: int
    account: CreditorAccount
    reason: str
    asked_by: str
    asked_at: datetime
    approved_by: str | None
    valid_from: datetime | None
    stopped_by: str | None
    stop_reason: str | None
    is_valid: bool

    @property
    def state(self) -> str:
        """What has become of it, in one word."""
        if self.stopped_by is not None:
            return "stopped"
        if self.approved_by is None:
            return "waits"
        return "valid" if self.is_valid else "cooling"


@dataclass(frozen=True, slots=True)
class RequestedChange:
    """A change as one person of finance asks for it, checked; it cools for `cooling_hours` once approved."""

    id: UUID
    account: CreditorAccount
    reason: str
    cooling_hours: int
    asked_by: str


async def read_changes(connection: Connection) -> tuple[AccountChange, ...]:
    """Every change in the order in which it was asked for."""
    return tuple(_change(row) for row in await connection.fetch(_ALL))


async def lock_change(connection: Connection, number: int) -> AccountChange | None:
    """The change of a number, locked until the transaction ends."""
    row = await connection.fetchrow(_LOCKED, number)
    return None if row is None else _change(row)


async def registry_in_force(connection: Connection, registry: AccountRegistry) -> AccountRegistry:
    """The registry with the accounts that two persons have changed, as they are valid in this transaction.

    A changed account on a rail that the configuration has no more is left out, so its payee is carried.
    """
    changed = {row.account.creditor: row.account for row in map(_change, await connection.fetch(_IN_FORCE))}
    if not changed:
        return registry
    accounts = {account.creditor: account for account in registry.accounts} | changed
    payable = tuple(account for account in accounts.values() if account.rail in registry.rails)
    return registry.model_copy(update={"accounts": payable})


async def is_known_payee(connection: Connection, ledger_accounts: tuple[str, ...]) -> bool:
    """Whether our books have one of these accounts."""
    return bool(await connection.fetchval(_IS_KNOWN, list(ledger_accounts)))


async def write_change(connection: Connection, change: RequestedChange) -> int:
    """Write a change that was asked for; its number.

    Raises:
        asyncpg.UniqueViolationError: a change of this payee waits already.
        asyncpg.CheckViolationError: the person is not of finance.
    """
    account = change.account
    values = (
        change.id, account.role, account.party, account.name, account.bic, account.routing_number,
        account.account, account.holds, account.rail, change.reason, change.cooling_hours, change.asked_by,
    )  # fmt: skip
    return int(await connection.fetchval(_NEW, *values))


async def write_change_approval(connection: Connection, change_id: UUID, approved_by: str) -> datetime:
    """Approve a change; from when it is valid, in UTC.

    Raises:
        asyncpg.CheckViolationError: these are not two persons of finance, or it is decided already.
    """
    valid_from: datetime = await connection.fetchval(_APPROVE, change_id, approved_by)
    return valid_from


async def write_change_stop(connection: Connection, change_id: UUID, stopped_by: str, reason: str) -> None:
    """Stop a change that is not valid yet.

    Raises:
        asyncpg.CheckViolationError: it is valid or stopped already, or the person is not of finance.
    """
    await connection.execute(_STOP, change_id, stopped_by, reason)


def _change(row: Row) -> AccountChange:
    account = CreditorAccount.of_row(row)
    return AccountChange(
        row["id"],
        row["number"],
        account,
        row["reason"],
        row["asked_by"],
        row["asked_at"],
        row["approved_by"],
        row["valid_from"],
        row["stopped_by"],
        row["stop_reason"],
        bool(row["is_valid"]),
    )
