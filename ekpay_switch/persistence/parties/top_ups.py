"""Top-ups: a partner's transfer to our bank account, put into its prefund by two persons.

One requests it with the reference of the bank statement line, another approves it; the approval and the
journal entry are one transaction, so an approved top-up is a posted one. The reference is unique among those
that are neither rejected nor reversed (`ledger.transfer_corrections`), and the approval refuses what anything
else has booked (`bank_lines`): a statement line is booked once.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.entries import Entry, keeps_balance, kind_of
from ekpay_switch.domain.ledger.posting_rules import prefund_account, topped_up_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.bank_lines import refuse_booked_line
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.persistence.parties.partners import BUCKETS, UnknownPartnerError
from ekpay_switch.persistence.parties.staff import refuse_without_asker, require_decider
from ekpay_switch.security.identifiers import uuid7

# An asyncpg connection; the driver does not type its methods.
Connect = Callable[[], Awaitable[Any]]

_NEW_TOP_UP = """
INSERT INTO top_ups (id, partner_id, bucket, amount, reference, asked_by) VALUES ($1, $2, $3, $4, $5, $6)
"""
# A partner that does not speak the syndicate API has no prefunds.
_LACKS_PREFUND = """
SELECT true FROM partners WHERE id = $1 AND NOT EXISTS (SELECT FROM accounts WHERE code = $2)
"""
# The row is locked before any lock of the batch; nothing else locks it, so there is no deadlock.
_LOCK_TOP_UP = """
SELECT t.asked_by, t.partner_id, t.bucket, t.amount, t.reference, p.lane FROM top_ups AS t
JOIN partners AS p ON p.id = t.partner_id WHERE t.id = $1
  AND t.approved_by IS NULL AND t.rejected_by IS NULL FOR UPDATE OF t
"""
_APPROVE = "UPDATE top_ups SET approved_by = $2, approved_at = now() WHERE id = $1"
_NEW_ACCOUNTS = """
INSERT INTO accounts (code, kind) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING
"""


class RefusedTopUpError(SwitchError):
    """The top-up has no bucket or amount that we keep."""


class TopUpExistsError(SwitchError):
    """A top-up with this bank reference stands already: a line of the statement is booked once."""


class UnknownTopUpError(SwitchError):
    """There is no top-up of this id that waits for approval."""


class OnePersonError(SwitchError):
    """Who asked for it cannot approve it: that takes a second person."""


@dataclass(frozen=True, slots=True)
class TopUp:
    """A requested top-up: an amount for one bucket, with the reference of the bank statement line."""

    partner_id: str
    bucket: str
    amount: Money
    reference: str


class TopUps:
    """Top-ups in PostgreSQL, over asyncpg connections, since they post through the batch writer.

    The caller has verified the persons (`Staff.verify`); that they are two is checked here.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def request(self, top_up: TopUp, asked_by: str) -> UUID:
        """Record a request for a top-up; no money moves yet.

        Raises:
            RefusedTopUpError: no amount above zero, no reference, or no such bucket of this partner.
            TopUpExistsError: the reference exists already.
            UnknownPartnerError: there is no such partner.
        """
        if top_up.bucket not in BUCKETS or top_up.amount.minor <= 0 or not top_up.reference.strip():
            raise RefusedTopUpError
        top_up_id = uuid7()
        values = (top_up.partner_id, top_up.bucket, top_up.amount.minor, top_up.reference.strip(), asked_by)
        connection = await self._connect()
        try:
            code = prefund_account(top_up.partner_id, top_up.bucket)
            if await connection.fetchval(_LACKS_PREFUND, top_up.partner_id, code):
                raise RefusedTopUpError
            await connection.execute(_NEW_TOP_UP, top_up_id, *values)
        except asyncpg.UniqueViolationError as problem:
            raise TopUpExistsError from problem
        except asyncpg.ForeignKeyViolationError as problem:
            raise UnknownPartnerError from problem
        finally:
            await connection.close()
        return top_up_id

    async def approve(self, top_up_id: UUID, approved_by: str) -> Money:
        """Approve and post in one transaction; returns the amount.

        Raises:
            OnePersonError: the approver is the person who requested it.
            NotAllowedError: the approver may decide nothing any more.
            LeftStaffError: who requested it may not.
            BankLineBookedError: something else has booked this line of the bank's statement.
            UnknownTopUpError: unknown, or approved or rejected before.
        """
        connection = await self._connect()
        try:
            # Added before the transaction, which would lock the new rows until its end.
            await connection.execute(_NEW_ACCOUNTS, *_accounts_without_balance())
            async with connection.transaction():
                row = await connection.fetchrow(_LOCK_TOP_UP, top_up_id)
                if row is None:
                    raise UnknownTopUpError
                if row["asked_by"] == approved_by:
                    raise OnePersonError
                await require_decider(connection, approved_by)
                await refuse_without_asker(connection, row["asked_by"])
                await refuse_booked_line(connection, [row["reference"]], top_up_id)
                await connection.execute(_APPROVE, top_up_id, approved_by)
                amount = Money(row["amount"])
                entry = topped_up_entry(prefund_account(row["partner_id"], row["bucket"]), amount)
                await write_batch(connection, [PostEntry(top_up_id, row["lane"], entry)])
        finally:
            await connection.close()
        return amount


def _accounts_without_balance() -> tuple[list[str], list[str]]:
    """The codes and kinds of a top-up's accounts beside the prefund, whose row was added with the partner."""
    entry: Entry = topped_up_entry(prefund_account("any", BUCKETS[0]), Money(1))
    codes = [posting.account for posting in entry.postings if not keeps_balance(posting.account)]
    return codes, [str(kind_of(code)) for code in codes]
