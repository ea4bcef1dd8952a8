"""Changing the bank account of a payee: asked for by a person of finance, approved by another, then cooling.

Until the cooling time is over the account of before is paid, and any person of finance can stop the change:
stopping is the safe side, so it takes one. Whoever is told by a forged letter where to pay has this long to
be found out.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg
from pydantic import ValidationError

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm
from ekpay_switch.domain.ledger.posting_rules import deposit_account
from ekpay_switch.ports.finance import Connection, Finance
from ekpay_switch.security.identifiers import uuid7
from reconciliation.configuration_faults import fault_wording
from reconciliation.errors import SettlementError
from reconciliation.settlement.instructions.account_registry import AccountRegistry, CreditorAccount
from reconciliation.settlement.positions.cycles import PartyRole
from reconciliation.settlement.positions.ledger_lines import accounts_of
from reconciliation.settlement.positions.sweep_sources import sources_of
from reconciliation.settlement.store.account_changes import (
    AccountChange,
    RequestedChange,
    is_known_payee,
    lock_change,
    registry_in_force,
    write_change,
    write_change_approval,
    write_change_stop,
)

_BUCKETS: Final = ("postpaid", "prepaid")


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What a person of finance has typed of a payee's new account; nothing of it is checked yet."""

    role: str
    party: str
    name: str
    bic: str
    routing_number: str
    account: str
    holds: str
    rail: str


def change_subject(number: int) -> str:
    """The subject of the alarm about a change that waits."""
    return f"account change {number}"


async def ask_for_change(
    finance: Finance, registry: AccountRegistry, new: NewAccount, reason: str, asked_by: str
) -> int:
    """Ask that a payee be paid into another account; the number of the change.

    `registry` is that of the configuration. The person is verified by the caller.

    Raises:
        SettlementError: a field is not valid (the message names it), the payee is not in our books, this is
            its account already, or another change of it waits.
    """
    account = _checked_account(new, registry)
    connection = await finance.connect()
    try:
        async with connection.transaction():
            await _refuse_unless_new(connection, registry, account)
            hours = registry.account_changes.cooling_hours
            number = await write_change(
                connection, RequestedChange(uuid7(), account, reason, hours, asked_by)
            )
            facts = {"party": str(account.creditor), "asked_by": asked_by}
            alarm = RaisedAlarm(Alarm.PAYOUT_WAITS, change_subject(number), facts=facts)
            await finance.alarms.raise_alarms(connection, [alarm])
    except asyncpg.UniqueViolationError as problem:
        raise SettlementError(
            f"a change of {account.creditor} waits already: approve or stop it"
        ) from problem
    except asyncpg.CheckViolationError as problem:
        raise SettlementError(f"{asked_by} may decide nothing any more") from problem
    finally:
        await connection.close()
    return number


async def approve_change(finance: Finance, number: int, approved_by: str) -> tuple[AccountChange, datetime]:
    """Approve a change that another person has asked for; the change, and from when it is valid, in UTC.

    The person is verified by the caller.

    Raises:
        SettlementError: no such change waits, or the same person has asked for it, or one of both has left.
    """
    connection = await finance.connect()
    try:
        async with connection.transaction():
            change = await _standing_change(connection, number)
            if change.approved_by is not None:
                raise SettlementError(f"change {number} is approved already, by {change.approved_by}")
            if change.asked_by == approved_by:
                raise SettlementError(f"{approved_by} has asked for change {number}: it takes another person")
            valid_from = await write_change_approval(connection, change.id, approved_by)
            await finance.alarms.end_alarms(
                connection, [change_subject(number)], f"approved by {approved_by}"
            )
    except asyncpg.CheckViolationError as problem:
        raise SettlementError(
            f"{approved_by}, or who has asked for it, may decide nothing any more: stop change {number}"
        ) from problem
    finally:
        await connection.close()
    return change, valid_from


async def stop_change(finance: Finance, number: int, reason: str, stopped_by: str) -> AccountChange:
    """Stop a change that waits or is cooling; one person, verified by the caller, is enough.

    Raises:
        SettlementError: there is none, it was stopped before, or it is valid: then ask for the account of
            before by a change of its own.
    """
    connection = await finance.connect()
    try:
        async with connection.transaction():
            change = await _standing_change(connection, number)
            await write_change_stop(connection, change.id, stopped_by, reason)
            await finance.alarms.end_alarms(connection, [change_subject(number)], f"stopped by {stopped_by}")
    except asyncpg.CheckViolationError as problem:
        raise SettlementError(
            f"change {number} is valid already, or {stopped_by} may decide nothing any more"
        ) from problem
    finally:
        await connection.close()
    return change


def _checked_account(new: NewAccount, registry: AccountRegistry) -> CreditorAccount:
    fields = {name: getattr(new, name) for name in NewAccount.__dataclass_fields__}
    try:
        account = CreditorAccount.model_validate(fields)
    except ValidationError as problem:
        raise SettlementError(fault_wording(problem)) from problem
    if account.rail not in registry.rails:
        raise SettlementError(f"rail: {account.rail} has no bounds in config/settlement.toml")
    return account


async def _refuse_unless_new(
    connection: Connection, registry: AccountRegistry, account: CreditorAccount
) -> None:
    party = account.creditor
    known = accounts_of(party)
    if party.role is PartyRole.PARTNER:
        known = tuple(f"prefund:{party.name}:{bucket}" for bucket in _BUCKETS)
    if party.role is PartyRole.DEPOSIT:
        known = (deposit_account(party.name),)
    # Our own money has its recipients before anything is earned or vended.
    is_recipient = party.role is PartyRole.SWEEP and bool(sources_of(party.name))
    is_recipient |= party.role is PartyRole.DEPOSIT and party.name in registry.payouts.deposit_terms
    if not is_recipient and not await is_known_payee(connection, known):
        raise SettlementError(f"party: our books know no {party}")
    if (await registry_in_force(connection, registry)).account_of(party) == account:
        raise SettlementError(f"account: {party} is paid into this account already")


async def _standing_change(connection: Connection, number: int) -> AccountChange:
    change = await lock_change(connection, number)
    if change is None:
        raise SettlementError(f"there is no change {number}")
    if change.stopped_by is not None:
        raise SettlementError(f"change {number} was stopped by {change.stopped_by}: {change.stop_reason}")
    return change
